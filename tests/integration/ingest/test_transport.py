"""The wire itself: chunks, pipelines, senders that vanish, overload, and checkpoints both ways."""

import base64
import concurrent.futures
import json
import socket
import time
from collections.abc import Callable, Mapping

import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from tallystick.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import parse_vkey
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.sending import JSON, PROTOBUF, batch, logs_protobuf, partial, span_json
from tests.serving import Service
from tests.stores import Emitter

pytestmark = pytest.mark.e2e

Make = Callable[..., Service]


def head(service: Service, body_headers: str, path: str = "/v1/logs") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\n"
        f"Authorization: Bearer {service.credentials['api_key']}\r\n{body_headers}\r\n\r\n"
    ).encode()


def connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S)


def status_line(connection: socket.socket) -> bytes:
    return connection.makefile("rb").readline().strip()


def test_a_chunked_body_arrives_whole(service: Service) -> None:
    emitter = Emitter("in chunks")
    body = logs_protobuf(batch(emitter, 3))
    with connect(service) as connection:
        connection.sendall(head(service, "Transfer-Encoding: chunked"))
        for start in range(0, len(body), 700):
            chunk = body[start : start + 700]
            connection.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert status_line(connection) == b"HTTP/1.1 200 OK"
    kept = [one for one in service.statements() if one["session"] == emitter.session]
    assert len(kept) == 4


def test_requests_on_one_connection_are_answered_in_order(service: Service) -> None:
    bodies = [logs_protobuf(batch(Emitter(f"pipelined {number}"), 1)) for number in range(3)]
    with connect(service) as connection:
        for body in bodies:
            connection.sendall(head(service, f"Content-Length: {len(body)}") + body)
        lines = connection.makefile("rb")
        answers = 0
        while answers < 3:
            answers += lines.readline().startswith(b"HTTP/1.1 200")
    assert service.ask("GET", "/readyz").status == 200


def test_a_sender_that_vanishes_in_its_body_leaves_nothing_and_harms_nobody(
    service: Service,
) -> None:
    emitter = Emitter("vanished")
    body = logs_protobuf(batch(emitter, 2))
    for cut in (0, 10, len(body) - 1):
        with connect(service) as connection:
            connection.sendall(head(service, f"Content-Length: {len(body)}") + body[:cut])
    assert service.ask("GET", "/readyz").status == 200
    assert emitter.session not in {one["session"] for one in service.statements()}


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/logs HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"POST /v1/logs HTTP/1.1\r\n" + b"x: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
@requirement("otlp.never-500")
def test_what_is_no_http_gets_no_500_and_harms_nobody(service: Service, sent: bytes) -> None:
    with connect(service) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert b" 500 " not in answer
    assert service.ask("GET", "/readyz").status == 200


@requirement("otlp.never-500")
def test_overload_is_a_503_that_is_taken_when_it_comes_again(make_service: Make) -> None:
    emitters = [Emitter(f"busy {number}") for number in range(12)]
    first, *others = [logs_protobuf(batch(emitter, 120)) for emitter in emitters]
    room = {"TALLYSTICK_MAX_WAITING_BYTES": str(len(first))}
    service = make_service(environ=room).start()
    service.enrol()
    with service.begun(first) as connection:
        connection.sendall(first[:-1])
        while service.send(others[0]).status != 503:
            time.sleep(0.02)
        with concurrent.futures.ThreadPoolExecutor(11) as pool:
            busy = list(pool.map(service.send, others))
        connection.sendall(first[-1:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert {answer.status for answer in busy} == {503}
    assert {answer.headers["retry-after"] for answer in busy} == {"1"}
    assert {answer.headers["content-type"] for answer in busy} == {PROTOBUF}
    for answer in busy:
        [detail], again = Status.FromString(answer.body).details, RetryInfo()
        assert detail.Unpack(again)
        assert again.retry_delay.seconds == 1
    with concurrent.futures.ThreadPoolExecutor(11) as pool:
        list(pool.map(lambda body: send_until_taken(service, body), others))
    calls = service.get("/api/v1/status")["counts"]["event:tool.completed"]
    assert calls == 12 * 120


def send_until_taken(service: Service, body: bytes) -> None:
    """Send as exporters do: again, after a 503."""
    while (answer := service.send(body)).status == 503:
        time.sleep(0.05)
    assert answer.status == 200


@requirement("log.entangled")
def test_every_answer_shows_a_checkpoint_that_the_log_signed(service: Service) -> None:
    key = parse_vkey(service.credentials["log_vkey"])
    for answer in (
        service.ask("GET", "/healthz"),
        service.ask("GET", "/api/v1/status"),
        service.ask("GET", "/nowhere"),
        service.send(b"garbage"),
        service.send(logs_protobuf(batch(Emitter("entangled"), 1))),
    ):
        note = base64.b64decode(answer.headers["tallystick-checkpoint"]).decode()
        checkpoint = open_checkpoint(note, [key], load_verify())
        assert checkpoint.origin == service.credentials["tenant"]


@requirement("otlp.never-500")
@pytest.mark.parametrize(
    "shown", ["!", "", "aGk=", "x" * 10_000, base64.b64encode(b"\xff").decode()]
)
def test_a_header_that_shows_no_checkpoint_is_of_no_concern(service: Service, shown: str) -> None:
    headers = {**service.authorization, "Tallystick-Checkpoint": shown}
    assert service.ask("GET", "/api/v1/status", headers=headers).status == 200


def log_signer(service: Service) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = (service.home / "server" / "log.key").read_bytes()
    key = load_pem_private_key(pem, None)
    assert isinstance(key, Ed25519PrivateKey)
    return key.sign


@requirement("log.entangled")
@pytest.mark.slow
def test_a_larger_checkpoint_of_our_own_stops_signing_for_good_and_is_said(
    make_service: Make,
) -> None:
    service = make_service().start()
    service.enrol()
    key = parse_vkey(service.credentials["log_vkey"])
    forked = Checkpoint(key.name, 9_999, b"f" * 32)
    note = sign_checkpoint(forked, log_signer(service), key.public_key)
    shown = {"Tallystick-Checkpoint": base64.b64encode(note.encode()).decode()}
    strangers = Checkpoint("log.example/other", 9_999, b"f" * 32)
    other = sign_checkpoint(strangers, log_signer(service), key.public_key)
    harmless = {"Tallystick-Checkpoint": base64.b64encode(other.encode()).decode()}
    service.ask("GET", "/healthz", headers=harmless)
    assert service.get("/api/v1/status")["log"]["signing_stopped"] is None
    service.ask("GET", "/healthz", headers=shown)
    log = service.get("/api/v1/status")["log"]
    assert "9999" in log["signing_stopped"].replace(",", "")
    emitter = Emitter()
    assert partial(service.send(logs_protobuf(batch(emitter, 2))).body) == (0, "")
    assert service.get("/api/v1/status")["log"]["signed_size"] == log["signed_size"]
    assert service.ask("GET", "/readyz").json["log"] == "stopped"
    [pause] = service.statements("log.pause")
    assert "9999" in pause["drop.reason"].replace(",", "")
    assert service.stop() == 0
    service.start()
    assert service.get("/api/v1/status")["log"]["signing_stopped"]
    proof = service.ask("GET", "/api/v1/log/consistency?old=1&new=2", headers=service.authorization)
    assert proof.status == 503


def test_one_request_of_each_form_is_durable_at_once(service: Service) -> None:
    before = service.get("/api/v1/status")["counts"]
    service.send(logs_protobuf(batch(Emitter("at once"), 1)))
    service.send(span_json({"n": 1}, spanId="ab" * 8), "/v1/traces", JSON)
    after = service.get("/api/v1/status")["counts"]
    kinds = ("event:session.open", "event:tool.completed", "spans")
    assert [after[kind] - before.get(kind, 0) for kind in kinds] == [1, 1, 1]
    assert json.dumps(after)


PAGE = "https://app.example.com"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}


def allowed(headers: Mapping[str, str]) -> set[str]:
    return {name for name in headers if name.startswith("access-control-")}


def test_pages_of_other_origins_are_told_nothing_unless_theirs_is_stated(
    service: Service, make_service: Make
) -> None:
    closed = service.ask("OPTIONS", "/v1/traces", headers=PREFLIGHT)
    assert (closed.status, allowed(closed.headers)) == (405, set())
    sent = service.send(b"{}", "/v1/traces", JSON, Origin=PAGE)
    assert (sent.status, allowed(sent.headers)) == (200, set())

    opened = make_service(
        environ={"TALLYSTICK_CORS_ORIGINS": f"{PAGE}, http://localhost:3000"}
    ).start()
    asked = opened.ask("OPTIONS", "/v1/traces", headers=PREFLIGHT)
    assert (asked.status, asked.body) == (204, b"")
    assert asked.headers["access-control-allow-origin"] == PAGE
    assert asked.headers["vary"] == "Origin"
    assert "authorization" in asked.headers["access-control-allow-headers"]
    sent = opened.send(b"{}", "/v1/traces", JSON, Origin=PAGE)
    assert sent.headers["access-control-allow-origin"] == PAGE
    refused = opened.ask("POST", "/v1/traces", b"{}", {"Origin": PAGE, "Content-Type": JSON})
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, PAGE)
    stranger = {**PREFLIGHT, "Origin": "https://evil.example"}
    for path, headers in (("/v1/traces", stranger), ("/api/v1/status", PREFLIGHT)):
        answer = opened.ask("OPTIONS", path, headers=headers)
        assert (answer.status, allowed(answer.headers)) == (405, set())

"""Requests that cost their sender next to nothing: they cost the service little, and others nothing."""

import contextlib
import gzip
import http.client
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallystick_ingest.refusals import RECORDED_AT_ONCE
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON, PROTOBUF, batch, logs_protobuf, span_json
from tests.serving import Service
from tests.stores import Emitter

pytestmark = [pytest.mark.e2e, requirement("otlp.bounded-cost")]

Make = Callable[..., Service]


def processor_s(service: Service) -> float:
    fields = Path(f"/proc/{service.pid}/stat").read_text(encoding="ascii").split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def peak_mb(service: Service) -> int:
    status = Path(f"/proc/{service.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S)


def head(service: Service, *lines: str, key: str | None = None) -> bytes:
    shown = service.credentials["api_key"] if key is None else key
    stated = ("POST /v1/traces HTTP/1.1", "Host: x", f"Content-Type: {PROTOBUF}", *lines)
    credential = [f"Authorization: Bearer {shown}"] if shown else []
    return "\r\n".join([*stated, *credential, "", ""]).encode()


def answer_of(connection: socket.socket) -> bytes:
    """Read until the service closes the connection, in whatever way it does."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65_536):
            said += piece
    return said


def is_taken(service: Service) -> bool:
    """Whether a request gets through; one that pauses for a second on its way does not."""
    with contextlib.suppress(ConnectionError):
        return service.send(span_json({}), "/v1/traces", JSON).status == 200
    return False


def push(connection: socket.socket, piece: bytes, times: int) -> int:
    """Send a piece again and again; return how many bytes went out before the connection ended."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        for _ in range(times):
            connection.sendall(piece)
            sent += len(piece)
    return sent


@pytest.mark.slow
def test_sixty_kilobytes_of_empty_spans_cost_neither_memory_nor_time(make_service: Make) -> None:
    service = make_service().start()
    spans = b",".join([b"{}"] * 20_000_000)
    in_json = gzip.compress(b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + spans + b"]}]}]}")
    in_protobuf = gzip.compress(
        b"\x0a\x85\x80\x80\x01\x12\x80\x80\x80\x01" + b"\x12\x00" * (1 << 20)
    )
    assert len(in_json) < 80_000
    assert len(in_protobuf) < 3_000
    before_s, before_mb = processor_s(service), peak_mb(service)
    for body, media_type in ((in_json, JSON), (in_protobuf, PROTOBUF)):
        answer = service.send(body, "/v1/traces", media_type, Content_Encoding="gzip")
        assert answer.status == 413
        assert b"at once" in answer.body
    assert processor_s(service) - before_s < 5
    assert peak_mb(service) - before_mb < 400
    assert service.send(span_json({}), "/v1/traces", JSON).status == 200


def test_a_large_body_that_is_only_stated_takes_no_room(make_service: Make) -> None:
    service = make_service().start()
    with contextlib.ExitStack() as held:
        for _ in range(8):
            connection = held.enter_context(connect(service))
            connection.sendall(head(service, f"Content-Length: {64 << 20}") + b"\x0a")
        for _ in range(3):
            assert service.send(span_json({}), "/v1/traces", JSON).status == 200


def test_a_body_or_a_head_that_does_not_come_ends_by_itself(make_service: Make) -> None:
    service = make_service(environ={"TALLYSTICK_REQUEST_TIMEOUT_S": "1"}).start()
    with connect(service) as body, connect(service) as started, connect(service) as silent:
        body.sendall(head(service, "Content-Length: 100") + b"\x0a")
        started.sendall(b"POST /v1/traces HTTP/1.1\r\n")
        said = answer_of(body)
        assert answer_of(started) == answer_of(silent) == b""
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"did not come within 1 seconds" in said
    while not is_taken(service):
        time.sleep(0.1)


@pytest.mark.parametrize("how", ["stated", "chunked"])
def test_a_body_of_nobody_is_not_read_to_its_end(service: Service, how: str) -> None:
    stated = f"Content-Length: {60 << 20}" if how == "stated" else "Transfer-Encoding: chunked"
    piece = b"\0" * (1 << 20)
    if how == "chunked":
        piece = b"100000\r\n" + piece + b"\r\n"
    with connect(service) as connection:
        connection.sendall(head(service, stated, key=""))
        assert push(connection, piece, 60) < 40 << 20


def test_nobody_with_a_usual_body_gets_to_see_the_401(service: Service) -> None:
    body = b"\0" * 400_000
    with connect(service) as connection:
        connection.sendall(head(service, f"Content-Length: {len(body)}", key="wrong") + body)
        connection.sendall(head(service, "Content-Length: 0", "Connection: close", key="wrong"))
        assert answer_of(connection).count(b"HTTP/1.1 401 ") == 2


def test_nobody_who_asks_first_is_answered_before_the_body(service: Service) -> None:
    with connect(service) as connection:
        lines = ("Content-Length: 1000000", "Expect: 100-continue")
        connection.sendall(head(service, *lines, key="wrong"))
        said = answer_of(connection)
    assert said.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in said


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nothing", "/api/v1/enroll", "/api/v1/status"])
def test_a_body_that_no_address_wants_is_not_read_to_its_end(service: Service, path: str) -> None:
    with connect(service) as connection:
        stated = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {60 << 20}\r\n\r\n"
        connection.sendall(stated.encode())
        assert push(connection, b"\0" * (1 << 20), 60) < 40 << 20


@pytest.mark.parametrize("path", ["/api/v1/enroll", f"/api/v1/blobs/sha256:{'0' * 64}"])
def test_a_body_of_the_api_that_does_not_come_ends_by_itself(make_service: Make, path: str) -> None:
    service = make_service(environ={"TALLYSTICK_REQUEST_TIMEOUT_S": "1"}).start()
    method = "PUT" if "blobs" in path else "POST"
    lines = (
        f"{method} {path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {service.credentials['api_key']}",
        "Content-Type: application/json",
        "Content-Length: 100",
        "Connection: close",
    )
    with connect(service) as connection:
        connection.sendall("\r\n".join([*lines, "", "{"]).encode())
        assert answer_of(connection).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("is_rpc", [False, True], ids=["HTTP", "gRPC"])
def test_idle_connections_never_take_the_files_of_the_store(
    make_service: Make, is_rpc: bool
) -> None:
    port = free_port()
    limited = ["prlimit", "--nofile=400:400"]
    service = make_service(wrapper=limited, options=["--grpc-port", str(port)]).start()
    service.enrol()
    with contextlib.ExitStack() as held:
        kept = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
        held.callback(kept.close)
        kept.request("GET", "/readyz")
        kept.getresponse().read()
        for _ in range(600):
            address = ("127.0.0.1", port if is_rpc else service.port)
            held.enter_context(socket.create_connection(address, timeout=PATIENCE_S))
        for number in range(3):
            headers = {**service.authorization, "Content-Type": PROTOBUF}
            sent = logs_protobuf(batch(Emitter(f"beside idle ones {number}"), 1))
            kept.request("POST", "/v1/logs", sent, headers)
            answer = kept.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
        opened = len(list(Path(f"/proc/{service.pid}/fd").iterdir()))
        assert opened < 300
    assert service.faults == []


def test_what_is_no_http_leaves_no_line_in_the_log_of_the_process(make_service: Make) -> None:
    service = make_service().start()
    before = service.output
    for _ in range(20):
        with connect(service) as connection:
            connection.sendall(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
            assert answer_of(connection).startswith(b"HTTP/1.1 400 ")
    assert service.output == before


def test_a_head_without_an_end_is_cut_off(service: Service) -> None:
    with connect(service) as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nX: ")
        assert push(connection, b"a" * (1 << 20), 64) < 40 << 20
    with connect(service) as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nX: " + b"a" * 70_000)
        assert answer_of(connection).startswith(b"HTTP/1.1 431 ")
    with connect(service) as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


@contextlib.contextmanager
def flood(service: Service, body: bytes, wanted: int) -> Iterator[list[int]]:
    """Send garbage over and over on one connection while the block runs, `wanted` times at least."""
    answered, stop = list[int](), threading.Event()

    def run() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
        headers = {**service.authorization, "Content-Type": PROTOBUF}
        while len(answered) < wanted or not stop.is_set():
            connection.request("POST", "/v1/traces", body, headers)
            answer = connection.getresponse()
            answer.read()
            answered.append(answer.status)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield answered
    finally:
        stop.set()
        thread.join(PATIENCE_S)


@pytest.mark.slow
def test_requests_that_cost_seconds_for_nothing_do_not_stand_before_those_of_others(
    make_service: Make,
) -> None:
    service = make_service().start()
    other = service.make_key("ingest").json["api_key"]
    bomb = gzip.compress(b"\x08\x00" * (30 << 20))
    request = head(service, f"Content-Length: {len(bomb)}", "Content-Encoding: gzip", key=other)
    with contextlib.ExitStack() as held:
        sent = [held.enter_context(connect(service)) for _ in range(16)]
        for connection in sent:
            connection.sendall(request + bomb)
        while not any(select.select(sent, [], [], PATIENCE_S)[0]):
            continue
        assert service.send(span_json({}), "/v1/traces", JSON).status == 200
        assert len(select.select(sent, [], [], 0)[0]) < 8
        [first, *_] = select.select(sent, [], [], 0)[0]
        assert first.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("garbage", "status"),
    [(b"\xff\xff", 400), (b"\x0a\x06\x12\x04\x12\x02\x0a\x00", 200)],
    ids=["undecodable", "a span without an id"],
)
def test_garbage_at_full_speed_grows_the_log_by_a_few_records_and_stops_nobody(
    make_service: Make, garbage: bytes, status: int
) -> None:
    service = make_service().start()
    service.enrol()
    with flood(service, garbage, 400) as answered:
        for number in range(5):
            sent = logs_protobuf(batch(Emitter(f"beside {number}"), 1))
            assert service.send(sent).status == 200
    assert len(answered) >= 400
    assert set(answered) == {status}
    assert len(service.rejected()) <= RECORDED_AT_ONCE + 1
    refused = service.get("/api/v1/status")["since_start"]["refused"]
    assert sum(refused.values()) == len(answered)
    assert service.stop() == 0
    service.start()
    counted = [one["reject.counts"] for one in service.statements("log.reject")]
    assert sum(sum(counts.values()) for counts in counted) == len(answered)

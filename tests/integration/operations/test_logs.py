"""Log lines of a real service: whatever is sent to whatever address, none of it stands in them."""

import contextlib
import importlib
import json
import pkgutil
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import grpc
import pytest

from tallystick_ingest import api
from tests.patience import PATIENCE_S, until
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON, PROTOBUF, batch, logs_protobuf
from tests.serving import Service
from tests.stores import Emitter

pytestmark = [pytest.mark.e2e, pytest.mark.slow, requirement("operations.logs")]

Make = Callable[..., Service]
WORD = "canary7f3a"
CANARIES = (
    WORD,
    "ada.canary@example.com",
    "sk-proj-abcdefghijklmnop1234567890ABCDEF",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlc2lnbmF0dXJl",
    "4111 1111 1111 1111",
    "hunter2-canary",
)
ALL = "; ".join(CANARIES)
FORGED = f"{WORD}\r\n2026-11-23T08:00:00.000Z ERROR forged: {WORD}"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ [\w.]+: [ -~]*")


def addresses() -> Iterator[tuple[str, str]]:
    """Give method and path of every route of the API, canaries in place of its parameters."""
    for found in pkgutil.iter_modules(api.__path__):
        router = getattr(importlib.import_module(f"{api.__name__}.{found.name}"), "router", None)
        for route in router.routes if router else ():
            path = re.sub(r"{[^}]*}", quote(FORGED, safe=""), route.path)
            for method in sorted(route.methods):
                yield method, path


def let_loose(service: Service) -> int:
    """Put canaries into every place of every request; return how many requests that were."""
    hostile = {
        "Authorization": f"Bearer {ALL}",
        "Cookie": f"tallystick_admin={quote(ALL)}; {WORD}={WORD}",
        "User-Agent": ALL,
        "Referer": f"http://{WORD}/?token={WORD}",
        "X-Forwarded-For": ALL,
        "Traceparent": ALL,
        "Tallystick-Checkpoint": ALL,
        "Content-Type": f"{JSON}; charset={WORD}",
    }
    query = "&".join(
        f"{name}={quote(FORGED)}" for name in ("from", "to", "agent", "q", "reason", "limit")
    )
    bodies = (b"", b"{" + ALL.encode(), json.dumps(dict.fromkeys(CANARIES, ALL)).encode())
    count = 0
    for method, path in (*addresses(), ("GET", f"/{WORD}"), ("POST", "/v1/logs")):
        for headers in (hostile, {**hostile, **service.authorization, "Content-Type": JSON}):
            for body in bodies if method not in ("GET", "HEAD") else bodies[:1]:
                answer = service.ask(method, f"{path}?{query}", body, headers)
                assert answer.status != 500
                assert service.faults == []
                count += 1
    for media_type in (JSON, PROTOBUF, f"text/{WORD}"):
        for path in ("/v1/logs", "/v1/traces", "/v1/metrics", f"/v1/{WORD}"):
            service.send(ALL.encode(), path, media_type, content_encoding=WORD)
            service.send(ALL.encode(), path, media_type)
            count += 2
    return count


def call_garbage(service: Service, port: int) -> None:
    """Send the same over gRPC and to the bare ports."""
    metadata = (("authorization", f"Bearer {ALL}"), ("x-canary", ALL), ("user-agent", ALL))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for path in (
            "opentelemetry.proto.collector.trace.v1.TraceService/Export",
            f"{WORD}/{WORD}",
        ):
            with pytest.raises(grpc.RpcError):
                channel.unary_unary(f"/{path}")(
                    ALL.encode(), metadata=metadata, timeout=PATIENCE_S, wait_for_ready=True
                )
    for target in (service.port, port):
        for head in (f"GET /{ALL} HTTP/1.1", ALL, f"GET / HTTP/1.1\r\n{ALL}", f"PRI * {ALL}"):
            with socket.create_connection(("127.0.0.1", target), PATIENCE_S) as connection:
                connection.sendall(f"{head}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(PATIENCE_S)
                while connection.recv(65_536):
                    pass


def stand_in_the_way(checkpoint: Path) -> None:
    """Put a folder where the next checkpoint is to be written, also while one is being written."""
    while not checkpoint.is_dir():
        checkpoint.unlink(missing_ok=True)
        with contextlib.suppress(FileExistsError):
            checkpoint.mkdir()
    (checkpoint / "in the way").touch()


def until_told(service: Service, word: str) -> None:
    until(lambda: word in service.output, lambda: service.output)


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_that_was_sent_stands_in_a_log_line(make_service: Make, form: str) -> None:
    port = free_port()
    options = ["--log-format", form, "--log-level", "debug", "--grpc-port", str(port)]
    service = make_service(options=options).start()
    told = len(service.output)
    assert let_loose(service) > 100
    call_garbage(service, port)
    stand_in_the_way(service.data / "log" / "checkpoint")
    service.enrol()
    service.send(logs_protobuf(batch(Emitter(WORD), 2)))
    until_told(service, "cannot be published")
    service.kill()
    output = service.output[told:]
    found = output.splitlines()
    assert found
    for line in found:
        if form == "json":
            assert {"time", "level", "logger", "message"} <= set(json.loads(line)), line
        else:
            assert LINE.fullmatch(line), line
    for canary in (*CANARIES, service.credentials["api_key"], "forged", "hunter2"):
        assert canary not in output
        assert quote(canary) not in output


def test_why_a_start_fails_is_said_in_json_too(make_service: Make) -> None:
    service = make_service(options=["--log-format", "json"])
    done = service.tallystick("up", "--log-format", "json", "--host", "203.0.113.1")
    [line] = done.stderr.splitlines()
    assert (done.returncode, json.loads(line)["level"]) == (1, "error")
    assert "cannot listen on 203.0.113.1" in json.loads(line)["message"]


def test_the_first_line_of_json_says_where_the_service_is_and_shows_no_link(
    make_service: Make,
) -> None:
    service = make_service(options=["--log-format", "json"]).start()
    assert service.stop() == 0
    first, last = map(json.loads, service.output.splitlines())
    assert first["fields"]["address"] == f"http://127.0.0.1:{service.port}"
    assert "#" not in service.output
    assert last["message"] == "Tallystick has stopped: everything accepted is kept."
    service.options = [*service.options, "--admin-link"]
    service.start()
    assert "/admin#" in service.output

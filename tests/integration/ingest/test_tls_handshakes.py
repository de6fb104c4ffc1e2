"""Handshakes that do not come to an end: they are cut in time, and keep nobody else out."""

import contextlib
import secrets
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import requests

from tests.certificates import Authority
from tests.integration.ingest.tls_service import EXPORT, Secured, secured
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.sending import JSON, as_protobuf, span_json

pytestmark = [pytest.mark.e2e, pytest.mark.slow, requirement("tls.ports")]

HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""The head of a ClientHello of 512 bytes, and its first three."""
OPEN_FILES = 400


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def service(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    made = secured(tmp_path_factory.mktemp("service"), authority)
    made.wrapper = ["prlimit", f"--nofile={OPEN_FILES}:{OPEN_FILES}"]
    try:
        made.start()
        yield made
    finally:
        made.kill()


@contextlib.contextmanager
def half_open(port: int, begun: bytes, count: int) -> Iterator[list[socket.socket]]:
    """Begin so many handshakes and go on with none."""
    with contextlib.ExitStack() as held:
        address = ("127.0.0.1", port)
        connections = [
            held.enter_context(socket.create_connection(address, PATIENCE_S)) for _ in range(count)
        ]
        for connection in connections:
            with contextlib.suppress(OSError):  # cut by now
                connection.sendall(begun)
        yield connections


def is_cut(connection: socket.socket) -> bool:
    try:
        return connection.recv(100) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("begun", [b"", HALF_A_HELLO], ids=["silent", "half a ClientHello"])
@pytest.mark.parametrize("is_rpc", [False, True], ids=["HTTP", "gRPC"])
def test_a_handshake_without_an_end_is_cut(service: Secured, begun: bytes, *, is_rpc: bool) -> None:
    port = service.grpc_port if is_rpc else service.outer
    with half_open(port, begun, 1) as [connection]:
        assert is_cut(connection)


@pytest.mark.parametrize("begun", [b"", HALF_A_HELLO], ids=["silent", "half a ClientHello"])
@pytest.mark.parametrize("is_rpc", [False, True], ids=["HTTP", "gRPC"])
def test_half_open_handshakes_take_neither_the_turn_of_others_nor_the_files_of_the_store(
    service: Secured, authority: Authority, begun: bytes, *, is_rpc: bool
) -> None:
    port = service.grpc_port if is_rpc else service.outer
    before = service.get("/api/v1/status")["counts"]["spans"]
    with half_open(port, begun, 2 * OPEN_FILES):
        for _ in range(3):
            answer = requests.post(
                f"{service.url}/v1/traces",
                span_json(spanId=secrets.token_hex(8)),
                headers={**service.authorization, "Content-Type": JSON},
                verify=str(authority.file),
                timeout=PATIENCE_S,
            )
            assert answer.status_code == 200
        opened = len(list(Path(f"/proc/{service.pid}/fd").iterdir()))
    assert opened < OPEN_FILES // 2
    assert service.get("/api/v1/status")["counts"]["spans"] == before + 3
    assert "Traceback" not in service.output


@pytest.mark.parametrize("begun", [b"", HALF_A_HELLO], ids=["silent", "half a ClientHello"])
def test_over_grpc_they_keep_newcomers_out_for_as_long_as_one_may_take_and_nobody_else(
    service: Secured, authority: Authority, begun: bytes
) -> None:
    with (
        channel(service, authority) as earlier,
        channel(service, authority) as newcomer,
    ):
        send_span(service, earlier)
        with half_open(service.grpc_port, begun, 2 * OPEN_FILES) as held:
            send_span(service, earlier)
            refused = [one for one in held if _is_readable(one)]
            assert len(refused) > OPEN_FILES, "beyond what there may be, each is closed at once"
            send_span(service, newcomer)
            assert all(is_cut(one) for one in held)


def channel(service: Secured, authority: Authority) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes())
    return grpc.secure_channel(f"localhost:{service.grpc_port}", credentials)


def send_span(service: Secured, over: grpc.Channel) -> None:
    """Send a span; a channel without a connection tries until it has one."""
    over.unary_unary(EXPORT)(
        as_protobuf(span_json(spanId=secrets.token_hex(8))),
        metadata=(("authorization", f"Bearer {service.credentials['api_key']}"),),
        timeout=PATIENCE_S,
        wait_for_ready=True,
    )


def _is_readable(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def test_a_stop_does_not_wait_for_handshakes(authority: Authority, tmp_path: Path) -> None:
    made = secured(tmp_path / "service", authority)
    try:
        made.start()
        with half_open(made.outer, HALF_A_HELLO, 5):
            assert made.stop() == 0
        assert "Traceback" not in made.output
        assert "was destroyed but" not in made.output
    finally:
        made.kill()

"""A receiver as the wire shows it: a client that sends exactly the bytes it is told to."""

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
WAIT_S = 600.0
Case = TypeVar("Case", bound=Callable[..., None])


def case(name: str, source: str, left_open: str = "") -> Callable[[Case], Case]:
    """Mark a case; `left_open` says why a receiver of others may behave in another way."""

    def mark(function: Case) -> Case:
        marked: Case = pytest.mark.case(name, source)(function)
        if left_open:
            marked = pytest.mark.left_open(left_open)(marked)
        return marked

    return mark


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Target:
    """Where the receiver is, and what each request shows."""

    host: str
    port: int
    is_tls: bool = False
    prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    grpc: str | None = None
    is_ours: bool = False

    @property
    def url(self) -> str:
        return f"http{'s' if self.is_tls else ''}://{self.host}:{self.port}{self.prefix}"

    def connect(self) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), WAIT_S)
        if not self.is_tls:
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)

    def head(
        self,
        lines: Iterable[str],
        path: str = "/v1/traces",
        method: str = "POST",
        version: str = "1.1",
    ) -> bytes:
        """Print a request's head with the headers of the target."""
        shown = [f"{name}: {value}" for name, value in self.headers.items()]
        first = f"{method} {self.prefix}{path} HTTP/{version}"
        return "\r\n".join([first, f"Host: {self.host}", *shown, *lines, "", ""]).encode()

    def bare(self) -> "Target":
        """Return the same receiver for somebody without a credential."""
        return Target(self.host, self.port, self.is_tls, self.prefix, {}, self.grpc, self.is_ours)

    def send(
        self,
        body: bytes,
        media_type: str | None = PROTOBUF,
        path: str = "/v1/traces",
        *more: str,
        method: str = "POST",
    ) -> Reply:
        """Send one request on a connection of its own; `more` are further header lines."""
        typed = [] if media_type is None else [f"Content-Type: {media_type}"]
        lines = [*typed, f"Content-Length: {len(body)}", "Connection: close", *more]
        return self.exchange([self.head(lines, path, method), body])

    def send_chunked(
        self, chunks: Sequence[bytes], media_type: str = PROTOBUF, *more: str
    ) -> Reply:
        """Send one request whose body has no stated length."""
        lines = [f"Content-Type: {media_type}", "Transfer-Encoding: chunked", "Connection: close"]
        framed = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
        return self.exchange([self.head([*lines, *more]), *framed, b"0\r\n\r\n"])

    def exchange(self, pieces: Iterable[bytes]) -> Reply:
        """Send pieces as they are, and read one response, also where it comes before the last piece."""
        with self.connect() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except ConnectionError:
                pass  # answered and closed before it was all read
            return read_reply(connection)


def read_reply(connection: socket.socket) -> Reply:
    """Read one response: of a stated length, in chunks, or up to the end of the connection."""
    head = _until(connection, b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines if line]
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    status = int(first.split(" ")[1])
    if status in (204, 304) or 100 <= status < 200:
        return Reply(status, headers, b"")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Reply(status, headers, _chunks(connection))
    if "content-length" in headers:
        return Reply(status, headers, _exactly(connection, int(headers["content-length"])))
    return Reply(status, headers, b"".join(iter(lambda: connection.recv(65_536), b"")))


def error_message(reply: Reply) -> str:
    """Read the google.rpc.Status of an error; fail where the body is none of the reply's own type."""
    if reply.media_type == PROTOBUF:
        return str(Status.FromString(reply.body).message)
    assert reply.media_type == JSON, f"an error in {reply.media_type or 'no type at all'}"
    import json

    return str(json.loads(reply.body).get("message", ""))


def _until(connection: socket.socket, end: bytes) -> bytes:
    got = b""
    while not got.endswith(end):
        byte = connection.recv(1)
        assert byte, f"the connection ended after {got[:100]!r}"
        got += byte
    return got[: -len(end)]


def _exactly(connection: socket.socket, size: int) -> bytes:
    got = bytearray()
    while len(got) < size:
        piece = connection.recv(size - len(got))
        assert piece, "the connection ended in the body"
        got += piece
    return bytes(got)


def _chunks(connection: socket.socket) -> bytes:
    got = b""
    while size := int(_until(connection, b"\r\n").partition(b";")[0], 16):
        got += _exactly(connection, size)
        _until(connection, b"\r\n")
    _until(connection, b"\r\n")
    return got

"""The test kit: a clock that stands still, ids that count, the spool as values, and a service of one's own.

For tests of programs that record with Tallystick, and for our own. Nothing here is used in production.
"""

import base64
import contextlib
import gzip
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tallystick import event
from tallystick.spool.files import Position, read_segment, segments, sessions
from tallystick.spool.frame import EVENT
from tallystick.tlog.checkpoint import Checkpoint, sign_checkpoint
from tallystick.tlog.note import VerifierKey
from tallystick.tlog.proofs import consistency_proof
from tallystick.tlog.tree import leaf_hash, root_of

EPOCH_US: Final = 1_760_000_000_000_000
"""Where a FakeClock starts: 2025-10-09T08:53:20Z."""
LOG_ORIGIN: Final = "sink.example/default"
API_KEY: Final = "sink-api-key"
PROTOBUF: Final = "application/x-protobuf"

_READ_BYTES: Final = 1 << 26
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of zero: closing sends a reset, as the end of a killed process does."""


class FakeClock:
    """A clock that moves only when it is told to."""

    def __init__(self, now_us: int = EPOCH_US) -> None:
        self._now_us = now_us
        self._monotonic_s = 1000.0

    def now_us(self) -> int:
        """Return the wall clock in microseconds."""
        return self._now_us

    def monotonic_s(self) -> float:
        """Return the monotonic clock in seconds."""
        return self._monotonic_s

    def set_wall(self, now_us: int) -> None:
        """Set the wall clock, as an operator or a time server does; the monotonic clock goes on."""
        self._now_us = now_us

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now_us += int(seconds * 1_000_000)
        self._monotonic_s += seconds


class CountingIds:
    """Gives 32 hex digits that count up: nonces, salts and session ids that a test can foretell."""

    def __init__(self, first: int = 1) -> None:
        self._next = first

    def __call__(self) -> str:
        """Return the next id."""
        self._next += 1
        return f"{self._next - 1:032x}"


@dataclass(frozen=True, slots=True)
class Spooled:
    """One frame of a spool: an event's record, or the text of a seal."""

    session: str
    kind: str
    body: str

    @property
    def record(self) -> event.Record:
        """The event, read strictly."""
        return event.parse_record(self.body)


def spooled(directory: Path) -> list[Spooled]:
    """Return every whole frame in a spool directory, session by session, in the order of writing."""
    found: list[Spooled] = []
    for session in sessions(directory):
        for segment in segments(directory, session):
            reading = read_segment(directory, session, Position(segment, 0), _READ_BYTES)
            found += [
                Spooled(session, "event" if f.kind == EVENT else "seal", f.payload.decode())
                for f in reading.frames
            ]
    return found


@dataclass(slots=True)
class SmallLog:
    """A tenant log in memory: enough to sign checkpoints and prove their consistency."""

    key: Any
    leaves: list[bytes] = field(default_factory=list)

    @classmethod
    def create(cls) -> "SmallLog":
        """Return an empty log with a fresh key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - slow to import
            Ed25519PrivateKey,
        )

        return cls(Ed25519PrivateKey.generate())

    @property
    def vkey(self) -> str:
        """The key that verifies its checkpoints."""
        return VerifierKey(LOG_ORIGIN, self._public).vkey

    @property
    def _public(self) -> bytes:
        public: bytes = self.key.public_key().public_bytes_raw()
        return public

    def append(self, entry: bytes) -> None:
        """Add an entry."""
        self.leaves.append(leaf_hash(entry))

    def note(self) -> str:
        """Return the newest signed checkpoint."""
        head = Checkpoint(LOG_ORIGIN, len(self.leaves), root_of(self.leaves))
        return sign_checkpoint(head, self.key.sign, self._public)

    def header(self) -> str:
        """Return it as a response's `Tallystick-Checkpoint` header."""
        return base64.b64encode(self.note().encode()).decode()


@dataclass(frozen=True, slots=True)
class Reply:
    """How the sink treats one request, instead of taking it."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_taken: bool = False
    """The records count as received all the same: the service died after its commit."""
    dies_after_bytes: int | None = None
    """The connection is reset after so many bytes of the answer."""


Judge = Callable[[str], str | None]
"""Gives the reason for which a record's body is refused, None when it is taken."""


class Sink:
    """An OTLP/HTTP service on 127.0.0.1 that keeps what it is sent, and fails as it is told to."""

    def __init__(self, log: SmallLog | None = None) -> None:
        """Listen on a free port. `log` None: it sends no checkpoints."""
        self.log = log
        self.requests: list[tuple[str, str, Mapping[str, str], bytes]] = []
        """Method, path, headers (lower case) and inflated body of every request."""
        self.bodies: list[tuple[str, str]] = []
        """Event name and body of every record that was taken, duplicates included."""
        self.open_sockets: set[socket.socket] = set()
        self.connections = 0
        """Connections that were accepted."""
        self.replies: deque[Reply] = deque()
        """What happens to the next requests to /v1/logs."""
        self.judge: Judge = lambda _body: None
        self.enrolment: Mapping[str, object] | Reply = {"tenant": "default"}
        self._lock = threading.Lock()
        self._server = self._listen(0)
        self.port: int = self._server.server_address[1]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def records(self) -> list[event.Record]:
        """Return the events that were taken, each once, in the order of arrival."""
        with self._lock:
            bodies = dict.fromkeys(body for name, body in self.bodies if name == event.EVENT_NAME)
        return [event.parse_record(body) for body in bodies]

    def seals(self) -> list[str]:
        """Return the seals that were taken, each once, in the order of arrival."""
        with self._lock:
            return list(dict.fromkeys(b for name, b in self.bodies if name == event.SEAL_NAME))

    def kill(self) -> None:
        """Reset every connection and refuse later ones, as a killed process does."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self.open_sockets):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with contextlib.suppress(OSError):  # the client was first
                connection.shutdown(socket.SHUT_RDWR)

    def restart(self) -> None:
        """Listen again on the same port."""
        self._server = self._listen(self.port)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Decide on one request."""
        with self._lock:
            self.requests.append((method, target, headers, body))
            path = urlsplit(target).path
            if path == "/v1/logs":
                return self._logs(body)
            if path == "/api/v1/enroll":
                return (
                    self.enrolment if isinstance(self.enrolment, Reply) else _json(self.enrolment)
                )
            if path == "/api/v1/log/consistency" and self.log is not None:
                return _json({"proof": _proof(self.log, parse_qs(urlsplit(target).query))})
            return Reply(404)

    def _logs(self, body: bytes) -> Reply:
        reply = self.replies.popleft() if self.replies else None
        if reply is not None and not reply.is_taken:
            return reply
        message = self._take(body)
        shown = {"Tallystick-Checkpoint": self.log.header()} if self.log else {}
        return reply or Reply(headers={"Content-Type": PROTOBUF, **shown}, body=message)

    def _take(self, body: bytes) -> bytes:
        from opentelemetry.proto.collector.logs.v1 import (  # noqa: PLC0415 - slow to import
            logs_service_pb2,
        )

        request = logs_service_pb2.ExportLogsServiceRequest.FromString(body)
        response = logs_service_pb2.ExportLogsServiceResponse()
        reasons: list[str] = []
        for resource in request.resource_logs:
            for record in (one for scope in resource.scope_logs for one in scope.log_records):
                reason = self.judge(record.body.string_value)
                if reason:
                    reasons.append(reason)
                    continue
                self.bodies.append((record.event_name, record.body.string_value))
                if self.log is not None:
                    self.log.append(record.body.string_value.encode())
        if reasons:
            response.partial_success.rejected_log_records = len(reasons)
            response.partial_success.error_message = _message(reasons)
        content: bytes = response.SerializeToString()
        return content

    def _listen(self, port: int) -> ThreadingHTTPServer:
        sink = self

        class Handler(_Handler):
            owner = sink

        server = _Server(("127.0.0.1", port), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server


@contextmanager
def running_sink(log: SmallLog | None = None) -> Iterator[Sink]:
    """Give a sink, and stop it at the end."""
    sink = Sink(log)
    try:
        yield sink
    finally:
        sink.kill()


class _Server(ThreadingHTTPServer):
    """Listens again at once on the port of the one before; prints nothing."""

    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that is gone is part of many tests."""


class _Handler(BaseHTTPRequestHandler):
    """Hands each request to the sink that owns it."""

    protocol_version = "HTTP/1.1"
    owner: Sink

    def setup(self) -> None:
        self.owner.connections += 1
        self.owner.open_sockets.add(self.request)
        super().setup()

    def finish(self) -> None:
        self.owner.open_sockets.discard(self.request)
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.owner.answer(self.command, self.path, headers, body)
        stated = {"Content-Length": str(len(reply.body)), **reply.headers}
        lines = [f"HTTP/1.1 {reply.status} -", *(f"{k}: {v}" for k, v in stated.items()), "", ""]
        answer = "\r\n".join(lines).encode() + reply.body
        if reply.dies_after_bytes is None:
            self.wfile.write(answer)
            return
        self.wfile.write(answer[: reply.dies_after_bytes])
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close_connection = True


def _json(stated: Mapping[str, object]) -> Reply:
    return Reply(headers={"Content-Type": "application/json"}, body=json.dumps(stated).encode())


def _proof(log: SmallLog, query: Mapping[str, Sequence[str]]) -> list[str]:
    old_size, new_size = int(query["old"][0]), int(query["new"][0])
    proof = consistency_proof(log.leaves[:new_size], old_size)
    return [base64.b64encode(one).decode() for one in proof]


def _message(reasons: Sequence[str]) -> str:
    counted = ", ".join(f"{one} x{reasons.count(one)}" for one in sorted(set(reasons)))
    return f"{len(reasons)} refused: {counted} (first: record)"

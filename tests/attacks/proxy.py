"""A proxy between agents and the service that does to OTLP requests what proxies and collectors do.

It takes requests apart, sends the records on in other batches and another order, some of them twice, and
answers 200 only when the service took everything; at times it answers 429 or 503, or resets the connection:
before it has passed anything on, after a part, or after all of it.
"""

import contextlib
import gzip
import http.client
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from tests.patience import PATIENCE_S

LOGS: Final = "/v1/logs"
PROTOBUF: Final = "application/x-protobuf"
FAULTS: Final = ("429", "503", "reset before", "reset in between", "reset after", "half an answer")
_RESET: Final = struct.pack("ii", 1, 0)
_HOP_BY_HOP: Final = {"connection", "content-length", "transfer-encoding", "date", "server"}


@dataclass(slots=True)
class Proxy:
    """What it does, and how often it did it. `start` is the address of the service behind it."""

    service_port: int
    chance: random.Random
    fault_rate: float = 0.4
    is_calm: bool = False
    """Requests pass as they are from now on."""
    done: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def draw_fault(self) -> str | None:
        """Return what goes wrong with the next request, None: nothing."""
        with self.lock:
            if self.is_calm or self.chance.random() >= self.fault_rate:
                return None
            fault = self.chance.choice(FAULTS)
            self.done[fault] += 1
            return fault

    def rebatched(self, body: bytes) -> list[bytes]:
        """Return the records of a request in other requests: shuffled, some twice, one to nine in each."""
        records = [
            record
            for resource in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]
        with self.lock:
            records += self.chance.sample(records, len(records) // 3)
            self.chance.shuffle(records)
            sizes = [self.chance.randint(1, 9) for _ in records]
            self.done["rebatched"] += 1
        batches: list[bytes] = []
        for size in sizes:
            if records:
                request = ExportLogsServiceRequest()
                request.resource_logs.add().scope_logs.add().log_records.extend(records[:size])
                batches.append(request.SerializeToString())
                del records[:size]
        return batches

    def pass_on(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask the service."""
        connection = http.client.HTTPConnection("127.0.0.1", self.service_port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            stated = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
            return answer.status, stated, answer.read()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Proxy

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
        headers.pop("Host", None)
        try:
            if self.path == LOGS and not self.owner.is_calm:
                self._logs(headers, body)
            else:
                self._answer(*self.owner.pass_on(self.command, self.path, headers, body))
        except OSError:  # the service is away
            self._reset()

    def _logs(self, headers: dict[str, str], body: bytes) -> None:
        if headers.pop("Content-Encoding", "") == "gzip":
            body = gzip.decompress(body)
        fault = self.owner.draw_fault()
        if fault in ("429", "503"):
            self._answer(int(fault), {"Retry-After": "1"}, b"")
            return
        if fault == "reset before":
            self._reset()
            return
        batches = self.owner.rebatched(body)
        if fault == "reset in between":
            batches = batches[: len(batches) // 2]
        answers = [self.owner.pass_on("POST", LOGS, headers, one) for one in batches]
        if fault in ("reset in between", "reset after"):
            self._reset()
            return
        status, stated, content = _merged(answers)
        if fault == "half an answer":
            stated = {**stated, "Content-Length": str(len(content) + 100)}
            self._answer(status, stated, content)
            self._reset()
            return
        self._answer(status, stated, content)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close_connection = True


def _merged(answers: list[tuple[int, dict[str, str], bytes]]) -> tuple[int, dict[str, str], bytes]:
    """Return one answer: the first that is no 200, else their partial successes together."""
    for answer in answers:
        if answer[0] != http.client.OK:
            return answer
    merged = ExportLogsServiceResponse()
    said: list[str] = []
    for _, _, body in answers:
        partial = ExportLogsServiceResponse.FromString(body).partial_success
        merged.partial_success.rejected_log_records += partial.rejected_log_records
        said += [partial.error_message] if partial.error_message else []
    merged.partial_success.error_message = "; ".join(said)
    content: bytes = merged.SerializeToString() if said else b""
    newest: dict[str, str] = answers[-1][1] if answers else {}
    return http.client.OK, {**newest, "Content-Type": PROTOBUF}, content


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that is gone is part of the weather."""


@contextmanager
def a_proxy(proxy: Proxy) -> Iterator[str]:
    """Run a proxy; give its address."""

    class Handler(_Handler):
        owner = proxy

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()

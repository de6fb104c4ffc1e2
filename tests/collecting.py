"""A stand-in for an OpenTelemetry Collector: it takes OTLP/HTTP, answers at once, and sends on what it likes.

It does to requests what a Collector's batch processor, sending queue and retries do: merges and splits
them, rewrites resources' grouping, sends twice, and lets later batches overtake earlier ones. `/api/` goes
straight through to the service, as behind the gateway that docs/opentelemetry.md describes.
"""

import gzip
import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, Final, Literal

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tests.patience import PATIENCE_S
from tests.sending import PROTOBUF
from tests.serving import Service

TRACES: Final = "/v1/traces"
LOGS: Final = "/v1/logs"

Change = Callable[[LogRecord], None]
"""What a processor does to one log record."""


def unchanged(_record: LogRecord) -> None:
    """Leave a record as it is."""


@dataclass(slots=True)
class Collector:
    """What has come in, and how it is sent on."""

    service: Service
    change: Change = unchanged
    port: int = 0
    received: list[LogRecord] = field(default_factory=list)
    traces: list[bytes] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """What the service said of records that it refused: a Collector logs it and sends nothing again."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, path: str, body: bytes) -> None:
        """Keep what an emitter sends."""
        if path == TRACES:
            self.traces.append(body)
            return
        request = ExportLogsServiceRequest.FromString(body)
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                self.received += scope.log_records

    def send_on(self, random: Random, *, opening: Literal["first", "last"] = "first") -> None:
        """Send everything on, in another order and other batches, some of them twice."""
        records, self.received = self.received, []
        shuffled = random.sample(records, len(records))
        shuffled.sort(key=lambda one: is_opening(one) is not (opening == "first"))
        while shuffled:
            count = random.randint(1, 7)
            batch, shuffled = shuffled[:count], shuffled[count:]
            for _ in range(random.choice((1, 1, 2))):
                self._post(batch, random)
        for body in self.traces:
            assert self.service.send(body, TRACES).status == 200
        self.traces.clear()

    def _post(self, batch: list[LogRecord], random: Random) -> None:
        request = ExportLogsServiceRequest()
        for record in batch:
            if not request.resource_logs or random.random() < 0.5:
                resource = request.resource_logs.add()
                resource.resource.attributes.add(key="k8s.pod.name").value.string_value = "pod-1"
                scope = resource.scope_logs.add()
            kept = scope.log_records.add()
            kept.CopyFrom(record)
            self.change(kept)
        answer = self.service.send(request.SerializeToString())
        assert answer.status == 200, answer.body
        said = ExportLogsServiceResponse.FromString(answer.body).partial_success
        if said.rejected_log_records:
            self.refusals.append(said.error_message)


def is_opening(record: LogRecord) -> bool:
    """Tell whether a record opens its session."""
    return '"type":"session.open"' in record.body.string_value


@contextmanager
def a_collector(service: Service, change: Change = unchanged) -> Iterator[Collector]:
    """Run one on a free port."""
    collector = Collector(service, change)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on() if self.path.startswith("/api/") else self._take()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Print nothing."""

        def _body(self) -> bytes:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            is_zipped = self.headers.get("Content-Encoding") == "gzip"
            return gzip.decompress(body) if is_zipped else body

        def _take(self) -> None:
            collector.take(self.path, self._body())
            self._answer(200, {"Content-Type": PROTOBUF}, b"")

        def _pass_on(self) -> None:
            kept = {name: value for name, value in self.headers.items() if name != "Host"}
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
            try:
                connection.request(self.command, self.path, self._body(), kept)
                answer = connection.getresponse()
                body = answer.read()
                self._answer(answer.status, {"Content-Type": answer.headers["Content-Type"]}, body)
            finally:
                connection.close()

        def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

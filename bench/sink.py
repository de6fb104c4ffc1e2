"""An OTLP/HTTP receiver that counts: what arrived under which name, and whether it can be read in clear."""

import re
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

EMAIL: Final = "ada.clarke@example.com"
"""Personal data in the arguments and in the result of every call that is compared."""
ORDER: Final = re.compile(r"ord_[a-z]+_\d+")


@dataclass(slots=True)
class Arrived:
    """What a receiver has of one program."""

    spans: int = 0
    records: int = 0
    orders: set[str] = field(default_factory=set)
    """The calls whose arguments arrived."""
    is_readable: bool = False
    """The e-mail address in the arguments and results arrived in clear."""

    def read(self, text: str) -> None:
        """Look for calls and for the address."""
        self.orders.update(ORDER.findall(text))
        self.is_readable = self.is_readable or EMAIL in text


class Sink:
    """A receiver at `url`; a program sends below `url` and its own name."""

    def __init__(self) -> None:
        """Listen on a free port of this machine."""
        self.arrived: defaultdict[str, Arrived] = defaultdict(Arrived)
        arrived = self.arrived

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                name, _, signal = self.path.strip("/").partition("/v1/")
                one = arrived[name]
                one.read(body.decode("utf-8", "replace"))
                if signal == "traces":
                    one.spans += _spans(body)
                else:
                    one.records += _records(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, form: str, *values: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()


def _spans(body: bytes) -> int:
    request = ExportTraceServiceRequest.FromString(body)
    return sum(_sizes([scope.spans for one in request.resource_spans for scope in one.scope_spans]))


def _records(body: bytes) -> int:
    request = ExportLogsServiceRequest.FromString(body)
    return sum(
        _sizes([scope.log_records for one in request.resource_logs for scope in one.scope_logs])
    )


def _sizes(lists: Sequence[Sequence[object]]) -> list[int]:
    return [len(one) for one in lists]

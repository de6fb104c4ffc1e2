"""Answers in the media type of the request: success, partial success, and google.rpc.Status.

OTLP 1.11, OTLP/HTTP response: a 200 with nothing refused has no `partial_success` at all; every error
carries a Status with a message. No answer is a 500: exporters drop their data on it.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

import orjson
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tallystick_ingest.otlp.body import ACCEPTED_ENCODINGS, JSON, PROTOBUF, MediaType

Signal = Literal["logs", "traces", "metrics"]

RETRY_AFTER_S: Final = 1
"""Exporters wait about seven seconds in all: ask them back soon."""
MAX_MESSAGE_CHARS: Final = 2_000

_GRPC_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 8, 415: 3, 503: 14}
"""HTTP status -> google.rpc.Code."""
_REJECTED: Final[dict[Signal, tuple[str, str]]] = {
    "logs": ("rejected_log_records", "rejectedLogRecords"),
    "traces": ("rejected_spans", "rejectedSpans"),
    "metrics": ("rejected_data_points", "rejectedDataPoints"),
}
"""Name of the counter in protobuf and in JSON."""
_RESPONSES: Final = {
    "logs": ExportLogsServiceResponse,
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: everything that goes back to the sender."""

    status: int
    media_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def success(media_type: MediaType, signal: Signal, rejected: int = 0, message: str = "") -> Answer:
    """Answer 200; `rejected` records were refused for the reasons in `message`."""
    cut = message[:MAX_MESSAGE_CHARS]
    if media_type == JSON:
        return Answer(200, JSON, orjson.dumps(_json_success(signal, rejected, cut)))
    response = _RESPONSES[signal]()
    if rejected or cut:
        response.partial_success.error_message = cut
        setattr(response.partial_success, _REJECTED[signal][0], rejected)
    return Answer(200, PROTOBUF, response.SerializeToString())


def failure(media_type: str, status: int, message: str) -> Answer:
    """Answer an error in the request's own media type; JSON where that is unknown."""
    code, cut = _GRPC_CODES[status], message[:MAX_MESSAGE_CHARS]
    headers = _failure_headers(status)
    if media_type == PROTOBUF:
        body = Status(code=code, message=cut).SerializeToString()
        return Answer(status, PROTOBUF, body, headers)
    return Answer(status, JSON, orjson.dumps({"code": code, "message": cut}), headers)


def _json_success(signal: Signal, rejected: int, message: str) -> dict[str, object]:
    if not rejected and not message:
        return {}
    counter = {_REJECTED[signal][1]: str(rejected)} if rejected else {}
    return {"partialSuccess": {**counter, "errorMessage": message}}


def _failure_headers(status: int) -> dict[str, str]:
    if status == 503:  # noqa: PLR2004 - the status itself
        return {"retry-after": str(RETRY_AFTER_S)}
    if status == 401:  # noqa: PLR2004
        return {"www-authenticate": 'Bearer realm="tallystick"'}
    if status == 405:  # noqa: PLR2004
        return {"allow": "POST"}
    if status == 415:  # noqa: PLR2004
        return {"accept-encoding": ACCEPTED_ENCODINGS}
    return {}

"""Answers in the media type of the request: success, partial success, and google.rpc.Status.

OTLP 1.11, OTLP/HTTP response: a 200 with nothing refused has no `partial_success` at all; every error
carries a Status with a message. No answer is a 500: exporters drop their data on it.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

import orjson
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]  # ships no types
    BadRequest,
    RetryInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
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

GRPC_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 8, 415: 3, 503: 14}
"""HTTP status -> google.rpc.Code. A request that is too large is RESOURCE_EXHAUSTED without a RetryInfo: it
would not become smaller by being sent again."""
_TYPE_URL: Final = "type.googleapis.com/google.rpc."
_UNAVAILABLE: Final = 503
_BAD_REQUEST: Final = 400
_FIELD: Final = "body"
"""What a BadRequest names: the fault is somewhere in the body, and the message says where."""
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
    """Answer 200; `rejected` records were refused for the reasons in `message`: with none, it is a warning."""
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
    headers = _failure_headers(status)
    if media_type == PROTOBUF:
        return Answer(status, PROTOBUF, status_of(status, message), headers)
    cut = message[:MAX_MESSAGE_CHARS]
    said = {"code": GRPC_CODES[status], "message": cut, "details": _json_details(status, cut)}
    return Answer(status, JSON, orjson.dumps(said), headers)


def status_of(status: int, message: str) -> bytes:
    """Print the google.rpc.Status of an HTTP status: 400 says what is wrong, 503 when to come again."""
    cut = message[:MAX_MESSAGE_CHARS]
    printed = Status(code=GRPC_CODES[status], message=cut)
    for detail in _details(status, cut):
        printed.details.add().Pack(detail)
    serialized: bytes = printed.SerializeToString()
    return serialized


def _details(status: int, message: str) -> list[Message]:
    if status == _UNAVAILABLE:
        again = RetryInfo()
        again.retry_delay.seconds = RETRY_AFTER_S
        return [again]
    if status == _BAD_REQUEST:
        violation = BadRequest.FieldViolation(field=_FIELD, description=message)
        return [BadRequest(field_violations=[violation])]
    return []


def _json_details(status: int, message: str) -> list[dict[str, object]]:
    """Return the same details as protobuf's JSON has them."""
    if status == _UNAVAILABLE:
        return [{"@type": f"{_TYPE_URL}RetryInfo", "retryDelay": f"{RETRY_AFTER_S}s"}]
    if status == _BAD_REQUEST:
        violation = {"field": _FIELD, "description": message}
        return [{"@type": f"{_TYPE_URL}BadRequest", "fieldViolations": [violation]}]
    return []


def _json_success(signal: Signal, rejected: int, message: str) -> dict[str, object]:
    if not rejected and not message:
        return {}
    counter = {_REJECTED[signal][1]: str(rejected)} if rejected else {}
    return {"partialSuccess": {**counter, "errorMessage": message}}


def _failure_headers(status: int) -> dict[str, str]:
    if status == _UNAVAILABLE:
        return {"retry-after": str(RETRY_AFTER_S)}
    if status == 401:  # noqa: PLR2004 - the status itself
        return {"www-authenticate": 'Bearer realm="tallystick"'}
    if status == 405:  # noqa: PLR2004
        return {"allow": "POST"}
    if status == 415:  # noqa: PLR2004
        return {"accept-encoding": ACCEPTED_ENCODINGS}
    return {}

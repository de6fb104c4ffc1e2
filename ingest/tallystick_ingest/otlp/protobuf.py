"""OTLP requests in protobuf, read by upb and walked into plain values.

Every function raises UndecodableError for bytes that are not the message, TooLargeError for more than
the limits allow, before anything is made of it, and nothing else.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from tallystick_ingest.otlp.body import UndecodableError
from tallystick_ingest.otlp.limits import DEFAULT_LIMITS, Limits, Shape, require_protobuf, shape_of
from tallystick_ingest.otlp.signals import (
    Attributes,
    LogDetails,
    LogItem,
    SpanEvent,
    SpanGroup,
    SpanItem,
    SpanLink,
    bytes_value,
    claims_to_be_ours,
)

_Request = TypeVar("_Request", bound=Message)

_SHAPES: Final[dict[type[Message], Shape]] = {
    kind: shape_of(kind)
    for kind in (ExportLogsServiceRequest, ExportTraceServiceRequest, ExportMetricsServiceRequest)
}
_POINT_FIELDS: Final = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def logs(data: bytes, limits: Limits = DEFAULT_LIMITS) -> list[LogItem]:
    """Read an ExportLogsServiceRequest."""
    request = _parse(ExportLogsServiceRequest(), data, limits)
    return [item for resource in request.resource_logs for item in _logs(resource)]


def traces(data: bytes, limits: Limits = DEFAULT_LIMITS) -> list[SpanGroup]:
    """Read an ExportTraceServiceRequest."""
    request = _parse(ExportTraceServiceRequest(), data, limits)
    return [
        _group(attributes(resource.resource.attributes), scope)
        for resource in request.resource_spans
        for scope in resource.scope_spans
    ]


def metric_points(data: bytes, limits: Limits = DEFAULT_LIMITS) -> int:
    """Read an ExportMetricsServiceRequest and count its data points."""
    request = _parse(ExportMetricsServiceRequest(), data, limits)
    return sum(
        _points(metric)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )


def attributes(pairs: Iterable[KeyValue]) -> Attributes:
    """Read key-value pairs; the last of two equal keys wins."""
    return {pair.key: value(pair.value) for pair in pairs}


def value(any_value: AnyValue) -> Any:  # noqa: ANN401 - an AnyValue may hold anything
    """Read one value. Nesting is bounded by upb, which refuses messages deeper than 100."""
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    if kind == "kvlist_value":
        return attributes(any_value.kvlist_value.values)
    if kind == "bytes_value":
        return bytes_value(any_value.bytes_value)
    return None if kind is None else getattr(any_value, kind)


def _logs(resource: ResourceLogs) -> Iterator[LogItem]:
    shared = attributes(resource.resource.attributes)
    for scope in resource.scope_logs:
        name = scope.scope.name
        for record in scope.log_records:
            body = record.body.string_value if record.body.HasField("string_value") else None
            is_ours = claims_to_be_ours(name, record.event_name, body)
            details = None if is_ours else _log_details(record, shared, name)
            yield LogItem(record.event_name, body, details)


def _log_details(record: LogRecord, resource: Attributes, scope: str) -> LogDetails:
    return LogDetails(
        time_ns=record.time_unix_nano or record.observed_time_unix_nano,
        severity=int(record.severity_number),
        severity_text=record.severity_text,
        body=value(record.body),
        attributes=attributes(record.attributes),
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        resource=resource,
        scope=scope,
    )


def _group(resource: Attributes, scope: ScopeSpans) -> SpanGroup:
    spans = tuple(_span(span) for span in scope.spans)
    return SpanGroup(resource, scope.scope.name, scope.scope.version, spans)


def _span(span: Span) -> SpanItem:
    return SpanItem(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=int(span.kind),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=int(span.status.code),
        status_message=span.status.message,
        attributes=attributes(span.attributes),
        events=tuple(
            SpanEvent(one.name, one.time_unix_nano, attributes(one.attributes))
            for one in span.events
        ),
        links=tuple(
            SpanLink(one.trace_id.hex(), one.span_id.hex(), attributes(one.attributes))
            for one in span.links
        ),
    )


def _points(metric: Metric) -> int:
    return sum(
        len(getattr(metric, name).data_points) for name in _POINT_FIELDS if metric.HasField(name)
    )


def _parse(request: _Request, data: bytes, limits: Limits) -> _Request:
    require_protobuf(data, _SHAPES[type(request)], limits)
    try:
        request.ParseFromString(data)
    except DecodeError:
        name = request.DESCRIPTOR.name
        raise UndecodableError(f"the body is not an {name} in protobuf") from None
    return request

"""What the cases send: small valid requests of each signal in both encodings, each with ids of its own."""

import base64
import json
import os
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

START_NS = 1_796_213_472_000_000_000
RESPONSES: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}


def span(**fields: Any) -> dict[str, Any]:
    """Make a span as OTLP's JSON writes it."""
    return {
        "traceId": os.urandom(16).hex(),
        "spanId": os.urandom(8).hex(),
        "name": "conformance",
        "kind": 1,
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 5),
        **fields,
    }


def spans(*of: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "conformance"}}]}
    scope = {"scope": {"name": "otlp"}, "spans": list(of or (span(),))}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def log_record(**fields: Any) -> dict[str, Any]:
    """Make a log record as OTLP's JSON writes it."""
    return {"timeUnixNano": str(START_NS), "body": {"stringValue": "conformance"}, **fields}


def logs(*of: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "conformance"}}]}
    scope = {"scope": {"name": "otlp"}, "logRecords": list(of or (log_record(),))}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}


def metrics() -> dict[str, Any]:
    point = {"timeUnixNano": str(START_NS), "asInt": "1"}
    metric = {"name": "conformance", "gauge": {"dataPoints": [point]}}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}


def in_json(request: object) -> bytes:
    return json.dumps(request).encode()


def traces_protobuf(count: int = 1, **fields: Any) -> bytes:
    """Print `count` spans; `fields` are set on each."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "conformance"
    scope = group.scope_spans.add()
    for _ in range(count):
        stated = {"trace_id": os.urandom(16), "span_id": os.urandom(8), "name": "conformance"}
        made = scope.spans.add(**{**stated, **fields})
        made.start_time_unix_nano, made.end_time_unix_nano = START_NS, START_NS + 5
    return request.SerializeToString()


def logs_protobuf(body: AnyValue | None = None, **fields: Any) -> bytes:
    """Print one log record; without a body it says `conformance`."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "conformance"
    record = group.scope_logs.add().log_records.add(**{"time_unix_nano": START_NS, **fields})
    record.body.CopyFrom(AnyValue(string_value="conformance") if body is None else body)
    return request.SerializeToString()


def metrics_protobuf() -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="conformance")
    metric.gauge.data_points.add(time_unix_nano=START_NS, as_int=1)
    return request.SerializeToString()


BINARY: dict[str, Any] = {
    "traces": traces_protobuf,
    "logs": logs_protobuf,
    "metrics": metrics_protobuf,
}
TEXT: dict[str, Any] = {"traces": spans, "logs": logs, "metrics": metrics}


def rejected(signal: str, body: bytes, *, is_json: bool) -> tuple[int, str]:
    """Return how many records a success says were refused, and its message."""
    names = {"traces": "Spans", "logs": "LogRecords", "metrics": "DataPoints"}
    if is_json:
        said = json.loads(body).get("partialSuccess") or {}
        return int(said.get(f"rejected{names[signal]}", 0)), str(said.get("errorMessage", ""))
    fields = {"traces": "spans", "logs": "log_records", "metrics": "data_points"}
    partial = RESPONSES[signal].FromString(body).partial_success
    return int(getattr(partial, f"rejected_{fields[signal]}")), str(partial.error_message)


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()

"""OTLP requests for tests: native batches and foreign spans, in every form in which they travel."""

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tallystick.event import EVENT_NAME, SEAL_NAME
from tallystick_ingest.otlp.signals import LogItem
from tallystick_store.rows import EventRow, SealRow
from tests.stores import Emitter

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def item(row: EventRow | SealRow) -> LogItem:
    if isinstance(row, SealRow):
        return LogItem(SEAL_NAME, row.body)
    return LogItem(EVENT_NAME, row.record.body)


def items(rows: Iterable[EventRow | SealRow]) -> list[LogItem]:
    return [item(row) for row in rows]


def batch(emitter: Emitter, calls: int = 3, *, opened: bool = True) -> list[LogItem]:
    """Print a session's open with its seal, then some calls with theirs."""
    rows: list[EventRow | SealRow] = [emitter.opened(), emitter.seal()] if opened else []
    rows += [emitter.call(number) for number in range(calls)]
    return items([*rows, emitter.seal()] if calls else rows)


def logs_protobuf(sent: Iterable[LogItem]) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    scope.scope.name = "tallystick"
    for one in sent:
        record = scope.log_records.add()
        record.event_name = one.event_name
        if one.body is None:
            record.body.int_value = 7
        else:
            record.body.string_value = one.body
    return request.SerializeToString()


def logs_json(sent: Iterable[LogItem]) -> bytes:
    records = [
        {
            "eventName": one.event_name,
            "body": {"intValue": "7"} if one.body is None else {"stringValue": one.body},
        }
        for one in sent
    ]
    scope = {"scope": {"name": "tallystick"}, "logRecords": records}
    return json.dumps({"resourceLogs": [{"scopeLogs": [scope]}]}).encode()


def zipped(body: bytes) -> bytes:
    return gzip.compress(body, 1, mtime=0)


def partial(body: bytes) -> tuple[int, str]:
    """Read a protobuf answer to logs: how many were refused, and the message."""
    answer = ExportLogsServiceResponse.FromString(body).partial_success
    return answer.rejected_log_records, answer.error_message


def span_json(
    attributes: Mapping[str, Any] | None = None,
    /,
    *,
    resource: Mapping[str, Any] | None = None,
    scope: str = "foreign",
    **fields: Any,
) -> bytes:
    """Print one foreign span as an OTLP request in JSON; `fields` are keys of the span itself."""
    span = {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "execute_tool lookup",
        "kind": 1,
        "startTimeUnixNano": "1796213472000000000",
        "endTimeUnixNano": "1796213472500000000",
        "attributes": pairs(attributes or {}),
        **fields,
    }
    return spans_json([span], resource=resource, scope=scope)


def spans_json(
    spans: Sequence[Mapping[str, Any]],
    *,
    resource: Mapping[str, Any] | None = None,
    scope: str = "foreign",
) -> bytes:
    scope_spans = {"scope": {"name": scope, "version": "1"}, "spans": list(spans)}
    stated = {"attributes": pairs(resource or {"service.name": "shop"})}
    return json.dumps(
        {"resourceSpans": [{"resource": stated, "scopeSpans": [scope_spans]}]}
    ).encode()


def foreign_logs_json(
    *records: Mapping[str, Any],
    resource: Mapping[str, Any] | None = None,
    scope: str = "app",
) -> bytes:
    """Print log records of somebody else as an OTLP request in JSON; a record is its keys, `body` any value."""
    printed = [
        {
            "timeUnixNano": "1796213472000000000",
            **one,
            "body": any_value(one.get("body")),
            "attributes": pairs(one.get("attributes", {})),
        }
        for one in records
    ]
    scope_logs = {"scope": {"name": scope}, "logRecords": printed}
    stated = {"attributes": pairs(resource or {"service.name": "shop"})}
    return json.dumps({"resourceLogs": [{"resource": stated, "scopeLogs": [scope_logs]}]}).encode()


def pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def any_value(value: Any) -> dict[str, Any]:
    """Print a Python value as an AnyValue in JSON."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(one) for one in value]}}
    kind = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    printed = str(value) if type(value) is int else value
    return {} if value is None else {kind[type(value)]: printed}


def as_protobuf(body: bytes) -> bytes:
    """Print an OTLP/JSON request of spans as protobuf, by hand: ids are hex here, base64 there."""
    request = ExportTraceServiceRequest()
    for resource in json.loads(body)["resourceSpans"]:
        group = request.resource_spans.add()
        _add_pairs(group.resource.attributes, resource["resource"]["attributes"])
        for scope in resource["scopeSpans"]:
            spans = group.scope_spans.add()
            spans.scope.name = scope["scope"]["name"]
            spans.scope.version = scope["scope"]["version"]
            for one in scope["spans"]:
                _add_span(spans.spans.add(), one)
    return request.SerializeToString()


def _add_span(span: Any, stated: Mapping[str, Any]) -> None:
    span.trace_id = bytes.fromhex(stated["traceId"])
    span.span_id = bytes.fromhex(stated["spanId"])
    span.parent_span_id = bytes.fromhex(stated.get("parentSpanId", ""))
    span.name, span.kind = stated["name"], stated["kind"]
    span.start_time_unix_nano = int(stated["startTimeUnixNano"])
    span.end_time_unix_nano = int(stated["endTimeUnixNano"])
    span.status.code = stated.get("status", {}).get("code", 0)
    span.status.message = stated.get("status", {}).get("message", "")
    _add_pairs(span.attributes, stated["attributes"])
    for one in stated.get("events", ()):
        event = span.events.add(name=one["name"], time_unix_nano=int(one["timeUnixNano"]))
        _add_pairs(event.attributes, one["attributes"])
    for one in stated.get("links", ()):
        link = span.links.add()
        link.trace_id, link.span_id = bytes.fromhex(one["traceId"]), bytes.fromhex(one["spanId"])
        _add_pairs(link.attributes, one["attributes"])


def _add_pairs(target: Any, stated: Iterable[Mapping[str, Any]]) -> None:
    for one in stated:
        pair = target.add(key=one["key"])
        _set_value(pair.value, one["value"])


def _set_value(target: Any, stated: Mapping[str, Any]) -> None:
    for kind, value in stated.items():
        if kind == "stringValue":
            target.string_value = value
        elif kind == "boolValue":
            target.bool_value = value
        elif kind == "intValue":
            target.int_value = int(value)
        elif kind == "doubleValue":
            target.double_value = value
        elif kind == "bytesValue":
            target.bytes_value = base64.b64decode(value)
        elif kind == "arrayValue":
            target.array_value.SetInParent()
            for one in value["values"]:
                _set_value(target.array_value.values.add(), one)
        else:
            target.kvlist_value.SetInParent()
            _add_pairs(target.kvlist_value.values, value["values"])

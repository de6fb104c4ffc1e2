"""OTLP requests in JSON, walked strictly into the same plain values as protobuf.

OTLP 1.11, JSON Protobuf Encoding: keys in lowerCamelCase alone, unknown keys ignored, ids hex in any
case, enums as integers alone, 64-bit integers as strings or as numbers, bytes in base64. Every
function raises UndecodableError for anything else, and TooLargeError for more than the limits allow.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from tallystick_ingest.otlp.body import UndecodableError
from tallystick_ingest.otlp.limits import DEFAULT_LIMITS, Limits, require_json
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

MAX_VALUE_DEPTH: Final = 50
"""Nesting of attribute values: upb reads messages of 100 levels, two for each of these."""

_SIGNALS: Final = {
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
}
_LEVELS: Final = {
    signal: (
        (resources, {resources}),
        (scopes, {scopes, "resource", "schemaUrl"}),
        (records, {records, "scope", "schemaUrl"}),
    )
    for signal, (resources, scopes, records) in _SIGNALS.items()
}
"""Signal -> the key that leads on and all keys that are known, level by level."""
_MAX_SHOWN: Final = 3
_MAX_SHOWN_CHARS: Final = 64
_POINT_FIELDS: Final = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_UINT64_END: Final = 1 << 64
_INT64_END: Final = 1 << 63
_ENUM_END: Final = 1 << 31
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BASE64_GROUP: Final = 4
_URL_SAFE: Final = str.maketrans("-_", "+/")
_DOUBLE_NAMES: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def logs(data: bytes, limits: Limits = DEFAULT_LIMITS) -> list[LogItem]:
    """Read an ExportLogsServiceRequest."""
    resources = list(_objects(_load(data, limits), "resourceLogs"))
    limits.require_records(
        sum(
            _length(scope, "logRecords")
            for resource in resources
            for scope in _objects(resource, "scopeLogs")
        )
    )
    return [item for resource in resources for item in _logs(resource)]


def traces(data: bytes, limits: Limits = DEFAULT_LIMITS) -> list[SpanGroup]:
    """Read an ExportTraceServiceRequest."""
    resources = list(_objects(_load(data, limits), "resourceSpans"))
    limits.require_records(
        sum(
            _length(scope, "spans")
            for resource in resources
            for scope in _objects(resource, "scopeSpans")
        )
    )
    return [
        _group(_attributes(_object(resource, "resource")), scope)
        for resource in resources
        for scope in _objects(resource, "scopeSpans")
    ]


def metric_points(data: bytes, limits: Limits = DEFAULT_LIMITS) -> int:
    """Read an ExportMetricsServiceRequest and count its data points."""
    points = sum(
        1
        for resource in _objects(_load(data, limits), "resourceMetrics")
        for scope in _objects(resource, "scopeMetrics")
        for metric in _objects(scope, "metrics")
        for field in _POINT_FIELDS
        for _ in _objects(_object(metric, field), "dataPoints")
    )
    limits.require_records(points)
    return points


def unread(data: bytes, signal: str) -> str:
    """Say which keys of a request without records are not OTLP's; empty where there is none.

    They are ignored, as the specification asks for; but whoever writes `resource_spans` should know.
    """
    try:
        level = [orjson.loads(data)]
    except orjson.JSONDecodeError:
        return ""
    for wanted, known in _LEVELS[signal]:
        others = sorted({key for one in level for key in one if key not in known})
        if others:
            shown = ", ".join(key[:_MAX_SHOWN_CHARS] for key in others[:_MAX_SHOWN])
            return (
                f"nothing was kept: the request holds no {wanted}, but keys that OTLP does not know: "
                f"{shown}; keys of OTLP's JSON are lowerCamelCase"
            )
        level = [one for owner in level for one in _objects(owner, wanted)]
    return ""


def _length(owner: dict[str, Any], key: str) -> int:
    items = owner.get(key)
    return len(items) if isinstance(items, list) else 0


def _load(data: bytes, limits: Limits) -> dict[str, Any]:
    require_json(data, limits)
    try:
        request = orjson.loads(data)
    except orjson.JSONDecodeError:
        request = _load_with_surrogates(data)
    if not isinstance(request, dict):
        raise UndecodableError(f"the body is a JSON {_kind(request)}: expected an object")
    return request


def _load_with_surrogates(data: bytes) -> Any:  # noqa: ANN401 - any JSON value
    r"""Read JSON that orjson refuses but JavaScript prints: half a surrogate pair as \ud83d."""
    try:
        text = data.decode("utf-8")
        if r"\ud" not in text.lower():
            raise UndecodableError("the body is not JSON")
        loaded = json.loads(text, parse_constant=_refuse_constant)
        return orjson.loads(json.dumps(_mend(loaded), ensure_ascii=False))
    except (ValueError, RecursionError):
        raise UndecodableError("the body is not JSON") from None


def _mend(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mend(item) for item in value]
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in value.items()}
    return value


def _refuse_constant(name: str) -> None:
    raise UndecodableError(f"the body holds {name}, which is not JSON")


def _logs(resource: dict[str, Any]) -> Iterator[LogItem]:
    shared = _attributes(_object(resource, "resource"))
    for scope_logs in _objects(resource, "scopeLogs"):
        scope = _text(_object(scope_logs, "scope"), "name")
        for record in _objects(scope_logs, "logRecords"):
            name = _text(record, "eventName")
            body = _string_body(record)
            is_ours = claims_to_be_ours(scope, name, body)
            details = None if is_ours else _log_details(record, shared, scope)
            yield LogItem(name, body, details)


def _log_details(record: dict[str, Any], resource: Attributes, scope: str) -> LogDetails:
    return LogDetails(
        time_ns=_uint64(record, "timeUnixNano") or _uint64(record, "observedTimeUnixNano"),
        severity=_enum(record, "severityNumber"),
        severity_text=_text(record, "severityText"),
        body=_value(_object(record, "body"), 0),
        attributes=_attributes(record),
        trace_id=_text(record, "traceId").lower(),
        span_id=_text(record, "spanId").lower(),
        resource=resource,
        scope=scope,
    )


def _group(resource: Attributes, scope_spans: dict[str, Any]) -> SpanGroup:
    scope = _object(scope_spans, "scope")
    spans = tuple(_span(span) for span in _objects(scope_spans, "spans"))
    return SpanGroup(resource, _text(scope, "name"), _text(scope, "version"), spans)


def _span(span: dict[str, Any]) -> SpanItem:
    status = _object(span, "status")
    return SpanItem(
        trace_id=_text(span, "traceId").lower(),
        span_id=_text(span, "spanId").lower(),
        parent_id=_text(span, "parentSpanId").lower(),
        name=_text(span, "name"),
        kind=_enum(span, "kind"),
        start_ns=_uint64(span, "startTimeUnixNano"),
        end_ns=_uint64(span, "endTimeUnixNano"),
        status=_enum(status, "code"),
        status_message=_text(status, "message"),
        attributes=_attributes(span),
        events=tuple(
            SpanEvent(_text(one, "name"), _uint64(one, "timeUnixNano"), _attributes(one))
            for one in _objects(span, "events")
        ),
        links=tuple(
            SpanLink(_text(one, "traceId").lower(), _text(one, "spanId").lower(), _attributes(one))
            for one in _objects(span, "links")
        ),
    )


def _string_body(record: dict[str, Any]) -> str | None:
    body = _object(record, "body")
    return _text(body, "stringValue") if body.get("stringValue") is not None else None


def _attributes(owner: dict[str, Any], depth: int = 0, key: str = "attributes") -> Attributes:
    return {
        _text(pair, "key"): _value(_object(pair, "value"), depth) for pair in _objects(owner, key)
    }


def _value(any_value: dict[str, Any], depth: int) -> Any:  # noqa: ANN401 - an AnyValue
    if depth > MAX_VALUE_DEPTH:
        raise UndecodableError(f"a value is nested deeper than {MAX_VALUE_DEPTH} levels")
    for key, read in _READERS.items():
        if any_value.get(key) is not None:
            return read(any_value, key, depth)
    return None


def _read_string(owner: dict[str, Any], key: str, _depth: int) -> str:
    return _text(owner, key)


def _read_bool(owner: dict[str, Any], key: str, _depth: int) -> bool:
    if not isinstance(owner[key], bool):
        raise UndecodableError(f"{key} is a JSON {_kind(owner[key])}: expected true or false")
    return bool(owner[key])


def _read_int(owner: dict[str, Any], key: str, _depth: int) -> int:
    return _integer(owner[key], key, -_INT64_END, _INT64_END)


def _read_double(owner: dict[str, Any], key: str, _depth: int) -> float:
    number = owner[key]
    if isinstance(number, str):
        try:
            return _DOUBLE_NAMES[number] if number in _DOUBLE_NAMES else float(number)
        except ValueError:
            raise UndecodableError(f"{key} is a text that is no number") from None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UndecodableError(f"{key} is a JSON {_kind(number)}: expected a number")
    return float(number)


def _read_bytes(owner: dict[str, Any], key: str, _depth: int) -> str:
    text = _text(owner, key)
    padded = text + "=" * (-len(text) % _BASE64_GROUP)
    try:
        return bytes_value(base64.b64decode(padded.translate(_URL_SAFE), validate=True))
    except (binascii.Error, ValueError):
        raise UndecodableError(f"{key} is not base64") from None


def _read_array(owner: dict[str, Any], key: str, depth: int) -> list[Any]:
    return [_value(item, depth + 1) for item in _objects(_object(owner, key), "values")]


def _read_map(owner: dict[str, Any], key: str, depth: int) -> Attributes:
    return _attributes(_object(owner, key), depth + 1, "values")


_READERS: Final = {
    "stringValue": _read_string,
    "intValue": _read_int,
    "boolValue": _read_bool,
    "doubleValue": _read_double,
    "arrayValue": _read_array,
    "kvlistValue": _read_map,
    "bytesValue": _read_bytes,
}


def _objects(owner: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list; absent and null are the empty list, as in protobuf's JSON."""
    items = owner.get(key)
    if items is None:
        return
    if not isinstance(items, list):
        raise UndecodableError(f"{key} is a JSON {_kind(items)}: expected an array")
    for item in items:
        if not isinstance(item, dict):
            raise UndecodableError(f"{key} holds a JSON {_kind(item)}: expected objects")
        yield item


def _object(owner: dict[str, Any], key: str) -> dict[str, Any]:
    item = owner.get(key)
    if item is None:
        return {}
    if not isinstance(item, dict):
        raise UndecodableError(f"{key} is a JSON {_kind(item)}: expected an object")
    return item


def _text(owner: dict[str, Any], key: str) -> str:
    text = owner.get(key)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise UndecodableError(f"{key} is a JSON {_kind(text)}: expected a string")
    return text


def _enum(owner: dict[str, Any], key: str) -> int:
    number = owner.get(key, 0)
    if number is None:
        return 0
    if isinstance(number, bool) or not isinstance(number, int):
        raise UndecodableError(
            f"{key} is a JSON {_kind(number)}: enums are integers in OTLP's JSON, never names"
        )
    return _integer(number, key, -_ENUM_END, _ENUM_END)


def _uint64(owner: dict[str, Any], key: str) -> int:
    number = owner.get(key)
    return 0 if number is None else _integer(number, key, 0, _UINT64_END)


def _integer(number: Any, key: str, start: int, end: int) -> int:  # noqa: ANN401 - any JSON value
    if (isinstance(number, str) and _INTEGER.fullmatch(number)) or (
        isinstance(number, float) and number.is_integer()
    ):
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int):
        raise UndecodableError(f"{key} is a JSON {_kind(number)}: expected an integer of 64 bits")
    if not start <= number < end:
        raise UndecodableError(f"{key} is out of range: expected 64 bits")
    return number


def _kind(value: Any) -> str:  # noqa: ANN401 - any JSON value
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")

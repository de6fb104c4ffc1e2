"""OTLP in protobuf and in JSON: the same values come out, and garbage is one clear error."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick_ingest.otlp import json_form, protobuf
from tallystick_ingest.otlp.body import UndecodableError
from tallystick_ingest.otlp.signals import LogItem
from tests.requirements import requirement
from tests.sending import (
    SPAN,
    TRACE,
    any_value,
    as_protobuf,
    logs_json,
    logs_protobuf,
    pairs,
    span_json,
)

FULL = span_json(
    {
        "text": "grüße",
        "whole": -(2**63),
        "real": 1.5,
        "yes": True,
        "no": False,
        "nothing": None,
        "empty": "",
        "bytes": b"plain text",
        "binary": b"\xff\xfe",
        "mixed": [1, "two", [3.0, {"four": b"4"}]],
        "map": {"a": {"b": []}},
    },
    parentSpanId="00f067aa0ba902b8",
    kind=3,
    status={"code": 2, "message": "boom"},
    events=[
        {"name": "exception", "timeUnixNano": "5", "attributes": pairs({"exception.type": "E"})}
    ],
    links=[{"traceId": TRACE, "spanId": SPAN, "attributes": pairs({"why": "retry"})}],
)


def test_protobuf_and_json_say_the_same() -> None:
    [from_json], [from_protobuf] = json_form.traces(FULL), protobuf.traces(as_protobuf(FULL))
    assert from_json == from_protobuf
    [span] = from_json.spans
    assert span.attributes["binary"] == "[2 bytes]"
    assert span.attributes["bytes"] == "plain text"
    assert span.attributes["mixed"] == [1, "two", [3.0, {"four": "4"}]]
    assert (span.kind, span.status, span.status_message) == (3, 2, "boom")
    assert span.start_ns == 1796213472000000000


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.binary(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_any_value_comes_out_of_both_forms_alike(value: Any) -> None:
    body = span_json({"value": value})
    assert json_form.traces(body) == protobuf.traces(as_protobuf(body))


def test_logs_come_out_of_both_forms_alike() -> None:
    sent = [LogItem("tallystick.event", "one"), LogItem("", None), LogItem("x", "")]
    assert json_form.logs(logs_json(sent)) == protobuf.logs(logs_protobuf(sent)) == sent


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"traceId": TRACE.upper(), "spanId": SPAN.upper()}, (TRACE, SPAN)),
        ({"startTimeUnixNano": 1796213472000000000}, (TRACE, SPAN)),
        ({"kind": 0, "future": {"unknown": [1, 2]}}, (TRACE, SPAN)),
        ({"status": None, "events": None, "droppedEventsCount": 4}, (TRACE, SPAN)),
    ],
)
def test_the_liberties_of_the_json_encoding_are_taken_as_meant(
    written: dict[str, Any], read: tuple[str, str]
) -> None:
    [group] = json_form.traces(span_json({}, **written))
    assert (group.spans[0].trace_id, group.spans[0].span_id) == read
    assert group.spans[0].start_ns == 1796213472000000000


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"intValue": 5}, 5),
        ({"intValue": "5"}, 5),
        ({"intValue": 5.0}, 5),
        ({"doubleValue": "1.5"}, 1.5),
        ({"doubleValue": "-Infinity"}, float("-inf")),
        ({"doubleValue": 2}, 2.0),
        ({"bytesValue": "aGk"}, "hi"),
        ({"bytesValue": "aGk="}, "hi"),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {}}, {}),
        ({}, None),
        ({"string_value": "snake case is no key"}, None),
    ],
)
def test_values_are_read_as_javascript_and_others_write_them(value: Any, read: Any) -> None:
    body = span_json({}, attributes=[{"key": "k", "value": value}])
    assert json_form.traces(body)[0].spans[0].attributes == {"k": read}


def test_half_a_surrogate_pair_costs_one_character_and_not_the_batch() -> None:
    body = span_json({"text": "x"}).replace(b'"x"', rb'"\ud83d cut"')
    assert json_form.traces(body)[0].spans[0].attributes == {"text": "� cut"}


@requirement("otlp.never-500")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"[]",
        b"null",
        b"1",
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [1]}',
        b'{"resourceSpans": [{"scopeSpans": "x"}]}',
        b'{"a": NaN}',
        rb'{"a": "\ud800", "b": NaN}',
        b'{"resourceSpans"' + b": [" * 5000,
        b'{"a": "\xff"}',
        span_json({}, kind="SPAN_KIND_CLIENT"),
        span_json({}, kind=True),
        span_json({}, name=5),
        span_json({}, traceId=5),
        span_json({}, startTimeUnixNano="soon"),
        span_json({}, startTimeUnixNano=-1),
        span_json({}, startTimeUnixNano=str(2**64)),
        span_json({}, startTimeUnixNano=1.5),
        span_json({}, status={"code": "STATUS_CODE_ERROR"}),
        span_json({}, attributes=[{"key": "k", "value": {"intValue": str(2**63)}}]),
        span_json({}, attributes=[{"key": "k", "value": {"boolValue": "yes"}}]),
        span_json({}, attributes=[{"key": "k", "value": {"doubleValue": "many"}}]),
        span_json({}, attributes=[{"key": "k", "value": {"doubleValue": True}}]),
        span_json({}, attributes=[{"key": "k", "value": {"bytesValue": "!"}}]),
        span_json({}, attributes=[{"key": "k", "value": {"stringValue": 1}}]),
    ],
)
def test_garbage_in_json_is_one_clear_error(body: bytes) -> None:
    with pytest.raises(UndecodableError):
        json_form.traces(body)


def test_a_value_that_is_nested_without_end_is_an_error() -> None:
    nested: dict[str, Any] = {"stringValue": "x"}
    for _ in range(60):
        nested = {"arrayValue": {"values": [nested]}}
    with pytest.raises(UndecodableError, match="nested"):
        json_form.traces(span_json({}, attributes=[{"key": "k", "value": nested}]))


KEYS = [
    *("resourceLogs", "scopeLogs", "logRecords", "body", "stringValue", "attributes"),
    *("resourceSpans", "scopeSpans", "spans", "value", "key", "kind", "traceId"),
    *("resourceMetrics", "scopeMetrics", "metrics", "sum", "dataPoints"),
]


def outcome(read: Callable[[bytes], object], data: bytes) -> str:
    """Say how reading ended; any other exception goes through."""
    try:
        read(data)
    except UndecodableError as error:
        return str(error)
    return "read"


@requirement("otlp.never-500")
@pytest.mark.parametrize("read", [protobuf.logs, protobuf.traces, protobuf.metric_points])
@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_one_clear_error(
    read: Callable[[bytes], object], data: bytes
) -> None:
    assert outcome(read, data)


@requirement("otlp.never-500")
@pytest.mark.parametrize("read", [json_form.logs, json_form.traces, json_form.metric_points])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_message_or_one_clear_error(
    read: Callable[[bytes], object], value: object
) -> None:
    assert outcome(read, json.dumps(value).encode())


def test_data_points_are_counted_in_both_forms() -> None:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    metrics.add(name="a").sum.data_points.add(as_int=1)
    gauge = metrics.add(name="b").gauge
    gauge.data_points.add(as_int=2)
    gauge.data_points.add(as_int=3)
    metrics.add(name="empty")
    points: list[dict[str, Any]] = [
        {"sum": {"dataPoints": [{}]}},
        {"gauge": {"dataPoints": [{}, {}]}},
        {"name": "empty"},
    ]
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": points}]}]}
    assert protobuf.metric_points(request.SerializeToString()) == 3
    assert json_form.metric_points(json.dumps(body).encode()) == 3


def test_the_helper_prints_every_kind_of_value() -> None:
    values: list[Any] = ["a", 1, 1.0, True, b"", [], {}, None]
    kinds = [any_value(one) for one in values]
    assert [next(iter(kind), None) for kind in kinds] == [
        *("stringValue", "intValue", "doubleValue", "boolValue"),
        *("bytesValue", "arrayValue", "kvlistValue", None),
    ]

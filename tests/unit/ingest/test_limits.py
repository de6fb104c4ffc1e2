"""Limits: what a request holds is counted in its bytes, alike in both forms, before anything is made of it."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tallystick_ingest.otlp import json_form, protobuf
from tallystick_ingest.otlp.body import TooLargeError, UndecodableError
from tallystick_ingest.otlp.limits import Limits, require_json, require_protobuf, shape_of
from tests.requirements import requirement
from tests.sending import as_protobuf, span_json, spans_json

pytestmark = requirement("otlp.bounded-cost")

TRACES = shape_of(ExportTraceServiceRequest)


def nested(content: bytes, *tags: int) -> bytes:
    for tag in tags:
        content = bytes([tag]) + varint(len(content)) + content
    return content


def varint(number: int) -> bytes:
    head = bytearray()
    while number >= 0x80:
        head.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*head, number])


def empty_spans(count: int) -> bytes:
    """Print `count` spans of nothing in protobuf: two bytes each."""
    return nested(b"\x12\x00" * count, 0x12, 0x0A)


def empty_spans_json(count: int) -> bytes:
    spans = b",".join([b"{}"] * count)
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + spans + b"]}]}]}"


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (protobuf.traces, empty_spans(3_000_000)),
        (protobuf.traces, nested(b"\x4a\x00" * 3_000_000, 0x12, 0x12, 0x0A)),
        (protobuf.traces, nested(b"\x1a\x00" * 3_000_000, 0x0A, 0x0A)),
        (protobuf.traces, nested(b"\x78\x00" * 5_000_000, 0x12, 0x0A)),
        (protobuf.logs, nested(b"\x12\x00" * 3_000_000, 0x12, 0x0A)),
        (protobuf.metric_points, nested(b"\x0a\x00" * 3_000_000, 0x2A, 0x12, 0x12, 0x0A)),
        (json_form.traces, empty_spans_json(3_000_000)),
        (json_form.logs, empty_spans_json(3_000_000)),
        (json_form.logs, b'{"x":[' + b"[]," * 3_000_000 + b"[]]}"),
        (json_form.metric_points, b'{"x":[' + b"1," * 5_000_000 + b"1]}"),
    ],
    ids=[
        *("spans", "attributes", "texts of an entity", "unknown fields", "log records", "points"),
        *("spans in JSON", "spans as logs in JSON", "lists", "numbers"),
    ],
)
def test_millions_of_nothings_are_refused(read: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(TooLargeError, match=r"more than .*: send (fewer|less) at once"):
        read(body)


@pytest.mark.parametrize("count", [3, 4])
def test_the_limit_of_records_is_the_same_in_both_forms(count: int) -> None:
    limits = Limits(records=3)
    sent = spans_json(
        [json.loads(span_json())["resourceSpans"][0]["scopeSpans"][0]["spans"][0]] * count
    )
    for read, body in ((json_form.traces, sent), (protobuf.traces, as_protobuf(sent))):
        if count <= limits.records:
            assert sum(len(group.spans) for group in read(body, limits)) == count
        else:
            with pytest.raises(TooLargeError, match="more than 3 spans"):
                read(body, limits)


@pytest.mark.parametrize("is_json", [True, False])
def test_an_attribute_is_two_objects_in_both_forms(is_json: bool) -> None:
    few, many = (span_json({f"k{n}": "v" * 20 for n in range(count)}) for count in (10, 20))
    objects = many.count(b"{") - 1
    assert objects - (few.count(b"{") - 1) == 20
    if is_json:
        require_json(many, Limits(objects=objects + 1))
        with pytest.raises(TooLargeError):
            require_json(many, Limits(objects=objects))
        return
    wire = as_protobuf(many)  # which also holds an empty status
    require_protobuf(wire, TRACES, Limits(records=1, objects=objects + 1))
    with pytest.raises(TooLargeError):
        require_protobuf(wire, TRACES, Limits(records=1, objects=objects))


def test_what_stands_in_strings_counts_for_nothing() -> None:
    limits = Limits(objects=8)
    for text in ("{" * 500, "[,{" * 500, '\\"{' * 500, "\\" * 500, '{"a":' * 500):
        require_json(json.dumps({"a": text}).encode(), limits)
    with pytest.raises(TooLargeError):
        require_json(b'{"a":"\\\\"' + b",{}" * 9 + b"}", limits)


@pytest.mark.parametrize(
    "spoiled",
    [
        b"\x0a\x7f\x12",
        nested(b"\x12\x7f", 0x12, 0x0A),
        b"\x0b" * 100,
        b"\x80" * 100,
        b"\x0f" * 100,
        b"\x09\x00\x00",
    ],
)
def test_bytes_that_are_no_protobuf_are_told_from_too_many(spoiled: bytes) -> None:
    with pytest.raises(UndecodableError):
        require_protobuf(spoiled, TRACES, Limits(records=1, objects=1_000))


@given(st.binary(max_size=300))
def test_a_walk_over_any_bytes_ends_and_what_upb_reads_is_never_called_garbage(body: bytes) -> None:
    for request in (
        ExportTraceServiceRequest,
        ExportLogsServiceRequest,
        ExportMetricsServiceRequest,
    ):
        shape = shape_of(request)
        try:
            require_protobuf(body, shape, Limits(records=0, objects=100))
        except TooLargeError:
            continue
        except UndecodableError:
            if not any(byte & 7 in (3, 4) for byte in body):  # groups, which OTLP never had
                with pytest.raises(Exception, match=r"."):
                    request.FromString(body)

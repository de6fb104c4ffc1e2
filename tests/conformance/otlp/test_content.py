"""What a request says: OTLP's JSON letter by letter, ids, values, and records that cannot be kept."""

import json
from typing import Any

import pytest

from tests.conformance.otlp.messages import (
    START_NS,
    in_json,
    rejected,
    span,
    spans,
    text_of,
    traces_protobuf,
)
from tests.conformance.otlp.target import JSON, PROTOBUF, Reply, Target, case

pytestmark = pytest.mark.e2e

ENCODING = "JSON Protobuf Encoding"
PARTIAL = "OTLP/HTTP Response, Partial Success"
VALUES = "common.proto, AnyValue"


def send(target: Target, request: object) -> Reply:
    return target.send(in_json(request), JSON)


def is_kept(reply: Reply) -> None:
    assert reply.status == 200, reply
    assert rejected("traces", reply.body, is_json=True) == (0, "")


def attribute(value: Any, key: str = "key") -> dict[str, Any]:
    return span(attributes=[{"key": key, "value": value}])


@case("json.ids", ENCODING)
@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_ids_are_hex_in_either_case(target: Target, change: Any) -> None:
    one = span()
    is_kept(
        send(
            target,
            spans({**one, "traceId": change(one["traceId"]), "spanId": change(one["spanId"])}),
        )
    )


@case("json.integers", ENCODING)
@pytest.mark.parametrize("start", [str(START_NS), START_NS])
def test_times_are_texts_or_numbers(target: Target, start: str | int) -> None:
    is_kept(send(target, spans(span(startTimeUnixNano=start))))


@case("json.int-value", ENCODING)
@pytest.mark.parametrize("value", ["5", 5, "-9223372036854775808", "9223372036854775807"])
def test_integers_of_attributes_are_texts_or_numbers(target: Target, value: str | int) -> None:
    is_kept(send(target, spans(attribute({"intValue": value}))))


@case("json.enum-names", ENCODING, left_open="what a receiver does with a name is not said")
def test_names_of_enums_are_refused(target: Target) -> None:
    assert send(target, spans(span(kind="SPAN_KIND_SERVER"))).status == 400


@case("json.enum-unknown", "proto3, Enumerations")
def test_a_kind_of_a_later_version_is_no_error(target: Target) -> None:
    is_kept(send(target, spans(span(kind=99))))


@case("json.unknown-fields", ENCODING)
def test_unknown_fields_are_ignored_at_every_level(target: Target) -> None:
    more: dict[str, Any] = {"laterField": {"deep": [1, None, {"x": "y"}]}}
    request = spans({**span(), **more})
    request["resourceSpans"][0]["scopeSpans"][0] |= more
    request["resourceSpans"][0] |= more
    is_kept(send(target, {**request, **more}))


@case("json.snake-case", ENCODING, left_open="unknown keys are ignored, and a warning is allowed")
def test_keys_in_snake_case_are_not_read_and_their_sender_is_told(target: Target) -> None:
    request = spans()["resourceSpans"]
    reply = send(target, {"resource_spans": [{"scope_spans": request[0]["scopeSpans"]}]})
    assert reply.status == 200
    refused, message = rejected("traces", reply.body, is_json=True)
    assert (refused, bool(message)) == (0, True)


@case("json.null", "proto3, JSON Mapping")
def test_null_is_the_default_of_every_field(target: Target) -> None:
    is_kept(send(target, spans(span(attributes=None, events=None, status=None, parentSpanId=None))))


@case("json.form", "RFC 8259")
def test_white_space_escapes_and_every_script_are_read(target: Target) -> None:
    request = spans(span(name='\u00e4\u4e2d\U0001f600 "quoted" \\ / \n'))
    for body in (json.dumps(request, indent=4), json.dumps(request, ensure_ascii=False)):
        is_kept(target.send(body.encode(), JSON))


@case(
    "json.half-surrogate",
    "RFC 8259, 8.2",
    left_open="JavaScript cuts texts in the middle of a character",
)
def test_half_a_character_costs_no_batch(target: Target) -> None:
    is_kept(target.send(in_json(spans(span(name="cut \ud83d"))), JSON))


@case("json.bom", "RFC 8259, 8.1", left_open="a receiver may ignore it")
def test_a_byte_order_mark_is_no_server_error(target: Target) -> None:
    assert target.send(b"\xef\xbb\xbf" + in_json(spans()), JSON).status in (200, 400)


@case("json.deep", "RFC 8259, 9")
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
def test_nesting_without_end_is_a_400(target: Target, body: bytes) -> None:
    assert target.send(body, JSON).status == 400


@case("json.types", ENCODING, left_open="it is bad data, or a record to refuse")
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 7},
        {"traceId": 7},
        {"attributes": {}},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": str(1 << 64)},
    ],
)
def test_a_value_of_another_type_is_a_400_or_a_refusal(target: Target, wrong: Any) -> None:
    reply = send(target, spans(span(**wrong)))
    if reply.status != 400:
        assert reply.status == 200
        assert rejected("traces", reply.body, is_json=True)[0] == 1


@case("values.all", VALUES)
@pytest.mark.parametrize(
    "value",
    [
        {"stringValue": ""},
        {"boolValue": False},
        {"doubleValue": 1.5},
        {"doubleValue": "NaN"},
        {"doubleValue": "-Infinity"},
        {"bytesValue": text_of(b"\x00\xff\xfe")},
        {"bytesValue": ""},
        {"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "mixed"}, {}]}},
        {"arrayValue": {}},
        {"kvlistValue": {"values": [{"key": "a", "value": {"kvlistValue": {"values": []}}}]}},
        {},
        None,
    ],
    ids=str,
)
def test_every_value_is_taken_for_an_attribute(target: Target, value: Any) -> None:
    is_kept(send(target, spans(attribute(value))))


@case("values.size", VALUES)
def test_a_long_text_and_many_attributes_are_taken(target: Target) -> None:
    many = [{"key": f"key {number}", "value": {"intValue": number}} for number in range(1_000)]
    long = {"key": "long", "value": {"stringValue": "text " * 50_000}}
    is_kept(send(target, spans(span(attributes=[*many, long]))))


@case("values.key-twice", "common.proto, KeyValue", left_open="senders must not do it")
def test_a_key_that_stands_twice_is_no_error(target: Target) -> None:
    pair = {"key": "same", "value": {"intValue": 1}}
    assert send(target, spans(span(attributes=[pair, pair]))).status == 200


@case("span.full", "trace.proto, Span")
def test_events_links_status_flags_and_trace_state_are_taken(target: Target) -> None:
    event = {"timeUnixNano": str(START_NS), "name": "event", "droppedAttributesCount": 1}
    link = {"traceId": "ab" * 16, "spanId": "cd" * 8, "traceState": "a=b", "flags": 257}
    one = span(
        parentSpanId="ef" * 8,
        traceState="vendor=value",
        flags=257,
        status={"code": 2, "message": "it failed"},
        events=[event],
        links=[link],
        droppedEventsCount=3,
    )
    is_kept(send(target, spans(one)))


@case("span.parents", "trace.proto, Span")
def test_orphans_circles_and_times_that_run_backwards_are_no_errors(target: Target) -> None:
    trace = "12" * 16
    circle = [
        span(traceId=trace, spanId="aa" * 8, parentSpanId="bb" * 8),
        span(traceId=trace, spanId="bb" * 8, parentSpanId="aa" * 8),
        span(traceId=trace, spanId="cc" * 8, parentSpanId="cc" * 8),
        span(traceId=trace, parentSpanId="dd" * 8, endTimeUnixNano="1"),
    ]
    assert send(target, spans(*circle)).status == 200


@case(
    "span.ids-invalid", PARTIAL, left_open="a receiver may keep such a span, or refuse the request"
)
@pytest.mark.parametrize(
    "wrong",
    [{"traceId": "00" * 16}, {"spanId": "00" * 8}, {"traceId": "ab"}, {"spanId": ""}],
    ids=str,
)
def test_a_span_without_proper_ids_costs_no_other(target: Target, wrong: dict[str, str]) -> None:
    reply = send(target, spans(span(**wrong), span()))
    assert reply.status == 200
    refused, message = rejected("traces", reply.body, is_json=True)
    assert refused == 1
    assert message


@case("span.ids-invalid-protobuf", PARTIAL, left_open="as span.ids-invalid")
def test_the_same_holds_in_protobuf(target: Target) -> None:
    reply = target.send(traces_protobuf(1, trace_id=bytes(16)) + traces_protobuf(), PROTOBUF)
    assert reply.status == 200
    assert rejected("traces", reply.body, is_json=False)[0] == 1


@case("protobuf.unknown-fields", "Binary Protobuf Encoding")
def test_fields_of_a_later_version_are_ignored(target: Target) -> None:
    later = b"\xa2\x06\x05later" + b"\xa8\x06\x07" + b"\xb5\x06\x00\x00\x00\x00"
    reply = target.send(traces_protobuf() + later, PROTOBUF)
    assert reply.status == 200
    assert rejected("traces", reply.body, is_json=False) == (0, "")


@case("protobuf.text-invalid", "proto3, string", left_open="it is bad data, or mended")
def test_a_name_that_is_no_utf_8_is_no_server_error(target: Target) -> None:
    body = traces_protobuf().replace(b"conformance", b"confor\xff\xfe\xffce")
    assert target.send(body, PROTOBUF).status in (200, 400)


@case("protobuf.cut-off", "OTLP/HTTP Response, Bad Data")
def test_a_message_that_is_cut_off_is_a_400(target: Target) -> None:
    assert target.send(traces_protobuf()[:-3], PROTOBUF).status == 400

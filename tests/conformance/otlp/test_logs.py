"""Log records: severities, bodies of every kind in both encodings, ids, and records that cannot be kept."""

import json
import os
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    KeyValue,
    KeyValueList,
)

from tests.conformance.otlp.messages import (
    RESPONSES,
    START_NS,
    in_json,
    log_record,
    logs,
    logs_protobuf,
    rejected,
    text_of,
)
from tests.conformance.otlp.target import JSON, PROTOBUF, Reply, Target, case

pytestmark = pytest.mark.e2e

PATH = "/v1/logs"
ENCODING = "JSON Protobuf Encoding"
RECORD = "logs.proto, LogRecord"
VALUES = "common.proto, AnyValue"
SUCCESS = "OTLP/HTTP Response, Full Success"
PARTIAL = "OTLP/HTTP Response, Partial Success"
DEEP = AnyValue(
    kvlist_value=KeyValueList(
        values=[KeyValue(key="a", value=AnyValue(array_value=ArrayValue(values=[AnyValue()])))]
    )
)


def send(target: Target, *records: dict[str, Any]) -> Reply:
    return target.send(in_json(logs(*records)), JSON, PATH)


def send_binary(target: Target, body: bytes) -> Reply:
    return target.send(body, PROTOBUF, PATH)


def is_kept(reply: Reply, *, is_json: bool = True) -> None:
    assert reply.status == 200, reply
    assert rejected("logs", reply.body, is_json=is_json) == (0, "")


def is_kept_or_refused(reply: Reply) -> None:
    """One record at most was refused, and if so with a word why."""
    assert reply.status == 200, reply
    refused, message = rejected("logs", reply.body, is_json=True)
    assert refused <= 1
    assert bool(refused) <= bool(message)


def is_refused(reply: Reply) -> None:
    """What is bad data was not taken for something else: the request or the record was refused."""
    if reply.status != 400:
        assert reply.status == 200
        assert rejected("logs", reply.body, is_json=True)[0] == 1


@case("logs.full", RECORD)
@pytest.mark.parametrize("is_json", [True, False], ids=["json", "protobuf"])
def test_every_field_of_a_record_is_taken(target: Target, *, is_json: bool) -> None:
    trace, span = os.urandom(16), os.urandom(8)
    if is_json:
        one = log_record(
            observedTimeUnixNano=str(START_NS + 1),
            severityNumber=9,
            severityText="Information",
            attributes=[{"key": "key", "value": {"stringValue": "value"}}],
            droppedAttributesCount=3,
            flags=1,
            traceId=trace.hex(),
            spanId=span.hex(),
            eventName="conformance.event",
        )
        is_kept(send(target, one))
        return
    body = logs_protobuf(
        observed_time_unix_nano=START_NS + 1,
        severity_number=9,
        severity_text="Information",
        attributes=[KeyValue(key="key", value=AnyValue(string_value="value"))],
        dropped_attributes_count=3,
        flags=1,
        trace_id=trace,
        span_id=span,
        event_name="conformance.event",
    )
    is_kept(send_binary(target, body), is_json=False)


@case("logs.bare", RECORD)
def test_a_record_without_time_body_and_severity_is_taken(target: Target) -> None:
    is_kept(send(target, {}))
    is_kept(send(target, {"observedTimeUnixNano": str(START_NS)}))


@case("logs.severity", RECORD)
def test_every_severity_number_is_taken(target: Target) -> None:
    is_kept(send(target, *(log_record(severityNumber=number) for number in range(25))))
    for number in (0, 1, 24):
        is_kept(send_binary(target, logs_protobuf(severity_number=number)), is_json=False)


@case("logs.severity-names", ENCODING, left_open="what a receiver does with a name is not said")
def test_names_of_severities_are_refused(target: Target) -> None:
    is_refused(send(target, log_record(severityNumber="SEVERITY_NUMBER_INFO")))


@case("logs.severity-unknown", "proto3, Enumerations")
def test_a_severity_of_a_later_version_costs_no_other_record(target: Target) -> None:
    is_kept_or_refused(send(target, log_record(severityNumber=99), log_record()))


@case("logs.body", VALUES)
@pytest.mark.parametrize(
    "body",
    [
        {"stringValue": ""},
        {"stringValue": "\u00e4\u4e2d\U0001f600"},
        {"boolValue": False},
        {"intValue": "-1"},
        {"doubleValue": 1.5},
        {"doubleValue": 2},
        {"doubleValue": "NaN"},
        {"doubleValue": "Infinity"},
        {"bytesValue": text_of(b"\x00\xff\xfe")},
        {"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "mixed"}, {}]}},
        {"arrayValue": {}},
        {"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": []}}}]}},
        {"kvlistValue": {}},
        {},
        None,
    ],
    ids=str,
)
def test_a_body_of_every_kind_is_taken(target: Target, body: Any) -> None:
    is_kept(send(target, log_record(body=body)))


@case("logs.body-protobuf", VALUES)
@pytest.mark.parametrize(
    "body",
    [
        AnyValue(string_value=""),
        AnyValue(bool_value=False),
        AnyValue(int_value=-(1 << 63)),
        AnyValue(double_value=float("nan")),
        AnyValue(bytes_value=b"\x00\xff\xfe"),
        AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()])),
        DEEP,
        AnyValue(),
    ],
    ids=lambda one: one.WhichOneof("value") or "nothing",
)
def test_a_body_of_every_kind_is_taken_in_protobuf(target: Target, body: AnyValue) -> None:
    is_kept(send_binary(target, logs_protobuf(body)), is_json=False)


@case("logs.body-int", ENCODING)
@pytest.mark.parametrize("value", [7, "7", "-9223372036854775808", "9223372036854775807"])
def test_an_integer_is_a_text_or_a_number(target: Target, value: str | int) -> None:
    is_kept(send(target, log_record(body={"intValue": value})))


@case("logs.body-int-beyond", ENCODING)
@pytest.mark.parametrize("value", ["9223372036854775808", "-9223372036854775809", "1e3x", "seven"])
def test_what_is_no_integer_of_64_bits_is_refused(target: Target, value: str) -> None:
    is_refused(send(target, log_record(body={"intValue": value})))


@case("logs.body-base64", "proto3, JSON Mapping, bytes")
@pytest.mark.parametrize("value", ["AP/+", "AP_-", "AA==", "AA", ""])
def test_bytes_are_base64_of_either_alphabet_with_and_without_padding(
    target: Target, value: str
) -> None:
    is_kept(send(target, log_record(body={"bytesValue": value})))


@case(
    "logs.body-base64-bad",
    "proto3, JSON Mapping, bytes",
    left_open="parsers differ in what they skip",
)
@pytest.mark.parametrize("value", ["A", "****", "A\u00e4AA"])
def test_what_is_no_base64_is_refused(target: Target, value: str) -> None:
    is_refused(send(target, log_record(body={"bytesValue": value})))


@case("logs.empty", SUCCESS)
@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"resourceLogs": []},
        {"resourceLogs": [{}]},
        {"resourceLogs": [{"scopeLogs": []}]},
        {"resourceLogs": [{"scopeLogs": [{"logRecords": []}]}]},
    ],
    ids=json.dumps,
)
def test_a_request_without_records_is_a_success(target: Target, request_: Any) -> None:
    is_kept(target.send(in_json(request_), JSON, PATH))
    is_kept(send_binary(target, b""), is_json=False)


@case("logs.success-unset", SUCCESS)
def test_a_full_success_leaves_partial_success_unset(target: Target) -> None:
    reply = send_binary(target, logs_protobuf())
    assert not RESPONSES["logs"].FromString(reply.body).HasField("partial_success")
    assert json.loads(send(target, log_record()).body).get("partialSuccess") is None


@case("logs.ids-invalid", "logs.proto, LogRecord: trace_id, span_id")
@pytest.mark.parametrize(
    "wrong",
    [{"traceId": "00" * 16, "spanId": "00" * 8}, {"traceId": "ab"}, {"spanId": "abcd"}],
    ids=str,
)
def test_a_record_without_proper_ids_costs_no_other(target: Target, wrong: dict[str, str]) -> None:
    is_kept_or_refused(send(target, log_record(**wrong), log_record()))


@case("logs.partial", PARTIAL, left_open="a receiver may keep such a record")
def test_what_cannot_be_kept_is_counted_and_told_and_the_rest_is_kept(target: Target) -> None:
    records = [log_record(), log_record(severityNumber=99), log_record(severityNumber=99)]
    reply = send(target, *records)
    assert reply.status == 200
    refused, message = rejected("logs", reply.body, is_json=True)
    assert refused == 2
    assert message


@case("logs.unknown-fields", ENCODING)
def test_unknown_fields_are_ignored_at_every_level_of_logs(target: Target) -> None:
    more: dict[str, Any] = {"laterField": {"deep": [1, None, {"x": "y"}]}}
    request = logs({**log_record(), **more})
    request["resourceLogs"][0]["scopeLogs"][0] |= more
    request["resourceLogs"][0] |= more
    is_kept(target.send(in_json({**request, **more}), JSON, PATH))


@case("logs.unknown-fields-protobuf", "Binary Protobuf Encoding")
def test_fields_of_a_later_version_are_ignored_in_logs(target: Target) -> None:
    later = b"\xa2\x06\x05later" + b"\xa8\x06\x07" + b"\xb5\x06\x00\x00\x00\x00"
    is_kept(send_binary(target, logs_protobuf() + later), is_json=False)


@case("logs.key-twice", "common.proto, KeyValue", left_open="senders must not do it")
def test_an_attribute_that_stands_twice_is_no_error(target: Target) -> None:
    pair = {"key": "same", "value": {"intValue": 1}}
    other = {"key": "same", "value": {"stringValue": "two"}}
    body = {"kvlistValue": {"values": [pair, other]}}
    assert send(target, log_record(attributes=[pair, other], body=body)).status == 200


@case("logs.member-twice", "RFC 8259, 4", left_open="what a parser does with it is unpredictable")
def test_a_member_that_stands_twice_is_no_server_error(target: Target) -> None:
    twice = '{"timeUnixNano": "1", "body": {"stringValue": "a"}, "body": {"stringValue": "b"}}'
    request = '{"resourceLogs": [], "resourceLogs": [{"scopeLogs": [{"logRecords": [%s]}]}]}'
    assert target.send((request % twice).encode(), JSON, PATH).status in (200, 400)


@case("logs.null", "proto3, JSON Mapping")
def test_null_is_the_default_of_every_field_of_a_record(target: Target) -> None:
    nothing = dict.fromkeys(
        ("attributes", "severityNumber", "severityText", "traceId", "spanId", "flags", "eventName")
    )
    is_kept(send(target, log_record(**nothing)))


@case("logs.types", ENCODING, left_open="it is bad data, or a record to refuse")
@pytest.mark.parametrize(
    "wrong",
    [
        {"severityNumber": "loud"},
        {"severityText": 7},
        {"body": "text"},
        {"body": {"stringValue": 7}},
        {"body": {"arrayValue": []}},
        {"timeUnixNano": "-1"},
    ],
    ids=json.dumps,
)
def test_a_value_of_another_type_is_refused_in_logs(target: Target, wrong: Any) -> None:
    is_refused(send(target, log_record(**wrong)))


@case("logs.many", RECORD)
def test_a_thousand_records_are_taken_at_once(target: Target) -> None:
    is_kept(send(target, *(log_record(timeUnixNano=str(START_NS + n)) for n in range(1_000))))

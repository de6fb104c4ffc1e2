"""Foreign logs: masked whole, kept as events of the service, told from repetitions."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tallystick.event import make_record
from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick_ingest.foreign_logs import mask_logs
from tallystick_ingest.masked import MaskedLog
from tallystick_ingest.otlp import json_form, protobuf
from tallystick_ingest.otlp.signals import LogItem
from tests.requirements import requirement
from tests.sending import SPAN, TRACE, batch, foreign_logs_json
from tests.stores import Emitter

MASKING = Masking.of(TokenKey("k1", b"k" * 32))
NOW_US = 1_796_300_000_000_000
CANARY = "ada.lovelace@example.com"
GEN_AI = {
    "eventName": "gen_ai.client.inference.operation.details",
    "traceId": TRACE,
    "spanId": SPAN,
    "severityNumber": 9,
    "severityText": "INFO",
    "attributes": {
        "gen_ai.agent.name": "planner",
        "gen_ai.conversation.id": "c-7",
        "gen_ai.input.messages": [{"role": "user", "content": f"write to {CANARY}"}],
    },
    "body": {"finish": "stop", "tokens": 12, "share": 0.5},
}


def masked(*records: dict[str, Any], **shared: Any) -> tuple[MaskedLog, ...]:
    items = json_form.logs(foreign_logs_json(*records, **shared))
    kept, refusals = mask_logs(items, MASKING, NOW_US)
    assert refusals == ()
    return kept


def written(log: MaskedLog) -> tuple[dict[str, Any], dict[str, str]]:
    """Print the record, as the service's session would, and return what it says."""
    prepared = log.derived
    statement = {**prepared.statement, "session": "ab" * 16, "seq": 3}
    record = make_record(statement, prepared.disclosures, lambda: "0" * 32)
    return dict(record.statement), {one.field: one.value for one in record.disclosures}


@requirement("otlp.foreign-client")
def test_an_event_of_the_gen_ai_conventions_is_kept_with_all_that_it_says() -> None:
    [log] = masked(GEN_AI)
    said, disclosed = written(log)
    assert {name: said[name] for name in said if name.startswith(("otlp.", "trace", "span"))} == {
        "otlp.digest": log.digest,
        "otlp.event_name": GEN_AI["eventName"],
        "otlp.severity": 9,
        "otlp.severity_text": "INFO",
        "trace.id": TRACE,
        "span.id": SPAN,
    }
    assert (said["type"], said["origin"], said["signed"]) == ("otlp.log", "derived", False)
    assert (said["agent.name"], said["agent.basis"]) == ("planner", "asserted")
    assert (said["conversation.id"], said["service.name"]) == ("c-7", "shop")
    assert said["time_us"] == 1796213472000000
    assert json.loads(disclosed["otlp.body"]) == GEN_AI["body"]
    assert json.loads(disclosed["otlp.resource"]) == {"service.name": "shop"}
    [message] = json.loads(disclosed["attributes"])["gen_ai.input.messages"]
    assert message["content"].startswith("write to [email:tok_k1_")


@requirement("mask.before-writing")
@pytest.mark.parametrize(
    "record",
    [
        {"body": CANARY},
        {"body": {"to": [CANARY]}},
        {"body": json.dumps({"to": CANARY})},
        {"attributes": {"user": CANARY}},
        {"eventName": f"mail to {CANARY}"},
        {"severityText": CANARY},
        {"attributes": {"gen_ai.agent.name": CANARY}},
        {"attributes": {CANARY: "a key"}},
    ],
)
def test_nothing_of_a_person_is_left_in_any_part(record: dict[str, Any]) -> None:
    [log] = masked(record, scope=f"scope {CANARY}", resource={"host.name": CANARY})
    assert "lovelace" not in repr(log)
    assert sum(log.derived.statement["mask.hits"].values()) >= 3


def test_both_forms_say_the_same() -> None:
    body = foreign_logs_json(GEN_AI, {"body": "a line"}, {"body": [1, True, None, 2.5]})
    message = json.loads(body)
    for one in message["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
        for key in ("traceId", "spanId"):  # base64 in protobuf's own JSON
            one.pop(key, None)
    plain = json.dumps(message).encode()
    request = json_format.Parse(plain, ExportLogsServiceRequest())
    assert protobuf.logs(request.SerializeToString()) == json_form.logs(plain)


def test_a_record_that_says_next_to_nothing_is_kept_at_the_time_of_its_arrival() -> None:
    [log] = masked({"timeUnixNano": "0"}, scope="")
    said, disclosed = written(log)
    assert said["time_us"] == NOW_US
    assert not said.keys() & {"trace.id", "span.id", "otlp.severity", "otlp.event_name"}
    assert disclosed.keys() == {"otlp.resource"}


def test_the_time_of_observation_stands_in_for_a_time_that_is_not_stated() -> None:
    [log] = masked({"timeUnixNano": "0", "observedTimeUnixNano": "1796213472000001000"})
    assert log.derived.statement["time_us"] == 1796213472000001


def test_a_repetition_has_the_same_digest_and_nothing_else_has() -> None:
    again, same, other, later = masked(
        GEN_AI, GEN_AI, {**GEN_AI, "body": "x"}, {**GEN_AI, "timeUnixNano": "1796213472000000001"}
    )
    assert again.digest == same.digest
    assert len({again.digest, other.digest, later.digest}) == 3
    [elsewhere] = masked(GEN_AI, resource={"service.name": "bank"})
    assert elsewhere.digest != again.digest


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("severityNumber", 25, "a severity number is beyond 24"),
        ("severityNumber", -1, "a severity number is beyond 24"),
        ("timeUnixNano", str(2**64 - 1), "a time lies beyond the year 2255"),
    ],
)
def test_one_bad_record_is_refused_and_the_others_are_kept(
    field: str, value: object, fault: str
) -> None:
    items = json_form.logs(foreign_logs_json({**GEN_AI, field: value}, GEN_AI))
    kept, refusals = mask_logs(items, MASKING, NOW_US)
    assert len(kept) == 1
    assert [(one.reason, one.detail) for one in refusals] == [("log_invalid", fault)]


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        ({"traceId": "ab", "spanId": "cd" * 8}, {"otlp.ids_invalid"}),
        ({"traceId": "zz" * 16, "spanId": ""}, {"otlp.ids_invalid"}),
        ({"traceId": "ab" * 16, "spanId": "zz" * 8}, {"trace.id", "otlp.ids_invalid"}),
        ({"traceId": "", "spanId": "cd"}, {"otlp.ids_invalid"}),
        ({"traceId": "", "spanId": "cd" * 8}, set()),
        ({"traceId": "00" * 16, "spanId": "00" * 8}, set()),
        ({"traceId": "ab" * 16, "spanId": "cd" * 8}, {"trace.id", "span.id"}),
    ],
    ids=[
        "short trace",
        "trace of other characters",
        "span of other characters",
        "short span",
        "span of no trace",
        "zeros",
        "both",
    ],
)
def test_an_id_that_is_none_places_a_record_nowhere_and_is_told_from_no_id(
    ids: dict[str, str], kept: set[str]
) -> None:
    [log] = masked({**GEN_AI, **ids})
    said, _ = written(log)
    assert said.keys() & {"trace.id", "span.id", "otlp.ids_invalid"} == kept


def test_a_body_that_is_too_large_is_kept_as_a_preview_and_says_so() -> None:
    [log] = masked({"body": "long words " * 60_000})
    said, disclosed = written(log)
    assert said["otlp.truncated"] is True
    assert disclosed["otlp.body"].endswith('[cut]"')


@pytest.mark.parametrize(
    ("scope", "name"), [("tallystick", ""), ("tallystick", "app.line"), ("app", "tallystick.event")]
)
def test_what_claims_to_be_ours_is_no_foreign_log(scope: str, name: str) -> None:
    body = foreign_logs_json({"body": "a line", "eventName": name}, scope=scope)
    assert json_form.logs(body) == [LogItem(name, "a line", None)]
    assert mask_logs(json_form.logs(body), MASKING, NOW_US) == ((), ())


@pytest.mark.parametrize("item", batch(Emitter("lost"), 1))
def test_a_record_of_ours_that_lost_its_name_on_the_way_is_none_either(item: LogItem) -> None:
    body = foreign_logs_json({"body": item.body, "eventName": ""}, scope="")
    assert json_form.logs(body) == [LogItem("", item.body, None)]


@pytest.mark.parametrize("line", ['{"v":1}', '{"level":"info","v":1}x', "tallystick.seal/v1 came"])
def test_a_line_that_resembles_ours_in_part_is_a_log_like_any_other(line: str) -> None:
    [item] = json_form.logs(foreign_logs_json({"body": line, "eventName": ""}, scope=""))
    assert item.details is not None

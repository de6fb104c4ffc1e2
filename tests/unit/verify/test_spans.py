"""Spans that contradict signed events are listed; what nobody compares is not."""

from typing import Any

import pytest

from tallystick.verify.source import SpansText
from tests.builder import START_US, Log, Session, span_record
from tests.verifying import messages, verify_log

STATED = {
    "trace__id": f"{1:032x}",
    "span__id": f"{1:016x}",
    "span__start_us": START_US,
    "span__end_us": START_US + 10,
    "mcp__method": "tools/call",
}


def contradictions(stated: dict[str, Any], **span: Any) -> str:
    log = Log()
    session = Session(log)
    session.open()
    session.call(1, **stated)
    session.close()
    log.accept(SpansText(0, (span_record(1, **span),)))
    log.publish()
    report = verify_log(log)
    assert report.exit_code == 0
    return messages(report, 12, "notice")


def test_a_span_that_agrees_is_not_listed() -> None:
    assert contradictions(STATED) == ""


@pytest.mark.parametrize(
    ("span", "what"),
    [
        ({"start_ns": str(START_US * 1000 - 1)}, "another start"),
        ({"end_ns": str(START_US * 1000)}, "another end"),
        ({"name": "tools/call other"}, "another name"),
        ({"status": 2}, "another status"),
        ({"name": "x", "status": 2}, "another name, status"),
    ],
)
def test_a_span_that_contradicts_is_listed(span: dict[str, Any], what: str) -> None:
    text = contradictions(STATED, **span)
    assert text == f"log index 5: a span contradicts the signed event at log index 2: {what}"


def test_parts_of_a_microsecond_are_no_contradiction() -> None:
    assert contradictions(STATED, start_ns=str(START_US * 1000 + 999)) == ""


@pytest.mark.parametrize(
    ("outcome", "status", "agrees"),
    [
        ("success", 0, True),
        ("success", 1, True),
        ("success", 2, False),
        ("failure", 2, True),
        ("failure", 0, False),
        ("timeout", 2, True),
        ("timeout", 1, False),
        ("cancelled", 0, True),
        ("cancelled", 2, True),
        ("denied", 2, True),
    ],
)
def test_the_status_follows_the_outcome(outcome: str, status: int, agrees: bool) -> None:
    text = contradictions({**STATED, "outcome": outcome}, status=status)
    assert (text == "") is agrees


def test_a_call_outside_mcp_names_its_span_by_the_tool_alone() -> None:
    stated = {name: value for name, value in STATED.items() if name != "mcp__method"}
    assert contradictions(stated, name="execute_tool lookup") == ""
    assert "another name" in contradictions(stated)


@pytest.mark.parametrize("missing", ["trace__id", "span__id", "span__start_us", "span__end_us"])
def test_an_event_that_does_not_state_the_whole_span_is_not_compared(missing: str) -> None:
    stated = {name: value for name, value in STATED.items() if name != missing}
    assert contradictions(stated, name="other") == ""


def test_a_derived_event_is_the_reading_of_its_span_and_is_not_compared() -> None:
    assert contradictions({**STATED, "origin": "derived"}, name="other") == ""


@pytest.mark.parametrize("ids", [("zz", "zz"), ("", ""), ("é" * 16, "x")])
def test_ids_that_are_no_hex_are_compared_as_they_are(ids: tuple[str, str]) -> None:
    stated = {**STATED, "trace__id": ids[0], "span__id": ids[1]}
    assert "another name" in contradictions(stated, trace_id=ids[0], span_id=ids[1], name="other")
    assert contradictions(stated, trace_id=ids[0], span_id="other", name="other") == ""

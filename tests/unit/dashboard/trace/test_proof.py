"""The proof of one record, recomputed by its reader, and what each forgery does to it."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tallystick.event import Record
from tallystick.tlog.encoding import to_base64
from tallystick.tlog.proofs import inclusion_proof
from tallystick.tlog.tree import leaf_hash
from tallystick_dashboard.trace.proof import Keys, Step, fault_text, steps_of
from tallystick_dashboard.trace.record import view_of
from tests.builder import Log, Session
from tests.keys import key_pair
from tests.requirements import requirement

Answer = dict[str, Any]


@pytest.fixture
def log() -> Log:
    log = Log()
    session = Session(log)
    session.open()
    session.call(1)
    session.call(2)
    session.seal()
    log.publish()
    return log


def answer(log: Log, index: int = 3, seal: int = 4) -> Answer:
    """Give what the service gives for the record at `index` of the log, sealed at `seal`."""
    content: Any = log.contents[index]
    opening: Any = log.contents[0]
    sealing: Any = log.contents[seal]
    leaves = [leaf_hash(entry) for entry in log.entries_list]
    return {
        "log_index": index,
        "line": content.statement,
        "disclosures": list(content.disclosures),
        "entry": base64.b64encode(log.entries_list[index]).decode(),
        "leaf_hash": "",
        "sealing": "sealed",
        "origin": "native",
        "seal": {"log_index": seal, "body": sealing.body},
        "session_open": opening.statement,
        "recovered_by": None,
        "checkpoint": log.notes[-1],
        "inclusion": {
            "index": index,
            "size": len(leaves),
            "proof": [to_base64(one) for one in inclusion_proof(leaves, index)],
        },
        "faults": [],
    }


def keys(log: Log) -> Keys:
    return Keys(log.key.key.vkey, tuple(one.key.vkey for one in log.emitters))


def states(event: Answer, known: Keys) -> dict[str, str]:
    return {step.name: step.state for step in steps_of(view_of(event), event, known)}


def step(event: Answer, known: Keys, name: str) -> Step:
    return next(one for one in steps_of(view_of(event), event, known) if one.name == name)


@requirement("dashboard.proof")
def test_every_step_of_an_honest_record_holds(log: Log) -> None:
    found = states(answer(log), keys(log))
    assert list(found) == [
        "Record",
        "Stored columns",
        "Log entry",
        "Seal of its session",
        "Seal's signature",
        "Session's key",
        "Checkpoint's signature",
        "Inclusion in the log",
    ]
    assert set(found.values()) == {"ok"}


def _change_line(event: Answer) -> None:
    event["line"] = event["line"].replace('"lookup"', '"delete"')


def _remove_line(event: Answer) -> None:
    event["line"] = None


def _change_disclosure(event: Answer) -> None:
    event["disclosures"] = [one.replace("person", "nobody") for one in event["disclosures"]]


def _change_column(event: Answer) -> None:
    event["faults"] = [{"column": "tool_name", "stated": "lookup", "stored": "delete"}]


def _swap_entry(event: Answer) -> None:
    event["entry"] = base64.b64encode(
        base64.b64decode(event["entry"]).replace(b'"k":"event"', b'"k":"seal"')
    ).decode()


def _break_entry(event: Answer) -> None:
    event["entry"] = "!!"


def _break_seal(event: Answer) -> None:
    event["seal"]["body"] = event["seal"]["body"].replace("old 1", "old 2")


def _break_checkpoint(event: Answer) -> None:
    event["checkpoint"] = event["checkpoint"].replace("\n5\n", "\n6\n")


def _break_proof(event: Answer) -> None:
    event["inclusion"]["proof"][0] = to_base64(b"\x07" * 32)


def _another_index(event: Answer) -> None:
    event["inclusion"]["index"] = 2


@requirement("dashboard.proof", "dashboard.corrupt-row")
@pytest.mark.parametrize(
    ("change", "failed"),
    [
        (_change_line, {"Log entry", "Seal of its session"}),
        (_remove_line, {"Record", "Log entry", "Seal of its session", "Seal's signature"}),
        (_change_disclosure, {"Record"}),
        (_change_column, {"Stored columns"}),
        (_swap_entry, {"Log entry", "Inclusion in the log"}),
        (_break_entry, {"Log entry", "Inclusion in the log"}),
        (_break_seal, {"Seal of its session", "Seal's signature"}),
        (_break_checkpoint, {"Checkpoint's signature", "Inclusion in the log"}),
        (_break_proof, {"Inclusion in the log"}),
        (_another_index, {"Inclusion in the log"}),
    ],
)
def test_a_forgery_fails_the_steps_that_it_touches(
    log: Log, change: Callable[[Answer], None], failed: set[str]
) -> None:
    event = answer(log)
    change(event)
    found = states(event, keys(log))
    assert failed <= {name for name, state in found.items() if state == "failed"}
    assert "ok" in found.values()


def test_a_seal_of_another_place_does_not_count(log: Log) -> None:
    event = answer(log, seal=1)
    assert step(event, keys(log), "Seal of its session").state == "failed"


def test_a_seal_of_another_session_does_not_count(log: Log) -> None:
    other = Session(log, "other")
    index = other.open()
    log.publish()
    event = {**answer(log), "seal": answer(log, seal=index + 1)["seal"]}
    assert "expected the record's session" in step(event, keys(log), "Seal of its session").text


def test_what_is_not_at_hand_is_not_checked_and_says_why(log: Log) -> None:
    event = {
        **answer(log),
        "seal": None,
        "recovered_by": 17,
        "session_open": None,
        "checkpoint": None,
        "inclusion": None,
    }
    steps = {one.name: one for one in steps_of(view_of(event), event, keys(log))}
    unchecked = {name for name, one in steps.items() if one.state == "not checked"}
    assert unchecked == set(steps) - {"Record", "Stored columns", "Log entry"}
    assert "record 17 adopts it" in steps["Seal of its session"].text
    assert "no checkpoint covers" in steps["Inclusion in the log"].text


def test_without_keys_no_signature_is_checked(log: Log) -> None:
    found = states(answer(log), Keys())
    unchecked = {name for name, state in found.items() if state == "not checked"}
    assert unchecked == {"Session's key", "Checkpoint's signature", "Inclusion in the log"}


def test_a_log_key_of_somebody_else_fails_the_checkpoint(log: Log) -> None:
    strange = Keys(key_pair(log.key.name, "other").key.vkey, keys(log).emitters)
    assert step(answer(log), strange, "Checkpoint's signature").state == "failed"


def test_an_unsealed_record_fails_for_want_of_a_seal(log: Log) -> None:
    event = {**answer(log), "seal": None, "sealing": "unsealed"}
    found = step(event, keys(log), "Seal of its session")
    assert (found.state, found.text) == ("failed", "no seal covers this record: unsealed")


@pytest.fixture
def recovered() -> tuple[Log, Answer, Answer]:
    """Give a log in which one process died and the next adopted its tail: the orphan, the adopter."""
    log = Log()
    dead = Session(log)
    dead.open()
    orphan = dead.call(1)
    heir = Session(log, "heir")
    opened = heir.open()
    adopter = heir.recover(dead)
    seal = heir.seal()
    log.publish()
    adopted = {**answer(log, orphan, seal), "seal": None, "recovered_by": adopter}
    opening: Any = log.contents[opened]
    return log, adopted, {**answer(log, adopter, seal), "session_open": opening.statement}


def test_a_recovered_record_is_proven_by_the_record_that_adopts_it(
    recovered: tuple[Log, Answer, Answer],
) -> None:
    log, event, recovery = recovered
    found = steps_of(view_of(event), event, keys(log), recovery)
    assert {one.state for one in found} == {"ok"}
    assert [one.name for one in found][3:5] == ["Recovery", "Seal of the recovery"]


def test_a_record_that_adopts_something_else_recovers_nothing(
    recovered: tuple[Log, Answer, Answer], log: Log
) -> None:
    whole, event, recovery = recovered
    strange = answer(log)
    found = steps_of(view_of(strange), strange, keys(whole), recovery)
    states = {one.name: one.state for one in found}
    assert states["Recovery"] == "failed"
    other = steps_of(view_of(event), event, keys(whole), answer(log))
    assert {one.name: one.state for one in other}["Recovery"] == "failed"


@requirement("dashboard.derived-unsealed")
def test_a_derived_record_says_first_that_nobody_signed_its_source(log: Log) -> None:
    event = {**answer(log), "sealing": "derived", "origin": "derived"}
    first, *rest = steps_of(view_of(event), event, keys(log))
    assert (first.name, first.state) == ("Source", "not checked")
    assert "Seal of the service's reading" in [one.name for one in rest]


def test_withheld_disclosures_are_counted(log: Log) -> None:
    event = answer(log)
    event["disclosures"].pop()
    found = step(event, keys(log), "Record")
    assert found.state == "ok"
    assert "1 more: withheld or erased" in found.text


@requirement("dashboard.inert")
@pytest.mark.parametrize("garbage", ["", "{}", "[1", "\ud800", "null", "x" * 100_000])
def test_lines_that_are_no_record_fail_and_raise_nothing(log: Log, garbage: str) -> None:
    event = {**answer(log), "line": garbage, "disclosures": [garbage], "seal": {"body": garbage}}
    found = states(event, keys(log))
    assert found["Record"] == "failed"
    assert found["Inclusion in the log"] == "ok"


def test_a_fault_names_the_column_and_both_values_in_a_line() -> None:
    told = fault_text({"column": "tool_name", "stated": "a", "stored": "b" * 500})
    assert told.startswith("tool_name: expected a, stored is bbb")
    assert len(told) < 200
    assert fault_text({"column": "line"}) == "line is not what was recorded"


def test_a_record_is_read_with_its_disclosures(log: Log) -> None:
    view = view_of(answer(log))
    assert isinstance(view.record, Record)
    assert view.disclosed("principal.id") == "person-2"
    assert (view.disclosed("result"), view.withheld, view.is_end) == (None, 0, True)

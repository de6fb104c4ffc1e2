"""`record()` and `decide()`: what people and policies decided, with who and where from the context."""

from collections.abc import Callable

import pytest

from tallystick import runtime
from tallystick.context import agent, caller
from tallystick.errors import RecordError
from tallystick.governance import RECORDABLE, decide, record
from tallystick.instrument.functions import tool_call
from tests.recorded import Recording, disclosed

Reader = Callable[[], Recording]


def test_an_approval_fills_the_fields_of_the_table(recording: Reader) -> None:
    record(
        "approval.decided",
        approval_id="a-1",
        approval_decision="approved",
        approval_reason="ask ada@example.com",
        approval_presented_digest="transfer 100",
        ticket={"number": 7},
    )
    done = recording().one(type="approval.decided")
    assert done.statement["approval.id"] == "a-1"
    assert done.statement["approval.decision"] == "approved"
    assert len(done.statement["approval.presented_digest"]) == 32
    assert disclosed(done)["approval.reason"].startswith("ask [email:")
    assert disclosed(done)["attributes"] == '{"ticket":{"number":7}}'


def test_who_acts_and_where_come_from_the_context(recording: Reader) -> None:
    with caller(user_id="ada"), agent("planner", id="p-1"), tool_call("plan"):
        record("risk.flagged", level="high")
    flagged = recording().one(type="risk.flagged").statement
    called = recording().one(type="tool.completed").statement
    assert flagged["agent.id"] == "p-1"
    assert flagged["principal.ref"] == called["principal.ref"]
    assert flagged["action.parent_id"] == called["action.id"]
    assert flagged["trace.id"] == called["trace.id"]
    assert "span.id" not in flagged


@pytest.mark.parametrize("name", ["principal_id", "action_id", "session", "log_size", "trace_id"])
def test_fields_that_are_not_the_callers_to_state_become_attributes(
    recording: Reader, name: str
) -> None:
    record("config.changed", **{name: "mine"})
    changed = recording().one(type="config.changed")
    assert disclosed(changed)["attributes"] == f'{{"{name}":"mine"}}'


@pytest.mark.parametrize("name", ["session.open", "tool.completed", "access.read", "nonsense"])
def test_only_events_of_governance_can_be_recorded(name: str) -> None:
    with pytest.raises(RecordError, match="cannot be recorded"):
        record(name)


@pytest.mark.usefixtures("running")
def test_a_value_of_the_wrong_type_is_refused_by_name() -> None:
    with pytest.raises(RecordError, match="approval_id is int, expected str"):
        record("approval.requested", approval_id=7)


@pytest.mark.parametrize("name", RECORDABLE)
def test_every_recordable_type_is_recorded(recording: Reader, name: str) -> None:
    record(name, detail="x")
    assert recording().one(type=name).statement["observer"] == "agent"


def test_a_decision_outside_of_any_call_is_an_event(recording: Reader) -> None:
    decide("deny", policy_id="p", policy_version="2", rule="r", reason="because")
    denied = recording().one(type="authz.decision")
    assert denied.statement["outcome"] == "denied"
    assert denied.statement["decision.policy_version"] == "2"
    assert disclosed(denied)["decision.reason"] == "because"


def test_a_decision_inside_a_call_is_no_event_of_its_own(recording: Reader) -> None:
    with tool_call("x"):
        decide("allow", policy_id="p")
    assert recording().where(type="authz.decision") == []
    assert recording().one(type="tool.completed").statement["decision.effect"] == "allow"


def test_without_a_runtime_nothing_is_recorded() -> None:
    assert runtime.current() is None
    record("risk.flagged", level="high")
    decide("deny")

"""`record()` and `decide()`: what people and policies decided, with who and where from the context."""

from collections.abc import Callable

import pytest

from tallystick import runtime
from tallystick.capture.call import Call, Sighting, made_current
from tallystick.capture.context import agent, caller
from tallystick.capture.governance import RECORDABLE, decide, record
from tallystick.capture.identity import Identity, Principal
from tallystick.errors import RecordError
from tallystick.instrument.functions import tool_call
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

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


@requirement("sdk.denial-stands")
def test_an_answer_that_is_replaced_is_an_event_of_its_own(recording: Reader) -> None:
    with tool_call("x"):
        decide("deny", policy_id="new rules", enforced=False)
        decide("allow", policy_id="rules")
        decide("allow", policy_id="rules")
    call = recording().one(type="tool.completed").statement
    assert call["decision.policy_id"] == "rules"
    shadow = recording().one(type="authz.decision").statement
    assert (shadow["decision.effect"], shadow["decision.enforced"]) == ("deny", False)
    assert shadow["outcome"] == "success"
    assert shadow["action.parent_id"] == call["action.id"]


@requirement("sdk.denial-stands")
def test_an_enforced_refusal_is_not_overruled(recording: Reader) -> None:
    def refused() -> None:
        with tool_call("x"):
            decide("deny", policy_id="one")
            decide("allow", policy_id="two")
            raise PermissionError

    with pytest.raises(PermissionError):
        refused()
    assert recording().one(type="tool.denied").statement["decision.policy_id"] == "one"
    assert recording().one(type="authz.decision").statement["decision.policy_id"] == "two"


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("effect", ["Deny", "denied", "", None, 7, "x" * 10_000])
def test_an_effect_that_is_none_of_the_three_is_refused(effect: object) -> None:
    with pytest.raises(RecordError, match="expected allow, deny, not_evaluated"):
        decide(effect)  # type: ignore[arg-type]


def test_what_a_policy_gives_as_names_is_kept_as_text(recording: Reader) -> None:
    decide("deny", policy_id=7, rule=["a"], reason=ValueError("x"))  # type: ignore[arg-type]
    denied = recording().one(type="authz.decision")
    assert denied.statement["decision.policy_id"] == "7"
    assert denied.statement["decision.rule"] == "['a']"
    assert disclosed(denied)["decision.reason"] == "x"


def test_who_calls_a_server_is_who_acts_in_what_its_tool_records(
    running: runtime.Runtime, recording: Reader
) -> None:
    known = Identity(Principal("ada", basis="authenticated"))
    call = Call(running, Sighting("mcp_server", "tool", "x", identity=known))
    with made_current(call):
        record("risk.flagged")
    flagged = recording().one(type="risk.flagged").statement
    assert flagged["principal.basis"] == "authenticated"

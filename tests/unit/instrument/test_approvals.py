"""Approvals: a request and a decision that share an id, bound to what was shown."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

import tallystick
from tallystick import runtime
from tallystick.capture.context import caller
from tallystick.errors import RecordError
from tallystick.instrument.functions import tool_call
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

Reader = Callable[[], Recording]
SHOWN = {"tool": "transfer", "amount": 100, "to": "ada@example.com"}


@requirement("sdk.approvals-bound")
def test_request_and_decision_share_an_id_and_the_digest_of_what_was_shown(
    recording: Reader,
) -> None:
    with tallystick.approval(SHOWN, channel="chat") as asked:
        asked.decide("approved", reason="as ada@example.com wished", approver="grace")
    found = recording()
    requested, decided = found.one(type="approval.requested"), found.one(type="approval.decided")
    for name in ("approval.id", "approval.presented_digest", "approval.mode", "approval.channel"):
        assert requested.statement[name] == decided.statement[name]
    assert requested.statement["approval.id"] == asked.id
    assert decided.statement["approval.decision"] == asked.decision == "approved"
    assert "approval.decision" not in requested.statement


def test_what_was_shown_and_said_stands_masked_in_disclosures(recording: Reader) -> None:
    with tallystick.approval(SHOWN) as asked:
        asked.decide("denied", reason="as ada@example.com wished")
    for record in recording().records:
        assert "ada@example.com" not in record.body
    decided = recording().one(type="approval.decided")
    assert disclosed(decided)["approval.presented"].startswith('{"tool":"transfer","amount":100')
    assert disclosed(decided)["approval.reason"].startswith("as [email:")


@requirement("sdk.approvals-bound")
def test_an_approval_of_something_else_has_another_digest(recording: Reader) -> None:
    for shown in (SHOWN, {**SHOWN, "amount": 101}, dict(reversed(SHOWN.items())), "text", "text "):
        tallystick.approval_requested(shown)
    digests = [
        record.statement["approval.presented_digest"]
        for record in recording().where(type="approval.requested")
    ]
    assert digests[0] == digests[2]  # the order of keys is no difference
    assert len(set(digests)) == 4


def test_the_one_who_approves_is_not_the_one_who_asks(recording: Reader) -> None:
    with caller(user_id="ada"):
        id_ = tallystick.approval_requested("delete all", mode="human")
        tallystick.approval_decided(id_, "approved", presented="delete all", approver="grace")
    asked, decided = (recording().one(type=f"approval.{what}") for what in ("requested", "decided"))
    assert asked.statement["principal.ref"] != decided.statement["principal.ref"]
    assert decided.statement["principal.basis"] == "asserted"
    assert disclosed(decided)["principal.id"] == "grace"
    assert (
        decided.statement["approval.presented_digest"]
        == asked.statement["approval.presented_digest"]
    )


def test_a_decision_without_what_was_shown_states_no_digest(recording: Reader) -> None:
    tallystick.approval_decided("ticket-7", "approved", mode="standing")
    decided = recording().one(type="approval.decided").statement
    assert decided["approval.id"] == "ticket-7"
    assert decided["approval.mode"] == "standing"
    assert "approval.presented_digest" not in decided


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        (None, "cancelled"),
        (ValueError("x"), "cancelled"),
        (asyncio.CancelledError(), "cancelled"),
        (TimeoutError(), "expired"),
    ],
)
def test_a_question_without_an_answer_is_recorded_as_such(
    recording: Reader, error: BaseException | None, decision: str
) -> None:
    with contextlib.ExitStack() as stack:
        if error is not None:
            stack.enter_context(pytest.raises(type(error)))
        stack.enter_context(tallystick.approval("x"))
        stack.callback(_raise, error)
    assert recording().one(type="approval.decided").statement["approval.decision"] == decision


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error


def test_an_approval_works_in_async_with(recording: Reader) -> None:
    async def ask() -> None:
        async with tallystick.approval("x") as asked:
            asked.decide("modified")

    asyncio.run(ask())
    assert recording().one(type="approval.decided").statement["approval.decision"] == "modified"


@requirement("sdk.denial-stands")
def test_a_second_answer_is_refused_and_the_first_stands(recording: Reader) -> None:
    with tallystick.approval("x") as asked:
        asked.decide("denied")
        with pytest.raises(RecordError, match="already denied"):
            asked.decide("approved")
    assert recording().one(type="approval.decided").statement["approval.decision"] == "denied"


@requirement("sdk.denial-stands")
def test_a_call_that_fails_after_a_denial_is_a_denied_one(recording: Reader) -> None:
    asked = tallystick.approval("transfer 100")

    def transfer() -> None:
        with tool_call("transfer"):
            with asked:
                asked.decide("denied")
            raise PermissionError

    with pytest.raises(PermissionError):
        transfer()
    found = recording()
    call = found.one(type="tool.denied").statement
    assert call["decision.policy_id"] == "approval"
    assert call["decision.rule"] == asked.id
    for type_ in ("approval.requested", "approval.decided"):
        assert found.one(type=type_).statement["action.parent_id"] == call["action.id"]
        assert found.one(type=type_).statement["trace.id"] == call["trace.id"]


def test_a_call_that_ends_well_after_a_denial_is_joined_to_it_and_no_denied_one(
    recording: Reader,
) -> None:
    with tool_call("transfer"), tallystick.approval("transfer 100") as asked:
        asked.decide("denied")
    done = recording().one(type="tool.completed").statement
    assert done["outcome"] == "success"
    assert "decision.effect" not in done
    decided = recording().one(type="approval.decided").statement
    assert decided["action.parent_id"] == done["action.id"]


@requirement("sdk.denial-stands")
def test_a_policy_that_allows_does_not_overrule_a_person_who_denied(recording: Reader) -> None:
    def transfer() -> None:
        with tool_call("transfer"):
            tallystick.approval_decided("a-1", "denied")
            tallystick.decide("allow", policy_id="p")
            raise PermissionError

    with pytest.raises(PermissionError):
        transfer()
    assert recording().one(type="tool.denied").statement["decision.rule"] == "a-1"


@pytest.mark.usefixtures("running")
def test_words_that_are_none_of_the_known_ones_are_refused() -> None:
    with pytest.raises(RecordError, match="mode is 'robot', expected human"):
        tallystick.approval("x", mode="robot")  # type: ignore[arg-type]
    with pytest.raises(RecordError, match="decision is 'yes', expected approved"):
        tallystick.approval_decided("a", "yes")  # type: ignore[arg-type]
    with tallystick.approval("x") as asked, pytest.raises(RecordError, match="decision is 'yes'"):
        asked.decide("yes")  # type: ignore[arg-type]


def test_what_cannot_be_read_is_asked_for_without_a_digest(recording: Reader) -> None:
    class Sulking:
        def __iter__(self) -> None:
            raise RuntimeError

        __repr__ = __str__ = __iter__  # type: ignore[assignment]

    endless: list[object] = []
    endless.append(endless)
    for shown in (Sulking(), endless, "\ud800", 10**5000, {"x": float("nan")}):
        tallystick.approval_requested(shown)
    assert len(recording().where(type="approval.requested")) == 5
    assert recording().lost() == 0


def test_without_a_runtime_an_approval_does_nothing() -> None:
    assert runtime.current() is None
    with tallystick.approval("x") as asked:
        asked.decide("approved")
    assert asked.decision == "approved"

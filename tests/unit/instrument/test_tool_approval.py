"""The approvals of a framework: each question and each answer once, however often it is shown."""

from collections.abc import Callable

import pytest

from tallystick.capture.approvals import Answer
from tallystick.capture.context import caller
from tallystick.instrument.agent_call import ToolUse
from tallystick.instrument.framework import Framework
from tallystick.instrument.tool_approval import (
    MAX_REMEMBERED,
    ToolApprovals,
    ToolQuestion,
    shown_call,
)
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

Reader = Callable[[], Recording]
YES, NO = Answer("approved"), Answer("denied", "too much")


@pytest.fixture
def approvals() -> ToolApprovals:
    framework = Framework("here", "tallystick", lambda _version: ())
    framework.install(lambda: None)
    return ToolApprovals(framework, "here")


def asks(number: object = 1, euro: int = 10) -> Callable[[], ToolQuestion]:
    use = ToolUse(call_id=f"call-{number}", agent_name="clerk", user_id="ada")
    shown = shown_call("refund", {"euro": euro}, description=None)
    return lambda: ToolQuestion("refund", (number, "refund"), shown, use)


def decisions(found: Recording) -> list[object]:
    return [one.statement["approval.decision"] for one in found.where(type="approval.decided")]


@requirement("sdk.approvals-bound")
def test_a_question_that_is_shown_again_is_one_and_so_is_its_answer(
    recording: Reader, approvals: ToolApprovals
) -> None:
    for _ in range(3):
        approvals.requested(asks())
    for _ in range(3):
        approvals.decided(asks(), YES)
    asked, said = (recording().one(type=f"approval.{what}") for what in ("requested", "decided"))
    for name in ("approval.id", "approval.presented_digest", "tool.name", "tool.call_id"):
        assert asked.statement[name] == said.statement[name]
    assert disclosed(asked)["approval.presented"] == '{"tool":"refund","arguments":{"euro":10}}'


def test_an_id_that_a_framework_gives_again_is_asked_again(
    recording: Reader, approvals: ToolApprovals
) -> None:
    for _ in range(2):
        approvals.requested(asks())
        approvals.decided(asks(), NO)
    assert len(recording().where(type="approval.requested")) == 2
    assert decisions(recording()) == ["denied", "denied"]


def test_another_answer_to_the_same_question_is_recorded_too(
    recording: Reader, approvals: ToolApprovals
) -> None:
    approvals.requested(asks())
    for answer in (YES, NO, NO):
        approvals.decided(asks(), answer)
    assert decisions(recording()) == ["approved", "denied"]


@requirement("sdk.approvals-bound")
def test_another_process_gives_the_answer_the_id_of_the_question(
    recording: Reader, approvals: ToolApprovals
) -> None:
    approvals.requested(asks())
    framework = Framework("here", "tallystick", lambda _version: ())
    framework.install(lambda: None)
    ToolApprovals(framework, "here").decided(asks(euro=11), YES)
    asked, said = (recording().one(type=f"approval.{what}") for what in ("requested", "decided"))
    assert asked.statement["approval.id"] == said.statement["approval.id"]
    assert (
        asked.statement["approval.presented_digest"] != said.statement["approval.presented_digest"]
    )


@requirement("sdk.framework-user")
def test_the_user_of_the_run_asks_and_is_not_taken_for_who_answers(
    recording: Reader, approvals: ToolApprovals
) -> None:
    approvals.requested(asks())
    approvals.decided(asks(), YES)
    with caller("grace"):
        approvals.decided(asks(2), YES)
    found = recording()
    asked = found.one(type="approval.requested")
    assert (disclosed(asked)["principal.id"], asked.statement["agent.name"]) == ("ada", "clerk")
    nobody, grace = found.where(type="approval.decided")
    assert nobody.statement["principal.basis"] == "unknown"
    assert disclosed(grace)["principal.id"] == "grace"


def test_what_is_remembered_has_a_limit(recording: Reader, approvals: ToolApprovals) -> None:
    for number in range(MAX_REMEMBERED + 1):
        approvals.requested(asks(number))
    approvals.requested(asks(MAX_REMEMBERED))
    approvals.requested(asks(0))
    assert len(recording().where(type="approval.requested")) == MAX_REMEMBERED + 2


def test_a_fault_of_a_reader_never_reaches_the_host_and_is_counted(
    recording: Reader, approvals: ToolApprovals
) -> None:
    def read() -> ToolQuestion:
        raise KeyError("no call")

    approvals.requested(read)
    approvals.requested(asks())
    assert len(recording().where(type="approval.requested")) == 1

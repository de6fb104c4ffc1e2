"""Calls in several rounds: what joins a question in a result to the request that answers it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tallystick import runtime
from tallystick.capture.call import Call, Sighting, made_current
from tallystick.instrument import mcp_rounds
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_rounds import MAX_QUESTIONS, in_rounds, waiting_call
from tests.recorded import Recording
from tests.requirements import requirement

Reader = Callable[[], Recording]

QUESTION = {"method": "elicitation/create", "params": {"message": "Go?"}}
ASKING = {"resultType": "input_required", "requestState": "s-1", "inputRequests": {"q": QUESTION}}
ARGUMENTS = {"name": "transfer", "arguments": {"amount": 100}}
ANSWER = {"requestState": "s-1", "inputResponses": {"q": {"action": "accept"}}}
DONE: dict[str, object] = {"content": []}


@pytest.fixture(autouse=True)
def on() -> Framework:
    framework = Framework("test", "mcp", lambda _: ())
    framework.is_on = True
    return framework


def served(
    running: runtime.Runtime, framework: Framework, params: object, result: object
) -> dict[str, Any]:
    """Let one request be served; return what its call states in the end."""

    async def answer() -> object:
        return result

    call = Call(running, Sighting("mcp_server", "tool", "transfer"))
    with made_current(call):
        asyncio.run(in_rounds(framework, call, (None, "tools/call", params), answer))
    assert "errors" not in framework.fault_note()
    return call._lasting_statement()  # noqa: SLF001 - what the record will state


def forget() -> None:
    mcp_rounds._open.clear()  # noqa: SLF001 - as another process has it


@requirement("sdk.elicitation-is-approval")
def test_a_server_that_kept_nothing_comes_to_the_same_approval(
    running: runtime.Runtime, on: Framework, recording: Reader
) -> None:
    stated = served(running, on, ARGUMENTS, ASKING)
    assert stated["mcp.result_type"] == "input_required"
    forget()
    served(running, on, {**ARGUMENTS, **ANSWER}, DONE)
    asked, decided = (recording().one(type=f"approval.{it}") for it in ("requested", "decided"))
    assert decided.statement["approval.id"] == asked.statement["approval.id"]
    assert "approval.presented_digest" not in decided.statement


@requirement("sdk.approvals-bound")
@pytest.mark.parametrize(
    "changed",
    [
        {"arguments": {"amount": 101}},
        {"name": "other"},
        {"requestState": "s-2"},
        {"requestState": None},
        {"requestState": [[["s-1"]]]},
    ],
)
def test_an_answer_to_a_request_that_was_changed_is_that_of_another_approval(
    running: runtime.Runtime, on: Framework, recording: Reader, changed: dict[str, Any]
) -> None:
    served(running, on, ARGUMENTS, ASKING)
    served(running, on, {**ARGUMENTS, **ANSWER, **changed}, DONE)
    asked, decided = (recording().one(type=f"approval.{it}") for it in ("requested", "decided"))
    assert decided.statement["approval.id"] != asked.statement["approval.id"]
    assert "approval.presented_digest" not in decided.statement


def test_an_answer_counts_once(running: runtime.Runtime, on: Framework, recording: Reader) -> None:
    served(running, on, ARGUMENTS, ASKING)
    for _ in range(2):
        served(running, on, {**ARGUMENTS, **ANSWER}, DONE)
    first, second = recording().where(type="approval.decided")
    assert "approval.presented_digest" in first.statement
    assert "approval.presented_digest" not in second.statement


@pytest.mark.parametrize(
    "result",
    [
        {"resultType": "input_required"},
        {"resultType": "input_required", "inputRequests": ["q"]},
        {"resultType": "input_required", "inputRequests": {"q": "what?"}},
        {"resultType": "input_required", "inputRequests": {"q": {"method": "roots/list"}}},
        {"resultType": ["input_required"]},
        None,
        7,
    ],
)
def test_results_that_ask_nobody_are_no_approvals(
    running: runtime.Runtime, on: Framework, recording: Reader, result: object
) -> None:
    served(running, on, ARGUMENTS, result)
    assert recording().where(type="approval.requested") == []


@pytest.mark.parametrize("responses", [7, "x", ["q"], {"q": "yes"}, {"q": {"roots": []}}])
def test_responses_that_are_no_answers_are_no_approvals(
    running: runtime.Runtime, on: Framework, recording: Reader, responses: object
) -> None:
    served(running, on, {**ARGUMENTS, "inputResponses": responses}, DONE)
    assert recording().where(type="approval.decided") == []


def test_many_questions_are_recorded_up_to_a_limit(
    running: runtime.Runtime, on: Framework, recording: Reader
) -> None:
    many = {str(number): QUESTION for number in range(1000)}
    served(running, on, ARGUMENTS, {**ASKING, "inputRequests": many})
    assert len(recording().where(type="approval.requested")) == MAX_QUESTIONS


def test_the_call_that_waits_is_known_where_it_is_the_only_one(
    running: runtime.Runtime, on: Framework
) -> None:
    class Session:
        """Stands for a client session."""

    session, seen = Session(), []
    calls = [Call(running, Sighting("mcp_client", "tool", name)) for name in "ab"]

    def inside(call: Call, then: Callable[[], Awaitable[object]]) -> Awaitable[object]:
        return in_rounds(on, call, (session, "tools/call", ARGUMENTS), then)

    async def look() -> None:
        seen.append(waiting_call(session))

    async def work() -> None:
        await inside(calls[0], look)
        await inside(calls[0], lambda: inside(calls[1], look))
        await look()

    asyncio.run(work())
    assert seen == [calls[0], None, None]

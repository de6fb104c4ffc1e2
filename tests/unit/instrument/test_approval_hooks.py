"""What a framework hands over in a form that nobody knows costs a record, and never a run of the host."""

from types import SimpleNamespace
from typing import Any

import pytest

from tallystick import runtime
from tallystick.instrument import openai_agents_approvals, pydantic_ai_approvals
from tallystick.instrument.framework import Framework
from tallystick.instrument.patch import Patch
from tests.requirements import requirement

pytestmark = pytest.mark.anyio

NO_LIST = SimpleNamespace(approvals=None)


class NextStepInterruption:
    """The name by which the OpenAI Agents SDK says why a run stops, without what it would hold."""


def lost(running: runtime.Runtime) -> int:
    return sum(running.recorder.lost.values())


def wrapper(patches: Any, target: str) -> Any:
    [found] = [one for one in patches if isinstance(one, Patch) and one.target == target]
    return found.wrapper


@requirement("sdk.host-never-broken")
def test_a_run_of_openai_agents_that_stops_in_an_unknown_form_goes_on(
    framework: Framework, running: runtime.Runtime
) -> None:
    hooks = openai_agents_approvals.ApprovalHooks(framework)
    stepped = wrapper(hooks.patches(), "SingleStepResult.__init__")
    made: list[int] = []
    stepped(made.append, SimpleNamespace(next_step=NextStepInterruption()), (1,), {})
    stepped(made.append, SimpleNamespace(), (2,), {})
    assert (made, lost(running)) == ([1, 2], 2)


@requirement("sdk.host-never-broken")
async def test_hosted_tools_of_an_unknown_form_are_answered(
    framework: Framework, running: runtime.Runtime
) -> None:
    hooks = openai_agents_approvals.ApprovalHooks(framework)
    ask = wrapper(hooks.patches(), "execute_mcp_approval_requests")

    async def answered(**_: object) -> list[str]:
        return ["response"]

    assert await ask(answered, None, (), {"approval_requests": [object()]}) == ["response"]
    assert lost(running) > 0


@requirement("sdk.host-never-broken")
async def test_deferred_tools_of_an_unknown_form_are_deferred_and_resolved(
    framework: Framework, running: runtime.Runtime
) -> None:
    hooks = pydantic_ai_approvals.ApprovalHooks(framework)
    patches = hooks.patches("pydantic_ai", has_handlers=True)
    made: list[int] = []
    wrapper(patches, "DeferredToolRequests.__init__")(made.append, NO_LIST, (1,), {})

    async def resolved(_: object) -> str:
        return "results"

    resolve = wrapper(patches, "ToolManager.resolve_deferred_tool_calls")
    assert await resolve(resolved, None, (NO_LIST,), {}) == "results"
    assert (made, lost(running)) == ([1], 2)

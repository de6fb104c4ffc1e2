"""A program for Pydantic AI, 1.64 to 2.68, whose tools wait for people."""

import asyncio
from typing import Any

from pydantic_ai import DeferredToolRequests, DeferredToolResults, Tool, ToolApproved, ToolDenied
from pydantic_ai.messages import ModelMessagesTypeAdapter

from tests.integration.frameworks.programs.pydantic_ai_desk import approve, make_agent, parts
from tests.integration.frameworks.steps import step_async

try:
    from pydantic_ai.capabilities import HandleDeferredToolCalls
except ImportError:  # before 1.87
    HandleDeferredToolCalls = None


def refund(to: str, euro: int) -> str:
    """Give money back."""
    return f"{euro} euro to {to}"


def make(*calls: tuple[str, Any], **settings: Any) -> Any:
    tools = [Tool(refund, requires_approval=True), approve]
    output: Any = [str, DeferredToolRequests]
    return make_agent(*calls, tools=tools, output_type=output, **settings)


def wanted(euro: int) -> tuple[str, Any]:
    return "refund", {"to": "bob@example.com", "euro": euro}


async def answered(said: Any, *calls: tuple[str, Any]) -> list[str]:
    """Run until a person has to be asked, and go on with what they say, as in another process."""
    agent = make(*calls)
    first = await agent.run("hello")
    history = ModelMessagesTypeAdapter.validate_json(first.all_messages_json())
    results = DeferredToolResults(
        approvals={call.tool_call_id: said for call in first.output.approvals}
    )
    return parts(await agent.run(message_history=history, deferred_tool_results=results))


async def never_answered() -> int:
    return len((await make(wanted(50)).run("hello")).output.approvals)


async def handled() -> list[str]:
    """Let a handler of the program answer while the run goes on."""
    if HandleDeferredToolCalls is None:
        return []

    async def answer(context: Any, requests: Any) -> Any:
        [call] = requests.approvals
        return requests.build_results(approve_all=True, answered_by={call.tool_call_id: "grace"})

    agent = make(wanted(60), capabilities=[HandleDeferredToolCalls(answer)])
    return parts(await agent.run("hello"))


async def work() -> None:
    await step_async("approved", lambda: answered(True, wanted(10)))
    await step_async("denied", lambda: answered(ToolDenied("not to bob@example.com"), wanted(20)))
    changed = ToolApproved(override_args={"to": "ada", "euro": 1})
    await step_async("modified", lambda: answered(changed, wanted(30)))
    await step_async("raised", lambda: answered(True, ("approve", {"what": "this"})))
    await step_async("refused answer", lambda: answered_for_nobody(wanted(40)))
    await step_async("never", never_answered)
    await step_async("handler", handled)


async def answered_for_nobody(*calls: tuple[str, Any]) -> list[str]:
    """Answer a run that asked nobody, which Pydantic AI refuses."""
    results = DeferredToolResults(approvals={"call-0": True})
    return parts(await make(*calls).run("hello", message_history=[], deferred_tool_results=results))


if __name__ == "__main__":
    asyncio.run(work())

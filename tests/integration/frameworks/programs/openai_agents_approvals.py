"""A program for the OpenAI Agents SDK, 0.9 to 0.24, whose tools wait for people."""

import asyncio
import json
from typing import Any

from agents import Agent, HostedMCPTool, Runner, RunState, ShellTool, function_tool
from openai.types.responses import ResponseFunctionShellToolCall
from openai.types.responses.response_function_shell_tool_call import Action
from openai.types.responses.response_output_item import McpApprovalRequest

from tests.integration.frameworks.programs.openai_agents_desk import Fake, asks, message, outputs
from tests.integration.frameworks.steps import step_async


@function_tool(needs_approval=True)
def refund(to: str, euro: int) -> str:
    """Give money back."""
    return f"{euro} euro to {to}"


async def interrupted(*calls: Any, tools: Any = (refund,)) -> tuple[Any, Any]:
    """Run until a person has to be asked."""
    model = Fake()
    model.turns = [[call] for call in calls] + [[message("done")]]
    agent = Agent(name="clerk", model=model, tools=list(tools))
    return agent, await Runner.run(agent, "hello")


def wanted(number: int, euro: int) -> Any:
    return asks(number, "refund", {"to": "bob@example.com", "euro": euro})


async def approved() -> list[str]:
    agent, result = await interrupted(wanted(1, 10))
    state = result.to_state()
    for item in result.interruptions:
        state.approve(item)
    return outputs(await Runner.run(agent, state))


async def rejected_elsewhere() -> list[str]:
    """Hand the state on as JSON, as to another process."""
    agent, result = await interrupted(wanted(2, 20))
    handed_on = json.loads(json.dumps(result.to_state().to_json()))
    state = await RunState.from_json(agent, handed_on)
    [item] = state.get_interruptions()
    state.reject(item)
    return outputs(await Runner.run(agent, state))


async def always_approved() -> list[str]:
    """Approve this call, and the next one unseen."""
    agent, result = await interrupted(wanted(3, 30), wanted(4, 40))
    state = result.to_state()
    state.approve(result.interruptions[0], always_approve=True)
    return outputs(await Runner.run(agent, state))


async def never_answered() -> int:
    _, result = await interrupted(wanted(5, 50))
    return len(result.interruptions)


async def answered_at_once() -> list[str]:
    """Let a callback of the program answer."""
    call = ResponseFunctionShellToolCall(
        id="s",
        call_id="call-6",
        action=Action(commands=["ls"]),
        status="completed",
        type="shell_call",
    )
    shell = ShellTool(
        executor=lambda request: "a file",
        needs_approval=True,
        on_approval=lambda context, item: {"approve": True},
    )
    _, result = await interrupted(call, tools=[shell])
    return outputs(result)


async def hosted() -> list[str]:
    """Let a callback answer for a tool that OpenAI runs at an MCP server."""
    call = McpApprovalRequest(
        id="mcpr-7",
        arguments='{"path":"/tmp"}',
        name="delete",
        server_label="files",
        type="mcp_approval_request",
    )
    config: Any = {"type": "mcp", "server_label": "files", "server_url": "https://files.example"}
    tool = HostedMCPTool(
        tool_config=config,
        on_approval_request=lambda request: {"approve": False, "reason": "not this one"},
    )
    _, result = await interrupted(call, tools=[tool])
    return outputs(result)


async def work() -> None:
    await step_async("approved", approved)
    await step_async("rejected", rejected_elsewhere)
    await step_async("always", always_approved)
    await step_async("never", never_answered)
    await step_async("callback", answered_at_once)
    await step_async("hosted", hosted)


if __name__ == "__main__":
    asyncio.run(work())

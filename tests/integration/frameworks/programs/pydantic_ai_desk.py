"""A program for Pydantic AI, 1.64 to 2.68, that knows nothing of recording."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from pydantic_ai import Agent, DeferredToolRequests, ModelRetry, RunContext
from pydantic_ai.exceptions import ApprovalRequired
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from tests.integration.frameworks import remote
from tests.integration.frameworks.steps import cancelled, step, step_async

begun = asyncio.Event()


def write(text: str) -> str:
    """Write a text to bob@example.com."""
    return f"written: {text}"


async def fail(reason: str) -> str:
    raise ValueError(reason)


def again(reason: str) -> str:
    raise ModelRetry(reason)


async def wait(seconds: int) -> str:
    begun.set()
    await asyncio.sleep(seconds)
    return "waited"


def approve(context: RunContext[None], what: str) -> str:
    if not context.tool_call_approved:
        raise ApprovalRequired
    return f"approved: {what}"


TOOLS = [write, fail, again, wait, approve, remote.multiply]


def make_agent(*calls: tuple[str, Any], name: str = "clerk", **settings: Any) -> Any:
    turns = list(enumerate(calls))

    def say(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if not turns:
            return ModelResponse(parts=[TextPart("done")])
        number, (tool, arguments) = turns.pop(0)
        return ModelResponse(parts=[ToolCallPart(tool, arguments, f"call-{number}")])

    async def stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        if not turns:
            yield "done"
            return
        number, (tool, arguments) = turns.pop(0)
        text, call_id = json.dumps(arguments), f"call-{number}"
        yield {0: DeltaToolCall(name=tool, json_args=text, tool_call_id=call_id)}

    model = FunctionModel(say, stream_function=stream)
    return Agent(model, name=name, tools=[*settings.pop("tools", TOOLS)], **settings)


def parts(result: Any) -> list[str]:
    found = [part for message in result.all_messages() for part in message.parts]
    return [
        str(part.content)
        for part in found
        if part.part_kind in ("tool-return", "retry-prompt", "text")
    ]


async def run(*calls: tuple[str, Any]) -> list[str]:
    return parts(await make_agent(*calls).run("hello"))


async def streamed(*calls: tuple[str, Any]) -> list[str]:
    async with make_agent(*calls).run_stream("hello") as result:
        return [text async for text in result.stream_text()]


async def deferred() -> list[str]:
    agent = make_agent(("approve", {"what": "this"}), output_type=[str, DeferredToolRequests])
    output = (await agent.run("hello")).output
    return [call.tool_name for call in output.approvals]


async def structured() -> int:
    agent = make_agent(("final_result", {"response": 42}), output_type=int)
    return int((await agent.run("hello")).output)


async def delegated() -> list[str]:
    async def ask_clerk(task: str) -> str:
        return "; ".join(await run(("write", {"text": task})))

    boss = make_agent(("ask_clerk", {"task": "for the boss"}), name="boss", tools=[ask_clerk])
    return parts(await boss.run("hello"))


async def work() -> None:
    await step_async("write", lambda: run(("write", {"text": "to bob@example.com"})))
    await step_async("as text", lambda: run(("write", '{"text": "in JSON"}')))
    await step_async("fail", lambda: run(("fail", {"reason": "broken by bob@example.com"})))
    await step_async("again", lambda: run(("again", {"reason": "not so"})))
    await step_async("invalid", lambda: run(("write", {"words": 1})))
    await step_async("unknown", lambda: run(("nothing", {})))
    await step_async("cancel", lambda: cancelled(lambda: run(("wait", {"seconds": 60})), begun))
    await step_async("remote", lambda: run(("multiply", {"a": 6, "b": 7})))
    await step_async("stream", lambda: streamed(("write", {"text": "streaming"})))
    await step_async("deferred", deferred)
    await step_async("structured", structured)
    await step_async("delegate", delegated)


if __name__ == "__main__":
    step("here", lambda: parts(make_agent(("write", {"text": "directly"})).run_sync("hello")))
    asyncio.run(work())

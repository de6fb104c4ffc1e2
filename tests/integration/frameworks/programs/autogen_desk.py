"""A program for AutoGen, 0.4.9 to 0.7, that knows nothing of recording."""

import asyncio
import json
import warnings
from collections.abc import AsyncGenerator
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import ChatCompletionClient, CreateResult, RequestUsage
from autogen_core.tools import BaseTool, FunctionTool
from pydantic import BaseModel

from tests.integration.frameworks import remote
from tests.integration.frameworks.steps import cancelled, step_async

warnings.simplefilter("ignore")
begun = asyncio.Event()
INFO = {
    "vision": False,
    "function_calling": True,
    "json_output": False,
    "structured_output": False,
    "family": "unknown",
}


def write(text: str) -> str:
    """Write a text to bob@example.com."""
    return f"written: {text}"


async def fail(reason: str) -> str:
    """Fail."""
    raise ValueError(reason)


async def wait(seconds: int) -> str:
    """Wait."""
    begun.set()
    await asyncio.sleep(seconds)
    return "waited"


TOOLS = [write, fail, wait, remote.multiply]


class Fake(ChatCompletionClient):  # type: ignore[misc,unused-ignore]
    """Says what it was told to say."""

    def __init__(self, *calls: tuple[str, Any]) -> None:
        self.turns = list(enumerate(calls))

    async def create(self, messages: Any, **options: Any) -> Any:
        content: Any = "done"
        if self.turns:
            number, (tool, given) = self.turns.pop(0)
            said = given if isinstance(given, str) else json.dumps(given)
            content = [FunctionCall(id=f"call-{number}", name=tool, arguments=said)]
        usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
        reason = "stop" if content == "done" else "function_calls"
        return CreateResult(finish_reason=reason, content=content, usage=usage, cached=False)

    async def create_stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        yield await self.create(*args, **options)

    async def close(self) -> None: ...

    def actual_usage(self) -> Any:
        return RequestUsage(prompt_tokens=0, completion_tokens=0)

    total_usage = actual_usage

    def count_tokens(self, *args: Any, **options: Any) -> int:
        return 0

    remaining_tokens = count_tokens

    @property
    def capabilities(self) -> Any:
        return INFO

    model_info = capabilities


def make_agent(*calls: tuple[str, Any], name: str = "clerk", **settings: Any) -> Any:
    tools = settings.pop("tools", TOOLS)
    return AssistantAgent(name, model_client=Fake(*calls), tools=tools, **settings)


def told(result: Any) -> list[str]:
    """Give what the model was told of its calls."""
    found = [m.content for m in result.messages if type(m).__name__ == "ToolCallExecutionEvent"]
    return [each.content for message in found for each in message]


async def run(*calls: tuple[str, Any]) -> list[str]:
    return told(await make_agent(*calls).run(task="hello"))


async def streamed(*calls: tuple[str, Any]) -> list[str]:
    return [type(m).__name__ async for m in make_agent(*calls).run_stream(task="hello")]


async def handed_over() -> list[str]:
    agent = make_agent(("transfer_to_boss", {}), handoffs=["boss"])
    return [type(m).__name__ for m in (await agent.run(task="hello")).messages]


async def directly(name: str, **given: Any) -> Any:
    function = next(tool for tool in TOOLS if tool.__name__ == name)
    tool = FunctionTool(function, description="A tool.", name=name)
    return await tool.run_json(given, CancellationToken())


class Words(BaseModel):  # type: ignore[misc,unused-ignore]
    text: str


class Count(BaseModel):  # type: ignore[misc,unused-ignore]
    letters: int


class CountLetters(BaseTool[Words, Count]):  # type: ignore[misc,type-arg,unused-ignore]
    """A tool of a class of the program's own."""

    def __init__(self) -> None:
        super().__init__(Words, Count, "count_letters", "Count letters.")

    async def run(self, args: Words, cancellation_token: CancellationToken) -> Count:
        return Count(letters=len(args.text))


async def counted() -> list[str]:
    agent = make_agent(("count_letters", {"text": "four"}), tools=[CountLetters()])
    return told(await agent.run(task="hello"))


async def delegated() -> list[str]:
    async def ask_clerk(task: str) -> str:
        """Ask the clerk."""
        return "; ".join(await run(("write", {"text": task})))

    boss = make_agent(("ask_clerk", {"task": "for the boss"}), name="boss", tools=[ask_clerk])
    return told(await boss.run(task="hello"))


async def work() -> None:
    await step_async("directly", lambda: directly("write", text="directly"))
    await step_async("raised", lambda: directly("fail", reason="broken by bob@example.com"))
    await step_async("write", lambda: run(("write", {"text": "to bob@example.com"})))
    await step_async("fail", lambda: run(("fail", {"reason": "broken by bob@example.com"})))
    await step_async("invalid", lambda: run(("write", {"words": 1})))
    await step_async("no JSON", lambda: run(("write", "{")))
    await step_async("unknown", lambda: run(("nothing", {})))
    await step_async("cancel", lambda: cancelled(lambda: run(("wait", {"seconds": 60})), begun))
    await step_async("remote", lambda: run(("multiply", {"a": 6, "b": 7})))
    await step_async("stream", lambda: streamed(("write", {"text": "streaming"})))
    await step_async("counted", counted)
    await step_async("handoff", handed_over)
    await step_async("delegate", delegated)


if __name__ == "__main__":
    asyncio.run(work())

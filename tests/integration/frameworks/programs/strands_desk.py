"""A program for Strands Agents, 1.0 to 1.62, that knows nothing of recording."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from typing import Any

from strands import Agent, tool
from strands.models.model import Model
from strands.tools.tools import PythonAgentTool

from tests.integration.frameworks import remote
from tests.integration.frameworks.steps import cancelled, step, step_async

logging.disable()
begun = asyncio.Event()


@tool
def write(text: str) -> str:
    """Write a text to bob@example.com."""
    return f"written: {text}"


@tool
async def fail(reason: str) -> str:
    """Fail."""
    raise KeyError(reason)


@tool
async def wait(seconds: int) -> str:
    """Wait."""
    begun.set()
    await asyncio.sleep(seconds)
    return "waited"


@tool
async def multiply(a: int, b: int) -> int:
    """Multiply two numbers elsewhere."""
    return await remote.multiply(a, b)


def shout(tool_use: Any, **state: Any) -> Any:
    text = str(tool_use["input"]["text"]).upper()
    return {"toolUseId": tool_use["toolUseId"], "status": "success", "content": [{"text": text}]}


SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SPEC = {"name": "shout", "description": "Shout a text.", "inputSchema": {"json": SCHEMA}}
TOOLS = [write, fail, wait, multiply, PythonAgentTool("shout", SPEC, shout)]


class Fake(Model):  # type: ignore[misc,unused-ignore]
    """Says what it was told to say."""

    def __init__(self, *calls: tuple[str, Any]) -> None:
        self.turns = list(enumerate(calls))

    def update_config(self, **config: Any) -> None: ...

    def get_config(self) -> dict[str, str]:
        return {"model_id": "fake-1"}

    async def structured_output(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        yield {"output": None}

    async def stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        yield {"messageStart": {"role": "assistant"}}
        if self.turns:
            number, (name, given) = self.turns.pop(0)
            asked = {"toolUse": {"name": name, "toolUseId": f"call-{number}"}}
            yield {"contentBlockStart": {"start": asked}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps(given)}}}}
        else:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": "done"}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if "asked" in locals() else "end_turn"}}


def make_agent(*calls: tuple[str, Any], name: str = "clerk", **settings: Any) -> Any:
    tools = settings.pop("tools", TOOLS)
    return Agent(model=Fake(*calls), tools=tools, name=name, callback_handler=None, **settings)


def told(agent: Any) -> list[Any]:
    """Give what the model was told of its calls."""
    blocks = [block for message in agent.messages for block in message["content"]]
    return [block["toolResult"] for block in blocks if "toolResult" in block]


async def run(*calls: tuple[str, Any]) -> list[Any]:
    agent = make_agent(*calls)
    await agent.invoke_async("hello", user_id="ada")
    return told(agent)


async def streamed(*calls: tuple[str, Any]) -> list[Any]:
    agent = make_agent(*calls)
    async for _ in agent.stream_async("hello"):
        pass
    return told(agent)


async def delegated() -> list[Any]:
    @tool
    async def ask_clerk(task: str) -> str:
        """Ask the clerk."""
        return json.dumps(await run(("write", {"text": task})))

    boss = make_agent(("ask_clerk", {"task": "for the boss"}), name="boss", tools=[ask_clerk])
    await boss.invoke_async("hello")
    return told(boss)


def direct() -> Any:
    agent = make_agent()
    return agent.tool.write(text="directly")["content"]


def here() -> list[Any]:
    agent = make_agent(("write", {"text": "here"}))
    agent("hello")
    return told(agent)


async def work() -> None:
    await step_async("write", lambda: run(("write", {"text": "to bob@example.com"})))
    await step_async("shout", lambda: run(("shout", {"text": "loud"})))
    await step_async("fail", lambda: run(("fail", {"reason": "broken by bob@example.com"})))
    await step_async("invalid", lambda: run(("write", {"words": 1})))
    await step_async("cancel", lambda: cancelled(lambda: run(("wait", {"seconds": 60})), begun))
    await step_async("remote", lambda: run(("multiply", {"a": 6, "b": 7})))
    await step_async("stream", lambda: streamed(("write", {"text": "streaming"})))
    await step_async("delegate", delegated)


if __name__ == "__main__":
    step("function", lambda: write("as a function"))
    step("direct", direct)
    step("here", here)
    asyncio.run(work())

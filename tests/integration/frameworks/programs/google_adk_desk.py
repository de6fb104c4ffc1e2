"""A program for Google ADK, 1.14 to 2.13, that knows nothing of recording."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

from google.adk.agents import LlmAgent, RunConfig
from google.adk.agents.run_config import StreamingMode
from google.adk.models import BaseLlm, LlmResponse
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.adk.tools.long_running_tool import LongRunningFunctionTool
from google.genai import types
from pydantic import Field

from tests.integration.frameworks import remote
from tests.integration.frameworks.steps import cancelled, step_async

logging.disable()
begun = asyncio.Event()


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


def submit(what: str) -> dict[str, str]:
    """Submit something that somebody answers later."""
    return {"status": "pending", "what": what}


TOOLS = [write, fail, wait, remote.multiply, LongRunningFunctionTool(submit)]


class Fake(BaseLlm):  # type: ignore[misc,unused-ignore]
    """Says what it was told to say."""

    model: str = "fake-1"
    turns: list[Any] = Field(default_factory=list)

    async def generate_content_async(
        self, llm_request: Any, stream: bool = False
    ) -> AsyncGenerator[Any, None]:
        part = types.Part(text="done")
        if self.turns:
            number, (name, given) = self.turns.pop(0)
            call = types.FunctionCall(id=f"call-{number}", name=name, args=given)
            part = types.Part(function_call=call)
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def make_agent(*calls: tuple[str, Any], name: str = "clerk", **settings: Any) -> Any:
    tools = settings.pop("tools", TOOLS)
    model = Fake(turns=list(enumerate(calls)))
    return LlmAgent(name=name, model=model, tools=tools, description="Works.", **settings)


async def told(agent: Any, **config: Any) -> list[Any]:
    """Run an agent, and give what its model was told of the calls."""
    runner = InMemoryRunner(agent, app_name="desk")
    session = await runner.session_service.create_session(app_name="desk", user_id="ada")
    events = runner.run_async(
        user_id="ada",
        session_id=session.id,
        new_message=types.Content(role="user", parts=[types.Part(text="hello")]),
        run_config=RunConfig(**config),
    )
    found = [response.response async for e in events for response in e.get_function_responses()]
    await runner.close()
    return found


async def run(*calls: tuple[str, Any]) -> list[Any]:
    return await told(make_agent(*calls))


async def streamed(*calls: tuple[str, Any]) -> list[Any]:
    return await told(make_agent(*calls), streaming_mode=StreamingMode.SSE)


async def delegated() -> list[Any]:
    clerk = make_agent(("write", {"text": "for the boss"}))
    asks = ("clerk", {"request": "write"})
    return await told(make_agent(asks, name="boss", tools=[AgentTool(clerk)]))


async def work() -> None:
    await step_async("write", lambda: run(("write", {"text": "to bob@example.com"})))
    await step_async("fail", lambda: run(("fail", {"reason": "broken by bob@example.com"})))
    await step_async("invalid", lambda: run(("write", {"words": 1})))
    await step_async("cancel", lambda: cancelled(lambda: run(("wait", {"seconds": 60})), begun))
    await step_async("remote", lambda: run(("multiply", {"a": 6, "b": 7})))
    await step_async("stream", lambda: streamed(("write", {"text": "streaming"})))
    await step_async("submit", lambda: run(("submit", {"what": "this"})))
    await step_async("delegate", delegated)


if __name__ == "__main__":
    asyncio.run(work())

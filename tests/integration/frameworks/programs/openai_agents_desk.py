"""A program for the OpenAI Agents SDK, 0.9 to 0.24, that knows nothing of recording."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from agents import (
    Agent,
    LocalShellTool,
    ModelResponse,
    RunConfig,
    Runner,
    Usage,
    function_tool,
    handoff,
    set_tracing_disabled,
)
from agents.models.interface import Model
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)
from openai.types.responses.response_output_item import LocalShellCall, LocalShellCallAction
from pydantic import BaseModel

from tests.integration.frameworks import remote
from tests.integration.frameworks.steps import cancelled, step_async

begun = asyncio.Event()


class Why(BaseModel):
    """What a model gives along when it hands over."""

    reason: str


@function_tool
def write(text: str) -> str:
    """Write a text to bob@example.com."""
    return f"written: {text}"


@function_tool
async def fail(reason: str) -> str:
    raise ValueError(reason)


@function_tool(failure_error_function=None)
def explode(reason: str) -> str:
    raise OSError(reason)


@function_tool
async def wait(seconds: int) -> str:
    begun.set()
    await asyncio.sleep(seconds)
    return "waited"


@function_tool(timeout=0.2)
async def dawdle(seconds: int) -> str:
    await asyncio.sleep(seconds)
    return "dawdled"


def run_command(request: Any) -> str:
    return "ran: " + " ".join(request.data.action.command)


multiply = function_tool(remote.multiply)
TOOLS = [write, fail, explode, wait, dawdle, multiply, LocalShellTool(executor=run_command)]


def message(text: str) -> ResponseOutputMessage:
    part = ResponseOutputText(text=text, type="output_text", annotations=[])
    return ResponseOutputMessage(
        id="m", role="assistant", status="completed", type="message", content=[part]
    )


def asks(number: int, name: str, arguments: Any) -> Any:
    if name == "local_shell":
        action = LocalShellCallAction(command=arguments, env={}, type="exec")
        return LocalShellCall(
            id="s",
            call_id=f"call-{number}",
            action=action,
            status="completed",
            type="local_shell_call",
        )
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ResponseFunctionToolCall(
        call_id=f"call-{number}", name=name, arguments=text, type="function_call"
    )


class Fake(Model):
    """Says what it was told to say."""

    model = "fake-1"

    def __init__(self, *calls: tuple[str, Any]) -> None:
        self.turns = [[asks(number, *call)] for number, call in enumerate(calls)]
        self.turns.append([message("done")])

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return ModelResponse(output=self.turns.pop(0), usage=Usage(), response_id=None)

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        response = Response(
            id="r",
            created_at=0,
            model="fake",
            object="response",
            output=self.turns.pop(0),
            parallel_tool_calls=False,
            tool_choice="auto",
            tools=[],
        )
        yield ResponseCompletedEvent(
            response=response, type="response.completed", sequence_number=0
        )


def make_agent(*calls: tuple[str, Any]) -> Any:
    return Agent(name="clerk", model=Fake(*calls), tools=list(TOOLS))


def outputs(result: Any) -> list[str]:
    said = [str(item.output) for item in result.new_items if item.type == "tool_call_output_item"]
    return [*said, str(result.final_output)]


async def run(*calls: tuple[str, Any]) -> list[str]:
    config = RunConfig(group_id="thread-1")
    return outputs(await Runner.run(make_agent(*calls), "hello", run_config=config))


async def streamed(*calls: tuple[str, Any]) -> list[str]:
    result = Runner.run_streamed(make_agent(*calls), "hello")
    names = [event.type async for event in result.stream_events()]
    return [*names, *outputs(result)]


async def delegated() -> list[str]:
    clerk = make_agent(("write", {"text": "for the boss"}))
    tool = clerk.as_tool(tool_name="ask_clerk", tool_description="Ask the clerk.")
    boss = Agent(name="boss", model=Fake(("ask_clerk", {"input": "write"})), tools=[tool])
    return outputs(await Runner.run(boss, "hello"))


async def handed_over() -> list[str]:
    clerk = make_agent(("write", {"text": "instead of the boss"}))
    to_clerk = handoff(clerk, on_handoff=lambda context, why: None, input_type=Why)
    given = {"reason": "bob@example.com asks"}
    model = Fake()
    model.turns = [[asks(9, "transfer_to_clerk", given)]]  # an id that no call of the clerk has
    boss = Agent(name="boss", model=model, handoffs=[to_clerk])
    config = RunConfig(group_id="thread-1")
    return outputs(await Runner.run(boss, "hello", run_config=config))


async def not_handed_over() -> list[str]:
    to_clerk = handoff(make_agent(), on_handoff=lambda context, why: None, input_type=Why)
    boss = Agent(name="boss", model=Fake(("transfer_to_clerk", {})), handoffs=[to_clerk])
    return outputs(await Runner.run(boss, "hello"))


async def work() -> None:
    await step_async("write", lambda: run(("write", {"text": "to bob@example.com"})))
    await step_async("fail", lambda: run(("fail", {"reason": "broken by bob@example.com"})))
    await step_async("explode", lambda: run(("explode", {"reason": "boom"})))
    await step_async("invalid", lambda: run(("write", {"words": 1})))
    await step_async("no json", lambda: run(("write", "{not json")))
    await step_async("timeout", lambda: run(("dawdle", {"seconds": 60})))
    await step_async("cancel", lambda: cancelled(lambda: run(("wait", {"seconds": 60})), begun))
    await step_async("remote", lambda: run(("multiply", {"a": 6, "b": 7})))
    await step_async("shell", lambda: run(("local_shell", ["ls", "/home/bob@example.com"])))
    await step_async("stream", lambda: streamed(("write", {"text": "streaming"})))
    await step_async("delegate", delegated)
    await step_async("handoff", handed_over)
    await step_async("no handoff", not_handed_over)


if __name__ == "__main__":
    set_tracing_disabled(True)
    asyncio.run(work())

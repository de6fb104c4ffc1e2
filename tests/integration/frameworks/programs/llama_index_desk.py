"""A program for LlamaIndex, 0.13 and 0.14, that knows nothing of recording."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from llama_index.core.agent.workflow import AgentWorkflow, ReActAgent
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.calling import call_tool
from llama_index.core.workflow import Context

from tests.integration.frameworks import remote
from tests.integration.frameworks.steps import cancelled, step, step_async

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


async def remember(ctx: Context, word: str) -> str:
    """Remember a word."""
    await ctx.store.set("word", word)
    return f"remembered: {word}"


WRITE, FAIL, WAIT, REMEMBER, MULTIPLY = (
    FunctionTool.from_defaults(one) if one is write else FunctionTool.from_defaults(async_fn=one)
    for one in (write, fail, wait, remember, remote.multiply)
)
TOOLS = [WRITE, FAIL, WAIT, REMEMBER, MULTIPLY]


class Fake(CustomLLM):  # type: ignore[misc,unused-ignore]
    """Says what it was told to say."""

    says: list[str]

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="fake-1")

    def complete(self, prompt: str, formatted: bool = False, **options: Any) -> CompletionResponse:
        return CompletionResponse(text=self.says.pop(0))

    def stream_complete(
        self, prompt: str, formatted: bool = False, **options: Any
    ) -> Iterator[CompletionResponse]:
        text = self.says.pop(0)
        yield CompletionResponse(text=text, delta=text)


def asks(name: str, arguments: dict[str, Any]) -> str:
    return f"Thought: I need a tool.\nAction: {name}\nAction Input: {json.dumps(arguments)}"


def make_agent(*calls: tuple[str, dict[str, Any]]) -> Any:
    says = [*(asks(*call) for call in calls), "Thought: I can answer.\nAnswer: done"]
    return ReActAgent(name="clerk", description="Works.", tools=TOOLS, llm=Fake(says=says))


def shown(output: Any) -> list[Any]:
    return [output.tool_name, str(output.content), output.is_error]


async def run(*calls: tuple[str, dict[str, Any]]) -> list[Any]:
    handler = make_agent(*calls).run("hello")
    seen = [
        shown(event.tool_output)
        async for event in handler.stream_events()
        if type(event).__name__ == "ToolCallResult"
    ]
    return [*seen, str((await handler).response.content)]


async def several() -> str:
    agent = make_agent(("write", {"text": "in a team"}))
    workflow = AgentWorkflow(agents=[agent], root_agent="clerk")
    return str((await workflow.run("hello")).response.content)


async def later(tool: Any, **arguments: Any) -> list[Any]:
    return shown(await tool.acall(**arguments))


async def work() -> None:
    await step_async("direct async", lambda: later(WRITE, text="later"))
    await step_async("fail", lambda: later(FAIL, reason="broken by bob@example.com"))
    await step_async("cancel", lambda: cancelled(lambda: later(WAIT, seconds=60), begun))
    await step_async("write", lambda: run(("write", {"text": "to bob@example.com"})))
    await step_async("told", lambda: run(("fail", {"reason": "no"})))
    await step_async("remember", lambda: run(("remember", {"word": "hello"})))
    await step_async("remote", lambda: run(("multiply", {"a": 6, "b": 7})))
    await step_async("several", several)


def main() -> None:
    step("direct", lambda: shown(WRITE("directly")))
    step("by name", lambda: shown(WRITE.call(text="by name")))
    step("selected", lambda: shown(call_tool(WRITE, {"text": "selected"})))
    asyncio.run(work())


if __name__ == "__main__":
    main()

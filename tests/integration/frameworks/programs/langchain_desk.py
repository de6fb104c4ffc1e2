"""A program for langchain-core 0.3 to 1.x and LangGraph that knows nothing of recording."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool, ToolException, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import InjectedState
from langgraph.types import Command, interrupt

from tests.integration.frameworks import remote
from tests.integration.frameworks.steps import cancelled, step, step_async

begun = asyncio.Event()


@tool
def add(a: int, b: int, state: Annotated[dict[str, Any], InjectedState]) -> int:
    """Add two numbers."""
    return a + b + 0 * len(state["messages"])


@tool
def write(text: str) -> str:
    """Write a text to bob@example.com."""
    return f"written: {text}"


@tool
async def fail(reason: str) -> str:
    """Fail."""
    raise ValueError(reason)


@tool
def refuse(reason: str) -> str:
    """Say no, which the model is told."""
    raise ToolException(reason)


refuse.handle_tool_error = True


@tool
async def wait(seconds: int) -> str:
    """Wait."""
    begun.set()
    await asyncio.sleep(seconds)
    return "waited"


@tool
def ask(question: str) -> str:
    """Ask a person."""
    return f"answered: {interrupt(question)}"


multiply = StructuredTool.from_function(coroutine=remote.multiply, name="multiply")
TOOLS = [add, write, refuse, ask, multiply, wait, fail]


class Model(GenericFakeChatModel):
    """Says what it was told to say."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


def asks(*calls: tuple[str, dict[str, Any]]) -> Iterator[AIMessage]:
    for number, (name, args) in enumerate(calls):
        call = {"name": name, "args": args, "id": f"call-{number}"}
        yield AIMessage("", tool_calls=[call], response_metadata={"model_name": "fake-1"})
    yield AIMessage("done")


def make_agent(*calls: tuple[str, dict[str, Any]]) -> Any:
    model, saver = Model(messages=asks(*calls)), InMemorySaver()
    try:
        from langchain.agents import create_agent
    except ImportError:  # before langchain 1.0
        from langgraph.prebuilt import create_react_agent as create_agent
    return create_agent(model, TOOLS, name="clerk", checkpointer=saver)


QUESTION = {"messages": [("user", "hello")]}
THREAD: Any = {"configurable": {"thread_id": "thread-1"}}
WORK = (("add", {"a": 1, "b": 2}), ("write", {"text": "to bob@example.com"}))


def texts(state: Any) -> list[str]:
    return [str(message.content) for message in state["messages"]]


async def answered(*calls: tuple[str, dict[str, Any]]) -> list[str]:
    return texts(await make_agent(*calls).ainvoke(QUESTION, THREAD))


async def streamed() -> list[str]:
    agent = make_agent(("multiply", {"a": 6, "b": 7}))
    chunks = agent.astream(QUESTION, THREAD, stream_mode="updates")
    return [node async for chunk in chunks for node in chunk]


async def approved() -> list[str]:
    agent = make_agent(("ask", {"question": "may I?"}))
    await agent.ainvoke(QUESTION, THREAD)
    return texts(await agent.ainvoke(Command(resume="yes"), THREAD))


async def work() -> None:
    await step_async("direct async", lambda: write.ainvoke({"text": "directly"}))
    await step_async("fail", lambda: fail.ainvoke({"reason": "broken by bob@example.com"}))
    await step_async("cancel", lambda: cancelled(lambda: wait.ainvoke({"seconds": 60}), begun))
    await step_async("timeout", lambda: asyncio.wait_for(wait.ainvoke({"seconds": 60}), 0.2))
    await step_async("agent", lambda: answered(*WORK))
    await step_async("stream", streamed)
    await step_async("interrupt", approved)
    await step_async("agent fails", lambda: answered(("fail", {"reason": "no"})))


def main() -> None:
    step("direct", lambda: write.invoke({"text": "directly"}))
    step("text", lambda: write.run("only a text"))
    step("refuse", lambda: refuse.invoke({"reason": "no, says bob@example.com"}))
    step("invalid", lambda: write.invoke({"words": 1}))
    step("agent here", lambda: texts(make_agent(*WORK).invoke(QUESTION, THREAD)))
    asyncio.run(work())


if __name__ == "__main__":
    main()

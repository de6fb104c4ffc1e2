"""A program for smolagents, 1.20 to 1.26, that knows nothing of recording."""

import asyncio
from collections.abc import Sequence
from typing import Any

from smolagents import CodeAgent, LogLevel, Model, ToolCallingAgent, tool
from smolagents.models import (
    ChatMessage,
    ChatMessageToolCall,
    ChatMessageToolCallFunction,
    MessageRole,
)

from tests.integration.frameworks import remote
from tests.integration.frameworks.steps import step


@tool
def write(text: str) -> str:
    """Write a text to bob@example.com.

    Args:
        text: what to write
    """
    return f"written: {text}"


@tool
def fail(reason: str) -> str:
    """Fail.

    Args:
        reason: why
    """
    raise ValueError(reason)


@tool
def multiply(a: int, b: int) -> int:
    """Multiply elsewhere.

    Args:
        a: one number
        b: another
    """
    return asyncio.run(remote.multiply(a, b))


class Fake(Model):  # type: ignore[misc,unused-ignore]
    """Says what it was told to say."""

    def __init__(self, *says: Any) -> None:
        super().__init__(model_id="fake")
        self.says = list(says)

    def generate(self, messages: Any, **options: Any) -> ChatMessage:
        said = self.says.pop(0)
        if isinstance(said, str):
            return ChatMessage(role=MessageRole.ASSISTANT, content=f"<code>\n{said}\n</code>")
        calls = [
            ChatMessageToolCall(
                function=ChatMessageToolCallFunction(name=name, arguments=arguments),
                id=f"call-{number}",
                type="function",
            )
            for number, (name, arguments) in enumerate(said)
        ]
        return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=calls)


TOOLS = [write, fail, multiply]
ANSWER = [("final_answer", {"answer": "done"})]


def make_agent(*says: Sequence[tuple[str, Any]], name: str = "clerk", **more: Any) -> Any:
    model = Fake(*says, ANSWER)
    settings = {"name": name, "description": "Works.", "verbosity_level": LogLevel.OFF, **more}
    return ToolCallingAgent(tools=TOOLS, model=model, **settings)


def observations(agent: Any) -> list[str]:
    steps = (step for step in agent.memory.steps if hasattr(step, "tool_calls"))
    return [str(one.observations or one.error) for one in steps]


def run(*says: Sequence[tuple[str, Any]]) -> list[str]:
    agent = make_agent(*says)
    return [str(agent.run("hello")), *observations(agent)]


def streamed() -> list[str]:
    agent = make_agent([("write", {"text": "streaming"})])
    return [type(one).__name__ for one in agent.run("hello", stream=True)]


def coded() -> list[str]:
    text = "text = write('in code to bob@example.com')\nfinal_answer(text + '!')"
    agent = CodeAgent(tools=TOOLS, model=Fake(text), name="coder", verbosity_level=LogLevel.OFF)
    return [str(agent.run("hello"))]


def managed() -> list[str]:
    clerk = make_agent([("write", {"text": "for the boss"})])
    boss = make_agent(
        [("clerk", {"task": "write", "additional_args": {}})], name="boss", managed_agents=[clerk]
    )
    return [str(boss.run("hello")), *observations(clerk)]


def main() -> None:
    step("direct", lambda: write("directly"))
    step("by name", lambda: write(text="by name"))
    step("object", lambda: write({"text": "as an object"}))
    step("write", lambda: run([("write", {"text": "to bob@example.com"})]))
    step("two", lambda: sorted(run([("write", {"text": "one"}), ("write", {"text": "two"})])))
    step("fail", lambda: fail("broken by bob@example.com"))
    step("told", lambda: run([("fail", {"reason": "no"})]))
    step("remote", lambda: run([("multiply", {"a": 6, "b": 7})]))
    step("stream", streamed)
    step("code", coded)
    step("managed", managed)


if __name__ == "__main__":
    main()

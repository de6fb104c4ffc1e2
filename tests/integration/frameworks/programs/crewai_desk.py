"""A program for CrewAI, 1.0 to 1.15, that knows nothing of recording."""

import asyncio
import json
import os
from typing import Any

os.environ |= {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
}

from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from crewai.tools import BaseTool, tool

from tests.integration.frameworks import remote
from tests.integration.frameworks.steps import step


@tool("write")
def write(text: str) -> str:
    """Write a text to bob@example.com."""
    return f"written: {text}"


@tool("fail")
def fail(reason: str) -> str:
    """Fail."""
    raise ValueError(reason)


class Multiply(BaseTool):  # type: ignore[misc,unused-ignore]
    name: str = "multiply"
    description: str = "Multiply two numbers."

    def _run(self, a: int, b: int) -> int:
        return asyncio.run(remote.multiply(a, b))


class Fake(BaseLLM):  # type: ignore[misc,unused-ignore]
    """Says what it was told to say."""

    def call(self, *args: Any, **options: Any) -> str:
        return str(SAYS.pop(0))

    async def acall(self, *args: Any, **options: Any) -> str:
        return str(SAYS.pop(0))

    def supports_function_calling(self) -> bool:
        return False

    def supports_stop_words(self) -> bool:
        return False

    def get_context_window_size(self) -> int:
        return 8192


SAYS: list[str] = []
ANSWER = "Thought: I now know the final answer\nFinal Answer: done"


def asks(name: str, arguments: dict[str, Any]) -> str:
    return f"Thought: I use a tool\nAction: {name}\nAction Input: {json.dumps(arguments)}\n"


def run(*calls: tuple[str, dict[str, Any]]) -> str:
    SAYS[:] = [*(asks(*call) for call in calls), ANSWER]
    clerk = Agent(
        role="clerk",
        goal="Work.",
        backstory="A clerk.",
        llm=Fake(model="fake"),
        tools=[write, fail, Multiply()],
        max_retry_limit=0,
    )
    task = Task(description="Work.", expected_output="Nothing.", agent=clerk)
    return str(Crew(agents=[clerk], tasks=[task]).kickoff().raw)


def main() -> None:
    step("direct", lambda: write.run(text="directly"))
    step("fail", lambda: fail.run(reason="broken by bob@example.com"))
    step("structured", lambda: write.to_structured_tool().invoke({"text": "structured"}))
    step("write", lambda: run(("write", {"text": "to bob@example.com"})))
    step("told", lambda: run(("fail", {"reason": "no"})))
    step("remote", lambda: run(("multiply", {"a": 6, "b": 7})))


if __name__ == "__main__":
    main()

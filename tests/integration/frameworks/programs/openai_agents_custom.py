"""A program for the OpenAI Agents SDK from 0.14 on, with a custom tool, whose input is one text."""

import asyncio
from typing import Any

from agents import Agent, CustomTool, Runner, set_tracing_disabled
from openai.types.responses import ResponseCustomToolCall

from tests.integration.frameworks.programs.openai_agents_desk import Fake, message, outputs
from tests.integration.frameworks.steps import step_async

FORMAT = {"type": "grammar", "syntax": "regex", "definition": "[a-z@.]+"}


async def send(context: Any, text: str) -> str:
    return f"sent: {text}"


def asked(text: str) -> Any:
    return ResponseCustomToolCall(
        call_id="call-0", name="send", input=text, type="custom_tool_call", id="c"
    )


async def run(text: str) -> list[str]:
    tool = CustomTool(
        name="send", description="Send to bob@example.com.", on_invoke_tool=send, format=FORMAT
    )
    model = Fake()
    model.turns = [[asked(text)], [message("done")]]
    return outputs(await Runner.run(Agent(name="clerk", model=model, tools=[tool]), "hello"))


async def work() -> None:
    await step_async("send", lambda: run("bob@example.com"))
    await step_async("again", lambda: run("once.more"))


if __name__ == "__main__":
    set_tracing_disabled(True)
    asyncio.run(work())

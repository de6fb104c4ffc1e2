"""A program with realtime sessions of the OpenAI Agents SDK, 0.9 to 0.24, whose tools wait for people."""

import asyncio
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeModel, RealtimeSession
from agents.realtime.model_events import RealtimeModelToolCallEvent

from tests.integration.frameworks.steps import step_async


@function_tool(needs_approval=True)
def refund(to: str, euro: int) -> str:
    """Give money back."""
    return f"{euro} euro to {to}"


class Silent(RealtimeModel):
    """Takes what it is sent, and says nothing."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def connect(self, options: Any) -> None: ...

    def add_listener(self, listener: Any) -> None: ...

    def remove_listener(self, listener: Any) -> None: ...

    async def send_event(self, event: Any) -> None:
        self.sent.append(event)

    async def close(self) -> None: ...


async def answered(call_id: str, *, is_approved: bool) -> list[str]:
    model = Silent()
    agent = RealtimeAgent(name="voice", tools=[refund])
    session = RealtimeSession(model, agent, None, run_config={"async_tool_calls": False})
    arguments = '{"to":"bob@example.com","euro":10}'
    async with session:
        await session.on_event(RealtimeModelToolCallEvent("refund", call_id, arguments))
        if is_approved:
            await session.approve_tool_call(call_id)
        else:
            await session.reject_tool_call(call_id)
    return [one.output for one in model.sent if hasattr(one, "output")]


async def work() -> None:
    await step_async("approved", lambda: answered("call-1", is_approved=True))
    await step_async("rejected", lambda: answered("call-2", is_approved=False))


if __name__ == "__main__":
    asyncio.run(work())

"""An AutoGen agent whose tool calls are recorded. The model is a fake one: no key, no network.

pip install tallystick autogen-agentchat
python examples/with_autogen.py
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_core import FunctionCall
from autogen_core.models import ChatCompletionClient, CreateResult, RequestUsage

import tallystick

tallystick.instrument()  # the one line

USED = RequestUsage(prompt_tokens=0, completion_tokens=0)
CALL = FunctionCall(id="call-1", name="refund", arguments='{"invoice": 17, "euro": 20}')


class Fake(ChatCompletionClient):
    """Asks for one refund."""

    async def create(self, messages: object, **_: object) -> CreateResult:
        """Give the call of the tool."""
        del messages
        return CreateResult(
            finish_reason="function_calls", content=[CALL], usage=USED, cached=False
        )

    async def create_stream(self, *args: object, **options: object) -> AsyncGenerator[Any, None]:
        """Give the same in one piece."""
        yield await self.create(*args, **options)

    async def close(self) -> None:
        """Close nothing."""

    def actual_usage(self) -> RequestUsage:
        """Return what was used."""
        return USED

    total_usage = actual_usage

    def count_tokens(self, *_: object, **__: object) -> int:
        """Count nothing."""
        return 0

    remaining_tokens = count_tokens

    @property
    def capabilities(self) -> dict[str, Any]:
        """What the model can do."""
        return {
            "vision": False,
            "function_calling": True,
            "json_output": False,
            "structured_output": False,
            "family": "unknown",
        }

    model_info = capabilities


def refund(invoice: int, euro: int) -> str:
    """Refund an amount of an invoice."""
    return f"refunded {euro} euro for invoice {invoice}"


agent = AssistantAgent("billing", model_client=Fake(), tools=[refund])
with tallystick.caller(user_id="ada"):
    result = asyncio.run(agent.run(task="Refund 20 euro of invoice 17."))
print(result.messages[-1].content)

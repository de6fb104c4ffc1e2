"""A Strands agent whose tool calls are recorded. The model is a fake one: no key, no network.

pip install tallystick strands-agents
python examples/with_strands.py
"""

from collections.abc import AsyncGenerator
from typing import Any

from strands import Agent, tool
from strands.models.model import Model

import tallystick

tallystick.instrument()  # the one line


class Fake(Model):
    """Asks for one refund, and repeats what came of it."""

    async def stream(
        self, messages: list[dict[str, Any]], *_: object, **__: object
    ) -> AsyncGenerator[Any, None]:
        """Give the events of one message."""
        last = messages[-1]["content"][0]
        yield {"messageStart": {"role": "assistant"}}
        if "toolResult" in last:
            text = last["toolResult"]["content"][0]["text"]
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": text}}}
        else:
            asked = {"name": "refund", "toolUseId": "call-1"}
            given = '{"invoice": 17, "euro": 20}'
            yield {"contentBlockStart": {"start": {"toolUse": asked}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": given}}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn" if "toolResult" in last else "tool_use"}}

    async def structured_output(self, *_: object, **__: object) -> AsyncGenerator[Any, None]:
        """Give none."""
        yield {"output": None}

    def update_config(self, **_: object) -> None:
        """Keep no settings."""

    def get_config(self) -> dict[str, str]:
        """Return the name of the model."""
        return {"model_id": "fake"}


@tool
def refund(invoice: int, euro: int) -> str:
    """Refund an amount of an invoice."""
    return f"refunded {euro} euro for invoice {invoice}"


agent = Agent(model=Fake(), tools=[refund], name="billing", callback_handler=None)
with tallystick.caller(user_id="ada"):
    print(str(agent("Refund 20 euro of invoice 17.")).strip())

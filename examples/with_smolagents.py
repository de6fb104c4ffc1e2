"""A smolagents agent that calls its tool from code, recorded. The model is a fake one: no key, no network.

pip install tallystick smolagents
python examples/with_smolagents.py
"""

from smolagents import CodeAgent, LogLevel, Model, tool
from smolagents.models import ChatMessage, MessageRole

import tallystick

tallystick.instrument()  # the one line


@tool
def refund(invoice: int, euro: int) -> str:
    """Refund an amount of an invoice.

    Args:
        invoice: its number
        euro: the amount
    """
    return f"refunded {euro} euro for invoice {invoice}"


class FakeModel(Model):
    """Writes one line of code."""

    def generate(self, *_: object, **__: object) -> ChatMessage:
        """Give the answer of a model."""
        code = "<code>\nfinal_answer(refund(invoice=17, euro=20))\n</code>"
        return ChatMessage(role=MessageRole.ASSISTANT, content=code)


agent = CodeAgent(tools=[refund], model=FakeModel(), name="billing", verbosity_level=LogLevel.OFF)

with tallystick.caller(user_id="ada"):
    print(agent.run("Refund 20 euro of invoice 17."))

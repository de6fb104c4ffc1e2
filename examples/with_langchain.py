"""A LangChain agent whose tool calls are recorded. The model is a fake one: no key, no network.

pip install tallystick langchain
python examples/with_langchain.py
"""

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

import tallystick

tallystick.instrument()  # the one line


@tool
def refund(invoice: int, euro: int) -> str:
    """Refund an amount of an invoice."""
    return f"refunded {euro} euro for invoice {invoice}"


class Model(GenericFakeChatModel):
    """Asks for one refund and repeats what it was told."""

    def bind_tools(self, tools: object, **options: object) -> "Model":  # noqa: ARG002
        """Take the tools as they are."""
        return self


call = {"name": "refund", "args": {"invoice": 17, "euro": 20}, "id": "call-1"}
model = Model(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("done")]))
agent = create_agent(model, [refund], name="billing")

with tallystick.caller(user_id="ada"):
    state = agent.invoke({"messages": [("user", "Refund 20 euro of invoice 17.")]})
print(state["messages"][-2].content)

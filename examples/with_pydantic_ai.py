"""A Pydantic AI agent whose tool calls are recorded. The model is a fake one: no key, no network.

pip install tallystick pydantic-ai-slim
python examples/with_pydantic_ai.py
"""

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

import tallystick

tallystick.instrument()  # the one line


def say(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
    """Ask for one refund, and repeat what came of it."""
    last = messages[-1].parts[-1]
    if last.part_kind == "tool-return":
        return ModelResponse(parts=[TextPart(str(last.content))])
    return ModelResponse(parts=[ToolCallPart("refund", {"invoice": 17, "euro": 20}, "call-1")])


agent = Agent(FunctionModel(say), name="billing")


@agent.tool_plain
def refund(invoice: int, euro: int) -> str:
    """Refund an amount of an invoice."""
    return f"refunded {euro} euro for invoice {invoice}"


with tallystick.caller(user_id="ada"):
    print(agent.run_sync("Refund 20 euro of invoice 17.").output)

"""An agent of the OpenAI Agents SDK whose tool calls are recorded. The model is a fake one: no key, no network.

pip install tallystick openai-agents
python examples/with_openai_agents.py
"""

from agents import Agent, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled
from agents.models.interface import Model
from openai.types.responses import ResponseFunctionToolCall

import tallystick

tallystick.instrument()  # the one line
set_tracing_disabled(disabled=True)  # the SDK's own tracing would look for the network


@function_tool
def refund(invoice: int, euro: int) -> str:
    """Refund an amount of an invoice."""
    return f"refunded {euro} euro for invoice {invoice}"


class FakeModel(Model):
    """Asks for one refund."""

    async def get_response(self, *_: object, **__: object) -> ModelResponse:
        """Give the answer of a model."""
        call = ResponseFunctionToolCall(
            name="refund",
            arguments='{"invoice": 17, "euro": 20}',
            call_id="call-1",
            type="function_call",
        )
        return ModelResponse(output=[call], usage=Usage(), response_id=None)

    def stream_response(self, *_: object, **__: object) -> object:
        """Give nothing: this example does not stream."""
        return iter(())


agent = Agent(
    name="billing", model=FakeModel(), tools=[refund], tool_use_behavior="stop_on_first_tool"
)

with tallystick.caller(user_id="ada"):
    result = Runner.run_sync(agent, "Refund 20 euro of invoice 17.")
print(result.final_output)

"""A LlamaIndex agent whose tool calls are recorded. The model is a fake one: no key, no network.

pip install tallystick llama-index-core
python examples/with_llama_index.py
"""

import asyncio
from collections.abc import Iterator

from llama_index.core.agent.workflow import ReActAgent
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata

import tallystick

tallystick.instrument()  # the one line

SAYS = iter(
    (
        'Thought: I refund it.\nAction: refund\nAction Input: {"invoice": 17, "euro": 20}',
        "Thought: I can answer.\nAnswer: refunded 20 euro for invoice 17",
    )
)


def refund(invoice: int, euro: int) -> str:
    """Refund an amount of an invoice."""
    return f"refunded {euro} euro for invoice {invoice}"


class FakeModel(CustomLLM):
    """Asks for one refund, then answers."""

    @property
    def metadata(self) -> LLMMetadata:
        """Say what kind of model it is."""
        return LLMMetadata()

    def complete(self, *_: object, **__: object) -> CompletionResponse:
        """Give the answer of a model."""
        return CompletionResponse(text=next(SAYS))

    def stream_complete(self, *_: object, **__: object) -> Iterator[CompletionResponse]:
        """Give it in one piece."""
        text = next(SAYS)
        yield CompletionResponse(text=text, delta=text)


async def main() -> None:
    """Run the agent on behalf of a user."""
    agent = ReActAgent(name="billing", description="Pays.", tools=[refund], llm=FakeModel())
    with tallystick.caller(user_id="ada"):
        result = await agent.run("Refund 20 euro of invoice 17.")
    print(result.response.content)


asyncio.run(main())

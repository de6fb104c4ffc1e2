"""A Google ADK agent whose tool calls are recorded. The model is a fake one: no key, no network.

pip install tallystick google-adk
python examples/with_google_adk.py
"""

import asyncio
from collections.abc import AsyncGenerator

from google.adk.agents import LlmAgent
from google.adk.models import BaseLlm, LlmRequest, LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types

import tallystick

tallystick.instrument()  # the one line

ASKED = types.FunctionCall(id="call-1", name="refund", args={"invoice": 17, "euro": 20})


class Fake(BaseLlm):
    """Asks for one refund, and repeats what came of it."""

    async def generate_content_async(
        self,
        llm_request: LlmRequest,
        stream: bool = False,  # noqa: ARG002 - the interface's parameter
    ) -> AsyncGenerator[LlmResponse, None]:
        """Give one message."""
        last = llm_request.contents[-1].parts[-1].function_response
        told = types.Part(text=str(last.response["result"])) if last else None
        part = told or types.Part(function_call=ASKED)
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def refund(invoice: int, euro: int) -> str:
    """Refund an amount of an invoice."""
    return f"refunded {euro} euro for invoice {invoice}"


async def main() -> None:
    """Ask the agent once."""
    agent = LlmAgent(name="billing", model=Fake(model="fake"), tools=[refund])
    runner = InMemoryRunner(agent, app_name="desk")
    session = await runner.session_service.create_session(app_name="desk", user_id="ada")
    asked = types.Content(role="user", parts=[types.Part(text="Refund 20 euro of invoice 17.")])
    events = runner.run_async(user_id="ada", session_id=session.id, new_message=asked)
    async for event in events:
        if event.is_final_response():
            print(event.content.parts[0].text)


with tallystick.caller(user_id="ada"):
    asyncio.run(main())

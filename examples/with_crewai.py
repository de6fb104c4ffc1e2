"""A CrewAI agent whose tool calls are recorded. The model is a fake one: no key, no network.

pip install tallystick crewai
CREWAI_DISABLE_TELEMETRY=true python examples/with_crewai.py
"""

from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from crewai.tools import tool

import tallystick

tallystick.instrument()  # the one line

SAYS = iter(
    (
        'Thought: I refund it.\nAction: refund\nAction Input: {"invoice": 17, "euro": 20}',
        "Thought: I now know the final answer\nFinal Answer: refunded 20 euro for invoice 17",
    )
)


@tool("refund")
def refund(invoice: int, euro: int) -> str:
    """Refund an amount of an invoice."""
    return f"refunded {euro} euro for invoice {invoice}"


class FakeModel(BaseLLM):
    """Asks for one refund, then answers."""

    def call(self, *_: object, **__: object) -> str:
        """Give the answer of a model."""
        return next(SAYS)

    def supports_function_calling(self) -> bool:
        """Say that it asks for tools in words."""
        return False

    def supports_stop_words(self) -> bool:
        """Say that it never goes on after its request."""
        return False


agent = Agent(
    role="billing",
    goal="Refund what is due.",
    backstory="Works in accounting.",
    llm=FakeModel(model="fake"),
    tools=[refund],
)
task = Task(description="Refund 20 euro of invoice 17.", expected_output="A receipt.", agent=agent)

with tallystick.caller(user_id="ada"):
    print(Crew(agents=[agent], tasks=[task]).kickoff().raw)

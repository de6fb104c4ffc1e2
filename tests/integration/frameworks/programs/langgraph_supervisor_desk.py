"""A program for langgraph-supervisor in which a boss hands over to a clerk, who hands back."""

import asyncio
from typing import Any

from langchain.agents import create_agent
from langgraph_supervisor import create_supervisor

from tests.integration.frameworks.programs.langchain_desk import QUESTION, Model, asks, texts, write
from tests.integration.frameworks.steps import step, step_async


def make() -> Any:
    wanted = ("write", {"text": "to bob@example.com"})
    clerk = create_agent(Model(messages=asks(wanted)), [write], name="clerk")
    boss = Model(messages=asks(("transfer_to_clerk", {})))
    return create_supervisor([clerk], model=boss, supervisor_name="boss").compile()


async def handed_over() -> list[str]:
    return texts(await make().ainvoke(QUESTION))


if __name__ == "__main__":
    step("here", lambda: texts(make().invoke(QUESTION)))
    asyncio.run(step_async("handoff", handed_over))

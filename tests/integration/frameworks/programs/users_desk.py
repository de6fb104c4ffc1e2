"""A program that tells OpenAI Agents, LangGraph and Pydantic AI for whom it works, each in the framework's own way."""

import asyncio
from dataclasses import dataclass
from typing import Any, TypedDict

from agents import Runner
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

import tallystick
from tests.integration.frameworks.programs import (
    langchain_desk,
    openai_agents_desk,
    pydantic_ai_desk,
)
from tests.integration.frameworks.steps import step_async

WRITE = ("write", {"text": "to bob@example.com"})


@dataclass
class Person:
    """A context of the program's own."""

    user_id: str


@dataclass
class Broken:
    """A context that says nothing."""

    @property
    def user_id(self) -> str:
        raise ValueError("no user")


class Context(TypedDict):
    """The context of a graph."""

    user_id: str


async def of_openai(context: Any) -> str:
    agent = openai_agents_desk.make_agent(WRITE)
    return str((await Runner.run(agent, "hello", context=context)).final_output)


async def of_pydantic(deps: Any) -> str:
    return str((await pydantic_ai_desk.make_agent(WRITE).run("hello", deps=deps)).output)


async def of_langgraph(configurable: Any, **more: Any) -> int:
    config = {"configurable": {"thread_id": "thread-1", **configurable}, **more}
    agent = langchain_desk.make_agent(WRITE)
    return len((await agent.ainvoke(langchain_desk.QUESTION, config))["messages"])


async def of_a_graph(context: Context) -> int:
    graph = StateGraph(MessagesState, context_schema=Context)
    graph.add_node("tools", ToolNode([langchain_desk.write]))
    graph.add_edge(START, "tools")
    asked = [next(langchain_desk.asks(WRITE))]
    return len((await graph.compile().ainvoke({"messages": asked}, context=context))["messages"])


async def said_otherwise() -> str:
    with tallystick.caller("grace"):
        return await of_openai(Person("ada"))


async def work() -> None:
    await step_async("openai", lambda: of_openai(Person("ada")))
    await step_async("openai mapping", lambda: of_openai({"user_id": 7}))
    await step_async("openai broken", lambda: of_openai(Broken()))
    await step_async("openai, said", said_otherwise)
    await step_async("pydantic", lambda: of_pydantic(Person("ada")))
    await step_async("langgraph", lambda: of_langgraph({"user_id": "ada"}))
    await step_async("metadata", lambda: of_langgraph({}, metadata={"user_id": "ada"}))
    of_server = {"langgraph_auth_user_id": "ada", "user_id": "eve"}
    await step_async("server", lambda: of_langgraph(of_server))
    await step_async("context", lambda: of_a_graph({"user_id": "ada"}))
    await step_async("nobody", lambda: of_langgraph({}))


if __name__ == "__main__":
    asyncio.run(work())

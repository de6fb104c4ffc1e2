"""A program for LangGraph 0.6 to 1.2 whose tools wait for people."""

import asyncio
from typing import Any

from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from tests.integration.frameworks.programs.langchain_desk import QUESTION, Model, asks, texts
from tests.integration.frameworks.steps import step, step_async

try:
    from langchain.agents import create_agent
    from langchain.agents.middleware import HumanInTheLoopMiddleware
except ImportError:  # before langchain 1.0
    from langgraph.prebuilt import create_react_agent as create_agent

    HumanInTheLoopMiddleware = None

THREAD: Any = {"configurable": {"thread_id": "thread-1"}}
ARGUMENTS = {"to": "bob@example.com", "euro": 10}


@tool
def refund(to: str, euro: int) -> str:
    """Give money back."""
    return f"{euro} euro to {to}"


@tool
def careful(to: str, euro: int) -> str:
    """Give money back, once two people agree."""
    for who in ("first", "second"):
        if interrupt({"question": f"may {to} get {euro} euro?", "to": who}) != "yes":
            raise ValueError("somebody said no")
    return f"{euro} euro to {to}"


@tool
def reviewed(to: str, euro: int) -> str:
    """Give money back, in the form that reviewers know."""
    action = {"action": "refund", "args": {"to": to, "euro": euro}}
    [said] = interrupt([{"action_request": action, "config": {}, "description": "a refund"}])
    return str(said["type"])


def make(name: str, **settings: Any) -> Any:
    model = Model(messages=asks((name, ARGUMENTS)))
    tools = [refund, careful, reviewed]
    return create_agent(model, tools, name="clerk", checkpointer=InMemorySaver(), **settings)


async def answered(agent: Any, *answers: Any) -> list[str]:
    await agent.ainvoke(QUESTION, THREAD)
    state: Any = {"messages": []}
    for answer in answers:
        state = await agent.ainvoke(Command(resume=answer), THREAD)
    return texts(state)


def answered_here(agent: Any, answer: Any) -> list[str]:
    agent.invoke(QUESTION, THREAD)
    return texts(agent.invoke(Command(resume=answer), THREAD))


async def in_the_loop(*answers: Any, **settings: Any) -> list[str]:
    """Answer the middleware of LangChain 1.x."""
    if HumanInTheLoopMiddleware is None:
        return []
    middleware = HumanInTheLoopMiddleware(interrupt_on={"refund": True}, **settings)
    return await answered(make("refund", middleware=[middleware]), *answers)


def decided(**decision: Any) -> dict[str, Any]:
    return {"decisions": [decision]}


async def unrelated() -> Any:
    """Ask a person something that is about no tool."""
    graph = StateGraph(dict)
    graph.add_node("ask", lambda state: {"name": interrupt("your name?")})
    graph.add_edge(START, "ask")
    agent = graph.compile(checkpointer=InMemorySaver())
    await agent.ainvoke({}, THREAD)
    return await agent.ainvoke(Command(resume="bob@example.com"), THREAD)


async def work() -> None:
    await step_async("twice", lambda: answered(make("careful"), "yes", "yes"))
    await step_async("no", lambda: answered(make("careful"), "no"))
    await step_async("never", lambda: answered(make("careful")))
    await step_async("reviewed", lambda: answered(make("reviewed"), [{"type": "accept"}]))
    await step_async("unrelated", unrelated)
    await step_async("approve", lambda: in_the_loop(decided(type="approve")))
    changed = {"name": "refund", "args": {"to": "ada", "euro": 1}}
    await step_async("edit", lambda: in_the_loop(decided(type="edit", edited_action=changed)))
    refusal = {"type": "reject", "message": "not to bob@example.com"}
    await step_async("reject", lambda: in_the_loop(decided(**refusal)))
    await step_async("each call", lambda: in_the_loop(refusal, interrupt_mode="per_call"))


if __name__ == "__main__":
    step("here", lambda: answered_here(make("reviewed"), [{"type": "ignore"}]))
    asyncio.run(work())

"""A program for mcp 1.x: a server that asks from background tasks, and a client whose person answers.

`python -m tests.integration.mcp.asking_tasks [plain]` prints one JSON line per step.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import tallystick
from tests.integration.mcp.asking import ACCEPT, CANCEL, DECLINE, SECRET_URL, Person
from tests.integration.mcp.desk import load, step

types: Any = load("mcp.types")
FORM = {"type": "object", "properties": {"confirm": {"type": "boolean"}}}
Work = Callable[[Any], Awaitable[Any]]


def said(answer: Any) -> Any:
    """Return the result of a tool that passes on what was answered."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=str(answer.action))])


async def asks_form(task: Any) -> Any:
    return said(await task.elicit("Transfer 100 to bob@example.com?", FORM))


async def asks_visit(task: Any) -> Any:
    return said(await task.elicit_url("Sign at your bank", SECRET_URL, "e-1"))


async def asks_as_task(task: Any) -> Any:
    return said(await task.elicit_as_task("Transfer 100 as a task?", FORM))


TASKS: dict[str, Work] = {"form": asks_form, "visit": asks_visit, "as_task": asks_as_task}


class Desk:
    """A server whose tools ask in the task that runs them, after they have returned, or in a worker."""

    def __init__(self) -> None:
        self.server = load("mcp.server.lowlevel").Server("desk")
        self.server.experimental.enable_tasks()
        self.server.list_tools()(self.list_tools)
        self.server.call_tool(validate_input=False)(self.call_tool)
        self.later: asyncio.Queue[str] = asyncio.Queue()
        self.sessions: asyncio.Queue[Any] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()

    async def list_tools(self) -> list[Any]:
        schema = {"type": "object"}
        named = [*TASKS, "later", "worker", "session"]
        return [types.Tool(name=name, inputSchema=schema) for name in named]

    async def call_tool(self, name: str, _arguments: dict[str, Any]) -> Any:
        context = self.server.request_context
        if name in TASKS:
            return await context.experimental.run_task(TASKS[name])
        if name == "session":
            return said(await context.session.experimental.elicit_as_task("As a task?", FORM))
        if name == "later":
            self.keep(asyncio.create_task(self.ask(context.session)))
        else:
            await self.sessions.put(context.session)
        return [types.TextContent(type="text", text="asked")]

    def keep(self, task: asyncio.Task[None]) -> None:
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def ask(self, session: Any) -> None:
        await self.later.put((await session.elicit_form("Delete all, later?", FORM)).action)

    async def work(self) -> None:
        """Ask for every session that is handed over, in a context that knows of no call."""
        while True:
            await self.ask(await self.sessions.get())


class Answers:
    """The client's side of a question that is a task: the person answers while the server polls."""

    def __init__(self, person: Person) -> None:
        tasks = load("mcp.shared.experimental.tasks.in_memory_task_store")
        self.person = person
        self.store = tasks.InMemoryTaskStore()
        self.answering: list[asyncio.Task[None]] = []

    async def ask(self, context: Any, params: Any, metadata: Any) -> Any:
        task = await self.store.create_task(metadata)
        self.answering.append(asyncio.create_task(self.answer(task.taskId, context, params)))
        return types.CreateTaskResult(task=task)

    async def answer(self, task_id: str, context: Any, params: Any) -> None:
        await self.store.store_result(task_id, await self.person(context, params))
        await self.store.update_task(task_id, status="completed")

    async def get_task(self, _context: Any, params: Any) -> Any:
        found = await self.store.get_task(params.taskId)
        return types.GetTaskResult(**{**found.model_dump(), "pollInterval": 1})

    async def get_result(self, _context: Any, params: Any) -> Any:
        return await self.store.get_result(params.taskId)


@contextlib.asynccontextmanager
async def client(desk: Desk, person: Person) -> AsyncIterator[Any]:
    answers = Answers(person)
    handlers = load("mcp.client.experimental.task_handlers").ExperimentalTaskHandlers(
        augmented_elicitation=answers.ask,
        get_task=answers.get_task,
        get_task_result=answers.get_result,
    )
    streams = load("mcp.shared.memory").create_client_server_memory_streams
    session_type = load("mcp.client.session").ClientSession
    options = desk.server.create_initialization_options()
    async with streams() as (here, there):
        serving = asyncio.create_task(desk.server.run(*there, options))
        async with session_type(
            *here, elicitation_callback=person, experimental_task_handlers=handlers
        ) as session:
            await session.initialize()
            yield session
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def ask_task(tool: str, answer: Any) -> Any:
    """Call a tool as a task, and wait for its result, in which the question is delivered."""
    async with client(Desk(), Person(answer)) as session:
        made = await session.experimental.call_tool_as_task(tool, {"of": tool})
        return await session.experimental.get_task_result(made.task.taskId, types.CallToolResult)


async def ask_later(tool: str, answer: Any) -> Any:
    """Call a tool that returns at once, and wait for what is answered to it then."""
    desk = Desk()
    worker = asyncio.create_task(desk.work())
    async with client(desk, Person(answer)) as session:
        await session.call_tool(tool, {})
        action = await desk.later.get()
    worker.cancel()
    return types.ElicitResult(action=action)


async def ask_session(answer: Any) -> Any:
    async with client(Desk(), Person(answer)) as session:
        return await session.call_tool("session", {})


async def work() -> None:
    await step("accept", partial(ask_task, "form", ACCEPT))
    await step("decline", partial(ask_task, "form", DECLINE))
    await step("visit", partial(ask_task, "visit", {"action": "accept"}))
    await step("as task", partial(ask_task, "as_task", DECLINE))
    await step("session", partial(ask_session, CANCEL))
    await step("later", partial(ask_later, "later", DECLINE))
    await step("worker", partial(ask_later, "worker", ACCEPT))


def main() -> None:
    logging.disable(logging.CRITICAL)
    if "plain" not in sys.argv:
        tallystick.instrument(service_name="asking")
    asyncio.run(work())
    tallystick.shutdown()


if __name__ == "__main__":
    main()

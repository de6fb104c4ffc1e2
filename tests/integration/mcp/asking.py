"""A program for mcp 1.x and 2.x: a server that asks before it acts, and a client whose person answers.

`python -m tests.integration.mcp.asking requests|rounds [plain]` prints one JSON line per step. With
`requests` the server asks by `elicitation/create`; with `rounds` (2.x alone) its question travels in the
result of the call.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, Field

import tallystick
from tests.integration.mcp.desk import IS_V1, high_level, load, step

SECRET_URL = "https://bank.example/consent?state=hunter2"


class Terms(BaseModel):
    """What the form asks for."""

    confirm: bool
    speed: str = Field(default="slow", json_schema_extra={"enum": ["slow", "fast"]})
    note: str = ""


class Tick(BaseModel):
    """A form with one tick."""

    confirm: bool


def make_server() -> Any:
    server = high_level()
    context: Any = load("mcp.server.fastmcp" if IS_V1 else "mcp.server.mcpserver").Context

    @server.tool()  # type: ignore[untyped-decorator]
    async def transfer(to: str, ctx: context) -> str:
        answer = await ctx.elicit(f"Transfer 100 to {to}?", Terms)
        return str(answer.action)

    @server.tool()  # type: ignore[untyped-decorator]
    async def delete(ctx: context) -> str:
        answer = await ctx.elicit("Delete all?", Tick)
        if answer.action != "accept" or not answer.data.confirm:
            raise PermissionError("not confirmed")
        return "deleted"

    @server.tool()  # type: ignore[untyped-decorator]
    async def visit(ctx: context) -> str:
        answer = await ctx.elicit_url("Sign at your bank", SECRET_URL, "e-1")
        return str(answer.action)

    if not IS_V1:
        add_rounds(server)
    return server


def add_rounds(server: Any) -> None:
    rounds = load("mcp.server.mcpserver")

    async def ask(to: str) -> Any:
        return rounds.Elicit(f"Transfer 100 to {to}?", Terms)

    @server.tool()  # type: ignore[untyped-decorator]
    async def transfer_in_rounds(to: str, terms: Annotated[Terms, rounds.Resolve(ask)]) -> str:
        return f"transferred to {to}: {terms.confirm}"


class Person:
    """Answers what they are asked, in this order; `hang` never answers."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.is_asked = asyncio.Event()

    async def __call__(self, context: Any, params: Any) -> Any:
        answer = self.answers.pop(0)
        self.is_asked.set()
        if answer == "hang":
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return load("mcp.types").ElicitResult(**answer)


@contextlib.asynccontextmanager
async def client(server: Any, person: Person, mode: str) -> AsyncIterator[Any]:
    if IS_V1:
        connect = load("mcp.shared.memory").create_connected_server_and_client_session
        async with connect(server._mcp_server, elicitation_callback=person) as session:  # noqa: SLF001
            yield session
    else:
        make = load("mcp.client.client").Client
        async with make(server, mode=mode, elicitation_callback=person) as made:
            yield made


ACCEPT = {"action": "accept", "content": {"confirm": True, "speed": "fast", "note": "typed words"}}
DECLINE = {"action": "decline"}
CANCEL = {"action": "cancel"}
TO = {"to": "bob@example.com"}


async def ask(tool: str, arguments: dict[str, str], *answers: Any, mode: str = "legacy") -> Any:
    async with client(make_server(), Person(*answers), mode) as connected:
        return await connected.call_tool(tool, arguments)


async def by_requests() -> None:
    await step("accept", partial(ask, "transfer", TO, ACCEPT))
    await step("decline", partial(ask, "transfer", TO, DECLINE))
    await step("cancel", partial(ask, "transfer", TO, CANCEL))
    await step("refuse", partial(ask, "delete", {}, DECLINE))
    await step(
        "untick", partial(ask, "delete", {}, {"action": "accept", "content": {"confirm": False}})
    )
    await step("visit", partial(ask, "visit", {}, {"action": "accept"}))
    await step("hang", hang)


async def hang() -> Any:
    """Let the client give up while its person still thinks."""
    person = Person("hang")
    async with client(make_server(), person, "legacy") as connected:
        call = asyncio.ensure_future(connected.call_tool("transfer", TO))
        await person.is_asked.wait()
        call.cancel()
        return await call


async def by_rounds() -> None:
    auto: Callable[..., Any] = partial(ask, "transfer_in_rounds", TO, mode="auto")
    await step("accept", partial(auto, ACCEPT))
    await step("decline", partial(auto, DECLINE))
    await step("cancel", partial(auto, CANCEL))
    await step("forged", forged)


async def forged() -> Any:
    """Answer a question that nobody asked."""
    async with client(make_server(), Person(), "auto") as connected:
        types = load("mcp.types")
        return await connected.session.call_tool(
            "transfer_in_rounds",
            TO,
            input_responses={"never-asked": types.ElicitResult(**ACCEPT)},
            allow_input_required=True,
        )


def main() -> None:
    logging.disable(logging.CRITICAL)
    if "plain" not in sys.argv:
        tallystick.instrument(service_name="asking")
    asyncio.run(by_rounds() if "rounds" in sys.argv else by_requests())
    tallystick.shutdown()


if __name__ == "__main__":
    main()

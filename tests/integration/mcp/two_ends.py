"""A client for mcp 1.x and 2.x that records, and calls a server in a process of its own.

`python two_ends.py stdio PYTHON [FAULT]` starts desk.py under PYTHON, recorded, behind the proxy `between.py`
with that fault; `python two_ends.py http URL` calls a server that runs. TWO_ENDS_SERVER is the server's home.
"""

import asyncio
import contextlib
import importlib
import logging
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import tallystick

desk: Any = importlib.import_module("desk")
HERE = Path(__file__).parent
PARALLEL = 8


def server_command(python: str, fault: str) -> tuple[list[str], dict[str, str]]:
    """Say how the server is started, and what it finds in its environment."""
    run = [os.environ["TWO_ENDS_TALLYSTICK"], "-m", "tallystick.cli", "run", "--"]
    server = [*run, python, "-W", "ignore", str(HERE / "desk.py"), "serve"]
    env = {name: value for name, value in os.environ.items() if name != "TALLYSTICK_RECEIPTS"}
    between = [sys.executable, str(HERE / "between.py"), fault, *server]
    return between, {**env, "TALLYSTICK_HOME": os.environ["TWO_ENDS_SERVER"]}


@contextlib.asynccontextmanager
async def stdio_client(python: str, fault: str) -> AsyncIterator[Any]:
    command, env = server_command(python, fault)
    stdio = desk.load("mcp.client.stdio")
    parameters = stdio.StdioServerParameters(command=command[0], args=command[1:], env=env)
    if desk.IS_V1:
        async with (
            stdio.stdio_client(parameters) as (read, write),
            desk.load("mcp.client.session").ClientSession(read, write) as session,
        ):
            await session.initialize()
            yield session
    else:
        async with desk.load("mcp.client.client").Client(stdio.stdio_client(parameters)) as client:
            yield client


async def work(client: Any) -> None:
    await client.list_tools()
    await client.call_tool("add", {"a": 1, "b": 2})
    await client.call_tool("note", {"text": "Zürich \U0001f600 for bob@example.com", "n": 0.5})
    with contextlib.suppress(Exception):  # mcp 2.x refuses what 1.x answers
        await client.call_tool("nothing")
    notes = ({"text": f"note {number} for bob@example.com"} for number in range(PARALLEL))
    await asyncio.gather(*(client.call_tool("note", note) for note in notes))


async def main() -> None:
    way, *rest = sys.argv[1:]
    connected = (
        stdio_client(rest[0], rest[1]) if way == "stdio" else desk.http_client(rest[0], "none")
    )
    with tallystick.caller(user_id="ada@example.com"), tallystick.agent("planner-of-ada"):
        async with connected as client:
            await work(client)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    tallystick.instrument(service_name="client")
    asyncio.run(main())
    tallystick.flush(200)
    tallystick.shutdown()

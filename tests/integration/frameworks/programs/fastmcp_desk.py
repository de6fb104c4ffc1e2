"""A program for fastmcp 2.12, 3.x and 4.x, server and client, that knows nothing of recording."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier

from tests.integration.frameworks.steps import cancelled, step_async
from tests.ports import free_port

begun = asyncio.Event()
CALLS_DIRECTLY = hasattr(FastMCP, "call_tool")
TOKENS = {
    "token-of-ada": {"client_id": "desk", "sub": "ada@example.com", "scopes": ["use"]},
    "token-without-scope": {"client_id": "desk", "sub": "eve", "scopes": []},
}


def make_server(**settings: Any) -> Any:
    server = FastMCP("desk", version="3", **settings)

    @server.tool(annotations={"readOnlyHint": True})
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool
    def note(text: str) -> str:
        return f"noted: {text}"

    @server.tool
    def fail(reason: str) -> str:
        raise ValueError(reason)

    @server.tool
    def sorry(reason: str) -> str:
        raise ToolError(reason)

    @server.tool
    async def wait(seconds: int) -> str:
        begun.set()
        await asyncio.sleep(seconds)
        return "waited"

    @server.tool
    async def relay(text: str) -> str:
        """Call another tool of this server."""
        if not CALLS_DIRECTLY:
            return "fastmcp 2 has no way"
        result = await server.call_tool("note", {"text": text})
        return str(result.content[0].text)

    @server.resource("desk://drawer")
    def drawer() -> str:
        return "pens"

    @server.prompt
    def greet(name: str) -> str:
        return f"Greet {name}"

    return server


def mounted() -> Any:
    outer = FastMCP("outer")
    try:
        outer.mount(make_server(), namespace="inner")
    except TypeError:  # before fastmcp 3
        outer.mount(make_server(), prefix="inner")
    return outer


async def call(server: Any, tool: str, **arguments: Any) -> Any:
    async with Client(server) as client:
        return (await client.call_tool(tool, arguments)).data


async def list_tools(server: Any) -> list[str]:
    async with Client(server) as client:
        return sorted(tool.name for tool in await client.list_tools())


async def read(server: Any) -> list[str]:
    async with Client(server) as client:
        drawer = await client.read_resource("desk://drawer")
        greeting = await client.get_prompt("greet", {"name": "Bob"})
        return [drawer[0].text, greeting.messages[0].content.text]


async def direct(server: Any, text: str) -> str:
    result = await server.call_tool("note", {"text": text})
    return str(result.content[0].text)


@contextlib.asynccontextmanager
async def served(server: Any) -> AsyncIterator[str]:
    port = free_port()
    web = uvicorn.Server(uvicorn.Config(server.http_app(), port=port, log_level="critical"))
    task = asyncio.create_task(web.serve())
    while not web.started:  # noqa: ASYNC110 - uvicorn tells in no other way
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        web.should_exit = True
        await task


async def over_http(url: str, token: str) -> Any:
    transport = StreamableHttpTransport(url, headers={"Authorization": f"Bearer {token}"})
    async with Client(transport) as client:
        return (await client.call_tool("note", {"text": "over HTTP"})).data


async def is_refused(url: str, token: str) -> bool:
    try:
        await over_http(url, token)
    except Exception:  # noqa: BLE001 - the error names the port, which is another each time
        return True
    return False


async def with_tokens() -> None:
    verifier = StaticTokenVerifier(TOKENS, required_scopes=["use"])
    async with served(make_server(auth=verifier)) as url:
        await step_async("ada", lambda: over_http(url, "token-of-ada"))
        await step_async("eve", lambda: is_refused(url, "token-without-scope"))
        await step_async("nobody", lambda: is_refused(url, "token-of-nobody"))


async def work() -> None:
    server, outer = make_server(mask_error_details=True), mounted()
    await step_async("list", lambda: list_tools(server))
    await step_async("add", lambda: call(server, "add", a=1, b=2))
    await step_async("note", lambda: call(server, "note", text="write to bob@example.com"))
    await step_async("fail", lambda: call(server, "fail", reason="broken by bob@example.com"))
    await step_async("sorry", lambda: call(server, "sorry", reason="not today"))
    await step_async("unknown", lambda: call(server, "nothing"))
    await step_async("invalid", lambda: call(server, "add", a="one", b=2))
    await step_async("cancel", lambda: cancelled(lambda: call(server, "wait", seconds=60), begun))
    await step_async("relay", lambda: call(server, "relay", text="for another"))
    await step_async("mounted", lambda: call(outer, "inner_add", a=3, b=4))
    await step_async("read", lambda: read(server))
    if CALLS_DIRECTLY:
        await step_async("direct", lambda: direct(server, "directly"))
    await with_tokens()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(work())

"""A program for mcp 1.x and 2.x: a server, a client that works with it, and a report of what it saw.

`python desk.py memory|http [plain]` prints one JSON line per step. With `plain` nothing is recorded, so
two reports can be compared: recording must change none of them. Over `http` the server listens on the port
DESK_PORT. `python desk.py serve` serves stdio, or HTTP on the port that follows, and knows nothing of recording.
"""

import asyncio
import contextlib
import functools
import importlib
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import tallystick

IS_V1 = version("mcp").startswith("1.")
BEGUN = asyncio.Event()
"""The server has begun to wait."""
ISSUER = "https://login.example.com/"
TOKENS: dict[str, Any] = {
    "token-of-ada": {
        "sub": "ada@example.com",
        "iss": ISSUER,
        "azp": "desk",
        "aud": ["http://one.example", "http://two.example"],
        "email": "ada@example.com",
        "act": {"sub": "agent:planner", "act": {"sub": "app:desk"}},
    },
    "token-of-a-machine": {"sub": "desk", "iss": ISSUER},
    "token-without-scope": {"sub": "eve", "iss": ISSUER},
}
SCOPES = {
    "token-of-ada": ["use", "write"],
    "token-of-a-machine": ["use"],
    "token-without-scope": [],
}


def load(name: str) -> Any:
    return importlib.import_module(name)


class Verifier:
    """Knows two opaque tokens."""

    async def verify_token(self, token: str) -> Any:
        claims = TOKENS.get(token)
        if claims is None:
            return None
        return load("mcp.server.auth.provider").AccessToken(
            token=token,
            client_id="desk",
            scopes=SCOPES[token],
            subject=claims["sub"],
            claims=claims,
        )


def high_level(**settings: Any) -> Any:
    if IS_V1:
        return load("mcp.server.fastmcp").FastMCP("desk", **settings)
    return load("mcp.server.mcpserver").MCPServer("desk", version="3.1", **settings)


def make_server(**settings: Any) -> Any:
    server = high_level(**settings)
    types = load("mcp.types")
    read_only = {"readOnlyHint": True} if IS_V1 else {"read_only_hint": True}

    @server.tool(annotations=types.ToolAnnotations(**read_only))  # type: ignore[untyped-decorator]
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()  # type: ignore[untyped-decorator]
    def note(text: str) -> str:
        return f"noted: {text}"

    @server.tool()  # type: ignore[untyped-decorator]
    def fail(reason: str) -> str:
        raise ValueError(reason)

    @server.tool()  # type: ignore[untyped-decorator]
    def guarded() -> str:
        tallystick.decide(
            "deny", policy_id="desk", policy_version="7", rule="may-guard", reason="no"
        )
        raise PermissionError("no")

    @server.tool()  # type: ignore[untyped-decorator]
    async def wait() -> str:
        BEGUN.set()
        await asyncio.sleep(600)
        return "waited"

    @server.tool()  # type: ignore[untyped-decorator]
    def count(number: int) -> int:
        """Write a line to the file DESK_COUNTER, durably, and return twice the number."""
        counter = os.open(os.environ["DESK_COUNTER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(counter, f"{number}\n".encode())
        os.fsync(counter)
        os.close(counter)
        return 2 * number

    @server.resource("desk://drawer")  # type: ignore[untyped-decorator]
    def drawer() -> str:
        return "pens"

    @server.resource("desk://locked")  # type: ignore[untyped-decorator]
    def locked() -> str:
        raise OSError("no key")

    @server.prompt()  # type: ignore[untyped-decorator]
    def greet(name: str) -> str:
        return f"Greet {name}"

    return server


@contextlib.asynccontextmanager
async def memory_client(server: Any) -> AsyncIterator[Any]:
    if IS_V1:
        connect = load("mcp.shared.memory").create_connected_server_and_client_session
        async with connect(server._mcp_server) as session:  # noqa: SLF001 - as mcp's own tests do
            yield session
    else:
        async with load("mcp.client.client").Client(server) as client:
            yield client


def http_client(url: str, token: str) -> contextlib.AbstractAsyncContextManager[Any]:
    return client_with(url, {"Authorization": f"Bearer {token}"})


@contextlib.asynccontextmanager
async def client_with(url: str, headers: dict[str, str]) -> AsyncIterator[Any]:
    module = load("mcp.client.streamable_http")
    http = load("mcp.shared._httpx_utils").create_mcp_http_client(headers)
    transport = module.streamable_http_client(url, http_client=http)
    if IS_V1:
        async with (
            transport as (read, write, _),
            load("mcp.client.session").ClientSession(read, write) as session,
        ):
            await session.initialize()
            yield session
    else:
        async with load("mcp.client.client").Client(transport) as client:
            yield client


@contextlib.asynccontextmanager
async def served(port: int, server: Any) -> AsyncIterator[None]:
    uvicorn = load("uvicorn")
    app = server.streamable_http_app()
    web = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    task = asyncio.create_task(web.serve())
    while not web.started:  # noqa: ASYNC110 - uvicorn tells in no other way
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        web.should_exit = True
        await task


async def step(name: str, work: Callable[[], Any]) -> None:
    """Do something as a client and print what came of it."""
    try:
        seen = await work()
        shown = seen.model_dump(by_alias=True, mode="json", exclude_none=True)
    except asyncio.CancelledError:
        shown = {"cancelled": True}
    except Exception as error:  # noqa: BLE001 - whatever the client sees is the report
        causes = [type(error).__name__, str(error)]
        shown = {"raised": causes, "code": getattr(getattr(error, "error", None), "code", None)}
    print(json.dumps({name: shown}, sort_keys=True), flush=True)


async def cancelled(work: Callable[[], Any]) -> Any:
    """Start something, and cancel it once the server has begun with it."""
    BEGUN.clear()
    task = asyncio.create_task(work())
    await BEGUN.wait()
    task.cancel()
    return await task


async def work(client: Any) -> None:
    short = timedelta(seconds=2) if IS_V1 else 2.0  # in which the server begins
    uri = load("pydantic").AnyUrl if IS_V1 else str
    await step("list", client.list_tools)
    await step("add", lambda: client.call_tool("add", {"a": 1, "b": 2}))
    await step("note", lambda: client.call_tool("note", {"text": "write to bob@example.com"}))
    await step("fail", lambda: client.call_tool("fail", {"reason": "broken by bob@example.com"}))
    await step("guarded", lambda: client.call_tool("guarded", {}))
    await step("unknown", lambda: client.call_tool("nothing", {}))
    await step("invalid", lambda: client.call_tool("add", {"a": "one"}))
    await step("timeout", lambda: client.call_tool("wait", {}, short))
    await step("cancel", lambda: cancelled(lambda: client.call_tool("wait", {})))
    await step("read", lambda: client.read_resource(uri("desk://drawer")))
    await step("locked", lambda: client.read_resource(uri("desk://locked")))
    await step("prompt", lambda: client.get_prompt("greet", {"name": "Bob"}))


async def over_memory() -> None:
    with (
        tallystick.caller(user_id="carol", client_id="test", roles=["tester"]),
        tallystick.agent("planner", version="2"),
    ):
        async with memory_client(make_server()) as client:
            await work(client)


async def over_http() -> None:
    port = int(os.environ["DESK_PORT"])
    url = f"http://127.0.0.1:{port}/mcp"
    auth = load("mcp.server.auth.settings").AuthSettings(
        issuer_url=ISSUER, resource_server_url=url, required_scopes=["use"]
    )
    settings = {"auth": auth, "token_verifier": Verifier()}
    if not IS_V1:
        auth = auth.model_copy(update={"validate_token_resource": False})
    async with served(port, make_server(**{**settings, "auth": auth})):
        for token in ("token-of-ada", "token-of-a-machine"):
            async with http_client(url, token) as client:
                await step(token, functools.partial(client.call_tool, "note", {"text": "hello"}))
        for token in ("token-of-nobody", "token-without-scope"):
            await step(token, functools.partial(refused, url, token))


async def refused(url: str, token: str) -> Any:
    async with http_client(url, token) as client:
        return await client.call_tool("note", {"text": "hello"})


def serve() -> None:
    server = make_server()
    if sys.argv[-1] == "serve":
        server.run("stdio")
        return
    port = int(sys.argv[-1])
    load("uvicorn").run(server.streamable_http_app(), port=port, log_level="critical")


def main() -> None:
    logging.disable(logging.CRITICAL)
    if "serve" in sys.argv:
        serve()
        return
    if "plain" not in sys.argv:
        tallystick.instrument(service_name="desk")
    asyncio.run(over_http() if "http" in sys.argv else over_memory())
    tallystick.shutdown()


if __name__ == "__main__":
    main()

"""A program for mcp 1.x and 2.x: servers over HTTP that are called with keys, tokens and nothing.

`python -m tests.integration.mcp.access` prints one JSON line per step. Server `front` is behind mcp's bearer
check and calls server `back` with the token that it was given; `open` checks nothing itself.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import tallystick
from tests.integration.mcp.desk import (
    IS_V1,
    ISSUER,
    Verifier,
    client_with,
    high_level,
    http_client,
    load,
    served,
    step,
)
from tests.ports import free_port


def with_tool(server: Any, tool: Callable[..., Any]) -> Any:
    server.tool()(tool)
    return server


def guarded(url: str) -> dict[str, Any]:
    auth = load("mcp.server.auth.settings").AuthSettings(
        issuer_url=ISSUER, resource_server_url=url, required_scopes=["use"]
    )
    if not IS_V1:
        auth = auth.model_copy(update={"validate_token_resource": False})
    return {"auth": auth, "token_verifier": Verifier()}


async def call(url: str, tool: str, headers: dict[str, str]) -> Any:
    async with client_with(url, headers) as client:
        return await client.call_tool(tool, {})


async def refused(url: str, token: str) -> Any:
    async with http_client(url, token) as client:
        return await client.list_tools()


async def main() -> None:
    fronts, backs, opens = (f"http://127.0.0.1:{free_port()}/mcp" for _ in range(3))

    async def passes_on() -> str:
        """Call the server behind with the caller's own token."""
        token = load("mcp.server.auth.middleware.auth_context").get_access_token()
        seen = await call(backs, "asked", {"Authorization": f"Bearer {token.token}"})
        return str(seen.content[0].text)

    async def asked() -> str:
        return "answered"

    servers = {
        fronts: with_tool(high_level(**guarded(fronts)), passes_on),
        backs: with_tool(high_level(**guarded(backs)), asked),
        opens: with_tool(high_level(), asked),
    }
    async with contextlib.AsyncExitStack() as stack:
        for url, server in servers.items():
            port = int(url.split(":")[2].split("/")[0])
            await stack.enter_async_context(served(port, server))
        token = {"Authorization": "Bearer token-of-ada"}
        await step("passed", partial(call, fronts, "passes_on", token))
        await step("key", partial(call, opens, "asked", {"X-API-Key": "key-0123456789"}))
        await step(
            "basic", partial(call, opens, "asked", {"Authorization": "Basic YWRhOnNlY3JldA=="})
        )
        await step("address", partial(call, f"{opens}?api_key=key-in-address", "asked", {}))
        await step("scope", partial(refused, fronts, "token-without-scope"))
        await step("nobody", partial(refused, fronts, "token-of-nobody"))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    tallystick.instrument(service_name="access")
    asyncio.run(main())
    tallystick.shutdown()

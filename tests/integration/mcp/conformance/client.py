"""A client for mcp 1.x and 2.x that does what MCP's conformance suite asks a client to do.

`python client.py URL` lists the tools of a server, calls each, accepts what it is asked with the defaults of the
form, and shows itself to an authorization server where it must. It knows nothing of recording.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mcp import types
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

IS_V1 = version("mcp").startswith("1.")
CALLBACK = "http://localhost:3030/callback"
SAMPLES = {"number": 2, "integer": 2, "string": "two", "boolean": True}


class Memory:
    """Tokens and the registration, for as long as the process lives."""

    def __init__(self) -> None:
        self.tokens: Any = None
        self.client: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info


class Person:
    """Says yes to the authorization server, as a person would in a browser."""

    def __init__(self) -> None:
        self.answer: dict[str, list[str]] = {}

    async def visit(self, url: str) -> None:
        async with create_mcp_http_client() as browser:
            response = await browser.get(url, follow_redirects=False)
        self.answer = parse_qs(urlsplit(response.headers["location"]).query)

    async def code(self) -> Any:
        code, state = self.answer["code"][0], self.answer.get("state", [None])[0]
        if IS_V1:
            return code, state
        made = import_module("mcp.client.auth").AuthorizationCodeResult
        return made(code=code, state=state, iss=self.answer.get("iss", [None])[0])


def authentication(url: str) -> Any:
    person = Person()
    metadata = import_module("mcp.shared.auth").OAuthClientMetadata(
        client_name="conformance", redirect_uris=[CALLBACK]
    )
    return import_module("mcp.client.auth").OAuthClientProvider(
        url, metadata, Memory(), person.visit, person.code
    )


async def accept(context: object, params: Any) -> types.ElicitResult:
    form = params.requestedSchema if IS_V1 else params.requested_schema
    defaults = {name: one["default"] for name, one in form["properties"].items()}
    return types.ElicitResult(action="accept", content=defaults)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    needs_token = os.environ["MCP_CONFORMANCE_SCENARIO"].startswith("auth/")
    auth = authentication(url) if needs_token else None
    transport: Any = streamable_http_client(url, http_client=create_mcp_http_client(auth=auth))
    if not IS_V1:
        async with import_module("mcp.client.client").Client(
            transport, elicitation_callback=accept
        ) as made:
            yield made
        return
    async with (
        transport as (read, write, _),
        ClientSession(read, write, elicitation_callback=accept) as session,
    ):
        await session.initialize()
        yield session


def arguments(schema: dict[str, Any]) -> dict[str, object]:
    return {name: SAMPLES[one["type"]] for name, one in schema.get("properties", {}).items()}


async def main() -> None:
    async with connected(sys.argv[1]) as client:
        for tool in (await client.list_tools()).tools:
            schema = tool.inputSchema if IS_V1 else tool.input_schema
            await client.call_tool(tool.name, arguments(schema))


if __name__ == "__main__":
    asyncio.run(main())

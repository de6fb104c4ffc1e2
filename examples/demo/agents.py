"""Two scripted agents on the official MCP client: `python -m examples.demo.agents REPOSITORY URL`.

No language model is asked; the script does what one would have asked for. A planner calls a
researcher, who reads a repository over stdio; the planner then works on customers' data over HTTP
with the access token in `DEMO_TOKEN`. Run it under `tallystick run --`.
"""

import asyncio
import os
import sys
from collections.abc import Mapping

from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import CallToolResult, TextContent

import tallystick


def stdio(*command: str) -> StdioServerParameters:
    """Start an unmodified MCP server under `tallystick run`, so that its side is recorded too."""
    return StdioServerParameters(
        command="tallystick", args=["run", "--", *command], env=dict(os.environ)
    )


async def call(client: Client, tool: str, arguments: Mapping[str, object]) -> CallToolResult:
    """Call a tool and say in one line what came back."""
    result = await client.call_tool(tool, dict(arguments))
    text = " ".join(part.text for part in result.content if isinstance(part, TextContent))
    first = text.splitlines()[0] if text else ""
    print(f"  {tool}: {'ERROR ' if result.is_error else ''}{first[:60]}")
    return result


async def research(repository: str) -> None:
    """Act as the second agent: what changed in the repository, and when is that in Tokyo."""
    with tallystick.agent("researcher", version="1.2.0"):
        async with Client(stdio("mcp-server-git", "--repository", repository)) as git:
            await call(git, "git_log", {"repo_path": repository, "max_count": 3})
            await call(git, "git_show", {"repo_path": repository, "revision": "HEAD"})
            await call(git, "git_show", {"repo_path": repository, "revision": "no-such-revision"})
        async with Client(stdio("mcp-server-time", "--local-timezone", "Europe/London")) as clock:
            moment = {"source_timezone": "Europe/London", "target_timezone": "Asia/Tokyo"}
            await call(clock, "convert_time", {**moment, "time": "16:30"})


async def support(url: str) -> None:
    """Act as the first agent on its own: customers, with what its token allows."""
    headers = {"Authorization": f"Bearer {os.environ['DEMO_TOKEN']}"}
    transport = streamable_http_client(url, http_client=create_mcp_http_client(headers))
    async with Client(transport) as desk:
        await call(desk, "find_customer", {"email": "greta.evans4@example.com"})
        await call(desk, "add_note", {"customer_id": 4, "note": "call back on +44 20 7946 0123"})
        await call(desk, "delete_customer", {"customer_id": 4})
        await call(desk, "list_customers", {"limit": 250})


async def main() -> None:
    """Let the planner ask the researcher, then work."""
    repository, url = sys.argv[1:3]
    with (
        tallystick.caller(user_id="alice", roles=["support"]),
        tallystick.agent("planner", version="2.0.0"),
    ):
        with tallystick.tool_call("ask_researcher", {"question": "what changed?"}) as asked:
            await research(repository)
            asked.result("the last three commits")
        await support(url)


if __name__ == "__main__":
    asyncio.run(main())

"""An MCP server in the same process, and a client of it: for tools that are calls of it."""

import importlib
from importlib.metadata import version
from typing import Any

IS_V1 = version("mcp").startswith("1.")


def make_server() -> Any:
    if IS_V1:
        server = importlib.import_module("mcp.server.fastmcp").FastMCP("calculator")
    else:
        server = importlib.import_module("mcp.server.mcpserver").MCPServer("calculator")

    @server.tool()  # type: ignore[untyped-decorator]
    def multiply(a: int, b: int) -> int:
        """Multiply two numbers."""
        return a * b

    return server


async def multiply(a: int, b: int) -> int:
    """Multiply two numbers elsewhere."""
    result = await _call(make_server(), {"a": a, "b": b})
    structured = result.structuredContent if IS_V1 else result.structured_content
    return int(structured["result"])


async def _call(server: Any, arguments: dict[str, int]) -> Any:
    if IS_V1:
        connect = importlib.import_module("mcp.shared.memory")
        connected = connect.create_connected_server_and_client_session(server._mcp_server)  # noqa: SLF001
    else:
        connected = importlib.import_module("mcp.client.client").Client(server)
    async with connected as client:
        return await client.call_tool("multiply", arguments)

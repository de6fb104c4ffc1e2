"""A server for mcp 1.x and 2.x with the tools, resources and prompts that MCP's conformance suite asks for.

`python everything.py PORT` serves them over HTTP. It knows nothing of recording.
"""

import base64
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context, MCPServer
else:
    try:
        from mcp.server.mcpserver import Context, MCPServer
    except ImportError:  # mcp 1.x
        from mcp.server.fastmcp import Context
        from mcp.server.fastmcp import FastMCP as MCPServer

import anyio
import uvicorn
from mcp import types
from pydantic import BaseModel, Field

IMAGE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
SOUND = base64.b64encode(b"RIFF" + bytes(32)).decode()
PAUSE_S = 0.05
"""Between two notifications, as the suite asks."""

server = MCPServer("conformance")


class Answer(BaseModel):
    username: str
    email: str


class Person(BaseModel):
    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: str = Field("active", json_schema_extra={"enum": ["active", "inactive", "pending"]})
    verified: bool = True


def image() -> types.ImageContent:
    return types.ImageContent.model_validate(
        {"type": "image", "data": IMAGE, "mimeType": "image/png"}
    )


def embedded(uri: str, mime_type: str, text: str) -> types.EmbeddedResource:
    return types.EmbeddedResource.model_validate(
        {"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": text}}
    )


def words(text: str) -> types.TextContent:
    return types.TextContent(type="text", text=text)


@server.tool()
def test_simple_text() -> str:
    """Answer with a text."""
    return "This is a simple text response for testing."


@server.tool()
def test_image_content() -> list[types.ImageContent]:
    """Answer with an image."""
    return [image()]


@server.tool()
def test_audio_content() -> list[types.AudioContent]:
    """Answer with a sound."""
    sound = {"type": "audio", "data": SOUND, "mimeType": "audio/wav"}
    return [types.AudioContent.model_validate(sound)]


@server.tool()
def test_embedded_resource() -> list[types.EmbeddedResource]:
    """Answer with a resource."""
    return [embedded("test://embedded-resource", "text/plain", "embedded")]


@server.tool()
def test_multiple_content_types() -> list[
    types.TextContent | types.ImageContent | types.EmbeddedResource
]:
    """Answer with several kinds of content."""
    mixed = embedded("test://mixed-content-resource", "application/json", '{"test": "data"}')
    return [words("several kinds"), image(), mixed]


@server.tool()
async def test_tool_with_logging(ctx: Context) -> str:
    """Log while it works."""
    for step in ("started", "at work", "completed"):
        await ctx.info(step)
        await anyio.sleep(PAUSE_S)
    return "logged"


@server.tool()
async def test_tool_with_progress(ctx: Context) -> str:
    """Tell how far it is."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
        await anyio.sleep(PAUSE_S)
    return "done"


@server.tool()
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Ask the client's model."""
    asked = types.SamplingMessage(role="user", content=words(prompt))
    result = await ctx.session.create_message(messages=[asked], max_tokens=100)
    return f"LLM response: {getattr(result.content, 'text', '')}"


@server.tool()
async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask the client's person."""
    return f"User response: {(await ctx.elicit(message, Answer)).action}"


@server.tool()
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask with a form that has defaults."""
    return f"Elicitation completed: {(await ctx.elicit('Who are you?', Person)).action}"


@server.tool()
def test_error_handling() -> str:
    """Fail."""
    raise RuntimeError("This tool intentionally returns an error for testing")


@server.resource("test://static-text")
def static_text() -> str:
    return "the text"


@server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    return base64.b64decode(IMAGE)


@server.resource("test://template/{id}/data")
def template(id: str) -> str:  # noqa: A002 - the suite's name for it
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@server.prompt()
def test_simple_prompt() -> str:
    """A prompt."""
    return "This is a simple prompt for testing."


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[dict[str, Any]]:  # noqa: N803 - the suite's name
    """A prompt with a resource."""
    return [{"role": "user", "content": embedded(resourceUri, "text/plain", "embedded")}]


@server.prompt()
def test_prompt_with_image() -> list[dict[str, Any]]:
    """A prompt with an image."""
    return [{"role": "user", "content": image()}]


@server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # of mcp
async def complete(_reference: object, _argument: object, _context: object) -> types.Completion:
    return types.Completion(values=[])


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    port = int(sys.argv[1])
    uvicorn.run(server.streamable_http_app(), port=port, log_level="critical")

"""Receipts in this process: which record they name, when there is none, and what a hostile peer can do."""

from collections.abc import Callable
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations

import tallystick
from tallystick import runtime
from tallystick.capture.receipt import MAX_CALL_BYTES, META_KEY
from tallystick.errors import SpoolError
from tallystick.event import Record
from tallystick.recording.session import Session
from tallystick.tlog.encoding import to_base64
from tests.recorded import Recording
from tests.requirements import requirement

Start = Callable[..., Callable[[], Recording]]

pytestmark = pytest.mark.anyio


def make_server() -> MCPServer[None]:
    server: MCPServer[None] = MCPServer("here", version="1")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def peek(text: str) -> str:
        return text

    @server.tool()
    def poke(text: str) -> int:
        return len(text)

    return server


def named_by(recording: Recording, tool: str) -> list[Record]:
    """The clients' records that the servers' records of a tool name, in order."""
    by_hash = {to_base64(one.leaf_hash): one for one in recording}
    done = recording.where(type="tool.completed", observer="mcp_server", tool_name=tool)
    return [by_hash[one.statement["receipt.record"]] for one in done]


def records(recording: Recording, tool: str, observer: str) -> list[Record]:
    """The records of calls of a tool."""
    found = recording.where(observer=observer, tool_name=tool)
    return [one for one in found if "action.id" in one.statement]


def digests(recording: Recording, tool: str, observer: str) -> set[Any]:
    return {one.statement.get("receipt.digest") for one in records(recording, tool, observer)}


async def test_a_read_only_tool_begins_with_a_record_for_the_receipt_to_name(start: Start) -> None:
    recording = start(receipts=True)
    async with Client(make_server()) as client:
        await client.list_tools()
        await client.call_tool("peek", {"text": "a"})
    [named] = named_by(recording(), "peek")
    assert (named.statement["type"], named.statement["tool.read_only"]) == ("tool.started", True)
    assert digests(recording(), "peek", "mcp_client") == digests(recording(), "peek", "mcp_server")


async def test_without_the_setting_nothing_is_sent_and_a_read_only_tool_begins_silently(
    start: Start,
) -> None:
    recording = start()
    async with Client(make_server()) as client:
        await client.list_tools()
        await client.call_tool("peek", {"text": "a"})
    assert recording().where(type="tool.started") == []
    assert digests(recording(), "peek", "mcp_server") == {None}


@pytest.mark.parametrize("read_only", [True, None])
async def test_of_a_call_that_began_further_out_the_receipt_names_its_first_record(
    start: Start, read_only: bool | None
) -> None:
    recording = start(receipts=True)
    async with Client(make_server()) as client:
        with tallystick.tool_call("peek", {"text": "a"}, read_only=read_only):
            await client.call_tool("peek", {"text": "a"})
    [named] = named_by(recording(), "peek")
    assert (named.statement["type"], named.statement["observer"]) == ("tool.started", "function")
    [outer] = recording().where(type="tool.completed", observer="function")
    assert outer.statement["action.id"] == named.statement["action.id"]
    assert {outer.statement["receipt.digest"]} == digests(recording(), "peek", "mcp_server")
    assert len(recording().where(type="tool.started", observer="function")) == 1


async def test_a_second_call_inside_the_same_one_has_a_receipt_of_its_own(start: Start) -> None:
    recording = start(receipts=True)
    async with Client(make_server()) as client:
        with tallystick.tool_call("poke", {"text": "a"}):
            await client.call_tool("poke", {"text": "a"})
            await client.call_tool("poke", {"text": "b"})
    first, second = named_by(recording(), "poke")
    assert first.statement["action.id"] != second.statement["action.id"]
    assert len(digests(recording(), "poke", "mcp_server")) == 2


async def test_while_the_spool_cannot_be_written_the_receipt_names_no_record(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = start(receipts=True)
    async with Client(make_server()) as client:
        with monkeypatch.context() as broken:

            def refuse(*_: object, **__: object) -> None:
                raise SpoolError("no space left")

            broken.setattr(Session, "append", refuse)
            await client.call_tool("poke", {"text": "a"})
        running = runtime.current()
        assert running is not None
        assert running.recorder.drain()
        await client.call_tool("poke", {"text": "b"})
    ends = recording().where(type="tool.completed", observer="mcp_server")
    assert ["receipt.record" in one.statement for one in ends] == [False, True]
    assert all("receipt.digest" in one.statement for one in ends)
    assert digests(recording(), "poke", "mcp_server") == digests(recording(), "poke", "mcp_client")


@requirement("receipt.hostile-meta")
async def test_arguments_without_a_canonical_form_are_sent_and_recorded_without_a_receipt(
    start: Start,
) -> None:
    recording = start(receipts=True)
    large = "x" * MAX_CALL_BYTES
    async with Client(make_server()) as client:
        result = await client.call_tool("poke", {"text": large})
    assert result.structured_content == {"result": len(large)}
    assert digests(recording(), "poke", "mcp_server") == {None}
    assert digests(recording(), "poke", "mcp_client") == {None}
    assert len(recording().where(type="tool.completed")) == 2


@requirement("receipt.hostile-meta")
@pytest.mark.parametrize("value", [7, "x" * 100_000, [None], {"nonce": 1}, {"nonce": "0" * 32}])
async def test_what_a_host_puts_under_our_name_is_replaced_by_the_receipt(
    start: Start, value: object
) -> None:
    recording = start(receipts=True)
    meta: Any = {META_KEY: value, "com.example/own": 1}
    async with Client(make_server()) as client:
        await client.call_tool("poke", {"text": "a"}, meta=meta)
    assert len(named_by(recording(), "poke")) == 1
    assert digests(recording(), "poke", "mcp_client") == digests(recording(), "poke", "mcp_server")


async def test_a_server_states_the_receipt_of_a_client_that_is_recorded_elsewhere(
    start: Start,
) -> None:
    recording = start()
    meta: Any = {META_KEY: {"nonce": "0" * 32, "record": "A" * 43 + "="}}
    async with Client(make_server()) as client:
        await client.call_tool("poke", {"text": "a"}, meta=meta)
    ends = records(recording(), "poke", "mcp_server")
    assert {one.statement["receipt.record"] for one in ends} == {"A" * 43 + "="}
    assert digests(recording(), "poke", "mcp_client") == {None}


async def test_resources_and_prompts_carry_no_receipt(start: Start) -> None:
    server = make_server()
    seen: list[Any] = []

    @server.resource("desk://drawer")
    def drawer() -> str:
        return "pens"

    async def look(ctx: Any, call_next: Callable[[Any], Any]) -> Any:
        seen.append((ctx.method, META_KEY in (ctx.meta or {})))
        return await call_next(ctx)

    server._lowlevel_server.middleware.append(look)  # noqa: SLF001 - to see what arrives
    recording = start(receipts=True)
    async with Client(server) as client:
        await client.read_resource("desk://drawer")
        await client.call_tool("poke", {"text": "a"})
    assert {("resources/read", False), ("tools/call", True)} <= set(seen)
    [read] = recording().where(type="resource.read", observer="mcp_server")
    assert "receipt.digest" not in read.statement

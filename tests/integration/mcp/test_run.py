"""`tallystick run -- SERVER`: unmodified servers, started as an agent starts them, over stdio and HTTP."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, TextContent

from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

ROOT = Path(__file__).resolve().parents[3]
DESK = Path(__file__).with_name("desk.py")
BIN = Path(sys.executable).parent
BIN_V1 = ROOT / ".venv-mcp1" / "bin"
BIN_FASTMCP_2 = ROOT / ".venv-frameworks-old" / "bin"
PYTHONS = {"mcp2": Path(sys.executable), "mcp1": BIN_V1 / "python"}
TALLYSTICK = [sys.executable, "-m", "tallystick.cli"]

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(home), **more}


@asynccontextmanager
async def connected(command: list[str], env: Mapping[str, str]) -> AsyncIterator[Client]:
    """A client of a server over stdio; whatever the server prints on stdout beside the protocol fails."""
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=dict(env))
    async with Client(stdio_client(parameters)) as client:
        yield client


def text(result: CallToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


def make_repository(place: Path) -> None:
    git = ["git", "-C", str(place), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    (place / "file.txt").write_text("one\n", encoding="utf-8")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "First"], check=True)


async def test_the_unmodified_git_server_is_recorded(tmp_path: Path) -> None:
    place, home = tmp_path / "repository", tmp_path / "home"
    place.mkdir()
    make_repository(place)
    server = [str(BIN / "mcp-server-git"), "--repository", str(place)]
    async with connected([*TALLYSTICK, "run", "--", *server], environment(home)) as client:
        log = await client.call_tool("git_log", {"repo_path": str(place)})
        missing = await client.call_tool("git_show", {"repo_path": str(place), "revision": "no"})
    assert "First" in text(log)
    assert missing.is_error
    recording = Recording(home)
    assert [r.statement["tool.name"] for r in recording.where(type="tool.completed")] == [
        "git_log",
        "git_show",
    ]
    assert recording.where(type="tool.started") == []  # both are annotated read-only
    done = recording.one(type="tool.completed", tool_name="git_log")
    assert done.statement["mcp.transport"] == "stdio"
    assert done.statement["principal.auth_method"] == "stdio"
    assert done.statement["principal.basis"] == "asserted"
    assert "ada@example.com" not in disclosed(done)["result"]
    assert recording.types()[0] == "session.open"
    assert recording.types()[-1] == "session.close"
    assert recording.holes() == []


async def test_the_unmodified_time_server_is_recorded(tmp_path: Path) -> None:
    server = [str(BIN / "mcp-server-time"), "--local-timezone", "Europe/London"]
    async with connected([*TALLYSTICK, "run", "--", *server], environment(tmp_path)) as client:
        await client.call_tool("get_current_time", {"timezone": "Asia/Tokyo"})
        wrong = await client.call_tool("get_current_time", {"timezone": "Nowhere/At_All"})
    assert wrong.is_error
    outcomes = [r.statement["outcome"] for r in Recording(tmp_path).where(type="tool.completed")]
    assert outcomes == ["success", "failure"]


async def test_the_unmodified_sqlite_server_on_mcp_1_is_recorded(tmp_path: Path) -> None:
    database, home = tmp_path / "test.db", tmp_path / "home"
    server = [str(BIN_V1 / "mcp-server-sqlite"), "--db-path", str(database)]
    async with connected([*TALLYSTICK, "run", "--", *server], environment(home)) as client:
        await client.call_tool("create_table", {"query": "CREATE TABLE people (name TEXT)"})
        await client.call_tool("write_query", {"query": "INSERT INTO people VALUES ('Bob')"})
        read = await client.call_tool("read_query", {"query": "SELECT name FROM people"})
        wrong = await client.call_tool("read_query", {"query": "SELECT age FROM people"})
    assert "Bob" in text(read)
    with closing(sqlite3.connect(database)) as rows:
        assert rows.execute("SELECT name FROM people").fetchall() == [("Bob",)]
    recording = Recording(home)
    done = recording.where(type="tool.completed")
    assert [r.statement["tool.name"] for r in done] == [
        "create_table",
        "write_query",
        "read_query",
        "read_query",
    ]
    assert len(recording.where(type="tool.started")) == len(done)
    assert done[0].statement["server.name"] == "sqlite"
    assert "Database error" in text(wrong)
    assert recording.holes() == []


async def ask_wikipedia(before: list[str], env: Mapping[str, str]) -> list[str]:
    """Return the answers of its server, which starts after the words `before`."""
    server = [*before, str(BIN_FASTMCP_2 / "wikipedia-mcp"), "--log-level", "CRITICAL"]
    questions: list[tuple[str, dict[str, object]]] = [
        ("search_wikipedia", {"query": "bob@example.com", "limit": 3}),
        ("wikipedia_search_wikipedia", {"query": ""}),
        ("search_wikipedia", {"limit": "three"}),
    ]
    async with connected(server, env) as client:
        assert len((await client.list_tools()).tools) > 10
        return [text(await client.call_tool(tool, asked)) for tool, asked in questions]


@requirement("sdk.host-never-broken")
async def test_the_unmodified_wikipedia_server_on_fastmcp_2_12_is_recorded(tmp_path: Path) -> None:
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "", "PYTHONWARNINGS": "ignore"}
    env = environment(tmp_path, **nowhere)
    plain = await ask_wikipedia([], env)
    assert Recording(tmp_path).records == []
    assert await ask_wikipedia([*TALLYSTICK, "run", "--"], env) == plain
    assert json.loads(plain[0])["status"] == "no_results"
    assert json.loads(plain[1])["status"] == "error"
    recording = Recording(tmp_path)
    done = [one.statement for one in recording.where(type="tool.completed")]
    assert [(one["tool.name"], one["outcome"]) for one in done] == [
        ("search_wikipedia", "success"),
        ("wikipedia_search_wikipedia", "success"),
        ("search_wikipedia", "failure"),
    ]
    assert {one["server.name"] for one in done} == {"Wikipedia"}
    assert done[2]["error.type"] == "invalid_arguments"
    assert all("tool.definition_digest" in one for one in done)
    first = disclosed(recording.where(type="tool.completed")[0])
    assert json.loads(first["params"])["query"].startswith("[email:")
    assert "bob@example.com" not in "".join(record.body for record in recording)
    assert recording.holes() == []


@requirement("sdk.every-call-recorded")
@pytest.mark.parametrize("calls", [20, 200])
@pytest.mark.parametrize("version", sorted(PYTHONS))
async def test_of_concurrent_calls_over_stdio_none_is_missing(
    version: str, calls: int, tmp_path: Path
) -> None:
    env = environment(tmp_path, DESK_COUNTER=str(tmp_path / "counter"))
    server = [str(PYTHONS[version]), "-W", "ignore", str(DESK), "serve"]
    async with connected([*TALLYSTICK, "run", "--", *server], env) as client:
        results = await call_all(client, calls)
    check_all(results, calls, tmp_path)


@requirement("sdk.every-call-recorded")
@pytest.mark.parametrize("calls", [20, 200])
async def test_of_concurrent_calls_over_http_none_is_missing(calls: int, tmp_path: Path) -> None:
    port = free_port()
    command = [*TALLYSTICK, "run", "--", sys.executable, str(DESK), "serve", str(port)]
    env = environment(tmp_path, DESK_COUNTER=str(tmp_path / "counter"))
    server = await asyncio.create_subprocess_exec(*command, env=env)
    try:
        await answering(port)
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            results = await call_all(client, calls)
    finally:
        server.terminate()
        await server.wait()
    check_all(results, calls, tmp_path)


async def answering(port: int) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise AssertionError(f"nothing answers on port {port}")


async def call_all(client: Client, calls: int) -> list[CallToolResult]:
    return await asyncio.gather(
        *(client.call_tool("count", {"number": number}) for number in range(calls))
    )


def check_all(results: list[CallToolResult], calls: int, home: Path) -> None:
    assert [json.loads(text(result)) for result in results] == [2 * n for n in range(calls)]
    ran = sorted(int(line) for line in (home / "counter").read_text(encoding="ascii").split())
    assert ran == list(range(calls))
    recording = Recording(home)
    for type_ in ("tool.started", "tool.completed"):
        found = recording.where(type=type_, tool_name="count", observer="mcp_server")
        assert len({record.statement["action.id"] for record in found}) == calls
        assert len(found) == calls
    started = recording.where(type="tool.started", tool_name="count")
    numbers = sorted(json.loads(disclosed(one)["params"])["number"] for one in started)
    assert numbers == ran
    assert recording.holes() == []
    assert recording.lost() == 0


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("version", sorted(PYTHONS))
async def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    version: str, tmp_path: Path
) -> None:
    blocker = tmp_path / "no-directory"
    blocker.touch()
    env = environment(
        tmp_path / "home",
        DESK_COUNTER=str(tmp_path / "counter"),
        TALLYSTICK_REQUIRED="cou*",
        TALLYSTICK_SPOOL_DIR=str(blocker / "spool"),
    )
    server = [str(PYTHONS[version]), "-W", "ignore", str(DESK), "serve"]
    async with connected([*TALLYSTICK, "run", "--", *server], env) as client:
        with pytest.raises(Exception, match="'count' was not run") as refusal:
            await client.call_tool("count", {"number": 1})
        other = await client.call_tool("note", {"text": "goes on"})
    assert str(tmp_path) not in str(refusal.value)
    assert text(other) == "noted: goes on"
    assert not (tmp_path / "counter").exists()


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("version", sorted(PYTHONS))
async def test_a_required_tool_that_is_recorded_runs(version: str, tmp_path: Path) -> None:
    env = environment(
        tmp_path, DESK_COUNTER=str(tmp_path / "counter"), TALLYSTICK_REQUIRED="count,add"
    )
    server = [str(PYTHONS[version]), "-W", "ignore", str(DESK), "serve"]
    async with connected([*TALLYSTICK, "run", "--", *server], env) as client:
        assert text(await client.call_tool("count", {"number": 4})) == "8"
        assert text(await client.call_tool("add", {"a": 1, "b": 2})) == "3"
    recording = Recording(tmp_path)
    started = recording.where(type="tool.started")
    assert [one.statement["tool.name"] for one in started] == ["count", "add"]
    assert all(one.statement["tool.required"] is True for one in started)

"""An agent that lets canaries loose everywhere: `flight.py CANARIES WITNESS PORT [away]`.

CANARIES is a JSON object: name -> sentence; what functions here were given goes to the file WITNESS.
With `away` it works without MCP servers and waits to be killed.
"""

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import tallystick
from tallystick import runtime

SENTENCES: Final[dict[str, str]] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
ALL: Final = "; ".join(SENTENCES.values())
WITNESS: Final = Path(sys.argv[2])
AVIARY: Final = Path(__file__).with_name("aviary.py")


class Hostile:
    """Breaks whoever looks at it, with data in the error."""

    def __str__(self) -> str:
        raise ValueError(ALL)

    __repr__ = __str__


@dataclass
class Person:
    """Personal all over."""

    note: str
    password: str


@tallystick.audited_tool
def audited(note: str, *, person: Person, hostile: object) -> dict[str, object]:
    witness({"note": note, "person": person})
    return {"person": person, note: note, "bytes": note.encode(), "hostile": hostile}


@tallystick.audited_tool(name=SENTENCES["email"], read_only=True)
def failing(note: str) -> None:
    witness({"note": note})
    raise RuntimeError(note) from KeyError(ALL)


@tallystick.audited_tool
def generating(note: str) -> Iterator[str]:
    witness({"note": note})
    yield note
    yield ALL


@tallystick.audited_tool
async def streaming(note: str) -> AsyncIterator[str]:
    witness({"note": note})
    yield note
    raise OSError(ALL)


def witness(value: object) -> None:
    with WITNESS.open("a", encoding="utf-8") as file:
        print(json.dumps(value, default=str), file=file)


def details(note: str) -> dict[str, Any]:
    """Put a sentence into every kind of place that an argument has."""
    encoded = base64.b64encode(note.encode()).decode()
    return {
        note: note,
        "list": [note, [note, {"deep": note}]],
        "json": json.dumps({"inner": note, "password": SENTENCES["password"]}),
        "url": f"https://example.com/?q={quote(note)}",
        "base64": encoded,
        "blob": f"data:text/plain;base64,{encoded}",
        "split": f"line one\n{note}\nline three",
        "wide": "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in note),
        "password": note,
    }


async def functions() -> None:
    for note in SENTENCES.values():
        audited(note, person=Person(note, note), hostile=Hostile())
        for work in (lambda note=note: failing(note), lambda note=note: list(generating(note))):
            attempt(work)
        attempt_stream = [one async for one in quiet(streaming(note))]
        witness(attempt_stream)
        with tallystick.tool_call(note, details(note), call_id=note) as call:
            call.result([note, {"password": note}])
        tallystick.decide("deny", policy_id=note, policy_version=note, rule=note, reason=note)
        tallystick.record(
            "incident.opened", incident_id=note, **{note: note, "free": details(note)}
        )
        tallystick.record(
            "approval.requested", approval_reason=note, approval_presented_digest=note
        )


def attempt(work: Any) -> None:
    try:
        work()
    except RuntimeError as error:
        witness(str(error))


def long_texts() -> None:
    """Place sentences so that wherever a long text is cut, one is cut in the middle."""
    for note in SENTENCES.values():
        for shift in range(0, len(note), len(note) // 3):
            with tallystick.tool_call(
                "long", {"note": "x" * shift + f" {note}" * (300_000 // len(note))}
            ):
                pass
        with tallystick.tool_call("many", {"notes": [note] * 30_000}) as call:
            call.result({f"{number} {note}": note for number in range(10_000)})


async def quiet(stream: AsyncIterator[str]) -> AsyncIterator[str]:
    try:
        async for one in stream:
            yield one
    except OSError:
        return


async def use(client: Any) -> None:
    await client.list_tools()
    for note in SENTENCES.values():
        await tolerant(client.call_tool("echo", {"note": note, "details": details(note)}))
        await tolerant(client.call_tool("fail", {"note": note}))
        await tolerant(client.call_tool("echo", {"note": [note]}))  # fails its validation
        await tolerant(client.call_tool(f"no tool: {note}", {"note": note}))
        await tolerant(client.read_resource(f"crm://customer/{quote(note, safe='')}"))
        await tolerant(client.read_resource(f"crm://nobody/{quote(note, safe='')}"))
        await tolerant(client.get_prompt("letter", {"to": note}))


async def tolerant(work: Any) -> None:
    from mcp.shared.exceptions import MCPError

    try:
        await work
    except MCPError:
        return


async def servers(port: int) -> None:
    from mcp import StdioServerParameters
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client
    from mcp.types import Implementation

    me = Implementation(name=SENTENCES["email"], version=SENTENCES["phone"], title=ALL)
    arguments = ["run", "--", sys.executable, str(AVIARY), *sys.argv[1:3]]
    async with Client(
        StdioServerParameters(command="tallystick", args=arguments, env=dict(os.environ)),
        client_info=me,
    ) as client:
        await use(client)
    token = SENTENCES["jwt"].rpartition(" ")[2]
    transport = streamable_http_client(
        f"http://127.0.0.1:{port}/mcp",
        http_client=create_mcp_http_client({"Authorization": f"Bearer {token}"}),
    )
    async with Client(transport, client_info=me) as client:
        await use(client)


def witness_session_key() -> None:
    """Give away what nobody may see: the key of this session, which is on no disk."""
    running = runtime.current()
    session = running.recorder.current_session() if running else None
    sign: Any = session.key.sign if session else None
    witness({"session_key": sign.__self__.private_bytes_raw().hex()})


async def main() -> None:
    witness_session_key()
    with (
        tallystick.caller(
            user_id=SENTENCES["email"],
            client_id=SENTENCES["phone"],
            issuer=SENTENCES["nino"],
            roles=[SENTENCES["card"], ALL],
            on_behalf_of=[SENTENCES["iban"], ALL],
        ),
        tallystick.agent(SENTENCES["email"], id=SENTENCES["api_key"], version=ALL),
        tallystick.agent(ALL),
    ):
        await functions()
        if sys.argv[4:] != ["away"]:
            long_texts()
            await servers(int(sys.argv[3]))


if __name__ == "__main__":
    asyncio.run(main())
    if sys.argv[4:] == ["away"]:
        print("ready", flush=True)
        time.sleep(600)
    print(tallystick.flush(200))

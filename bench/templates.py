"""Records to print many of: what a call says is made once, its ids and times are filled in each time.

A record that is filled in is a record like any other: its disclosures match its digests, since they
stand in the template as they are; its statement is the one spelling of what it says.
"""

import json
import random
from dataclasses import dataclass
from typing import Any, Final

from bench.emitter import WORDS, new_salt
from tallystick.event import columns, make_record

SESSION: Final = "a0" * 16
ACTION: Final = "a1" * 16
TRACE: Final = "a2" * 16
SPAN: Final = "a3" * 8
NONCE: Final = "a4" * 16
SEQ: Final = 7_070_707_070_707
TIME_US: Final = 1_616_161_616_161_616
START_US: Final = 1_515_151_515_151_515
_FILLED: Final[dict[str, object]] = {
    "session": SESSION,
    "action": ACTION,
    "trace": TRACE,
    "span": SPAN,
    "nonce": NONCE,
    "seq": SEQ,
    "start_us": START_US,
    "time_us": TIME_US,
}
OWN_COLUMNS: Final = (
    *("session", "seq", "time_us", "action_id", "trace_id", "span_id"),
    *("span_start_us", "span_end_us"),
)
"""Columns that each record fills anew; all others are those of its template."""
AGENTS: Final = 40
TOOLS: Final = 60
TOOLS_OF_AN_AGENT: Final = 8
PEOPLE: Final = 500
_DURATION_US: Final = 40_000
_FAILED: Final = 0.04
_DENIED: Final = 0.02


@dataclass(frozen=True, slots=True)
class Template:
    """One record without its ids and times."""

    text: str
    """The statement, for `%` with a mapping of what is filled in."""
    disclosures: str | None
    disclosure_count: int
    columns: dict[str, Any]
    """Column -> value, those of OWN_COLUMNS left out."""
    duration_us: int


@dataclass(frozen=True, slots=True)
class Call:
    """The records of one call, as two processes tell of it."""

    started: Template
    client: Template
    server: Template
    derived: Template


def make_calls(source: random.Random, count: int) -> list[Call]:
    """Print the records of `count` different calls: agents have their tools, people their agents."""
    return [_call(source) for _ in range(count)]


def plain(event_type: str, **fields: object) -> Template:
    """Print a record that is no call, such as session.open."""
    return _template({"type": event_type, **fields}, {}, 0)


def _call(source: random.Random) -> Call:
    person = source.randrange(PEOPLE)
    agent = (person * 7 + source.randrange(3)) % AGENTS
    tool = (agent * 5 + source.randrange(TOOLS_OF_AN_AGENT)) % TOOLS
    duration_us = int(_DURATION_US * (1 + tool % 9) * source.lognormvariate(0, 0.6))
    said = _said(source, person, agent, tool)
    disclosed = {
        "principal.id": f"person-{person}@example.org",
        "params": _payload(source, 20),
        "result": _payload(source, 100),
    }
    ended = {**said, **_outcome(source), "span.start_us": START_US, "span.end_us": TIME_US}
    done = {"type": "tool.completed"}
    derived = {**ended, **done, "origin": "derived", "signed": False, "observer": "span"}
    return Call(
        _template({**said, "type": "tool.started", "observer": "mcp_client"}, disclosed, 0),
        _template({**ended, **done, "observer": "mcp_client"}, disclosed, duration_us),
        _template({**ended, **done, "observer": "mcp_server"}, disclosed, duration_us),
        _template(derived, disclosed, duration_us),
    )


def _said(source: random.Random, person: int, agent: int, tool: int) -> dict[str, Any]:
    return {
        "action.id": ACTION,
        "trace.id": TRACE,
        "span.id": SPAN,
        "span.kind": "client",
        "tool.name": f"tool-{tool}",
        "server.name": f"server-{tool % 12}",
        "agent.name": f"agent-{agent}",
        "principal.ref": f"{person:032x}",
        "principal.basis": "authenticated",
        "client.name": "desk",
        "mcp.method": "tools/call",
        "mask.policy": "0" * 64,
        "mask.hits": {"params:email": source.randrange(1, 4)} if source.random() < 0.2 else {},  # noqa: PLR2004 - a fifth
        "params.digest": new_salt() * 2,
        "result.digest": new_salt() * 2,
    }


def _outcome(source: random.Random) -> dict[str, str]:
    drawn = source.random()
    if drawn < _FAILED:
        return {"outcome": "failure", "error.type": "tool_error"}
    return {"outcome": "denied" if drawn < _FAILED + _DENIED else "success"}


def _payload(source: random.Random, words: int) -> str:
    text = " ".join(source.choices(WORDS, k=words))
    return json.dumps({"text": text, "number": source.randrange(10**9)})


def _template(said: dict[str, Any], disclosed: dict[str, str], duration_us: int) -> Template:
    envelope = {"session": SESSION, "seq": SEQ, "time_us": TIME_US, "origin": "native"}
    record = make_record({**envelope, **said}, disclosed, new_salt)
    text = record.line.decode().replace("%", "%%").replace(str(record.statement["n"]), NONCE)
    for name, value in _FILLED.items():
        text = text.replace(str(value), f"%({name})s")
    kept = {k: v for k, v in columns(record).items() if k not in OWN_COLUMNS and v is not None}
    lines = "\n".join(one.line for one in record.disclosures) or None
    return Template(text, lines, len(record.disclosures), kept, duration_us)

"""The list of actions as an Arrow stream: one flat row each, for tables and frames."""

from typing import Any, Final

import pyarrow as pa

from tallystick.event import Statement
from tallystick_store.actions import Action

SCHEMA: Final = pa.schema(
    [
        pa.field("log_index", pa.int64(), nullable=False),
        pa.field("time_us", pa.int64(), nullable=False),
        *(
            pa.field(name, pa.string(), nullable=False)
            for name in (
                "type",
                "action_id",
                "trace_id",
                "span_id",
                "session",
                "principal",
                "principal_basis",
                "client",
                "agent",
                "tool",
                "server",
                "outcome",
                "sealing",
                "origin",
            )
        ),
        pa.field("duration_us", pa.int64()),
        pa.field("masked", pa.int64(), nullable=False),
        pa.field("faults", pa.int64(), nullable=False),
    ]
)
"""Texts that nobody stated are empty; a duration that nobody measured is null."""


def action_table(actions: tuple[Action, ...]) -> pa.Table:
    """Return actions as flat rows."""
    return pa.Table.from_pylist([_row(action) for action in actions], schema=SCHEMA)


def _row(action: Action) -> dict[str, Any]:
    event, said = action.event, action.event.statement
    return {
        "log_index": event.log_index,
        "time_us": event.said("time_us") or 0,
        "type": _text(event.said("type")),
        "action_id": _text(event.said("action.id")),
        "trace_id": _text(event.said("trace.id")),
        "span_id": _text(event.said("span.id")),
        "session": _text(said.get("session")),
        "principal": _text(event.disclosures.get("principal.id") or said.get("principal.ref")),
        "principal_basis": _text(said.get("principal.basis")),
        "client": _text(said.get("client.name") or said.get("client.id")),
        "agent": _text(said.get("agent.name") or said.get("agent.id")),
        "tool": _tool(said, event.disclosures),
        "server": _text(said.get("server.name")),
        "outcome": action.outcome,
        "sealing": event.proof,
        "origin": _text(event.said("origin")),
        "duration_us": _duration_us(said),
        "masked": sum(said.get("mask.hits", {}).values()),
        "faults": len(event.faults),
    }


def _text(value: Any) -> str:  # noqa: ANN401 - a cell of any kind
    return "" if value is None else str(value)


def _tool(said: Statement, disclosed: dict[str, str]) -> str:
    """Name what was called: a tool, a prompt, or what was read."""
    return _text(said.get("tool.name") or said.get("prompt.name") or disclosed.get("resource.uri"))


def _duration_us(said: Statement) -> int | None:
    start_us, end_us = said.get("span.start_us"), said.get("span.end_us")
    return None if start_us is None or end_us is None else end_us - start_us

"""A trace as the waterfall component takes it: one list a property, times from the trace's start."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from tallystick_dashboard.trace.model import Row, Trace

MAX_NAME_CHARS: Final = 240
"""Longer names are cut: the component shows one line, the detail pane the whole."""
MAX_WHERE_CHARS: Final = 60


def columns_of(trace: Trace) -> dict[str, Any]:
    """Return the component's data, all but the row that is open at first."""
    rows = trace.rows
    columns: dict[str, Any] = {
        "id": [row.id for row in rows],
        "verb": [row.draft.name.verb[:MAX_WHERE_CHARS] for row in rows],
        "noun": [row.draft.name.noun[:MAX_NAME_CHARS] for row in rows],
        "kind": [row.draft.kind for row in rows],
        "where": [row.draft.where[:MAX_WHERE_CHARS] for row in rows],
        "status": [row.draft.status for row in rows],
        "proof": [row.draft.proof for row in rows],
        "start": [_offset(row, trace.start_us) for row in rows],
        "length": [duration_us(row) for row in rows],
        "depth": [row.depth for row in rows],
        "masked": [row.draft.masked for row in rows],
        "flags": [list(row.flags) for row in rows],
        "join": [_join(row) for row in rows],
        "folded": [at for at, row in enumerate(rows) if row.draft.is_folded],
    }
    return {**columns, "version": _version(columns)}


def duration_us(row: Row) -> int | None:
    """Return how long a row took, None where nobody measured it."""
    start, end = row.draft.start_us, row.draft.end_us
    return None if start is None or end is None else end - start


def _join(row: Row) -> str:
    """Say at the server's row how it was joined with the client's."""
    join = row.join
    return join.told if join is not None and join.joins_at(row.draft.action_id) else ""


def _offset(row: Row, start_us: int) -> int | None:
    return None if row.draft.start_us is None else row.draft.start_us - start_us


def _version(columns: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(columns)).hexdigest()[:16]

"""The list of actions: one row per tool call, resource read or prompt, newest first.

A call is every record with one `action.id`. The record that ended it stands for it, or the one that
started it while there is no end. A page costs the same wherever it is: it goes by log index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick_store.engine.duckdb import Database, Row
from tallystick_store.events import StoredEvent, read_events

MAX_PAGE: Final = 1000
UNKNOWN: Final = "unknown"
"""Outcome of an action that was started and has no end."""

_OVERFETCH: Final = 3
"""A page looks at this many candidates per action: a start, its end, a span of the same call."""
_ENDS: Final = ("tool.completed", "tool.denied", "resource.read", "prompt.get")
_START: Final = "tool.started"
_ENDED: Final = """
    SELECT action_id FROM events WHERE list_contains(?, action_id) AND list_contains(?, type)
"""
_NATIVE: Final = """
    SELECT trace_id, span_id FROM events WHERE list_contains(?, trace_id) AND origin = 'native'
"""


@dataclass(frozen=True, slots=True)
class Action:
    """One action: the record that ended it, or the one that started it when there is no end."""

    event: StoredEvent
    outcome: str


@dataclass(frozen=True, slots=True)
class ActionPage:
    """Actions, newest first; `before` asks for the page behind it, None when this is the last."""

    actions: tuple[Action, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """What to list; None means any. Times are those of the events, [from_us, to_us)."""

    from_us: int | None = None
    to_us: int | None = None
    agent: str | None = None
    tool: str | None = None
    principal: str | None = None
    """The id as disclosed, or the keyed pseudonym."""
    outcome: str | None = None
    type: str | None = None
    session: str | None = None

    def conditions(self) -> tuple[list[str], list[object]]:
        """Return SQL conditions and their parameters."""
        known: list[tuple[str, object]] = [
            ("time_us >= ?", self.from_us),
            ("time_us < ?", self.to_us),
            ("agent_name = ?", self.agent),
            ("tool_name = ?", self.tool),
            ("? IN (principal_id, principal_ref)", self.principal),
            ("type = ?", self.type),
            ("session = ?", self.session),
        ]
        used = [(sql, value) for sql, value in known if value is not None]
        conditions, parameters = [sql for sql, _ in used], [value for _, value in used]
        if self.outcome == UNKNOWN:
            conditions.append(f"(type = '{_START}' OR outcome = '{UNKNOWN}')")
        elif self.outcome is not None:
            conditions.append("outcome = ?")
            parameters.append(self.outcome)
        return conditions, parameters


def list_actions(
    database: Database, wanted: ActionFilter, *, limit: int, before: int | None
) -> ActionPage:
    """Return at most `limit` (and MAX_PAGE) actions with a log index below `before`.

    Left out: a start whose end is kept, and the reading of a foreign span of which a native record
    tells too.
    """
    limit = max(1, min(limit, MAX_PAGE))
    chosen: list[int] = []
    while len(chosen) <= limit:
        candidates = _candidates(database, wanted, limit * _OVERFETCH, before)
        if not candidates:
            break
        chosen += _shown(database, candidates)
        before = candidates[-1][0]
    page = chosen[:limit]
    events = read_events(database, "list_contains(?, log_index)", [page])
    actions = tuple(Action(event, _outcome(event)) for event in reversed(events))
    return ActionPage(actions, page[-1] if len(chosen) > limit else None)


def _candidates(
    database: Database, wanted: ActionFilter, limit: int, before: int | None
) -> list[Row]:
    conditions, parameters = wanted.conditions()
    conditions += ["action_id IS NOT NULL", "list_contains(?, type)"]
    parameters.append([*_ENDS, _START])
    if before is not None:
        conditions.append("log_index < ?")
        parameters.append(before)
    where = " AND ".join(conditions)
    return database.rows(
        "SELECT log_index, type, action_id, origin, trace_id, span_id FROM events"  # noqa: S608 - own words
        f" WHERE {where} ORDER BY log_index DESC LIMIT {limit}",
        parameters,
    )


def _shown(database: Database, candidates: Sequence[Row]) -> list[int]:
    ended = _ended(database, {row[2] for row in candidates if row[1] == _START})
    derived = {row[4] for row in candidates if row[3] == "derived" and row[4]}
    native = _native(database, derived)
    return [
        log_index
        for log_index, type_, action_id, origin, trace_id, span_id in candidates
        if not (type_ == _START and action_id in ended)
        and not (origin == "derived" and (trace_id, span_id) in native)
    ]


def _ended(database: Database, action_ids: Iterable[str]) -> set[str]:
    asked = sorted(action_ids)
    rows = database.rows(_ENDED, (asked, list(_ENDS))) if asked else []
    return {str(action_id) for (action_id,) in rows}


def _native(database: Database, trace_ids: Iterable[str]) -> set[tuple[str, str]]:
    asked = sorted(trace_ids)
    rows = database.rows(_NATIVE, [asked]) if asked else []
    return {(str(trace_id), str(span_id)) for trace_id, span_id in rows}


def _outcome(event: StoredEvent) -> str:
    stated = event.statement.get("outcome", UNKNOWN)
    return UNKNOWN if event.statement["type"] == _START else str(stated)

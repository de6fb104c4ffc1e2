"""The list of traces, the one that was heard of last first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.shown_actions import COUNTS, SHOWN

MAX_TRACES: Final = 200

_FOUND: Final = """
    SELECT trace_id, min(from_us), max(to_us), max(newest) AS newest, sum(spans)
    FROM (
        SELECT trace_id, min(time_us) AS from_us, max(time_us) AS to_us,
               max(log_index) AS newest, 0 AS spans
        FROM events WHERE trace_id <> '' AND time_us >= $1 AND time_us < $2 GROUP BY trace_id
        UNION ALL
        SELECT trace_id, min(start_ns // 1000), max(end_ns // 1000), max(log_index), count(*)
        FROM spans WHERE trace_id <> '' AND start_ns >= $1 * 1000 AND start_ns < $2 * 1000
        GROUP BY trace_id
    )
    GROUP BY trace_id HAVING max(newest) < $3 ORDER BY newest DESC LIMIT $4
"""
_NAMES: Final = """
    SELECT trace_id,
           arg_min(agent_name, log_index) FILTER (agent_name <> ''),
           arg_min(coalesce(principal_id, principal_ref), log_index)
               FILTER (coalesce(principal_id, principal_ref, '') <> '')
    FROM events WHERE trace_id IN (SELECT unnest($1)) GROUP BY trace_id
"""
_CALLS: Final = (
    f"SELECT trace_id, {COUNTS} FROM ({SHOWN.format(period='trace_id IN (SELECT unnest($1))')})"  # noqa: S608 - own words
    " GROUP BY trace_id"
)
_NOBODY: Final = (None, None)
_NO_CALLS: Final = (0, 0, 0)
_END: Final = 2**53


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """One trace: when, who, how many calls and how they ended. Texts that nobody stated are empty."""

    trace_id: str
    from_us: int
    to_us: int
    agent: str
    principal: str
    actions: int
    failed: int
    denied: int
    spans: int


@dataclass(frozen=True, slots=True)
class TracePage:
    """Traces; `before` asks for the page behind it, None when this is the last."""

    traces: tuple[TraceSummary, ...]
    before: int | None


def list_traces(
    database: Reader,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    limit: int = 50,
    before: int | None = None,
) -> TracePage:
    """Return traces with a record or span in [from_us, to_us), at most `limit` (and MAX_TRACES).

    A trace is as new as its newest log entry; `before` is one of these.
    """
    limit = max(1, min(limit, MAX_TRACES))
    period = (from_us or 0, _END if to_us is None else to_us)
    rows = database.rows(_FOUND, (*period, _END if before is None else before, limit + 1))
    page = rows[:limit]
    ids = [trace_id for trace_id, *_ in page]
    names, calls = _by_trace(database, _NAMES, ids), _by_trace(database, _CALLS, ids)
    traces = tuple(
        _summary(row, names.get(row[0], _NOBODY), calls.get(row[0], _NO_CALLS)) for row in page
    )
    return TracePage(traces, page[-1][3] if len(rows) > limit else None)


def _summary(row: Row, names: tuple[Any, ...], calls: tuple[Any, ...]) -> TraceSummary:
    trace_id, from_us, to_us, _, spans = row
    agent, principal = names
    actions, failed, denied = calls
    return TraceSummary(
        trace_id=trace_id,
        from_us=from_us or 0,
        to_us=to_us or 0,
        agent=agent or "",
        principal=principal or "",
        actions=int(actions),
        failed=int(failed),
        denied=int(denied),
        spans=int(spans),
    )


def _by_trace(database: Reader, sql: str, ids: list[str]) -> Mapping[str, tuple[Any, ...]]:
    return {trace_id: tuple(rest) for trace_id, *rest in database.rows(sql, [ids])} if ids else {}

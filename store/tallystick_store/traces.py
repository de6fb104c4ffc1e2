"""The list of traces, the one that was heard of last first."""

from dataclasses import dataclass
from typing import Final

from tallystick_store.engine.duckdb import Reader
from tallystick_store.projections.calls import kept_calls
from tallystick_store.projections.reading import ended_actions
from tallystick_store.stretches import NEAR, Stretch
from tallystick_store.trace_index import FoundTrace, TracePlace, newest_traces

MAX_TRACES: Final = 200

_NAMES: Final = """
    SELECT trace_id,
           arg_min(agent_name, log_index) FILTER (agent_name <> ''),
           arg_min(coalesce(principal_id, principal_ref), log_index)
               FILTER (coalesce(principal_id, principal_ref, '') <> '')
    FROM events WHERE trace_id IN (SELECT unnest($1)) AND log_index >= $2 AND log_index <= $3
    GROUP BY trace_id
"""
_CALLS: Final = kept_calls(
    "trace_id IN (SELECT unnest($1)) AND log_index >= $2 AND log_index <= $3"
)
_COUNTS: Final = f"""
    {_CALLS}
    SELECT trace_id, sum(actions), sum(failed), sum(denied),
           list({{'id': action_id, 'failed': failed, 'denied': denied}}) FILTER (is_start)
    FROM kept GROUP BY trace_id
"""  # noqa: S608 - own words
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
    before: TracePlace | None


def list_traces(
    database: Reader,
    *,
    from_us: int | None = None,
    to_us: int | None = None,
    limit: int = 50,
    before: TracePlace | None = None,
) -> TracePage:
    """Return traces with a record or span in [from_us, to_us), at most `limit` (and MAX_TRACES).

    A trace is as new as its newest log entry; `before` is that of the page before.
    """
    limit = max(1, min(limit, MAX_TRACES))
    period = (from_us or 0, _END if to_us is None else to_us)
    place = before or TracePlace(_END, "")
    return database.consistently(lambda: _page(database, period, place, limit))


def _page(database: Reader, period: tuple[int, int], place: TracePlace, limit: int) -> TracePage:
    found, extent = newest_traces(database, period, place, limit + 1)
    page = found[:limit]
    ids = [one.trace_id for one in page]
    names, calls = _names(database, ids, extent), _calls(database, ids, extent)
    traces = tuple(
        _summary(one, names.get(one.trace_id, _NOBODY), calls.get(one.trace_id, _NO_CALLS))
        for one in page
    )
    if len(found) <= limit:
        return TracePage(traces, None)
    return TracePage(traces, TracePlace(page[-1].newest, page[-1].trace_id))


def _names(
    database: Reader, ids: list[str], extent: Stretch | None
) -> dict[str, tuple[str | None, str | None]]:
    rows = database.rows(_NAMES, [ids, *extent]) if extent else []
    return {trace_id: (agent, principal) for trace_id, agent, principal in rows}


def _calls(
    database: Reader, ids: list[str], extent: Stretch | None
) -> dict[str, tuple[int, int, int]]:
    """Count the calls of each trace; a start may have its end outside the trace."""
    if extent is None:
        return {}
    rows = database.rows(_COUNTS, [ids, *extent])
    starts = {row[0]: row[4] or [] for row in rows}
    near = Stretch(extent.low, extent.high + NEAR)
    started = {one["id"] for of_trace in starts.values() for one in of_trace}
    ended = ended_actions(database, started, near)
    counts = {}
    for trace_id, actions, failed, denied, _ in rows:
        gone = [one for one in starts[trace_id] if one["id"] in ended]
        counts[trace_id] = (
            int(actions) - len(gone),
            int(failed) - sum(one["failed"] for one in gone),
            int(denied) - sum(one["denied"] for one in gone),
        )
    return counts


def _summary(
    found: FoundTrace, names: tuple[str | None, str | None], calls: tuple[int, int, int]
) -> TraceSummary:
    agent, principal = names
    actions, failed, denied = calls
    return TraceSummary(
        trace_id=found.trace_id,
        from_us=found.from_us or 0,
        to_us=found.to_us or 0,
        agent=agent or "",
        principal=principal or "",
        actions=actions,
        failed=failed,
        denied=denied,
        spans=int(found.spans),
    )

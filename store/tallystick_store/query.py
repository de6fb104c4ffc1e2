"""Questions that people ask the store: which actions, one trace, which sessions, how much.

Every answer is read from what is committed. Safe for any number of threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.errors import RecordError, StoreError
from tallystick.event import Statement, parse_statement
from tallystick.tlog.tree import leaf_hash
from tallystick_store.actions import ActionFilter, ActionPage, list_actions
from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.events import StoredEvent, read_events_at
from tallystick_store.projections.places import stretches_of_actions, stretches_of_traces
from tallystick_store.projections.settled import count_types
from tallystick_store.published import PublishedLog
from tallystick_store.sessions import MAX_SESSIONS, SessionPage, count_sessions, list_sessions
from tallystick_store.shown_actions import quoted
from tallystick_store.spans import StoredSpan, read_spans, span_condition
from tallystick_store.stretches import Stretch
from tallystick_store.trace_index import TracePlace
from tallystick_store.traces import TracePage, list_traces

CHECKS: Final = ("authz.decision", "approval.requested", "approval.decided")
"""Types of records that say what was decided about a call."""
MAX_TRACE_ROWS: Final = 50_000
"""Events, and spans, of one trace in an answer; a trace that has more says so."""

_OF_ACTION: Final = """
    SELECT log_index FROM events WHERE action_id = ? AND log_index >= ? AND log_index <= ?
"""
_OF_TRACE: Final = """
    SELECT false, log_index FROM events
    WHERE {where} AND log_index >= {0} AND log_index <= {1}
    UNION ALL
    SELECT DISTINCT true, log_index FROM spans
    WHERE {where} AND log_index >= {0} AND log_index <= {1}
"""
_SPANS_OF_ACTIONS: Final = """
    SELECT DISTINCT span_id FROM events
    WHERE trace_id = $1 AND action_id IN (SELECT unnest($2)) AND span_id IS NOT NULL
    AND log_index >= {0} AND log_index <= {1}
"""
_AROUND_EVENTS: Final = f"""
    SELECT log_index, span_id, span_parent_id,
           coalesce(action_id IN (SELECT unnest($2)), false) OR (type IN ({quoted(*CHECKS)}) AND (
               coalesce(action_parent_id IN (SELECT unnest($2)), false)
               OR coalesce(span_id IN (SELECT unnest($3)), false)
               OR coalesce(span_parent_id IN (SELECT unnest($3)), false)))
    FROM events WHERE trace_id = $1 AND log_index >= {{0}} AND log_index <= {{1}}
"""  # noqa: S608 - own words
_AROUND_SPANS: Final = """
    SELECT log_index, span_id, parent_id, coalesce(parent_id IN (SELECT unnest($2)), false)
    FROM spans WHERE trace_id = $1 AND log_index >= {0} AND log_index <= {1}
"""
"""Place, span, parent, and whether the row is wanted."""
_OPEN: Final = """
    SELECT statement, leaf_hash, log_index FROM events WHERE session = ? AND type = 'session.open'
    ORDER BY log_index LIMIT 1
"""
_KEYS_ADDED: Final = """
    SELECT statement, leaf_hash FROM events WHERE type = 'key.added' AND sender = ? ORDER BY log_index
"""
_CONFIG_CHANGED: Final = """
    SELECT statement, leaf_hash FROM events WHERE type = 'config.changed' AND sender = ?
    ORDER BY log_index
"""
_COUNTS: Final = {
    "events": "SELECT count(*) FROM events",
    "seals": "SELECT count(*) FROM seals",
    "spans": "SELECT count(*) FROM spans",
    "checkpoints": "SELECT count(*) FROM checkpoints",
}
_RECEIVED: Final = """
    SELECT count(DISTINCT log_index) FILTER (rx_us < $1),
           count(DISTINCT log_index) FILTER (rx_us < $2)
    FROM (SELECT log_index, rx_us FROM events UNION ALL SELECT log_index, rx_us FROM seals
          UNION ALL SELECT log_index, rx_us FROM spans
          UNION ALL SELECT log_index, rx_us FROM tombstones)
"""


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that is kept under one trace id, in log order."""

    events: tuple[StoredEvent, ...]
    spans: tuple[StoredSpan, ...]
    is_cut: bool = False
    """Whether there is more than MAX_TRACE_ROWS of either."""


class Query:
    """Answers from one database; with the published log, each row is compared with that too."""

    def __init__(self, database: Reader, published: PublishedLog | None = None) -> None:
        self._database = database
        self._published = published

    def actions(
        self, wanted: ActionFilter, *, limit: int = 50, before: int | None = None
    ) -> ActionPage:
        """Return one page of actions, see `actions.list_actions`."""
        return list_actions(
            self._database, wanted, limit=limit, before=before, published=self._published
        )

    def action(self, action_id: str) -> tuple[StoredEvent, ...]:
        """Return every record of one action, in log order."""
        return self._database.consistently(lambda: self._events_of_action(action_id))

    def _events_of_action(self, action_id: str) -> tuple[StoredEvent, ...]:
        indexes: list[int] = []
        for stretch in stretches_of_actions(self._database, [action_id]):
            rows = self._database.rows(_OF_ACTION, [action_id, *stretch])
            indexes += [int(log_index) for (log_index,) in rows]
        asked = [action_id]
        return read_events_at(self._database, indexes, self._published, "action_id = ?", asked)

    def refs_of(self, principal_id: str, start: int = 0) -> list[str]:
        """Return the keyed pseudonyms that the log states for a principal of this id, from index `start` on."""
        sql = (
            "SELECT DISTINCT principal_ref FROM events"
            " WHERE principal_id = ? AND principal_ref IS NOT NULL AND log_index >= ? ORDER BY 1"
        )
        return [str(ref) for (ref,) in self._database.rows(sql, [principal_id, start])]

    def trace(self, trace_id: str, span_ids: Sequence[str] | None = None) -> Trace:
        """Return the events and spans of one trace, the first MAX_TRACE_ROWS of each.

        `span_ids` keeps those with one of these span ids, and then no others are read.
        """
        return self._database.consistently(lambda: self._trace(trace_id, span_ids))

    def _trace(self, trace_id: str, span_ids: Sequence[str] | None) -> Trace:
        events: set[int] = set()
        spans: set[int] = set()
        where, asked = span_condition(trace_id, span_ids)
        stretches = stretches_of_traces(self._database, [trace_id])
        sql = " UNION ALL ".join(_OF_TRACE.format(*one, where=where) for one in stretches)
        for is_span, log_index in self._database.rows(sql, asked):
            (spans if is_span else events).add(int(log_index))
        few = sorted(events)[: MAX_TRACE_ROWS + 1]
        found = read_events_at(self._database, few, self._published, where, asked)
        batches = sorted(spans)[: MAX_TRACE_ROWS + 1]
        of_spans = read_spans(self._database, trace_id, batches, self._published, span_ids=span_ids)
        is_cut = max(len(found), len(of_spans)) > MAX_TRACE_ROWS
        return Trace(found[:MAX_TRACE_ROWS], of_spans[:MAX_TRACE_ROWS], is_cut)

    def around(self, trace_id: str, action_ids: Sequence[str]) -> tuple[Trace, Mapping[str, str]]:
        """Return of a trace the events of some actions with what was decided of them and the spans right below.

        And the parent of each of its spans, as the columns have it.
        """
        return self._database.consistently(lambda: self._around(trace_id, action_ids))

    def _around(self, trace_id: str, action_ids: Sequence[str]) -> tuple[Trace, Mapping[str, str]]:
        stretches = stretches_of_traces(self._database, [trace_id])
        actions = list(action_ids)
        own = self._in_stretches(_SPANS_OF_ACTIONS, stretches, [trace_id, actions])
        span_ids = [str(span_id) for (span_id,) in own]
        events = self._in_stretches(_AROUND_EVENTS, stretches, [trace_id, actions, span_ids])
        spans = self._in_stretches(_AROUND_SPANS, stretches, [trace_id, span_ids])
        parents = {row[1]: row[2] for row in (*spans, *events) if row[1] and row[2]}
        few = sorted({int(row[0]) for row in events if row[3]})[: MAX_TRACE_ROWS + 1]
        found = read_events_at(self._database, few, self._published)
        below = [row for row in spans if row[3]][: MAX_TRACE_ROWS + 1]
        batches = sorted({int(row[0]) for row in below})
        ids = [str(row[1]) for row in below]
        of_spans = read_spans(self._database, trace_id, batches, self._published, span_ids=ids)
        is_cut = max(len(found), len(of_spans)) > MAX_TRACE_ROWS
        return Trace(found[:MAX_TRACE_ROWS], of_spans[:MAX_TRACE_ROWS], is_cut), parents

    def _in_stretches(
        self, sql: str, stretches: Sequence[Stretch], parameters: Sequence[object]
    ) -> list[Row]:
        asked = (self._database.rows(sql.format(*stretch), parameters) for stretch in stretches)
        return [row for rows in asked for row in rows]

    def traces(
        self,
        from_us: int | None,
        to_us: int | None,
        limit: int,
        before: TracePlace | None,
    ) -> TracePage:
        """Return one page of traces, see `traces.list_traces`."""
        return list_traces(self._database, from_us=from_us, to_us=to_us, limit=limit, before=before)

    def sessions(self, limit: int = MAX_SESSIONS, before: int | None = None) -> SessionPage:
        """Return one page of sessions, see `sessions.list_sessions`."""
        return list_sessions(self._database, limit=limit, before=before)

    def session_open(self, session: str) -> Statement | None:
        """Return what opened a session; None for a session that is not open here.

        Raises StoreError when that row was changed: its key is not the one that was admitted.
        """
        for text, kept_hash, log_index in self._database.rows(_OPEN, [session]):
            statement = _statement(text or "", kept_hash)
            if statement is None:
                raise StoreError(
                    f"the session.open at log index {log_index} is not what was admitted:"
                    " stop the service and run `tallystick verify --data`"
                )
            return statement
        return None

    def keys_added(self, sender: str) -> tuple[Statement, ...]:
        """Return the `key.added` statements of one sender, in log order.

        Left out: one that was changed from outside. A key that only such a row names is not trusted.
        """
        rows = self._database.rows(_KEYS_ADDED, [sender])
        found = (_statement(text or "", kept) for text, kept in rows)
        return tuple(one for one in found if one is not None)

    def settings_stated(self, sender: str) -> dict[str, str]:
        """Return what `config.changed` of one sender stated last, by name. Left out: what was changed from outside."""
        rows = self._database.rows(_CONFIG_CHANGED, [sender])
        found = (_statement(text or "", kept) for text, kept in rows)
        return {str(one["config.name"]): str(one["config.value"]) for one in found if one}

    def counts(self) -> dict[str, int]:
        """Return the number of rows by kind, and of events by type (`event:tool.completed`)."""
        totals = {name: int(self._database.rows(sql)[0][0]) for name, sql in _COUNTS.items()}
        totals["sessions"] = count_sessions(self._database)
        by_type = self._database.consistently(lambda: count_types(self._database))
        return totals | {
            f"event:{type_}": count for type_, count in sorted(by_type.items(), key=str)
        }

    def entries_between(self, from_us: int, to_us: int) -> tuple[int, int]:
        """Return the log indexes [start, end) that were received in [from_us, to_us)."""
        ((start, end),) = self._database.rows(_RECEIVED, (from_us, to_us))
        return int(start), max(int(start), int(end))


def _statement(text: str, kept_hash: bytes | None) -> Statement | None:
    line = text.encode()
    try:
        return parse_statement(line) if leaf_hash(line) == kept_hash else None
    except RecordError:
        return None

"""What is committed, for the questions that admission asks: sessions in memory, rows on demand.

Rows come from the groups that the journal holds and from the database, which may hold some of them by now:
the groups are asked first, and a row that both have counts once. Used by the writer thread alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.errors import RecordError, StoreError
from tallystick.event import Statement, parse_statement
from tallystick.verify.erased import Erased
from tallystick_store.engine.duckdb import Database, Row
from tallystick_store.entries import next_log_index
from tallystick_store.pending import GroupRows, PendingGroups
from tallystick_store.projections.tables import SESSION_PARTS
from tallystick_store.projections.windows import projected_end
from tallystick_store.rows import SealRow, SessionState
from tallystick_store.schema import Stamp

RECENT_SPANS: Final = 100_000
"""Span records whose repetition is noticed: minutes of retries at full load, about 25 MB."""

_OPENS_KEPT: Final = 4096
"""Parsed session.open statements kept in memory."""

_SESSIONS: Final = f"""
    WITH parts AS (
        SELECT session, sender, first_index, max_seq, events FROM {SESSION_PARTS.name}
        WHERE upto <= $1 AND first_index IS NOT NULL
        UNION ALL
        SELECT session, arg_min(sender, log_index), min(log_index), max(seq), count(*) FROM events
        WHERE log_index >= $1 GROUP BY session
        UNION ALL
        SELECT session, sender, log_index, seq, 1 FROM tombstones t
        WHERE kind = 'event' AND NOT EXISTS (FROM events WHERE log_index = t.log_index)
    ), opened AS (
        SELECT session, min(log_index) AS opened_index FROM events
        WHERE type = 'session.open' AND seq = 0 GROUP BY session
    )
    SELECT session, arg_min(sender, first_index), max(max_seq), sum(events)::BIGINT,
           any_value(opened_index), min(first_index)
    FROM parts LEFT JOIN opened USING (session) GROUP BY session
"""  # noqa: S608 - own words
"""Of what stands below $1, where the projections end, these tell."""
_SEALED: Final = """
    SELECT session, arg_min(sender, log_index), max(size), min(log_index) FROM seals GROUP BY session
"""
_RECORDS: Final = """
    SELECT seq, leaf_hash, log_index, coalesce(disclosures, '') FROM events
    WHERE session = $1 AND log_index >= $2 AND seq >= $3 AND seq <= $4
    UNION ALL
    SELECT seq, leaf_hash, log_index, NULL FROM tombstones
    WHERE session = $1 AND log_index >= $2 AND seq >= $3 AND seq <= $4
    ORDER BY log_index, 4 NULLS LAST
"""
"""NULL in the place of disclosures: what stood there was deleted, or is about to be. The last of a log index counts."""
_LATE: Final = "SELECT log_index, line FROM late_disclosures WHERE list_contains(?, log_index)"
_SEALS: Final = """
    SELECT size, leaf_hash, log_index FROM seals
    WHERE session = ? AND log_index >= ? AND size >= ? AND size <= ? ORDER BY log_index
"""
_SEALS_OVER: Final = """
    SELECT body, log_index FROM seals
    WHERE session = ? AND log_index >= ? AND old_size < ? AND size > ? ORDER BY log_index
"""
_ERASED: Final = """
    SELECT trace_id, span_id, log_index, position FROM spans WHERE log_index IN (SELECT unnest(?))
"""
_RECENT: Final = """
    SELECT leaf_hash FROM spans WHERE log_index >= ?
    ORDER BY log_index DESC, position DESC LIMIT ?
"""
_RECENT_LOGS: Final = """
    SELECT otlp_digest FROM events WHERE type = 'otlp.log' AND otlp_digest IS NOT NULL
    ORDER BY log_index DESC LIMIT ?
"""


@dataclass(slots=True)
class SessionEntry:
    """What is kept of one session; changed in place by the writer."""

    sender: str
    first_index: int
    """Log index of its first row: nothing of it stands before."""
    max_seq: int = -1
    event_count: int = 0
    sealed_size: int = 0
    opened_index: int | None = None

    def state(self, session: str, statement: Statement | None) -> SessionState:
        """Return it as admission may keep it."""
        return SessionState(
            session,
            self.sender,
            self.max_seq,
            self.event_count,
            self.sealed_size,
            self.opened_index,
            statement,
        )


class Known:
    """What is committed; built from the database at start."""

    def __init__(self, database: Database, erased: Erased) -> None:
        self._database = database
        self.pending = PendingGroups()
        self.sessions = _load_sessions(database)
        self._opens: dict[str, Statement] = {}
        recent = reversed(_recent_spans(database))
        self.spans: dict[bytes, None] = {leaf_hash: None for (leaf_hash,) in recent}
        """Leaf hashes of the span records that were kept last, the oldest first."""
        newest = reversed(database.rows_at_once(_RECENT_LOGS, [RECENT_SPANS]))
        self.logs: dict[str, None] = {digest: None for (digest,) in newest}
        """Digests of the foreign log records that were kept last, the oldest first."""
        self.erased = erased
        """Values that must not come back."""
        self.erased_spans: set[tuple[str, str]] = set()
        self.note_erased_spans()

    def note_erased_spans(self) -> None:
        """Look up the ids of the spans that were erased."""
        indexes = sorted({index for index, _ in self.erased.spans()})
        if indexes:
            rows = self._database.rows_at_once(_ERASED, [indexes])
            self.erased_spans |= {
                (trace, span) for trace, span, *place in rows if self.erased.covers_span(*place)
            }

    def keep(self, number: int, rows: GroupRows) -> None:
        """Remember a group that is in the journal, until the database holds it."""
        self.pending.add(number, rows)
        for session, statement in rows.opens.items():
            self.keep_open(session, statement)

    def open_statement(self, session: str, opened_index: int) -> Statement | None:
        """Return the statement of a session.open; one query when it is not in memory."""
        if session not in self._opens:
            for rows in self.pending:
                if session in rows.opens:
                    return rows.opens[session]
            sql = "SELECT statement FROM events WHERE log_index = ? AND session = ?"
            stored = self._database.rows_at_once(sql, (opened_index, session))
            if not stored:
                return None
            self.keep_open(session, _statement(opened_index, stored[0][0]))
        return self._opens[session]

    def keep_open(self, session: str, statement: Statement) -> None:
        """Keep a session.open in memory in place of the oldest."""
        self._opens[session] = statement
        if len(self._opens) > _OPENS_KEPT:
            del self._opens[next(iter(self._opens))]

    def records(self, session: str, seqs: Sequence[int]) -> list[Row]:
        """Return (seq, leaf hash, log index, disclosures) of what is kept under these numbers, in log order."""
        entry = self.sessions.get(session)
        asked = {seq for seq in seqs if entry is not None and seq <= entry.max_seq}
        if entry is None or not asked:
            return []
        found = {row[2]: row for rows in self.pending for row in rows.records(session, asked)}
        bounds = (session, entry.first_index, min(asked), max(asked))
        for row in self._database.rows_at_once(_RECORDS, bounds):
            if row[0] in asked:
                found[row[2]] = row
        return [found[log_index] for log_index in sorted(found)]

    def late_lines(self, log_indexes: list[int]) -> dict[int, frozenset[str]]:
        """Return the disclosure lines that came late for these records; one query."""
        late: dict[int, frozenset[str]] = defaultdict(frozenset)
        if log_indexes:
            for rows in self.pending:
                for log_index in log_indexes:
                    late[log_index] |= frozenset(rows.late_lines(log_index))
            for log_index, line in self._database.rows_at_once(_LATE, [log_indexes]):
                late[log_index] |= {line}
        return late

    def seals(self, session: str, sizes: Collection[int]) -> list[Row]:
        """Return (size, leaf hash) of the seals that end within the span of `sizes`, in log order."""
        entry = self.sessions.get(session)
        if entry is None or not sizes or min(sizes) > entry.sealed_size:
            return []
        smallest, largest = min(sizes), max(sizes)
        found = {
            stamp.log_index: (row.seal.size, stamp.leaf_hash)
            for row, stamp in self._pending_seals(session)
            if smallest <= row.seal.size <= largest
        }
        bounds = (session, entry.first_index, smallest, largest)
        for size, leaf_hash, log_index in self._database.rows_at_once(_SEALS, bounds):
            found[log_index] = (size, leaf_hash)
        return [found[log_index] for log_index in sorted(found)]

    def seals_over(self, session: str, start: int, end: int) -> list[str]:
        """Return the bodies of the seals that cover a leaf in [start, end), in log order."""
        entry = self.sessions.get(session)
        if entry is None or start >= entry.sealed_size:
            return []
        found = {
            stamp.log_index: row.body
            for row, stamp in self._pending_seals(session)
            if row.covers(start, end)
        }
        bounds = (session, entry.first_index, end, start)
        for body, log_index in self._database.rows_at_once(_SEALS_OVER, bounds):
            found[log_index] = str(body)
        return [found[log_index] for log_index in sorted(found)]

    def _pending_seals(self, session: str) -> Iterator[tuple[SealRow, Stamp]]:
        return (one for rows in self.pending for one in rows.seals(session))

    def keep_recent(self, spans: Mapping[bytes, None], logs: Mapping[str, None]) -> None:
        """Remember the newest spans and foreign logs and forget the oldest."""
        self.spans.update(spans)
        while len(self.spans) > RECENT_SPANS:
            del self.spans[next(iter(self.spans))]
        self.logs.update(logs)
        while len(self.logs) > RECENT_SPANS:
            del self.logs[next(iter(self.logs))]


def _recent_spans(database: Database) -> list[Row]:
    """Return the leaf hashes of the newest RECENT_SPANS spans, the newest first."""
    size, length = next_log_index(database, projected_end(database)), RECENT_SPANS
    while True:
        rows = database.rows_at_once(_RECENT, [max(0, size - length), RECENT_SPANS])
        if len(rows) == RECENT_SPANS or length >= size:
            return rows
        length *= 4


def _load_sessions(database: Database) -> dict[str, SessionEntry]:
    upto = projected_end(database)
    sessions = {
        session: SessionEntry(sender, first, max_seq, count, opened_index=opened)
        for session, sender, max_seq, count, opened, first in database.rows_at_once(
            _SESSIONS, [upto]
        )
    }
    for session, sender, size, first in database.rows_at_once(_SEALED):
        entry = sessions.setdefault(session, SessionEntry(sender, first))
        entry.sealed_size = size
        if first < entry.first_index:
            entry.first_index, entry.sender = first, sender
    return sessions


def _statement(log_index: int, text: str) -> Statement:
    try:
        return parse_statement(text.encode())
    except RecordError as error:
        raise StoreError(
            f"the statement at log index {log_index} is not what was admitted: {error};"
            " stop the service and run `tallystick verify --data`"
        ) from error

"""The View of admission: what is committed, and the group that is being gathered laid over it.

The rows of the group count as kept for the requests behind them; they are dropped when its commit
fails. Used by the writer thread alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tallystick.event import Record
from tallystick_store.engine.duckdb import Row
from tallystick_store.known import Known, SessionEntry
from tallystick_store.pending import GroupRows
from tallystick_store.rows import SealRow, SessionState, StoredRecord
from tallystick_store.schema import Stamp

_OPEN = "session.open"
LOG_TYPE = "otlp.log"


@dataclass(slots=True)
class GroupView:
    """The View of one group: what is committed and what the group adds."""

    known: Known
    rows: GroupRows = field(default_factory=GroupRows)
    """What the group adds."""
    _sessions: dict[str, SessionEntry] = field(default_factory=dict)
    _spans: dict[bytes, None] = field(default_factory=dict)
    _logs: dict[str, None] = field(default_factory=dict)

    def session(self, session: str) -> SessionState | None:
        """See `View.session`."""
        entry = self._sessions.get(session) or self.known.sessions.get(session)
        if entry is None:
            return None
        statement = self.rows.opens.get(session)
        if statement is None and entry.opened_index is not None:
            statement = self.known.open_statement(session, entry.opened_index)
        return entry.state(session, statement)

    def leaf_hashes(self, session: str, seqs: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
        """See `View.leaf_hashes`."""
        found: dict[int, list[bytes]] = defaultdict(list)
        for seq, leaf_hash, _, _ in self._records(session, list(seqs)):
            found[seq].append(leaf_hash)
        return {seq: tuple(hashes) for seq, hashes in found.items()}

    def stored(self, session: str, seqs: Iterable[int]) -> dict[int, tuple[StoredRecord, ...]]:
        """See `View.stored`."""
        rows = self._records(session, list(seqs))
        late = self.known.late_lines([log_index for _, _, log_index, _ in rows])
        found: dict[int, list[StoredRecord]] = defaultdict(list)
        for seq, leaf_hash, log_index, disclosures in rows:
            came = frozenset(disclosures.split("\n") if disclosures else ())
            lines = came | late[log_index] | frozenset(self.rows.late_lines(log_index))
            is_erased = self.known.erased.covers(log_index)
            lines = frozenset() if is_erased else lines
            found[seq].append(
                StoredRecord(
                    leaf_hash, log_index, lines, is_erased=is_erased, is_deleted=disclosures is None
                )
            )
        return {seq: tuple(records) for seq, records in found.items()}

    def seal_hashes(self, session: str, sizes: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
        """See `View.seal_hashes`."""
        asked = set(sizes)
        found: dict[int, list[bytes]] = defaultdict(list)
        for size, leaf_hash in self.known.seals(session, asked):
            found[size].append(leaf_hash)
        for row, stamp in self.rows.seals(session):
            found[row.seal.size].append(stamp.leaf_hash)
        return {size: tuple(hashes) for size, hashes in found.items() if size in asked}

    def seals_over(self, session: str, start: int, end: int) -> tuple[str, ...]:
        """See `View.seals_over`."""
        bodies = self.known.seals_over(session, start, end)
        here = (row for row, _ in self.rows.seals(session))
        return (*bodies, *(row.body for row in here if row.covers(start, end)))

    def is_recent_span(self, leaf_hash: bytes) -> bool:
        """See `View.is_recent_span`."""
        return leaf_hash in self._spans or leaf_hash in self.known.spans

    def is_erased_span(self, trace_id: str, span_id: str) -> bool:
        """See `View.is_erased_span`."""
        return (trace_id, span_id) in self.known.erased_spans

    def is_recent_log(self, digest: str) -> bool:
        """See `View.is_recent_log`."""
        return digest in self._logs or digest in self.known.logs

    def add_event(self, stamp: Stamp, record: Record) -> None:
        """Count a record as kept."""
        entry = self._entry(record.session, stamp)
        entry.event_count += 1
        entry.max_seq = max(entry.max_seq, record.seq)
        if record.seq == 0 and entry.opened_index is None and record.statement["type"] == _OPEN:
            entry.opened_index = stamp.log_index
            self.rows.opens[record.session] = record.statement
        if record.statement["type"] == LOG_TYPE:
            self._logs[record.statement["otlp.digest"]] = None
        self.rows.add_event(stamp, record)

    def add_seal(self, stamp: Stamp, row: SealRow) -> None:
        """Count a seal as kept."""
        entry = self._entry(row.session, stamp)
        entry.sealed_size = max(entry.sealed_size, row.seal.size)
        self.rows.add_seal(stamp, row)

    def add_spans(self, leaf_hashes: Iterable[bytes]) -> None:
        """Count span records as kept."""
        self._spans.update(dict.fromkeys(leaf_hashes))

    def add_merge(self, log_index: int, lines: Iterable[str]) -> None:
        """Count late disclosure lines as kept."""
        self.rows.add_late(log_index, lines)

    def commit(self, number: int) -> None:
        """Make what the group adds part of what is known; `number` is its own in the journal."""
        self.known.sessions.update(self._sessions)
        self.known.keep_recent(self._spans, self._logs)
        self.known.keep(number, self.rows)

    def _entry(self, session: str, stamp: Stamp) -> SessionEntry:
        entry = self._sessions.get(session)
        if entry is None:
            committed = self.known.sessions.get(session)
            entry = (
                replace(committed)
                if committed is not None
                else SessionEntry(stamp.sender, stamp.log_index)
            )
            self._sessions[session] = entry
        return entry

    def _records(self, session: str, seqs: Sequence[int]) -> list[Row]:
        return [*self.known.records(session, seqs), *self.rows.records(session, seqs)]

"""The View of admission: what is committed, and the group that is being gathered laid over it.

The rows of the group count as kept for the requests behind them; they are dropped when its commit
fails. Used by the writer thread alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from tallystick.event import Record, Statement
from tallystick_store.known import Known, SessionEntry
from tallystick_store.rows import SealRow, SessionState, StoredRecord
from tallystick_store.schema import SpanCells, Stamp

_OPEN = "session.open"


@dataclass(slots=True)
class GroupView:
    """The View of one group: what is committed and what the group adds."""

    known: Known
    _sessions: dict[str, SessionEntry] = field(default_factory=dict)
    _opens: dict[str, Statement] = field(default_factory=dict)
    _records: dict[str, dict[int, list[tuple[Stamp, Record]]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _seals: dict[str, list[tuple[SealRow, bytes]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _spans: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _merged: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def session(self, session: str) -> SessionState | None:
        """See `View.session`."""
        entry = self._sessions.get(session) or self.known.sessions.get(session)
        if entry is None:
            return None
        statement = self._opens.get(session)
        if statement is None and entry.opened_index is not None:
            statement = self.known.open_statement(session, entry.opened_index)
        return entry.state(session, statement)

    def leaf_hashes(self, session: str, seqs: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
        """See `View.leaf_hashes`."""
        asked = list(seqs)
        found: dict[int, list[bytes]] = defaultdict(list)
        for seq, leaf_hash, _, _ in self.known.records(session, asked):
            found[seq].append(leaf_hash)
        for seq, stamp, _ in self._pending(session, asked):
            found[seq].append(stamp.leaf_hash)
        return {seq: tuple(hashes) for seq, hashes in found.items()}

    def stored(self, session: str, seqs: Iterable[int]) -> dict[int, tuple[StoredRecord, ...]]:
        """See `View.stored`."""
        asked = list(seqs)
        rows = self.known.records(session, asked)
        late = self.known.late_lines([log_index for _, _, log_index, _ in rows])
        found: dict[int, list[StoredRecord]] = defaultdict(list)
        for seq, leaf_hash, log_index, disclosures in rows:
            lines = frozenset(disclosures.split("\n") if disclosures else ()) | late[log_index]
            found[seq].append(StoredRecord(leaf_hash, log_index, lines))
        for seq, stamp, record in self._pending(session, asked):
            lines = frozenset(disclosure.line for disclosure in record.disclosures)
            found[seq].append(StoredRecord(stamp.leaf_hash, stamp.log_index, lines))
        merged = self._merged
        return {
            seq: tuple(
                replace(one, disclosures=one.disclosures | merged[one.log_index])
                if one.log_index in merged
                else one
                for one in records
            )
            for seq, records in found.items()
        }

    def seal_hashes(self, session: str, sizes: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
        """See `View.seal_hashes`."""
        asked = set(sizes)
        found: dict[int, list[bytes]] = defaultdict(list)
        for size, leaf_hash in self.known.seals(session, asked):
            found[size].append(leaf_hash)
        for row, leaf_hash in self._seals.get(session, ()):
            found[row.seal.size].append(leaf_hash)
        return {size: tuple(hashes) for size, hashes in found.items() if size in asked}

    def seals_over(self, session: str, start: int, end: int) -> tuple[str, ...]:
        """See `View.seals_over`."""
        bodies = self.known.seals_over(session, start, end)
        for row, _ in self._seals.get(session, ()):
            if row.seal.old_size < end and row.seal.size > start:
                bodies.append(row.body)
        return tuple(bodies)

    def recent_span(self, trace_id: str, span_id: str) -> bytes | None:
        """See `View.recent_span`."""
        key = (trace_id, span_id)
        return self._spans.get(key) or self.known.spans.get(key)

    def add_event(self, stamp: Stamp, record: Record) -> None:
        """Count a record as kept."""
        entry = self._entry(record.session, stamp)
        entry.event_count += 1
        entry.max_seq = max(entry.max_seq, record.seq)
        if record.seq == 0 and entry.opened_index is None and record.statement["type"] == _OPEN:
            entry.opened_index = stamp.log_index
            self._opens[record.session] = record.statement
        self._records[record.session].setdefault(record.seq, []).append((stamp, record))

    def add_seal(self, stamp: Stamp, row: SealRow) -> None:
        """Count a seal as kept."""
        entry = self._entry(row.session, stamp)
        entry.sealed_size = max(entry.sealed_size, row.seal.size)
        self._seals[row.session].append((row, stamp.leaf_hash))

    def add_span(self, cells: SpanCells) -> None:
        """Count a span record as kept."""
        key = (str(cells.columns["trace_id"]), str(cells.columns["span_id"]))
        self._spans[key] = cells.leaf_hash

    def add_merge(self, log_index: int, lines: Iterable[str]) -> None:
        """Count late disclosure lines as kept."""
        self._merged[log_index].update(lines)

    def commit(self) -> None:
        """Make what the group adds part of what is known."""
        self.known.sessions.update(self._sessions)
        self.known.keep_spans(self._spans)
        for session, statement in self._opens.items():
            self.known.keep_open(session, statement)

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

    def _pending(self, session: str, seqs: Iterable[int]) -> Iterator[tuple[int, Stamp, Record]]:
        records = self._records.get(session)
        if records:
            for seq in dict.fromkeys(seqs):
                for stamp, record in records.get(seq, ()):
                    yield seq, stamp, record

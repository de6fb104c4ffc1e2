"""Rows that are accepted and that the database need not hold yet: a group's own, as admission asks for them.

Used by the writer thread alone.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tallystick.event import Record, Statement
from tallystick_store.engine.duckdb import Row
from tallystick_store.rows import SealRow
from tallystick_store.schema import Stamp


@dataclass(slots=True)
class GroupRows:
    """What one group adds."""

    opens: dict[str, Statement] = field(default_factory=dict)
    """Session -> the statement of its session.open."""
    _records: dict[str, dict[int, list[tuple[Stamp, Record]]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _seals: dict[str, list[tuple[SealRow, Stamp]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _late: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add_event(self, stamp: Stamp, record: Record) -> None:
        """Take a record."""
        self._records[record.session].setdefault(record.seq, []).append((stamp, record))

    def add_seal(self, stamp: Stamp, row: SealRow) -> None:
        """Take a seal."""
        self._seals[row.session].append((row, stamp))

    def add_late(self, log_index: int, lines: Iterable[str]) -> None:
        """Take late disclosure lines."""
        self._late[log_index].update(lines)

    def records(self, session: str, seqs: Iterable[int]) -> Iterator[Row]:
        """Yield (seq, leaf hash, log index, disclosures), as `Known.records`."""
        records = self._records.get(session)
        if records:
            for seq in dict.fromkeys(seqs):
                for stamp, record in records.get(seq, ()):
                    lines = "\n".join(one.line for one in record.disclosures)
                    yield seq, stamp.leaf_hash, stamp.log_index, lines

    def seals(self, session: str) -> Iterable[tuple[SealRow, Stamp]]:
        """Return the seals of a session."""
        return self._seals.get(session, ())

    def late_lines(self, log_index: int) -> Iterable[str]:
        """Return the lines that came late for a record."""
        return self._late.get(log_index, ())


class PendingGroups:
    """The groups that are in the journal and of which the database is not known to hold the rows."""

    def __init__(self) -> None:
        self._groups: deque[tuple[int, GroupRows]] = deque()

    def __iter__(self) -> Iterator[GroupRows]:
        """Yield them in the order of the log."""
        return (rows for _, rows in self._groups)

    def add(self, number: int, rows: GroupRows) -> None:
        """Take over a group."""
        self._groups.append((number, rows))

    def drop_through(self, number: int) -> None:
        """Forget groups that the database holds."""
        while self._groups and self._groups[0][0] <= number:
            self._groups.popleft()

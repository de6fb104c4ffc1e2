"""Stored events as values: parsed from their exact bytes, with how they are sealed.

A row that was changed from outside is given out all the same, as far as it can be read, with its faults;
it breaks nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from tallystick.errors import RecordError
from tallystick.event import (
    Disclosure,
    Record,
    Statement,
    match_disclosures,
    parse_statement,
)
from tallystick.verify.source import EventText
from tallystick_store.cells import Cells, cells_at, number, select_cells
from tallystick_store.engine.duckdb import Reader
from tallystick_store.faults import Fault, RowFaults
from tallystick_store.published import PublishedLog
from tallystick_store.records import split_lines
from tallystick_store.schema import EVENTS
from tallystick_store.sealing import Leaf, Sealing, sealing_of
from tallystick_store.stretches import Stretch, around
from tallystick_store.withheld import withheld_faults

Proof: TypeAlias = Literal["sealed", "recovered", "unsealed", "derived"]

MAX_ROWS: Final = 100_000
"""Events that are read at once."""

_LATE: Final = (
    "SELECT DISTINCT log_index, line FROM late_disclosures"
    " WHERE log_index IN (SELECT unnest(?)) AND line IS NOT NULL"
)
_LISTED: Final = ("type", "time_us", "origin", "action_id", "trace_id", "span_id", "outcome")
"""Columns by which an event is listed whose statement cannot be read."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it is kept."""

    log_index: int
    rx_us: int
    sender: str
    leaf_hash: bytes
    statement: Statement
    """Empty when it cannot be read any more; `faults` say so."""
    line: str
    """The exact line 1."""
    disclosures: dict[str, str]
    """Field -> value, of the disclosures that are still there and that `sd` binds."""
    lines: tuple[str, ...]
    """The exact disclosure lines, late ones last."""
    sealing: Sealing
    faults: tuple[Fault, ...]
    listed: Mapping[str, Any]
    """What stored columns say of a statement that cannot be read; empty for every other."""

    @property
    def proof(self) -> Proof:
        """How it is signed; an event that the service derived is never shown as sealed."""
        return "derived" if self.said("origin") == "derived" else self.sealing

    def said(self, field: str) -> Any:  # noqa: ANN401 - the type is that of the field
        """Return a field of the statement, or of the columns where that cannot be read."""
        if self.statement:
            return self.statement.get(field)
        return self.listed.get(field.replace(".", "_"))


def read_events(
    database: Reader,
    condition: str,
    parameters: Sequence[object],
    published: PublishedLog | None = None,
    limit: int = MAX_ROWS,
) -> tuple[StoredEvent, ...]:
    """Return the events that fulfil an SQL condition (of this package), in log order.

    `published` lets each row be compared with the log's entry too. About 60 µs each.
    """
    where = f"{condition} ORDER BY log_index LIMIT {limit}"
    return _events(database, select_cells(database, EVENTS, where, parameters), published)


def read_events_at(
    database: Reader,
    log_indexes: Iterable[int],
    published: PublishedLog | None = None,
    condition: str = "true",
    parameters: Sequence[object] = (),
) -> tuple[StoredEvent, ...]:
    """Return those of the events with these log indexes that fulfil a condition, in log order.

    About 60 µs each, and 4 ms for each place that is far from the others.
    """
    where = f"{condition} ORDER BY log_index"
    cells = cells_at(database, EVENTS, log_indexes, where, parameters)
    return _events(database, cells, published)


def _events(
    database: Reader, cells: Cells, published: PublishedLog | None
) -> tuple[StoredEvent, ...]:
    indexes = [number(one) for one in cells["log_index"]]
    late = _late(database, indexes)
    faults, readings = RowFaults(len(indexes)), []
    for row, log_index in enumerate(indexes):
        text = EventText(
            log_index, cells["statement"][row] or "", split_lines(cells["disclosures"][row])
        )
        readings.append(_read_event(text, late.get(log_index, ()), row, faults))
    entries = published.entries(indexes) if published is not None else {}
    texts, records = [one.text for one in readings], [one.record for one in readings]
    faults.check_events(cells, texts, records, entries)
    _check_repeated(indexes, faults)
    _check_withheld(database, indexes, faults)
    sealings = _sealings(database, records, around(indexes)) if indexes else []
    return tuple(
        StoredEvent(
            log_index=indexes[row],
            rx_us=cells["rx_us"][row] or 0,
            sender=cells["sender"][row] or "",
            leaf_hash=cells["leaf_hash"][row] or b"",
            statement=one.record.statement if one.record else {},
            line=one.text.statement,
            disclosures={found.field: found.value for found in one.disclosed},
            lines=(*one.text.disclosures, *late.get(indexes[row], ())),
            sealing=sealings[row],
            faults=faults.of(row),
            listed={} if one.record else {name: cells[name][row] for name in _LISTED},
        )
        for row, one in enumerate(readings)
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    """One row of `events`, as far as it can be read."""

    text: EventText
    record: Record | None
    disclosed: tuple[Disclosure, ...]


def _read_event(text: EventText, late: Sequence[str], row: int, faults: RowFaults) -> _Reading:
    line = text.statement.encode()
    try:
        statement = parse_statement(line)
    except RecordError as error:
        faults.add(row, "statement", "a statement of docs/spec/record.md", str(error))
        return _Reading(text, None, ())
    came = _bound(statement, text.disclosures, row, faults)
    record = Record(line, statement, came)
    later = _bound(statement, [one for one in late if one not in text.disclosures], row, faults)
    return _Reading(text, record, (*came, *later))


def _bound(
    statement: Statement, lines: Sequence[str], row: int, faults: RowFaults
) -> tuple[Disclosure, ...]:
    """Return the disclosures that the statement binds, and name the others as faults."""
    if not lines:
        return ()
    try:
        return match_disclosures(statement, dict.fromkeys(lines))
    except RecordError:
        return tuple(_bound_one_by_one(statement, lines, row, faults))


def _bound_one_by_one(
    statement: Statement, lines: Sequence[str], row: int, faults: RowFaults
) -> Iterable[Disclosure]:
    seen: set[str] = set()
    for line in dict.fromkeys(lines):
        try:
            [disclosure] = match_disclosures(statement, [line])
        except RecordError as error:
            faults.add(row, "disclosures", "lines that the statement binds", str(error))
            continue
        if disclosure.field not in seen:
            seen.add(disclosure.field)
            yield disclosure


def _check_repeated(indexes: Sequence[int], faults: RowFaults) -> None:
    """Name rows that stand at no place of the log, or at one that is taken."""
    before = None
    for row, log_index in enumerate(indexes):
        if log_index < 0:
            faults.add(row, "log_index", "the place of an entry of the log", "none")
        elif log_index == before:
            faults.add(row, "log_index", "one row for each entry of the log", "a second row")
        before = log_index


def _check_withheld(database: Reader, indexes: Sequence[int], faults: RowFaults) -> None:
    """Name what is wrong with texts that this reader is not shown."""
    found = withheld_faults(database, indexes)
    for row, log_index in enumerate(indexes):
        known = {one.column for one in faults.of(row)}
        for fault in found.get(log_index, ()):
            if fault.column not in known:
                faults.add(row, fault.column, fault.stated, fault.stored)


def _sealings(database: Reader, records: Sequence[Record | None], near: Stretch) -> list[Sealing]:
    """Return the state of each event by the hash of what it says now, not by what a column says."""
    leaves = [Leaf(one.session, one.seq, one.leaf_hash) if one else None for one in records]
    states = sealing_of(database, [leaf for leaf in leaves if leaf is not None], near)
    return [states[leaf] if leaf is not None else "unsealed" for leaf in leaves]


def _late(database: Reader, log_indexes: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for log_index, line in database.rows(_LATE, [log_indexes]) if log_indexes else []:
        found.setdefault(log_index, []).append(line)
    return found

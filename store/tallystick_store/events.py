"""Stored events and spans as values: parsed from their exact bytes, with how they are sealed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.event import Statement, match_disclosures, parse_statement
from tallystick.profile import JsonValue
from tallystick.span_record import parse_span
from tallystick_store.engine.duckdb import Database
from tallystick_store.records import split_lines
from tallystick_store.sealing import Leaf, Sealing, sealing_of

_EVENT: Final = "SELECT log_index, rx_us, sender, leaf_hash, statement, disclosures FROM events"
_SPAN: Final = "SELECT log_index, position, rx_us, sender, record FROM spans"
_LATE: Final = (
    "SELECT DISTINCT log_index, line FROM late_disclosures WHERE list_contains(?, log_index)"
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it is kept."""

    log_index: int
    rx_us: int
    sender: str
    leaf_hash: bytes
    statement: Statement
    disclosures: dict[str, str]
    """Field -> value, of the disclosures that are still there."""
    sealing: Sealing


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """One span record as it is kept."""

    log_index: int
    position: int
    rx_us: int
    sender: str
    span: dict[str, JsonValue]


def read_events(
    database: Database, condition: str, parameters: Sequence[object]
) -> tuple[StoredEvent, ...]:
    """Return the events that fulfil an SQL condition (of this package), in log order.

    Raises RecordError for a row whose statement was changed from outside.
    """
    rows = database.rows(f"{_EVENT} WHERE {condition} ORDER BY log_index", parameters)
    late = _late(database, [row[0] for row in rows])
    parsed = [(row, parse_statement(row[4].encode())) for row in rows]
    leaves = {row[0]: Leaf(text["session"], text["seq"], row[3]) for row, text in parsed}
    states = sealing_of(database, list(leaves.values()))
    return tuple(
        StoredEvent(
            log_index=row[0],
            rx_us=row[1],
            sender=row[2],
            leaf_hash=row[3],
            statement=statement,
            disclosures=_disclosed(statement, (*split_lines(row[5]), *late.get(row[0], ()))),
            sealing=states[leaves[row[0]]],
        )
        for row, statement in parsed
    )


def read_spans(database: Database, trace_id: str) -> tuple[StoredSpan, ...]:
    """Return the span records of one trace, in log order."""
    rows = database.rows(f"{_SPAN} WHERE trace_id = ? ORDER BY log_index, position", [trace_id])
    return tuple(
        StoredSpan(log_index, position, rx_us, sender, parse_span(record.encode()))
        for log_index, position, rx_us, sender, record in rows
    )


def _late(database: Database, log_indexes: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for log_index, line in database.rows(_LATE, [log_indexes]) if log_indexes else []:
        found.setdefault(log_index, []).append(line)
    return found


def _disclosed(statement: Statement, lines: Iterable[str]) -> dict[str, str]:
    return {one.field: one.value for one in match_disclosures(statement, dict.fromkeys(lines))}

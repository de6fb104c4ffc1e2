"""Step 3: every stored column equals the function of the record's bytes and its entry.

Columns are compared as whole lists, some thousand rows at a time, and row by row only where they
differ: a hundred columns of a million rows would cost more than all hashing otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Final, TypeAlias

from tallystick.event import Record, Statement
from tallystick.fields import FIELDS
from tallystick.profile import JsonValue, encode
from tallystick.span_record import (
    SPAN_COLUMNS,
    SPAN_WORDS,
    leaf_of_erased,
    leaf_of_record,
    span_columns,
)
from tallystick.tlog.entry import Entry
from tallystick.tlog.seal import Seal
from tallystick.tlog.tree import leaf_hash
from tallystick.verify.digest import SESSION_PREFIX
from tallystick.verify.finding import Findings, Place
from tallystick.verify.source import Columns, EventText, SealText, SpansText

_STATEMENT_COLUMNS: Final = tuple(f for f in FIELDS if f.column and f.home != "disclosure")
_DISCLOSED_COLUMNS: Final = tuple(f for f in FIELDS if f.column and f.home == "disclosure")
_PRINTED_TYPES: Final = ("strs", "counts", "map")
"""Field types whose column is the profile JSON of the value (event.columns)."""
_SHOWN_CHARACTERS: Final = 60

_NOTHING: Final[Statement] = {}
UNKNOWN: Final = object()
"""Stands for a value that cannot be recomputed, because its record or entry could not be read."""

_ERASED_SPAN: Final[Mapping[str, Any]] = dict.fromkeys(SPAN_WORDS)
"""What is known of the columns of a span that was erased."""

ExpectedColumns: TypeAlias = dict[str, list[Any]]


def check_event_columns(
    stored: Columns,
    events: Sequence[EventText],
    records: Sequence[Record | None],
    entries: Sequence[Entry | None],
    findings: Findings,
) -> None:
    """Compare the table `events` with what its records and entries give."""
    expected = expected_event_columns(events, records, entries)
    _compare_columns("events", stored, expected, findings)


def expected_event_columns(
    events: Sequence[EventText],
    records: Sequence[Record | None],
    entries: Sequence[Entry | None],
) -> ExpectedColumns:
    """Return what the columns of `events` have to hold; UNKNOWN where nothing says so."""
    expected = _entry_columns([text.log_index for text in events], entries)
    expected["leaf_hash"] = [leaf_hash(text.statement.encode()) for text in events]
    expected["statement"] = [text.statement for text in events]
    expected["disclosures"] = ["\n".join(text.disclosures) or None for text in events]
    expected["disclosure_count"] = [len(text.disclosures) for text in events]
    _add_statement_columns(records, expected)
    _add_disclosed_columns(records, expected)
    return expected


def check_seal_columns(
    stored: Columns,
    texts: Sequence[SealText],
    seals: Sequence[Seal | None],
    entries: Sequence[Entry | None],
    findings: Findings,
) -> None:
    """Compare the table `seals` with what its bodies and entries give."""
    expected = _entry_columns([text.log_index for text in texts], entries)
    expected["leaf_hash"] = [leaf_hash(text.body.encode()) for text in texts]
    expected["body"] = [text.body for text in texts]
    expected["session"] = [
        seal.origin.removeprefix(SESSION_PREFIX) if seal else UNKNOWN for seal in seals
    ]
    for name in ("old_size", "size", "root"):
        expected[name] = [getattr(seal, name) if seal else UNKNOWN for seal in seals]
    _compare_columns("seals", stored, expected, findings)


def check_span_columns(
    stored: Columns,
    batches: Sequence[SpansText],
    spans: Sequence[dict[str, JsonValue] | None],
    entries: Sequence[Entry | None],
    findings: Findings,
) -> None:
    """Compare the table `spans` with its records; `spans` are those of all batches, in order."""
    expected = expected_span_columns(batches, spans, entries)
    _compare_columns("spans", stored, expected, findings)


def expected_span_columns(
    batches: Sequence[SpansText],
    spans: Sequence[dict[str, JsonValue] | None],
    entries: Sequence[Entry | None],
) -> ExpectedColumns:
    """Return what the columns of `spans` have to hold; UNKNOWN where nothing says so."""
    sizes = [len(batch.records) for batch in batches]
    of_row = [entry for entry, size in zip(entries, sizes, strict=True) for _ in range(size)]
    indexes = [batch.log_index for batch in batches for _ in batch.records]
    records = [record for batch in batches for record in batch.records]
    expected = _entry_columns(indexes, of_row)
    expected["position"] = [position for size in sizes for position in range(size)]
    gone = [leaf_of_erased(record) for record in records]
    expected["record"] = [
        None if leaf else record for record, leaf in zip(records, gone, strict=True)
    ]
    expected["leaf_hash"] = [leaf_of_record(record) for record in records]
    columns = [
        span_columns(span) if span else (_ERASED_SPAN if leaf else {})
        for span, leaf in zip(spans, gone, strict=True)
    ]
    for name in SPAN_COLUMNS:
        expected[name] = [one.get(name, UNKNOWN) for one in columns]
    return expected


def check_row(
    table: str,
    stored: Mapping[str, object],
    expected: Mapping[str, object],
    findings: Findings,
    place: str,
) -> None:
    """Compare one row of a small table; `place` says which."""
    findings.count(3, f"rows of {table}")
    columns = {name: [value] for name, value in stored.items()}
    wanted = {name: [value] for name, value in expected.items()}
    for name, _, message in _differences(columns, wanted):
        findings.fault(3, f"{place}: {message}", Place(table=table, column=name))


def _entry_columns(indexes: list[int], entries: Sequence[Entry | None]) -> ExpectedColumns:
    return {
        "log_index": list(indexes),
        "rx_us": [entry.rx_us if entry else UNKNOWN for entry in entries],
        "sender": [entry.sender if entry else UNKNOWN for entry in entries],
    }


def _add_statement_columns(records: Sequence[Record | None], expected: ExpectedColumns) -> None:
    statements = [record.statement if record else _NOTHING for record in records]
    unreadable = [row for row, record in enumerate(records) if record is None]
    absent = _with_unknown([None] * len(records), unreadable)
    present = set[str]().union(*statements)
    for known in _STATEMENT_COLUMNS:
        values = absent
        if known.name in present:
            values = list(map(dict.get, statements, repeat(known.name)))
            if known.type in _PRINTED_TYPES:
                values = [None if value is None else encode(value).decode() for value in values]
            values = _with_unknown(values, unreadable)
        expected[known.column_name] = values


def _with_unknown(values: list[Any], unreadable: Sequence[int]) -> list[Any]:
    for row in unreadable:
        values[row] = UNKNOWN
    return values


def _add_disclosed_columns(records: Sequence[Record | None], expected: ExpectedColumns) -> None:
    disclosed = [
        {one.field: one.value for one in record.disclosures} if record else None
        for record in records
    ]
    for known in _DISCLOSED_COLUMNS:
        expected[known.column_name] = [
            UNKNOWN if values is None else values.get(known.name) for values in disclosed
        ]


def _compare_columns(
    table: str, stored: Columns, expected: ExpectedColumns, findings: Findings
) -> None:
    indexes = expected["log_index"]
    findings.count(3, f"rows of {table}", len(indexes))
    for name, row, message in _differences(stored, expected):
        log_index = None if row is None else indexes[row]
        place = Place(table=table, column=name, log_index=log_index)
        findings.fault(3, message, place)


def _differences(
    stored: Columns, expected: ExpectedColumns
) -> Iterator[tuple[str, int | None, str]]:
    """Yield column, row and message of each difference; row None when the column itself is wrong."""
    for name in sorted(expected.keys() ^ stored.keys()):
        what = "is missing" if name in expected else "is not one of this table"
        yield name, None, f"the column {what}"
    for name, row, value, right in differing_cells(stored, expected):
        stored_text, right_text = both_shown(value, right)
        yield name, row, f"stored {stored_text}, the record says {right_text}"


def differing_cells(
    stored: Columns, expected: ExpectedColumns
) -> Iterator[tuple[str, int, object, object]]:
    """Yield column, row, stored and expected value of each cell that is not as expected."""
    for name, wanted in expected.items():
        found = stored.get(name, wanted)
        if found == wanted:
            continue
        for row, (value, right) in enumerate(zip(found, wanted, strict=True)):
            if value != right and right is not UNKNOWN:
                yield name, row, value, right


def both_shown(one: object, other: object) -> tuple[str, str]:
    """Write two values that differ; of long ones, the part around the first difference."""
    first, second = _written(one), _written(other)
    pairs = enumerate(zip(first, second, strict=False))
    differs_at = next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))
    begin = max(0, differs_at - _SHOWN_CHARACTERS // 2)
    return _cut(first, begin), _cut(second, begin)


def _written(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)


def _cut(text: str, begin: int) -> str:
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    end = begin + _SHOWN_CHARACTERS
    return f"{'...' if begin else ''}{text[begin:end]}{'...' if end < len(text) else ''}"

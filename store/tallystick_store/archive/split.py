"""Rows of the journal as the archive keeps them, and back.

Kept in clear is what the log needs and what names nobody: statements, seals, and of a span its hash, ids and times.
What a person's erasure must reach goes apart as values. On the way back every column is derived from the records again,
by the code that derived it first, so that the archive outlives a change of the tables.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tallystick.errors import RecordError, StoreError, VerificationError
from tallystick.event import parse_record
from tallystick.span_record import SPAN_COLUMNS, SPAN_WORDS, parse_span, span_columns
from tallystick.tlog.seal import parse_seal
from tallystick.tlog.tree import leaf_hash
from tallystick.verify.erased import Erased
from tallystick_store.archive.subject_keys import Subject
from tallystick_store.archive.values import Value
from tallystick_store.journal.contents import Tables
from tallystick_store.rows import SealRow
from tallystick_store.schema import (
    EVENTS,
    LATE_DISCLOSURES,
    SEALS,
    SPANS,
    TOMBSTONES,
    Stamp,
    arrow_types,
    event_batch,
    row_batch,
    seal_batch,
)

WINDOW: Final = 4096
"""Rows that are derived at once."""
_STAMP: Final = ("log_index", "rx_us", "sender")
BARE: Final[Mapping[str, tuple[str, ...]]] = {
    EVENTS.name: (*_STAMP, "statement", "disclosure_count"),
    SEALS.name: (*_STAMP, "body"),
    SPANS.name: (
        *("log_index", "position", "rx_us", "sender", "leaf_hash"),
        *(name for name in SPAN_COLUMNS if name not in SPAN_WORDS),
    ),
    LATE_DISCLOSURES.name: (),
    TOMBSTONES.name: TOMBSTONES.column_names,
}
"""Table -> the columns that the archive keeps in clear."""

_LEAF: Final = "leaf_hash"
"""Handed on for `packing.pack`, which stores no such column of events."""
_SUBJECT: Final = ("log_index", "principal_ref", "session", "origin", "trace_id")

SubjectsOf = Callable[[list[int]], Mapping[int, Subject]]
"""Whose records stand under these log indexes."""
Owned = tuple[Subject, Value]
Texts = Mapping[tuple[str, int], Mapping[int, str]]
"""(table, log index) -> position -> text."""


def subject_of(principal: str | None, session: str, origin: str, trace_id: str | None) -> Subject:
    """Return whose an event is; a derived one stands in the service's session, so its trace names it."""
    is_derived = origin == "derived" and bool(trace_id)
    return Subject(principal or "", str(trace_id) if is_derived else session)


def split_tables(
    tables: Tables, subjects_of: SubjectsOf
) -> tuple[dict[str, pa.Table], list[Owned]]:
    """Return what is kept in clear by table, and the values. Raises StoreError for rows of another table."""
    strange = tables.keys() - BARE.keys()
    if strange:
        raise StoreError(f"the archive has no place for rows of {', '.join(sorted(strange))}")
    bare = {name: _columns(tables[name], BARE[name]) for name in tables if BARE[name]}
    if EVENTS.name in bare and _LEAF in tables[EVENTS.name].column_names:
        bare[EVENTS.name] = bare[EVENTS.name].append_column(_LEAF, tables[EVENTS.name][_LEAF])
    owned = [*_event_values(tables), *_span_values(tables), *_late_values(tables, subjects_of)]
    return bare, owned


def join_tables(bare: Tables, values: Iterable[Value]) -> Iterator[dict[str, pa.Table]]:
    """Yield the rows again, some thousand at a time. Raises StoreError for a record that is none."""
    texts: dict[tuple[str, int], dict[int, str]] = {}
    late = []
    for value in values:
        if value.table == LATE_DISCLOSURES.name:
            late.append((value.log_index, value.text))
        else:
            texts.setdefault((value.table, value.log_index), {})[value.position] = value.text
    for name, derive in _DERIVED.items():
        if name in bare:
            for batch in bare[name].to_batches(WINDOW):
                yield {name: _derived(derive, batch, texts)}
    if TOMBSTONES.name in bare:
        yield {TOMBSTONES.name: bare[TOMBSTONES.name]}
    if late:
        yield {LATE_DISCLOSURES.name: row_batch(LATE_DISCLOSURES, late)}


def absent_values(bare: Tables, values: Iterable[Value]) -> Erased:
    """Return where a value stood when a part was archived and stands no more."""
    held = {(value.table, value.log_index, value.position) for value in values}
    events: list[int] = []
    spans: list[tuple[int, int]] = []
    if EVENTS.name in bare:
        table = bare[EVENTS.name]
        events = table.filter(pc.greater(table["disclosure_count"], 0))["log_index"].to_pylist()
    if SPANS.name in bare:
        names = ("log_index", "position")
        spans = list(zip(*(bare[SPANS.name][name].to_pylist() for name in names), strict=True))
    return Erased(
        (index for index in events if (EVENTS.name, index, 0) not in held),
        (place for place in spans if (SPANS.name, *place) not in held),
    )


def _derived(
    derive: Callable[[list[dict[str, Any]], Texts], pa.Table], batch: pa.RecordBatch, texts: Texts
) -> pa.Table:
    try:
        return derive(batch.to_pylist(), texts)
    except (RecordError, VerificationError) as error:
        raise StoreError(f"a record of the archive is none: {error}") from error


def _columns(table: pa.Table, names: tuple[str, ...]) -> pa.Table:
    return pa.table({name: _column(table, name) for name in names})


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name in table.column_names:
        return table[name]
    return pa.chunked_array([pa.nulls(len(table), pa.string())])


def _event_values(tables: Tables) -> Iterator[Owned]:
    table = tables.get(EVENTS.name)
    if table is None or "disclosures" not in table.column_names:
        return
    columns = _columns(table, (*_SUBJECT, "disclosures"))
    columns = columns.filter(columns["disclosures"].is_valid())
    cells = (columns[name].to_pylist() for name in columns.column_names)
    for log_index, principal, session, origin, trace_id, text in zip(*cells, strict=True):
        subject = subject_of(principal, session, origin, trace_id)
        yield subject, Value("events", log_index, 0, text)


def _span_values(tables: Tables) -> Iterator[Owned]:
    table = tables.get(SPANS.name)
    if table is None:
        return
    held = table.filter(table["record"].is_valid())
    for row in _columns(held, ("log_index", "position", "trace_id", "record")).to_pylist():
        value = Value("spans", row["log_index"], row["position"], row["record"])
        yield Subject("", row["trace_id"]), value


def _late_values(tables: Tables, subjects_of: SubjectsOf) -> Iterator[Owned]:
    table = tables.get(LATE_DISCLOSURES.name)
    if table is None or not len(table):
        return
    subjects = subjects_of(table["log_index"].unique().to_pylist())
    for row in table.to_pylist():
        subject = subjects.get(row["log_index"])
        if subject is not None:
            yield subject, Value("late_disclosures", row["log_index"], 0, row["line"])


def _events(rows: list[dict[str, Any]], texts: Texts) -> pa.Table:
    stamped = []
    for row in rows:
        text = texts.get((EVENTS.name, row["log_index"]), {}).get(0)
        record = parse_record(row["statement"] if text is None else f"{row['statement']}\n{text}")
        stamp = Stamp(row["log_index"], row["rx_us"], row["sender"], record.leaf_hash)
        stamped.append((stamp, record))
    return event_batch(stamped)


def _seals(rows: list[dict[str, Any]], _: Texts) -> pa.Table:
    stamped = []
    for row in rows:
        body, seal = row["body"], parse_seal(row["body"])
        stamp = Stamp(row["log_index"], row["rx_us"], row["sender"], leaf_hash(body.encode()))
        stamped.append((stamp, SealRow(body, seal, seal.origin.rpartition("/")[2])))
    return seal_batch(stamped)


def _spans(rows: list[dict[str, Any]], texts: Texts) -> pa.Table:
    whole = []
    for row in rows:
        text = texts.get((SPANS.name, row["log_index"]), {}).get(row["position"])
        said: dict[str, Any] = dict.fromkeys((*SPAN_WORDS, "record"))
        if text is not None:
            said = {**span_columns(parse_span(text.encode())), "record": text}
        whole.append({**row, **said})
    types = arrow_types(SPANS)
    return pa.table(
        {name: pa.array([row[name] for row in whole], kind) for name, kind in types.items()}
    )


_DERIVED: Final = {EVENTS.name: _events, SEALS.name: _seals, SPANS.name: _spans}

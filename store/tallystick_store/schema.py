"""The tables: wide immutable rows in the order of arrival, every column a function of signed bytes.

A log entry of kind `event` has one row in `events`, one of kind `seal` one row in `seals`, one of
kind `spans` a row per span record in `spans`; `log_index` runs over all three. `late_disclosures`
holds disclosure lines that a duplicate brought later: rows of `events` are never updated, readers
unite the two. `tombstones` holds what remains of entries whose content was deleted under authority.
`checkpoints` holds every checkpoint that was signed, `meta` the version and origin,
`applied` how far the journal was followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pyarrow as pa

from tallystick.event import Record
from tallystick.fields import FIELDS, FieldType
from tallystick.profile import encode
from tallystick.span_record import SPAN_COLUMNS
from tallystick_store.rows import SealRow, SpanBatch

SCHEMA_VERSION: Final = "1"

_SQL_OF_FIELD: Final[dict[FieldType, str]] = {
    "str": "VARCHAR",
    "json": "VARCHAR",
    "strs": "VARCHAR",
    "counts": "VARCHAR",
    "map": "VARCHAR",
    "int": "BIGINT",
    "bool": "BOOLEAN",
}
_ARROW_OF_SQL: Final = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "BOOLEAN": pa.bool_(),
    "BLOB": pa.binary(),
}
_SPAN_INTEGERS: Final = ("kind", "start_ns", "end_ns", "status")
_PRINTED: Final = ("strs", "counts", "map")
"""Field types whose column is the profile JSON of the value."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, SQL type, and whether zstd pays (long texts)."""

    name: str
    sql: str
    is_long: bool = False

    @property
    def definition(self) -> str:
        """The column as it stands in CREATE TABLE."""
        return f'"{self.name}" {self.sql}' + (" USING COMPRESSION zstd" if self.is_long else "")


@dataclass(frozen=True, slots=True)
class Table:
    """One table: no primary key and no index, both have lost data in DuckDB 1.5 (ADR 0004)."""

    name: str
    columns: tuple[Column, ...]

    @property
    def definition(self) -> str:
        """The CREATE TABLE statement."""
        return f'CREATE TABLE "{self.name}" ({", ".join(c.definition for c in self.columns)})'

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(column.name for column in self.columns)


_STAMP: Final = (
    Column("log_index", "BIGINT"),
    Column("rx_us", "BIGINT"),
    Column("sender", "VARCHAR"),
    Column("leaf_hash", "BLOB"),
)

EVENTS: Final = Table(
    "events",
    (
        *_STAMP,
        Column("statement", "VARCHAR", is_long=True),
        Column("disclosures", "VARCHAR", is_long=True),
        Column("disclosure_count", "BIGINT"),
        *(Column(f.column_name, _SQL_OF_FIELD[f.type]) for f in FIELDS if f.column),
    ),
)
"""`disclosures` holds the lines that came with the record, joined by line feeds; NULL for none.
`disclosure_count` is their number: a line cannot be taken away by changing one column."""

SEALS: Final = Table(
    "seals",
    (
        *_STAMP,
        Column("session", "VARCHAR"),
        Column("old_size", "BIGINT"),
        Column("size", "BIGINT"),
        Column("root", "BLOB"),
        Column("body", "VARCHAR", is_long=True),
    ),
)

SPANS: Final = Table(
    "spans",
    (
        Column("log_index", "BIGINT"),
        Column("position", "BIGINT"),
        *_STAMP[1:],
        *(Column(name, "BIGINT" if name in _SPAN_INTEGERS else "VARCHAR") for name in SPAN_COLUMNS),
        Column("record", "VARCHAR", is_long=True),
    ),
)
"""`leaf_hash` is that of the single record; `position` is its place in the batch, from 0."""

LATE_DISCLOSURES: Final = Table(
    "late_disclosures",
    (Column("log_index", "BIGINT"), Column("line", "VARCHAR", is_long=True)),
)

TOMBSTONES: Final = Table(
    "tombstones",
    (
        *_STAMP,
        Column("kind", "VARCHAR"),
        Column("span_count", "BIGINT"),
        Column("session", "VARCHAR"),
        Column("seq", "BIGINT"),
        Column("authorised_by", "BIGINT"),
    ),
)
"""What an entry is made of, kept when its content goes, and the log index of the confirmation that allowed it.
`leaf_hash` is that of the content: of a batch of spans its root. A row beside one here is about to go."""

CHECKPOINTS: Final = Table(
    "checkpoints",
    (Column("size", "BIGINT"), Column("root", "BLOB"), Column("note", "VARCHAR")),
)

META: Final = Table("meta", (Column("key", "VARCHAR"), Column("value", "VARCHAR")))
"""The keys are `schema` (SCHEMA_VERSION) and `origin` (of the tenant log)."""

APPLIED: Final = Table("applied", (Column("number", "BIGINT"),))
"""Numbers of the journal's groups that are in here, from 1 on, each written in the transaction of its rows."""

TABLES: Final = (EVENTS, SEALS, SPANS, LATE_DISCLOSURES, TOMBSTONES, CHECKPOINTS, META, APPLIED)

_STATEMENT_COLUMNS: Final = {
    f.name: (f.column_name, f.type in _PRINTED)
    for f in FIELDS
    if f.column and f.home != "disclosure"
}
_DISCLOSED_COLUMNS: Final = {
    f.name: f.column_name for f in FIELDS if f.column and f.home == "disclosure"
}


class Stamp(NamedTuple):
    """What the writer gives to each log entry."""

    log_index: int
    rx_us: int
    sender: str
    leaf_hash: bytes


def event_batch(rows: Sequence[tuple[Stamp, Record]]) -> pa.Table:
    """Return the rows of `events`; a column that no row fills is left out and stays NULL.

    About 8 µs a row: only the fields that a statement has are touched.
    """
    values = _stamps([stamp for stamp, _ in rows])
    values["statement"] = [record.line.decode() for _, record in rows]
    values["disclosure_count"] = [len(record.disclosures) for _, record in rows]
    values["disclosures"] = [joined_disclosures(record) for _, record in rows]
    return _table(EVENTS, values | _field_cells([record for _, record in rows]))


def joined_disclosures(record: Record) -> str | None:
    """Return the disclosure lines as the column holds them."""
    return "\n".join([d.line for d in record.disclosures]) if record.disclosures else None


def seal_batch(rows: Sequence[tuple[Stamp, SealRow]]) -> pa.Table:
    """Return the rows of `seals`."""
    values = _stamps([stamp for stamp, _ in rows])
    values["session"] = [row.session for _, row in rows]
    values["old_size"] = [row.seal.old_size for _, row in rows]
    values["size"] = [row.seal.size for _, row in rows]
    values["root"] = [row.seal.root for _, row in rows]
    values["body"] = [row.body for _, row in rows]
    return _table(SEALS, values)


def span_batch(batches: Sequence[tuple[Stamp, SpanBatch]]) -> pa.Table:
    """Return the rows of `spans`; each has the stamp of its batch, and a leaf hash of its own."""
    rows = [row for _, batch in batches for row in batch.spans]
    values = _stamps([stamp for stamp, batch in batches for _ in batch.spans])
    values["leaf_hash"] = [row.leaf_hash for row in rows]
    values["position"] = [place for _, batch in batches for place in range(len(batch.spans))]
    values["record"] = [row.record.decode() for row in rows]
    for name in SPAN_COLUMNS:
        values[name] = [row.columns[name] for row in rows]
    return _table(SPANS, values)


def row_batch(table: Table, rows: Sequence[Sequence[object]]) -> pa.Table:
    """Return whole rows of one of the small tables, cells in the order of its columns."""
    cells = zip(*rows, strict=True)
    return _table(table, {c.name: list(v) for c, v in zip(table.columns, cells, strict=True)})


def _field_cells(records: Sequence[Record]) -> dict[str, list[Any]]:
    """Return the cells of each field's column that some record fills."""
    empty: list[Any] = [None] * len(records)
    found: dict[str, list[Any]] = {}
    for position, record in enumerate(records):
        for name, value in record.statement.items():
            target = _STATEMENT_COLUMNS.get(name)
            if target is not None:
                column, is_printed = target
                if column not in found:
                    found[column] = empty.copy()
                found[column][position] = encode(value).decode() if is_printed else value
        for disclosure in record.disclosures:
            column = _DISCLOSED_COLUMNS.get(disclosure.field, "")
            if column:
                if column not in found:
                    found[column] = empty.copy()
                found[column][position] = disclosure.value
    return found


def _stamps(stamps: Sequence[Stamp]) -> dict[str, list[Any]]:
    return {
        "log_index": [stamp.log_index for stamp in stamps],
        "rx_us": [stamp.rx_us for stamp in stamps],
        "sender": [stamp.sender for stamp in stamps],
        "leaf_hash": [stamp.leaf_hash for stamp in stamps],
    }


def arrow_types(table: Table) -> dict[str, pa.DataType]:
    """Return the Arrow type of each column."""
    return {column.name: _ARROW_OF_SQL[column.sql] for column in table.columns}


def _table(table: Table, values: dict[str, list[Any]]) -> pa.Table:
    types = arrow_types(table)
    return pa.table({name: pa.array(cells, types[name]) for name, cells in values.items()})

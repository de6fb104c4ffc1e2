"""Pieces of a data directory: the rows and entries of some thousand log indexes, read on demand.

A piece can be sent to another process; each process opens the database once, read-only.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter, le
from pathlib import Path
from typing import Any, Final, TypeAlias

from tallystick.errors import StoreError, VerificationError
from tallystick.tlog.tiles import TILE_WIDTH
from tallystick.verify.source import EventText, Rows, SealText, SpansText
from tallystick_store.engine.duckdb import Database
from tallystick_store.files import Files
from tallystick_store.opening import DATABASE_NAME, LOG_FOLDER
from tallystick_store.published import read_bundle
from tallystick_store.records import late_lines, span_text, split_lines
from tallystick_store.schema import EVENTS, SEALS, SPANS, Table
from tallystick_store.tombstones import read_tombstones

PIECE_ENTRIES: Final = 16 * TILE_WIDTH
"""Entries per piece: whole bundles, some ten megabytes of rows."""

Cells: TypeAlias = dict[str, list[Any]]

_ORDER: Final = {
    EVENTS.name: "ORDER BY log_index",
    SEALS.name: "ORDER BY log_index",
    SPANS.name: "ORDER BY log_index, position",
}
_NEEDED: Final = ("log_index", "statement", "disclosures", "body", "record")
"""Columns that are asked for also where no row fills them."""


@dataclass(frozen=True, slots=True)
class DataPiece:
    """The entries [start, stop) of a data directory."""

    directory: Path
    start: int
    stop: int
    database: Path
    """Folder of the database, which is another where the journal was ahead: see `CaughtUp`."""

    def read(self) -> Rows:
        """Return the rows of these log indexes and the entries that their bundles hold."""
        database = open_database(self.database)
        tables = {
            table.name: _columns(database, table, self.start, self.stop)
            for table in (EVENTS, SEALS, SPANS)
        }
        try:
            late = late_lines(database, self.start, self.stop)
            deleted = read_tombstones(database, self.start, self.stop)
        except StoreError as error:
            raise VerificationError(str(error)) from error
        return Rows(
            entries=_bundled(Files(self.directory / LOG_FOLDER), self.start, self.stop),
            events=_events(tables[EVENTS.name], late),
            seals=_seals(tables[SEALS.name]),
            spans=_spans(tables[SPANS.name]),
            deleted=deleted,
            tables=tables,
        )


def open_database(directory: Path) -> Database:
    """Return the database of a directory, opened once for each process.

    Raises VerificationError when it does not open.
    """
    return _opened(directory, os.getpid())


def forget_database() -> None:
    """Let go of the database that was opened last."""
    _opened.cache_clear()
    _used_columns.cache_clear()


@lru_cache(maxsize=1)
def _opened(directory: Path, _process: int) -> Database:
    try:
        return Database.open_read_only(directory / DATABASE_NAME)
    except StoreError as error:
        raise VerificationError(str(error)) from error


def _columns(database: Database, table: Table, start: int, stop: int) -> Cells:
    used = _used_columns(database)[table.name]
    bounds, order = (start, stop), _ORDER[table.name]
    found = _select(database, table, used, bounds, order if table is SPANS else "")
    if not _is_sorted(found["log_index"]):
        found = _select(database, table, used, bounds, order)
    empty: list[Any] = [None] * len(found["log_index"])
    return {name: found.get(name, empty) for name in table.column_names}


def _select(
    database: Database, table: Table, used: Sequence[str], bounds: tuple[int, int], order: str
) -> Cells:
    """Return the cells of some columns; rows stand in the order in which they were inserted."""
    names = ", ".join(f'"{name}"' for name in used)
    try:
        found = database.arrow(
            f'SELECT {names} FROM "{table.name}"'  # noqa: S608 - schema.py
            f" WHERE log_index >= ? AND log_index < ? {order}",
            bounds,
        )
    except StoreError as error:
        raise VerificationError(str(error)) from error
    return dict(zip(used, (column.to_pylist() for column in found.columns), strict=True))


def _is_sorted(numbers: list[int]) -> bool:
    return all(map(le, numbers, numbers[1:]))


@lru_cache(maxsize=1)
def _used_columns(database: Database) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table that are not NULL in every row; the others cost nothing."""
    used: dict[str, tuple[str, ...]] = {}
    for table in (EVENTS, SEALS, SPANS):
        counts = ", ".join(f'count("{name}")' for name in table.column_names)
        try:
            (row,) = database.rows(f'SELECT {counts} FROM "{table.name}"')  # noqa: S608 - schema.py
        except StoreError as error:
            raise VerificationError(str(error)) from error
        cells = zip(table.column_names, row, strict=True)
        used[table.name] = tuple(name for name, count in cells if count or name in _NEEDED)
    return used


def _events(columns: Cells, late: Mapping[int, tuple[str, ...]]) -> list[EventText]:
    rows = zip(columns["log_index"], columns["statement"], columns["disclosures"], strict=True)
    return [
        EventText(log_index, statement or "", split_lines(lines), late.get(log_index, ()))
        for log_index, statement, lines in rows
    ]


def _seals(columns: Cells) -> list[SealText]:
    rows = zip(columns["log_index"], columns["body"], strict=True)
    return [SealText(log_index, body or "") for log_index, body in rows]


def _spans(columns: Cells) -> list[SpansText]:
    rows = zip(columns["log_index"], columns["record"], columns["leaf_hash"], strict=True)
    return [
        SpansText(log_index, tuple(span_text(record, leaf) for _, record, leaf in group))
        for log_index, group in groupby(rows, itemgetter(0))
    ]


def _bundled(files: Files, start: int, stop: int) -> list[bytes | None]:
    entries: list[bytes | None] = []
    for index in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)):
        bundle = read_bundle(files, index)
        entries += [*bundle, *[None] * (TILE_WIDTH - len(bundle))]
    return entries[: stop - start]

"""Pieces of a data directory: the rows and entries of some thousand log indexes, read on demand.

A piece can be sent to another process; each process opens the database once, read-only.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeAlias

from tallystick.errors import StoreError, VerificationError
from tallystick.tlog.tiles import TILE_WIDTH, decode_entries, entries_path
from tallystick.verify.source import EventText, Rows, SealText, SpansText
from tallystick_store.engine.duckdb import Database
from tallystick_store.files import Files
from tallystick_store.records import late_lines, split_lines
from tallystick_store.schema import EVENTS, SEALS, SPANS, Table
from tallystick_store.store import DATABASE_NAME, LOG_FOLDER

PIECE_ENTRIES: Final = 16 * TILE_WIDTH
"""Entries per piece: whole bundles, some ten megabytes of rows."""

Cells: TypeAlias = dict[str, list[Any]]

_ORDER: Final = {
    EVENTS.name: "log_index",
    SEALS.name: "log_index",
    SPANS.name: "log_index, position",
}


@dataclass(frozen=True, slots=True)
class DataPiece:
    """The entries [start, stop) of a data directory."""

    directory: Path
    start: int
    stop: int

    def read(self) -> Rows:
        """Return the rows of these log indexes and the entries that their bundles hold."""
        database = open_database(self.directory)
        tables = {
            table.name: _columns(database, table, self.start, self.stop)
            for table in (EVENTS, SEALS, SPANS)
        }
        late = late_lines(database, self.start, self.stop)
        return Rows(
            entries=_bundled(Files(self.directory / LOG_FOLDER), self.start, self.stop),
            events=_events(tables[EVENTS.name], late),
            seals=_seals(tables[SEALS.name]),
            spans=_spans(tables[SPANS.name]),
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


@lru_cache(maxsize=1)
def _opened(directory: Path, _process: int) -> Database:
    try:
        return Database.open_read_only(directory / DATABASE_NAME)
    except StoreError as error:
        raise VerificationError(str(error)) from error


def _columns(database: Database, table: Table, start: int, stop: int) -> Cells:
    names = ", ".join(f'"{name}"' for name in table.column_names)
    try:
        found = database.arrow(
            f'SELECT {names} FROM "{table.name}" WHERE log_index >= ? AND log_index < ?'  # noqa: S608 - schema.py
            f" ORDER BY {_ORDER[table.name]}",
            (start, stop),
        )
    except StoreError as error:
        raise VerificationError(str(error)) from error
    empty: list[Any] = [None] * found.num_rows
    return {
        name: empty if column.null_count == found.num_rows else column.to_pylist()
        for name, column in zip(found.column_names, found.columns, strict=True)
    }


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
    rows = zip(columns["log_index"], columns["record"], strict=True)
    return [
        SpansText(log_index, tuple(record or "" for _, record in group))
        for log_index, group in groupby(rows, itemgetter(0))
    ]


def _bundled(files: Files, start: int, stop: int) -> list[bytes | None]:
    entries: list[bytes | None] = []
    for index in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)):
        bundle = _bundle(files, index)
        entries += [*bundle, *[None] * (TILE_WIDTH - len(bundle))]
    return entries[: stop - start]


def _bundle(files: Files, index: int) -> list[bytes]:
    """Return the entries of the full bundle, or of the widest partial one; none if it is damaged."""
    path = entries_path(index)
    widths = [TILE_WIDTH, *sorted(_partial_widths(files, path), reverse=True)]
    for width in widths:
        content = files.read(entries_path(index, width))
        if content is not None:
            try:
                return decode_entries(content, width)
            except VerificationError:
                return []  # the file itself is named by step 9
    return []


def _partial_widths(files: Files, path: str) -> list[int]:
    names = [one.rpartition("/")[2] for one in files.paths(f"{path}.p")]
    return [int(name) for name in names if name.isdigit() and 0 < int(name) < TILE_WIDTH]

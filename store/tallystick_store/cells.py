"""Columns of some rows, read whole: what the comparison of rows with their records works on."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.engine.emptiness import WATCHED
from tallystick_store.schema import Table
from tallystick_store.stretches import conditions_at

Cells: TypeAlias = dict[str, list[Any]]
"""Column name -> one value a row; BLOBs are bytes, NULL is None."""


def select_cells(
    database: Reader,
    table: Table,
    where: str,
    parameters: Sequence[object],
) -> Cells:
    """Return every column of the rows that an SQL clause (of this package) chooses."""
    wanted: list[str] = []
    while wanted != _read(database, table):
        wanted = _read(database, table)
        found = database.arrow(_sql(table, wanted, where), parameters)
    empty: list[Any] = [None] * found.num_rows
    filled = {
        name: column.to_pylist()
        for name, column in zip(found.column_names, found.columns, strict=True)
        if column.null_count < found.num_rows
    }
    return {name: filled.get(name) or list(empty) for name in table.column_names}


def cells_at(
    database: Reader,
    table: Table,
    log_indexes: Iterable[int],
    where: str = "true ORDER BY log_index",
    parameters: Sequence[object] = (),
) -> Cells:
    """Return every column of the rows at some log indexes that an SQL clause chooses, in the order of the log."""
    wanted = _read(database, table)
    rows: list[Row] = []
    for condition in conditions_at(log_indexes):
        rows += database.rows(_sql(table, wanted, f"{condition} AND {where}"), parameters)
    columns = dict(zip(wanted, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
    return {name: columns.get(name) or [None] * len(rows) for name in table.column_names}


def _read(database: Reader, table: Table) -> list[str]:
    """Return the columns in which there is something to read."""
    empty = database.memory.empty_columns if table is WATCHED else ()
    return [name for name in table.column_names if name not in empty or name == "log_index"]


def _sql(table: Table, columns: Iterable[str], where: str) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f'SELECT {names} FROM "{table.name}" WHERE {where}'  # noqa: S608 - schema.py


def number(value: int | None) -> int:
    """Return a cell that should hold a number; -1 for one that was set to NULL from outside."""
    return -1 if value is None else value

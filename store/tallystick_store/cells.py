"""Columns of some rows, read whole: what the comparison of rows with their records works on."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from tallystick_store.engine.duckdb import Reader
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
    names = ", ".join(f'"{name}"' for name in table.column_names)
    found = database.arrow(f'SELECT {names} FROM "{table.name}" WHERE {where}', parameters)  # noqa: S608 - schema.py
    empty: list[Any] = [None] * found.num_rows
    return {
        name: list(empty) if column.null_count == found.num_rows else column.to_pylist()
        for name, column in zip(found.column_names, found.columns, strict=True)
    }


def cells_at(
    database: Reader,
    table: Table,
    log_indexes: Iterable[int],
    where: str = "true ORDER BY log_index",
    parameters: Sequence[object] = (),
) -> Cells:
    """Return every column of the rows at some log indexes that an SQL clause chooses, in the order of the log."""
    cells: Cells = {name: [] for name in table.column_names}
    for condition in conditions_at(log_indexes):
        found = select_cells(database, table, f"{condition} AND {where}", parameters)
        for name, values in found.items():
            cells[name] += values
    return cells


def number(value: int | None) -> int:
    """Return a cell that should hold a number; -1 for one that was set to NULL from outside."""
    return -1 if value is None else value

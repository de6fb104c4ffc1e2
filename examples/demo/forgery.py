"""What a database administrator with a grudge would do: change one value of one row, in place."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import duckdb

from tallystick.verify.columns import both_shown

DATABASE: Final = "tallystick.duckdb"
KEPT: Final = frozenset({"log_index"})
"""How a row is found again: a change of it is found too, but under two numbers."""


@dataclass(frozen=True, slots=True)
class Forgery:
    """One value that was changed."""

    log_index: int
    column: str
    before: str
    after: str

    @property
    def description(self) -> str:
        """Say what was changed, as a person would."""
        return f"events row {self.log_index}, {self.column}: {self.before} -> {self.after}"


def forge(data: Path, source: Random) -> Forgery:
    """Change one random column of one random event in the stopped store at `data`."""
    with duckdb.connect(str(data / DATABASE)) as connection:
        rows = connection.sql("SELECT * FROM events").fetchall()
        columns = connection.table("events").columns
        types = dict(zip(columns, map(str, connection.table("events").types), strict=True))
        row = dict(zip(columns, source.choice(rows), strict=True))
        column = source.choice(
            [name for name in columns if row[name] is not None and name not in KEPT]
        )
        value = _other(row[column], types[column])
        connection.execute(
            f'UPDATE events SET "{column}" = ? WHERE log_index = ?',  # noqa: S608 - a column's name
            [value, row["log_index"]],
        )
        return Forgery(row["log_index"], column, *both_shown(row[column], value))


def _other(value: object, type_name: str) -> object:
    if type_name == "BOOLEAN":
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    return f"{value}x"

"""Which columns of a table hold nothing in any row: they need not be read, and reading one costs as much as any other.

A table of events has a column for each field that a record may have, and most logs fill a third of them. What the
database knows of its file says so when it is opened; what is inserted from then on is looked at on the way.
"""

from collections.abc import Mapping
from typing import Final

import duckdb
import pyarrow as pa

from tallystick_store.schema import EVENTS

WATCHED: Final = EVENTS
_HOLDS_NOTHING: Final = "Has No Null: false"
"""Part of what stats() says of a column; where it says something else, the column is read."""


def empty_columns(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return the columns of `events` that are NULL in every row; none where there is no such table."""
    names = WATCHED.column_names
    described = ", ".join(f'stats("{name}")' for name in names)
    try:
        row = connection.execute(f"SELECT {described} FROM {WATCHED.name} LIMIT 1").fetchone()  # noqa: S608 - schema.py
    except (duckdb.CatalogException, duckdb.BinderException):
        return frozenset()
    if row is None:
        return frozenset(names)
    told = zip(names, row, strict=True)
    return frozenset(name for name, text in told if _HOLDS_NOTHING in str(text))


def still_empty(empty: frozenset[str], batches: Mapping[str, pa.Table]) -> frozenset[str]:
    """Return those of the empty columns that batches leave empty."""
    batch = batches.get(WATCHED.name)
    if batch is None:
        return empty
    named = empty.intersection(batch.column_names)
    filled = {name for name in named if batch[name].null_count < batch.num_rows}
    return empty - filled if filled else empty

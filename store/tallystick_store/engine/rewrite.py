"""A new database file in place of the old one: the only way in which DuckDB lets go of a value.

DELETE and UPDATE leave the bytes in the file, also after CHECKPOINT and VACUUM; a copy into a new file does
not hold them. Rows are only ever appended, so most are copied while others are added, and what came meanwhile
follows while appending waits. A crash at any moment leaves the old file whole or the new one.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from tallystick.errors import StoreError
from tallystick_store.engine.duckdb import (
    ALL_TABLES,
    STORAGE_VERSION,
    Database,
    new_file_of,
    remove_unfinished,
    sync_whole,
)
from tallystick_store.schema import TABLES

_FRESH: Final = "fresh"


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept of one table: the rows that fulfil `where`, with `replaced` columns (column -> SQL)."""

    where: str = "true"
    replaced: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> str:
        """What is selected."""
        replaced = ", ".join(f'{sql} AS "{name}"' for name, sql in self.replaced.items())
        return f"* REPLACE ({replaced})" if replaced else "*"


_ALL: Final = Keep()


def rewrite(database: Database, kept: Mapping[str, Keep], marked: Sequence[int] = ()) -> None:
    """Write the file anew; tables that `kept` does not name stay whole.

    Conditions may ask for `log_index IN (SELECT log_index FROM marked)`; `marked` holds those. Readers go on
    while the rows are copied, appending waits for the last of them. Needs as much space as the file has.
    Raises StoreError when the old file stays in place.
    """
    target = new_file_of(database.path)
    with database.rewriting:
        remove_unfinished(database.path)
        try:
            with ExitStack() as paused:
                _write(database, target, kept, marked, paused)
                database.go_on_with(target)
        except (duckdb.Error, OSError) as error:
            raise StoreError(f"the database could not be written anew: {error}") from error
        finally:
            remove_unfinished(database.path)


def _write(
    database: Database,
    target: Path,
    kept: Mapping[str, Keep],
    marked: Sequence[int],
    paused: ExitStack,
) -> None:
    """Write the new file; appending is paused from before the last row on, until `paused` ends."""
    with database.cursor() as cursor:
        with _attached(cursor, target, marked):
            through = _copy(cursor, kept, {})
            paused.enter_context(database.appending_paused())
            _copy(cursor, kept, through)
            _require_complete(cursor, kept)
            cursor.execute(f"CHECKPOINT {_FRESH}").fetchall()
        sync_whole(target)


@contextmanager
def _attached(
    cursor: duckdb.DuckDBPyConnection, target: Path, marked: Sequence[int]
) -> Iterator[None]:
    """Have the new file, with empty tables, beside the old one."""
    quoted = str(target).replace("'", "''")
    cursor.execute(f"ATTACH '{quoted}' AS {_FRESH} (STORAGE_VERSION '{STORAGE_VERSION}')")
    try:
        cursor.execute(
            "CREATE TEMP TABLE marked AS SELECT unnest(?)::BIGINT AS log_index", [list(marked)]
        )
        for table in ALL_TABLES:  # projections are left empty: they are made again from the rows
            cursor.execute(table.definition.replace("CREATE TABLE ", f"CREATE TABLE {_FRESH}.", 1))
        yield
    except BaseException:
        with suppress(duckdb.Error):
            cursor.execute("ROLLBACK")
        raise
    finally:
        cursor.execute(f"DETACH {_FRESH}").fetchall()


def _copy(
    cursor: duckdb.DuckDBPyConnection, kept: Mapping[str, Keep], after: Mapping[str, int]
) -> dict[str, int]:
    """Copy the rows behind those numbers, in order; return the number of the last of each table."""
    cursor.execute("BEGIN TRANSACTION")
    through = {}
    for table in TABLES:
        keep, first = kept.get(table.name, _ALL), after.get(table.name, -1)
        ((last,),) = cursor.execute(f'SELECT max(rowid) FROM main."{table.name}"').fetchall()  # noqa: S608 - schema.py
        through[table.name] = first if last is None else int(last)
        cursor.execute(
            f'INSERT INTO {_FRESH}."{table.name}" SELECT {keep.columns} FROM main."{table.name}"'  # noqa: S608 - as above
            f" WHERE rowid > {first} AND rowid <= {through[table.name]} AND ({keep.where})"
        ).fetchall()
    cursor.execute("COMMIT").fetchall()
    return through


def _require_complete(cursor: duckdb.DuckDBPyConnection, kept: Mapping[str, Keep]) -> None:
    """Count what was copied: a row more or less would be found nowhere else."""
    for table in TABLES:
        where = kept.get(table.name, _ALL).where
        (counts,) = cursor.execute(
            f'SELECT (SELECT count(*) FROM main."{table.name}" WHERE {where}),'  # noqa: S608 - schema.py
            f' (SELECT count(*) FROM {_FRESH}."{table.name}")'
        ).fetchall()
        if counts[0] != counts[1]:
            raise StoreError(
                f"the new file has {counts[1]} rows of {table.name} instead of {counts[0]}: the old one stays"
            )

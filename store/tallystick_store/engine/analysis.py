"""DuckDB over the files of one folder: what an auditor would do with them, with bounded memory.

A connection of its own, in memory: it sees no store and loads no extension. Names of files in
queries are relative to the folder, so a query runs as it is printed wherever the folder is unpacked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import duckdb

from tallystick.errors import StoreError

MEMORY_LIMIT: Final = "768MB"
"""Above it DuckDB goes on in its folder for temporary files."""

Row = tuple[Any, ...]


class Analysis:
    """One connection; used by one thread."""

    def __init__(self, folder: Path, memory_limit: str = MEMORY_LIMIT) -> None:
        """Open it on a folder. Raises StoreError."""
        self._folder = folder
        spill = folder / "spill"
        try:
            self._connection = duckdb.connect(
                ":memory:",
                config={
                    "threads": 1,
                    "memory_limit": memory_limit,
                    "temp_directory": str(spill),
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                },
            )
            quoted = str(folder).replace("'", "''")
            for setting in (
                f"file_search_path = '{quoted}'",
                "lock_configuration = true",
            ):
                self._connection.execute(f"SET {setting}").fetchall()
        except duckdb.Error as error:
            raise StoreError(f"the analysis of {folder} does not start: {error}") from error

    def rows(self, sql: str) -> list[Row]:
        """Return all rows of one query. Raises StoreError."""
        with _refusals():
            return self._connection.execute(sql).fetchall()

    def table(self, sql: str) -> tuple[list[str], list[Row]]:
        """Return the names of the columns and all rows of one query. Raises StoreError."""
        with _refusals():
            result = self._connection.execute(sql)
            return [column[0] for column in result.description or ()], result.fetchall()

    def copy(self, sql: str, name: str, form: str) -> Path:
        """Write the result of a query to a file of the folder; `form` as COPY takes it."""
        target = self._folder / name
        with _refusals():
            quoted = str(target).replace("'", "''")
            self._connection.execute(f"COPY ({sql}) TO '{quoted}' ({form})").fetchall()
        return target

    def close(self) -> None:
        """Give back what is held."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise StoreError(f"a query over the exported files failed: {error}") from error

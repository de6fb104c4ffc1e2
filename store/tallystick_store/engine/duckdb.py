"""DuckDB behind the few operations that the store needs.

Promises: `insert` returns after the write-ahead log is synced to disk, all tables together or none;
readers see whole inserts only; rows of a table keep their order. Rows are never updated or deleted,
there is no index (both are where DuckDB 1.5 loses data, ADR 0004), nothing goes row by row.

One process opens a file at a time. Inserts come from one thread at a time, which the lock in here
makes sure of; every reader gets a cursor of its own.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from tallystick.errors import StoreError
from tallystick.private_file import sync_directory
from tallystick_store.engine.cursors import OpenCursors
from tallystick_store.engine.emptiness import empty_columns, still_empty
from tallystick_store.engine.memory import Memory
from tallystick_store.engine.reader import Reader, Row, Within
from tallystick_store.files import copy_synced
from tallystick_store.format import require_format
from tallystick_store.projections.tables import PROJECTIONS
from tallystick_store.reach import Reach, view_statements
from tallystick_store.schema import META, TABLES, Table

STORAGE_VERSION: Final = "v1.5.0"
"""Stated always: without it a newer DuckDB writes files that this one cannot read."""

CHECKPOINT_THRESHOLD: Final = "256MB"
"""The default of 16 MB costs 1.5 to 2 times the CPU; 256 MB of log are replayed in 2 s."""

ALL_TABLES: Final = (*TABLES, *PROJECTIONS)
_FORMAT: Final = "SELECT value FROM meta WHERE key = 'schema'"

__all__ = ["ALL_TABLES", "STORAGE_VERSION", "Database", "Reader", "Row"]


class Database(Reader):
    """One open DuckDB file."""

    def __init__(self, path: Path, connect: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self.path = path
        self._connect = connect
        self._connection = connect()
        self._insert_lock = threading.Lock()
        self._file_number = 0
        self._cursors = OpenCursors()
        self._remember()
        self.rewriting = threading.Lock()
        """Held while the file is written anew: one at a time."""
        self._copy_source: int | None = None
        self.settle: Callable[[], None] = _at_once
        """Waits, before each reading, until what was accepted is in here; the store sets it."""

    @classmethod
    def open(cls, path: Path, *, threads: int = 1, memory_limit: str = "1GB") -> "Database":
        """Open the file for writing, create it and its tables where they are missing.

        Replays what the last run committed and did not fold into the file. Raises StoreError, and FormatError
        for a file of another version, in which nothing is created then.
        """
        remove_unfinished(path)
        database = cls(path, lambda: _connect(path, threads, memory_limit, read_only=False))
        try:
            present = database.table_names()
            if META.name in present:
                for (found,) in database.rows_at_once(_FORMAT):
                    require_format(found)
            missing = [table for table in ALL_TABLES if table.name not in present]
            if missing:
                database.create(missing)
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def open_read_only(
        cls, path: Path, *, threads: int = 1, memory_limit: str = "1GB"
    ) -> "Database":
        """Open the file of a stopped store; nothing on disk changes. Raises StoreError."""
        return cls(path, lambda: _connect(path, threads, memory_limit, read_only=True))

    def reopen(self) -> None:
        """Close the file and open it again, as after a fatal error of the database. Raises StoreError."""
        with self._insert_lock:
            self._connection.close()
            self._connection = self._connect()

    @property
    def file_number(self) -> int:
        """How often the file was written anew."""
        return self._file_number

    @property
    def memory(self) -> Memory:
        """What was found out about this file."""
        return self._memory

    def cursor(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open a cursor for a longer piece of work (`rewrite`)."""
        return self._cursor()

    @contextmanager
    def appending_paused(self) -> Iterator[None]:
        """Keep `insert` waiting."""
        with self._insert_lock:
            yield

    def go_on_with(self, target: Path) -> None:
        """Put another file in the place of this one and open it; durable when this returns.

        Call while appending is paused. Waits for the cursors of others, and keeps new ones waiting. Raises
        StoreError when the old file stays, or when neither opens.
        """
        with self._cursors.none():
            self._connection.close()
            try:
                self._replace_by(target)
                self._file_number += 1
            finally:
                self._connection = self._connect()
            self._remember()

    def _remember(self) -> None:
        """Begin anew with what is known of the file."""
        self._memory = Memory(empty_columns=empty_columns(self._connection))

    def _replace_by(self, target: Path) -> None:
        require_whole(self.path)
        if self._copy_source is not None:
            os.close(self._copy_source)
            self._copy_source = None
        target.replace(self.path)
        sync_directory(self.path.parent)

    def create(self, tables: Sequence[Table]) -> None:
        """Create tables, all or none."""
        with self._transaction() as cursor:
            for table in tables:
                cursor.execute(table.definition).fetchall()
        self._remember()

    def insert(self, batches: Mapping[str, pa.Table], file_number: int | None = None) -> None:
        """Append the rows of each named table in one transaction; on disk when this returns.

        Raises StoreError when nothing was kept, or when it is unknown whether it was: the caller
        looks what is there (`Store` does, before the next insert); also when they follow from another file.
        """
        with self._insert_lock, self._cursor() as cursor:
            if file_number not in (None, self._file_number):
                raise StoreError("the database was written anew meanwhile")
            self._memory.empty_columns = still_empty(self._memory.empty_columns, batches)
            inserts = [_registered(cursor, name, batch) for name, batch in batches.items()]
            # In one call: between two of them the thread would queue for the interpreter again.
            cursor.execute("; ".join(["BEGIN TRANSACTION", *inserts, "COMMIT"])).fetchall()

    def within(self, reach: Reach) -> Reader:
        """Return what is seen within a reach; each query costs 1.5 ms more than over the whole."""
        if reach.is_open:
            return self
        ((catalog,),) = self.rows_at_once("SELECT current_database()")
        views = view_statements(reach, catalog, ALL_TABLES)
        return Within(self, self._settle, self._cursor, reach, views)

    def rows_at_once(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one query over what is here already, without waiting. Raises StoreError."""
        with self._cursor() as cursor:
            return cursor.execute(sql, list(parameters)).fetchall()

    def arrow_at_once(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Run one query over what is here already, and return an Arrow table. Raises StoreError."""
        with self._cursor() as cursor:
            return cursor.execute(sql, list(parameters)).to_arrow_table()

    def table_names(self) -> set[str]:
        """Return the names of the tables that the file has."""
        return {str(name) for (name,) in self.rows("SELECT table_name FROM duckdb_tables()")}

    def copy_to(self, target: Path) -> None:
        """Copy the file and its write-ahead log; the caller keeps writers away meanwhile.

        The source stays open until `close`: closing any descriptor of a file drops the locks that
        the process holds on it (fcntl(2)), and DuckDB's lock with them.
        """
        with self._insert_lock:
            if self._copy_source is None:
                self._copy_source = os.open(self.path, os.O_RDONLY)
            copy_synced(self._copy_source, target)
            log = log_of(self.path)
            if log.exists():
                descriptor = os.open(log, os.O_RDONLY)
                try:
                    copy_synced(descriptor, log_of(target))
                finally:
                    os.close(descriptor)

    def finish(self) -> None:
        """Fold the write-ahead log into the file, close it and sync it: it holds everything when this returns.

        Raises StoreError; the file is closed then too, and lacks what is in its log.
        """
        try:
            with self._cursor() as cursor:
                cursor.execute("CHECKPOINT").fetchall()
        finally:
            self.close()
        sync_whole(self.path)

    def close(self) -> None:
        """Fold the write-ahead log into the file, if that can be done, and close it."""
        self._connection.close()
        if self._copy_source is not None:
            os.close(self._copy_source)
            self._copy_source = None

    def _settle(self) -> None:
        self.settle()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with self._cursors.one(), self._connection.cursor() as cursor:
                yield cursor
        except duckdb.Error as error:
            raise StoreError(f"the database refused: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._insert_lock, self._cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION").fetchall()
            yield cursor
            cursor.execute("COMMIT").fetchall()


def _at_once() -> None:
    """Wait for nothing: all there is stands in the database."""


def _connect(
    path: Path, threads: int, memory_limit: str, *, read_only: bool
) -> duckdb.DuckDBPyConnection:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "memory_limit": memory_limit,
        "storage_compatibility_version": STORAGE_VERSION,
        "checkpoint_threshold": CHECKPOINT_THRESHOLD,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        return duckdb.connect(str(path), read_only=read_only, config=settings)
    except duckdb.Error as error:
        raise StoreError(f"the database {path} does not open: {error}") from error


def _registered(cursor: duckdb.DuckDBPyConnection, name: str, batch: pa.Table) -> str:
    """Make a batch known to a cursor, until that is closed; return the statement that appends it."""
    columns = ", ".join(f'"{column}"' for column in batch.column_names)
    cursor.register(f"new_{name}", batch)
    return f'INSERT INTO "{name}" ({columns}) SELECT {columns} FROM "new_{name}"'  # noqa: S608 - schema.py


def new_file_of(path: Path) -> Path:
    """Return where a new file is written that is to take the place of one (`rewrite`)."""
    return path.with_name(path.name + ".new")


def remove_unfinished(path: Path) -> None:
    """Remove what a crash left of a new file beside the one at `path`. Raises OSError."""
    for left in (new_file_of(path), log_of(new_file_of(path))):
        left.unlink(missing_ok=True)


def log_of(path: Path) -> Path:
    """Return where DuckDB keeps the write-ahead log of a file."""
    return path.with_name(path.name + ".wal")


def require_whole(path: Path) -> None:
    """Raise StoreError where a closed file lacks what still stands in its write-ahead log."""
    if log_of(path).exists():
        raise StoreError(f"{path} was not finished: its log is still there")


def sync_whole(path: Path) -> None:
    """Make a closed file durable. Raises StoreError as `require_whole` does, and OSError."""
    require_whole(path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

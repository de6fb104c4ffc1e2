"""The keys of subjects: one for each person in each session, and for each trace; destroyed, they erase.

A value in the archive and in backups stands under one of these keys alone. The file is SQLite with
`secure_delete`, so that a key that is deleted is overwritten in it; it belongs to the secrets and not to the data,
and a copy of it brings destroyed keys back: keep the newest copy only. The number of a key is random, so that
no copy gives it to another key.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tallystick.errors import StoreError
from tallystick.private_file import make_private_directory, sync_directory

SUBJECT_KEYS_NAME: Final = "subject-keys.sqlite"
"""The file among the service's secrets."""
KEY_BYTES: Final = 32
"""AES-256."""

_ID_BITS: Final = 62
"""Positive in SQLite and in Parquet."""
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS keys (
        id INTEGER PRIMARY KEY, principal TEXT NOT NULL, context TEXT NOT NULL,
        key BLOB NOT NULL, UNIQUE (principal, context)
    )
"""
_INSERT: Final = "INSERT OR IGNORE INTO keys (principal, context, id, key) VALUES (?, ?, ?, ?)"
_FIND: Final = "SELECT id, key FROM keys WHERE principal = ? AND context = ?"


class Subject(NamedTuple):
    """Whose value it is: the keyed token of the person, "" for none, and the session or trace."""

    principal: str
    context: str


class SubjectKey(NamedTuple):
    """One key and its number."""

    id: int
    key: bytes


class SubjectKeys:
    """The file of keys; each call opens it anew, so that no key outlives its destruction in memory."""

    def __init__(self, path: Path) -> None:
        """Use the file at `path`; see `make`."""
        self.path = path

    def make(self) -> None:
        """Make the file (0600), durably, where there is none. Raises StoreError."""
        with self._opened():
            pass

    def keys_for(self, subjects: Iterable[Subject]) -> dict[Subject, SubjectKey]:
        """Return the key of each subject, made and synced where there is none. Raises StoreError."""
        wanted = list(subjects)
        with self._opened() as file:
            new = ((*one, _new_id(), secrets.token_bytes(KEY_BYTES)) for one in wanted)
            file.executemany(_INSERT, new)
            file.commit()
            return {one: SubjectKey(*file.execute(_FIND, one).fetchone()) for one in wanted}

    def keys_of(self, subjects: Iterable[Subject]) -> dict[Subject, SubjectKey]:
        """Return the keys that these subjects have; one that was destroyed is absent. Raises StoreError."""
        with self._opened() as file:
            found = ((one, file.execute(_FIND, one).fetchone()) for one in subjects)
            return {one: SubjectKey(*row) for one, row in found if row is not None}

    def by_id(self, ids: Iterable[int]) -> Mapping[int, bytes]:
        """Return the keys of these numbers; one that was destroyed is absent. Raises StoreError."""
        with self._opened() as file:
            sql = "SELECT key FROM keys WHERE id = ?"
            found = ((one, file.execute(sql, (one,)).fetchone()) for one in set(ids))
            return {one: row[0] for one, row in found if row is not None}

    def destroy(self, subjects: Iterable[Subject]) -> int:
        """Destroy the keys of these subjects, durably; return how many there were. Raises StoreError."""
        with self._opened() as file:
            sql = "DELETE FROM keys WHERE principal = ? AND context = ?"
            count = file.executemany(sql, list(subjects)).rowcount
            file.commit()
            return count

    def copy_to(self, target: Path) -> None:
        """Copy the file as it is, mode 0600, over an older copy. Raises StoreError."""
        partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            with self._opened() as file, SubjectKeys(partial)._opened() as copy:  # noqa: SLF001 - of its own class
                file.backup(copy)
            partial.replace(target)
            sync_directory(target.parent)
        except OSError as error:
            raise StoreError(f"the keys cannot be copied to {target}: {error.strerror}") from error

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            self._make()
            with closing(sqlite3.connect(self.path, timeout=30)) as file:
                file.execute("PRAGMA secure_delete = ON")
                file.execute("PRAGMA synchronous = FULL")
                file.execute(_TABLE)
                yield file
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"the subject keys {self.path} cannot be used: {error}; without them nothing of the"
                " archive can be read or written"
            ) from error

    def _make(self) -> None:
        if self.path.exists():
            return
        make_private_directory(self.path.parent)
        os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        sync_directory(self.path.parent)


def _new_id() -> int:
    return secrets.randbits(_ID_BITS)

"""The keys of subjects: one for each person in each session, and for each trace; destroyed, they erase.

A value in the archive and in backups stands under one of these keys alone. The file is SQLite with
`secure_delete`, so that a key that is deleted is overwritten in it; it belongs to the secrets and not to the data,
and a copy of it brings destroyed keys back: keep the newest copy only. A key's number begins with a digest of its
subject, so that one tree finds it by either; the rest is random, so that no copy gives it to another key.
"""

import hashlib
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

_DIGEST_BITS: Final = 38
_DRAWN_BITS: Final = 24
"""With the digest's 62: positive in SQLite and in Parquet."""
_SUBJECT_BYTES: Final = 16
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS subject_keys (
        id INTEGER PRIMARY KEY, subject BLOB NOT NULL, key BLOB NOT NULL
    )
"""
_INSERT: Final = "INSERT INTO subject_keys (id, subject, key) VALUES (?, ?, ?)"
_OF_SUBJECT: Final = "FROM subject_keys WHERE id BETWEEN ? AND ? AND subject = ?"
_OLD_TABLE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'keys'"
"""A file of an earlier version holds keys in `keys`: they are used and destroyed there, and none is added."""
_OF_OLD: Final = "FROM keys WHERE principal = ? AND context = ?"


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
        with self._opened() as file:
            file.execute("BEGIN IMMEDIATE")
            places = {one: _place(one) for one in subjects}
            found = _found(file, places)
            new = {one: place for one, place in places.items() if one not in found}
            made = [_new_row(place) for place in new.values()]
            file.executemany(_INSERT, sorted(made))
            file.commit()
        made_keys = (SubjectKey(number, key) for number, _, key in made)
        return found | dict(zip(new, made_keys, strict=True))

    def keys_of(self, subjects: Iterable[Subject]) -> dict[Subject, SubjectKey]:
        """Return the keys that these subjects have; one that was destroyed is absent. Raises StoreError."""
        with self._opened() as file:
            return _found(file, {one: _place(one) for one in subjects})

    def by_id(self, ids: Iterable[int]) -> Mapping[int, bytes]:
        """Return the keys of these numbers; one that was destroyed is absent. Raises StoreError."""
        with self._opened() as file:
            tables = ("keys", "subject_keys") if _has_old(file) else ("subject_keys",)
            wanted, found = set(ids), {}
            for table in tables:
                sql = f"SELECT key FROM {table} WHERE id = ?"  # noqa: S608 - one of two names
                rows = ((one, file.execute(sql, (one,)).fetchone()) for one in wanted)
                found.update({one: row[0] for one, row in rows if row is not None})
            return found

    def destroy(self, subjects: Iterable[Subject]) -> int:
        """Destroy the keys of these subjects, durably; return how many there were. Raises StoreError."""
        wanted = list(subjects)
        with self._opened() as file:
            count = file.executemany(f"DELETE {_OF_SUBJECT}", map(_place, wanted)).rowcount
            if _has_old(file):
                count += file.executemany(f"DELETE {_OF_OLD}", wanted).rowcount
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


def _place(subject: Subject) -> tuple[int, int, bytes]:
    """Return the first and the last number that a key of this subject may have, and what stands beside it."""
    text = f"{len(subject.principal)}\n{subject.principal}{subject.context}"
    digest = hashlib.sha256(text.encode()).digest()
    first = int.from_bytes(digest[-5:], "big") >> (40 - _DIGEST_BITS) << _DRAWN_BITS
    return first, first + (1 << _DRAWN_BITS) - 1, digest[:_SUBJECT_BYTES]


def _new_row(place: tuple[int, int, bytes]) -> tuple[int, bytes, bytes]:
    return place[0] + secrets.randbits(_DRAWN_BITS), place[2], secrets.token_bytes(KEY_BYTES)


def _found(
    file: sqlite3.Connection, places: Mapping[Subject, tuple[int, int, bytes]]
) -> dict[Subject, SubjectKey]:
    sql = f"SELECT id, key {_OF_SUBJECT}"
    rows = {one: file.execute(sql, place).fetchone() for one, place in places.items()}
    if _has_old(file):
        old = f"SELECT id, key {_OF_OLD}"
        rows = {one: row or file.execute(old, one).fetchone() for one, row in rows.items()}
    return {one: SubjectKey(*row) for one, row in rows.items() if row is not None}


def _has_old(file: sqlite3.Connection) -> bool:
    return file.execute(_OLD_TABLE).fetchone() is not None

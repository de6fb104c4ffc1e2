"""What an open store stands on: the lock, the database, and the journal taken into it and the archive."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick.errors import StoreError
from tallystick.private_file import sync_directory
from tallystick_store.archive.archive import ARCHIVE_FOLDER, Archive
from tallystick_store.archive.archiver import catch_up, holds_the_rest
from tallystick_store.archive.subject_keys import SubjectKeys
from tallystick_store.engine.duckdb import Database
from tallystick_store.entries import next_log_index
from tallystick_store.governance.ledger import LEDGER_NAME, ErasureLedger
from tallystick_store.journal.replay import last_applied, replay
from tallystick_store.journal.segments import segment_files
from tallystick_store.lock import DirectoryLock
from tallystick_store.own_directory import own_directory
from tallystick_store.schema import EVENTS, META, SCHEMA_VERSION, SEALS, SPANS, row_batch

DATABASE_NAME: Final = "tallystick.duckdb"
LOG_FOLDER: Final = "log"
EVIDENCE_NAME: Final = "evidence"
"""A file that stands in a directory which was restored to be read: why nothing is signed there."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A data directory that this process owns, its journal empty."""

    directory: Path
    database: Database
    lock: DirectoryLock
    ledger: ErasureLedger
    archive: Archive | None
    """None where no subject keys were given: nothing is archived then."""
    notices: tuple[str, ...]
    """What the journal told, for people."""

    @property
    def evidence(self) -> str | None:
        """Why this directory is there to be read alone; None where its log goes on. Raises OSError."""
        place = self.directory / EVIDENCE_NAME
        return place.read_text(encoding="utf-8").strip() if place.exists() else None

    def close(self) -> None:
        """Close the database and give the directory back."""
        self.database.close()
        self.lock.release()


def open_directory(directory: Path, origin: str, subject_keys: Path | None) -> Opened:
    """Lock a data directory, made (0700) where it is missing, and take the journal in.

    Raises StoreError when another process has it, when it belongs to another log, when it cannot be read, and
    when it is open to others and cannot be closed.
    """
    own_directory(directory)
    lock = DirectoryLock.acquire(directory)
    try:
        database = Database.open(directory / DATABASE_NAME)
    except BaseException:
        lock.release()
        raise
    try:
        sync_directory(directory)
        check_meta(database, origin)
        archive = open_archive(directory, origin, subject_keys)
        ledger = ErasureLedger(directory / LEDGER_NAME)
        archived: list[str] = []
        notices = replay(
            database, directory, ledger.erased, _archiving(archive, database, archived)
        )
    except BaseException:
        database.close()
        lock.release()
        raise
    return Opened(directory, database, lock, ledger, archive, (*notices, *archived))


def newest_rx_us(database: Database, at_least: int = 0) -> int:
    """Return the receive time of the newest entry, 0 for an empty store; cheaper where that is not below `at_least`."""
    newest = [
        database.rows(f'SELECT max(rx_us) FROM "{table.name}" WHERE log_index >= ?', [at_least])  # noqa: S608 - schema.py
        for table in (EVENTS, SEALS, SPANS)
    ]
    found = [int(rx_us) for ((rx_us,),) in newest if rx_us is not None]
    if not found and at_least:
        return newest_rx_us(database)
    return max(found, default=0)


def check_meta(database: Database, origin: str) -> None:
    """Write what a new store is for; refuse a store that is for something else."""
    found: dict[str, str] = dict(database.rows("SELECT key, value FROM meta"))
    expected = {"schema": SCHEMA_VERSION, "origin": origin}
    if not found and next_log_index(database) == 0:
        database.insert({META.name: row_batch(META, list(expected.items()))})
    elif found != expected:
        raise StoreError(
            f"the data directory is another log's: expected {expected}, got {found};"
            " give another directory, or the key of that log"
        )


def open_archive(directory: Path, origin: str, subject_keys: Path | None) -> Archive | None:
    """Open the archive of a data directory; None where there are neither keys nor an archive. Raises StoreError."""
    folder = directory / ARCHIVE_FOLDER
    if subject_keys is not None:
        return Archive(folder, origin, SubjectKeys(subject_keys))
    if folder.exists():
        raise StoreError(f"{folder} cannot be continued without the subject keys")
    return None


def _archiving(
    archive: Archive | None, database: Database, notices: list[str]
) -> Callable[[Path], bool] | None:
    """Return whether the journal of a start is left to the archiver; what it lacks is archived at once."""
    if archive is None:
        return None

    def is_left(folder: Path) -> bool:
        paths = [path for _, path in segment_files(folder)]
        if holds_the_rest(archive, paths, last_applied(database)):
            return True
        notice = catch_up(archive, database, paths)
        if notice is not None:
            notices.append(notice)
        return False

    return is_left

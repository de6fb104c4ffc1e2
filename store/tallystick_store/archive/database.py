"""A database made anew from the archive and the journal: the same rows, the same tree, or none.

For a stopped store whose database is damaged or gone. What is made is held against the newest checkpoint and the
files of the log before it takes the place of the old database, which is kept beside it for people until the next
erasure or deletion.
"""

import itertools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick.errors import StoreError, VerificationError
from tallystick.private_file import sync_directory
from tallystick.tlog.note import VerifierKey
from tallystick.verify.erased import Erased
from tallystick_store.archive.archive import Archive
from tallystick_store.checkpoints import CheckpointLog
from tallystick_store.engine.duckdb import Database, log_of
from tallystick_store.files import Files
from tallystick_store.governance.blanking import blank
from tallystick_store.governance.ledger import LEDGER_NAME, ErasureLedger
from tallystick_store.journal.frame import Reading
from tallystick_store.journal.replay import JOURNAL_FOLDER, apply_groups
from tallystick_store.lock import DirectoryLock
from tallystick_store.opening import DATABASE_NAME, LOG_FOLDER, check_meta, open_archive
from tallystick_store.rebuild import rebuild
from tallystick_store.schema import APPLIED, row_batch
from tallystick_store.tilestore import TileStore

NEW: Final = ".new"
REPLACED: Final = ".replaced"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """What was made."""

    size: int
    """Number of log entries."""
    parts: int
    groups: int
    """Groups that came from the journal."""
    lost: tuple[int, ...]
    """Log indexes of records whose values nobody can read any more, and which no erasure covers."""
    replaced: Path | None
    """Where the old database stands now."""
    notices: tuple[str, ...]


def rebuild_database(directory: Path, key: VerifierKey, subject_keys: Path) -> Rebuilding:
    """Make the database of a stopped store from its archive and journal, and put it in place.

    `key` is the log's. Raises StoreError that names what is damaged or missing, or what contradicts the newest
    checkpoint; the old database stays then.
    """
    lock = DirectoryLock.acquire(directory)
    try:
        archive = open_archive(directory, key.name, subject_keys)
        if archive is None:
            raise StoreError(f"{directory} has no archive: there is nothing to rebuild from")
        return _rebuild(directory, archive, key)
    except OSError as error:
        raise StoreError(f"{directory} cannot be rebuilt: {error}") from error
    finally:
        lock.release()


def _rebuild(directory: Path, archive: Archive, key: VerifierKey) -> Rebuilding:
    fresh = directory / f"{DATABASE_NAME}{NEW}"
    remove_database(fresh)
    database = Database.open(fresh)
    try:
        check_meta(database, key.name)
        erased = ErasureLedger(directory / LEDGER_NAME).erased
        lost = _fill(database, archive, erased)
        groups = apply_groups(database, directory / JOURNAL_FOLDER, _refuse, erased)
        size, notices = _hold_against(directory, database, key)
        database.finish()
    except BaseException:
        database.close()
        remove_database(fresh)
        raise
    replaced = _put_in_place(fresh, directory / DATABASE_NAME)
    return Rebuilding(size, len(archive.parts), groups, lost, replaced, notices)


def _fill(database: Database, archive: Archive, erased: Erased) -> tuple[int, ...]:
    lost: set[int] = set()
    for part in archive.parts:
        rows = archive.read(part)
        lost |= {one for one in rows.absent.events() if not erased.covers(one)}
        lost |= {one[0] for one in rows.absent.spans() if not erased.covers_span(*one)}
        for tables in rows.tables:
            database.insert(blank(tables, erased))
        numbers = [(number,) for number in range(part.first_group, part.last_group + 1)]
        database.insert({APPLIED.name: row_batch(APPLIED, numbers)})
    return tuple(sorted(lost))


def _hold_against(
    directory: Path, database: Database, key: VerifierKey
) -> tuple[int, tuple[str, ...]]:
    """Compare with the newest checkpoint and the log's files; return the size and what was put right."""
    tiles, checkpoints = TileStore(Files(directory / LOG_FOLDER)), CheckpointLog(database, key)
    _keep_newest(tiles, checkpoints)
    state = rebuild(database, tiles, checkpoints)
    if state.signing_stopped is not None:
        raise StoreError(f"what the archive gives is not this log: {state.signing_stopped}")
    return state.ledger.size, tuple(state.notices)


def _keep_newest(tiles: TileStore, checkpoints: CheckpointLog) -> None:
    content = tiles.read_checkpoint()
    if content is None:
        return
    try:
        newest = checkpoints.open(content.decode())
    except (VerificationError, UnicodeDecodeError) as error:
        raise StoreError(f"log/checkpoint does not hold: {error}") from error
    if not checkpoints.holds(newest.note):
        checkpoints.keep(newest)


def _put_in_place(fresh: Path, place: Path) -> Path | None:
    """Put a finished database in place of another; return where that stands now.

    The old log goes last: between the two renames the new database does not open, and loses nothing.
    """
    replaced = _free_name(place)
    is_there = place.exists()
    if is_there:
        replaced.hardlink_to(place)
    fresh.replace(place)
    if log_of(place).exists():
        log_of(place).replace(log_of(replaced))
    sync_directory(place.parent)
    return replaced if is_there else None


def _free_name(place: Path) -> Path:
    numbered = (place.with_name(f"{place.name}{REPLACED}.{n}") for n in itertools.count(1))
    return next(one for one in numbered if not one.exists() and not log_of(one).exists())


def remove_replaced(directory: Path) -> None:
    """Remove the databases that rebuilding set aside: they hold values as they were. Raises OSError."""
    found = [*directory.glob(f"{DATABASE_NAME}{REPLACED}.*")]
    for one in found:
        one.unlink(missing_ok=True)
    if found:
        sync_directory(directory)
        _log.warning("removed %d files of databases that were replaced by a rebuild", len(found))


def remove_database(path: Path) -> None:
    """Remove a database file and what stands beside it."""
    for one in (path, log_of(path)):
        one.unlink(missing_ok=True)


def _refuse(path: Path, reading: Reading | None, reason: str) -> None:
    """Stop at a damaged segment; a torn end was never acknowledged."""
    if reading is None or reading.ending != "torn":
        raise StoreError(f"{path}: {reason}; nothing was rebuilt")

"""A backup put back: the same log if it may go on, and without what was erased since.

A log that went on after the backup must not go on from the backup: two histories under one key are a fork, which
every emitter and witness would see. Whoever shows a larger checkpoint, or an erasure that was decided at a later entry,
proves that it did. Then nothing is restored, unless as evidence: with the checkpoint kept, so that nothing is signed
any more. A backup of what was restored as evidence is evidence too.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tallystick.errors import StoreError, VerificationError
from tallystick.private_file import replace_private_file
from tallystick.tlog.checkpoint import open_checkpoint
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import VerifierKey
from tallystick.verify.erased import Erased
from tallystick_store.archive.archive import ARCHIVE_FOLDER
from tallystick_store.archive.database import Rebuilding, rebuild_database
from tallystick_store.archive.subject_keys import SubjectKeys
from tallystick_store.blobs import BLOB_FOLDER, BlobFiles
from tallystick_store.checkpoints import CheckpointLog, SignedCheckpoint
from tallystick_store.engine.duckdb import Database
from tallystick_store.files import Files, put_in_place
from tallystick_store.governance.backup import CHECKPOINT_FILE, Backup, read_backup, restore_blobs
from tallystick_store.governance.deletion import SETS_FOLDER
from tallystick_store.governance.ledger import LEDGER_NAME, Erasure, ErasureLedger
from tallystick_store.opening import DATABASE_NAME, EVIDENCE_NAME, LOG_FOLDER
from tallystick_store.tilestore import CHECKPOINT_PATH

_PARTIAL: Final = ".restoring"
_TO_BE_READ: Final = "it was restored as evidence, to be read"


class ForkError(StoreError):
    """The log went on after the backup: it cannot go on from it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the backup: checkpoints (notes) seen elsewhere, and newer ledgers of erasures."""

    checkpoints: tuple[str, ...] = ()
    ledgers: tuple[Path, ...] = ()


NOTHING: Final = Known()


@dataclass(frozen=True, slots=True)
class Restoring:
    """What was put back."""

    backup: Backup
    database: Rebuilding
    blobs: int
    erasures: int
    """Erasures that are newer than the backup; the service carries them out at its start."""
    fork: str | None
    """Why nothing will be signed, as always with `as_evidence`; None where the log goes on."""


def restore(
    source: Path,
    directory: Path,
    key: VerifierKey,
    subject_keys: Path,
    known: Known = NOTHING,
    *,
    as_evidence: bool = False,
) -> Restoring:
    """Put a backup back into `directory`, which must not exist or be empty; it has its name when it is whole.

    `key` is the log's, `subject_keys` the newest copy of them. Raises ForkError where the log went on after the
    backup (unless `as_evidence`), and StoreError for a backup that is damaged or another log's.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise StoreError(f"{directory} is not empty: a backup is restored into a new directory")
    backup = read_backup(source)
    if backup.origin != key.name:
        raise StoreError(f"{source} is of the log {backup.origin}, and the key that of {key.name}")
    ledgers = [ErasureLedger(one) for one in (source / LEDGER_NAME, *known.ledgers)]
    larger = _largest(known.checkpoints, key)
    fork = _fork(backup, larger, ledgers)
    if fork is not None and not as_evidence:
        raise ForkError(fork)
    mark = _mark(source, backup)
    if mark is not None and not as_evidence:
        raise ForkError(
            f"{source} is of a log that is there to be read: restore it as evidence ({mark})"
        )
    partial = directory.with_name(f".{directory.name}{_PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        made = _put_back(source, partial, backup, key, subject_keys, ledgers)
        if fork is not None:
            _remember_fork(partial, key, larger, fork)
        if as_evidence:
            fork = fork or mark or _TO_BE_READ
            replace_private_file(partial / EVIDENCE_NAME, f"{fork}\n".encode())
        if directory.exists():
            directory.rmdir()
        put_in_place(partial, directory)
    except (OSError, StoreError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(f"{source} cannot be restored: {error}") from error
    return replace(made, fork=fork)


def _put_back(
    source: Path,
    partial: Path,
    backup: Backup,
    key: VerifierKey,
    subject_keys: Path,
    ledgers: Sequence[ErasureLedger],
) -> Restoring:
    partial.mkdir(mode=0o700, parents=True)
    shutil.copytree(source / ARCHIVE_FOLDER, partial / ARCHIVE_FOLDER)
    if (source / SETS_FOLDER).is_dir():
        shutil.copytree(source / SETS_FOLDER, partial / SETS_FOLDER)
    note = (source / CHECKPOINT_FILE).read_bytes()
    if note:
        Files(partial / LOG_FOLDER).write(CHECKPOINT_PATH, note)
    newer = _unite(ledgers, partial / LEDGER_NAME, backup.size)
    made = rebuild_database(partial, key, subject_keys)
    if made.size != backup.size:
        raise StoreError(f"it gives {made.size} entries: expected {backup.size}")
    blobs = BlobFiles(partial / BLOB_FOLDER)
    count = restore_blobs(source, blobs, SubjectKeys(subject_keys), key.name)
    return Restoring(backup, made, count, newer, None)


def _unite(ledgers: Sequence[ErasureLedger], path: Path, size: int) -> int:
    """Write one ledger of all, within the log of `size` entries; return how many are still to be carried out.

    What the backup's own ledger (the first) says was carried out is not in its archive any more.
    """
    united = ErasureLedger(path)
    for one in ledgers:
        united.begin_again(_within(erasure, size) for erasure in one.entries)
    open_ones = {one.request for one in ledgers[0].unfinished}
    for erasure in ledgers[0].entries:
        if erasure.request not in open_ones:
            united.finish(erasure.request)
    return len(united.unfinished)


def _within(erasure: Erasure, size: int) -> Erasure:
    """Leave out what the restored log has not: other records may come to stand there."""
    erased = erasure.erased
    kept = Erased(
        (index for index in erased.events() if index < size),
        (place for place in erased.spans() if place[0] < size),
    )
    return replace(erasure, values=kept.text)


def _largest(notes: Sequence[str], key: VerifierKey) -> SignedCheckpoint | None:
    """Return the largest checkpoint that was shown. Raises StoreError for one that is not this log's."""
    found = []
    for note in notes:
        try:
            found.append(SignedCheckpoint(open_checkpoint(note, [key], load_verify()), note))
        except VerificationError as error:
            raise StoreError(f"a checkpoint that was given does not hold: {error}") from error
    return max(found, key=lambda one: one.size, default=None)


def _fork(
    backup: Backup, larger: SignedCheckpoint | None, ledgers: Sequence[ErasureLedger]
) -> str | None:
    """Return why the log cannot go on from this backup; None where nothing is known against it."""
    if larger is not None and larger.size > backup.size:
        return (
            f"a signed checkpoint states {larger.size} entries and the backup holds {backup.size}: the log"
            " went on, and must not go on from here; restore it as evidence, and begin a new log"
        )
    for erasure in (one for ledger in ledgers for one in ledger.entries):
        if erasure.log_index >= backup.size:
            return (
                f"an erasure was decided at entry {erasure.log_index} and the backup holds {backup.size}: the"
                " log went on, and must not go on from here; restore it as evidence, and begin a new log"
            )
    return None


def _mark(source: Path, backup: Backup) -> str | None:
    """Return why the log of a backup is there to be read alone; None where it goes on."""
    if EVIDENCE_NAME not in backup.files:
        return None
    return (source / EVIDENCE_NAME).read_text(encoding="utf-8").strip()


def _remember_fork(
    directory: Path, key: VerifierKey, larger: SignedCheckpoint | None, fork: str
) -> None:
    """Keep the checkpoint that proves it, so that no start signs anything."""
    if larger is None:
        raise ForkError(f"{fork}; give the newest checkpoint too, so that nothing is signed here")
    database = Database.open(directory / DATABASE_NAME)
    try:
        CheckpointLog(database, key).keep(larger)
    finally:
        database.close()

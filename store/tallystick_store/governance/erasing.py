"""Carrying out an erasure: step by step, each of which may be cut short and done again.

    1  written down in the ledger: from now on no resend, replay or restore brings these values back
    2  the journal is emptied into the archive
    3  the keys of subjects of whom nothing else is left are destroyed: their values in archive and backups are noise
    4  parts of the archive that hold other values of the same subject are written anew
    5  the database is written anew, and the old file is gone; those that a rebuild set aside are gone before
    6  large values that no record names any more are removed
    7  written down as done

What was given out before (evidence packages, snapshots, copies of the keys) is out of reach; `Outcome.outside` names
what stands in the data directory for people.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tallystick.verify.erased import Erased
from tallystick_store.archive.archive import Archive
from tallystick_store.archive.database import remove_replaced
from tallystick_store.archive.split import Owned
from tallystick_store.archive.subject_keys import Subject
from tallystick_store.engine.rewrite import rewrite
from tallystick_store.governance.blanking import kept_rows
from tallystick_store.governance.ledger import Erasure
from tallystick_store.governance.subjects import still_named, subjects_of
from tallystick_store.journal.segments import ASIDE
from tallystick_store.store import Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an erasure did."""

    entries: int
    keys: int
    """Keys that were destroyed."""
    parts: int
    """Parts of the archive that were written anew."""
    blobs: int
    outside: tuple[str, ...]
    """Files of the data directory that were set aside for people, and may hold such values still."""


def carry_out(store: Store, erasure: Erasure) -> Outcome:
    """Erase, from wherever it was cut short. Raises StoreError and OSError; it is to be called again then."""
    erased, began_s = erasure.erased, time.time()
    store.forget(erasure)
    keys, others = _destroy_keys(store, erased)
    parts = _rewrite_archive(store.archiver.archive, erased, others) if others else 0
    remove_replaced(store.directory)
    rewrite(store.database, *kept_rows(store.ledger.erased))
    blobs = _remove_blobs(store, erasure.blobs, began_s)
    store.ledger.finish(erasure.request)
    _log.info("the erasure %s is carried out: %d entries", erasure.request, erased.count)
    outside = tuple(sorted(str(path) for path in _set_aside(store.directory)))
    return Outcome(erased.count, keys, parts, blobs, outside)


def _destroy_keys(store: Store, erased: Erased) -> tuple[int, frozenset[Subject]]:
    """Destroy what keys can be destroyed; return how many, and the subjects of which something is left.

    Nobody reads the archive to write it again meanwhile: commits wait once the archive is free, and not before.
    """
    archive = store.archiver.archive
    with store.archiver.writing, store.paused():
        store.archiver.run_now(also_open=True)
        alone, others = subjects_of(store.database, erased)
        count = archive.keys.destroy(alone) if archive is not None else 0
    return count, others


def _rewrite_archive(archive: Archive | None, erased: Erased, subjects: frozenset[Subject]) -> int:
    if archive is None:
        return 0

    def keeps(owned: Owned) -> bool:
        value = owned[1]
        if value.table == "spans":
            return not erased.covers_span(value.log_index, value.position)
        return not erased.covers(value.log_index)

    return archive.rewrite_parts(subjects, keeps)


def _remove_blobs(store: Store, blobs: tuple[str, ...], began_s: float) -> int:
    """Remove what no record names; a value that somebody sent meanwhile stays, for its record follows."""
    if not blobs:
        return 0
    gone = frozenset(blobs) - still_named(store.database, blobs)
    return sum(store.blobs.remove_untouched(name, began_s) for name in sorted(gone))


def _set_aside(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        if ASIDE in path.suffixes or ".replaced" in path.name:
            yield path

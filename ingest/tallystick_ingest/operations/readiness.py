"""Whether the service takes work, part by part, in words that hold nothing of what was recorded."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from tallystick_store.journal.follower import MAX_WAITING_BYTES

FULL_DISK_BYTES: Final = MAX_WAITING_BYTES
"""What waits for the database may need as much again in the journal."""
LOW_DISK_BYTES: Final = 8 * FULL_DISK_BYTES
"""1 GiB: an hour at a thousand events of a usual size a second is half of it."""

Status = Literal["ready", "closing", "failed", "full", "evidence"]
Journal = Literal["ok", "failed", "full"]
Database = Literal["ok", "behind", "failing"]
Log = Literal["signing", "failing", "stopped"]
Disk = Literal["ok", "low", "full", "unknown"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """`status` is what a service manager asks; the parts say where to look."""

    status: Status
    """evidence: the log was restored to be read, and takes no records whatever happens."""
    journal: Journal
    """failed: nothing is accepted before a restart; full: until the database has caught up."""
    database: Database
    """behind: what was accepted shows late; failing: it shows once the database takes it again."""
    log: Log
    """stopped: no checkpoint is signed any more; failing: the newest could not be written."""
    disk: Disk


class Publisher(Protocol):
    """What this asks of the publisher."""

    @property
    def failure(self) -> str | None:
        """Why the last attempt to publish failed."""


class Store(Protocol):
    """What this asks of the store."""

    directory: Path
    evidence: str | None
    """Why this log is there to be read alone; None where it goes on."""

    @property
    def publisher(self) -> Publisher:
        """Return what signs and publishes."""

    @property
    def is_full(self) -> bool:
        """So much waits for the database that nothing more should be accepted."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were accepted and wait for the database."""

    @property
    def journal_failure(self) -> str | None:
        """Why nothing is accepted any more before the next start."""

    @property
    def failure(self) -> str | None:
        """Why the journal or, for now, the database takes nothing."""

    @property
    def signing_stopped(self) -> str | None:
        """Why no checkpoint is signed any more."""


def readiness(
    store: Store,
    *,
    is_closing: bool,
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> Readiness:
    """Look at each part as it is now; asks neither the database nor anything that waits."""
    journal, disk = _journal(store), _disk(store.directory, free_bytes)
    status: Status = "ready"
    if journal == "full" or disk == "full":
        status = "full"
    if store.evidence is not None:
        status = "evidence"
    if journal == "failed":
        status = "failed"
    if is_closing:
        status = "closing"
    return Readiness(status, journal, _database(store), _log(store), disk)


def _journal(store: Store) -> Journal:
    if store.journal_failure is not None:
        return "failed"
    return "full" if store.is_full else "ok"


def _database(store: Store) -> Database:
    if store.failure is not None and store.journal_failure is None:
        return "failing"
    return "behind" if store.waiting_bytes * 2 >= MAX_WAITING_BYTES else "ok"


def _log(store: Store) -> Log:
    if store.signing_stopped is not None:
        return "stopped"
    return "signing" if store.publisher.failure is None else "failing"


def _disk(directory: Path, free_bytes: Callable[[Path], int]) -> Disk:
    try:
        free = free_bytes(directory)
    except OSError:
        return "unknown"
    if free < FULL_DISK_BYTES:
        return "full"
    return "low" if free < LOW_DISK_BYTES else "ok"

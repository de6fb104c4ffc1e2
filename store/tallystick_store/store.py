"""The store of one tenant: what was accepted, in order, and the log that proves it.

One process owns a data directory; everybody else asks that process, or reads a snapshot. Rows are
committed in groups by the writer: a group is kept when the journal holds it. The database, the tiles and
the checkpoints follow, and whoever reads waits for the database. After a crash at any moment the
database and the journal behind it are the truth, and the rest is caught up.

    DIR/lock              held by the owner
    DIR/journal/          groups on their way into the database and the archive
    DIR/archive/          every group for good, erasable values encrypted
    DIR/tallystick.duckdb the tables (and .wal behind it)
    DIR/log/              checkpoint, tiles and entry bundles (C2SP tlog-tiles)
    DIR/blobs/            large values, each under the SHA-256 of its bytes
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tallystick.errors import StoreError, VerificationError
from tallystick_store.archive.archiver import Archiver
from tallystick_store.audit import AuditBehind
from tallystick_store.blobs import BLOB_FOLDER, BlobFiles
from tallystick_store.checkpoints import CheckpointLog, LogSigner, SignedCheckpoint
from tallystick_store.entries import next_log_index
from tallystick_store.files import Files
from tallystick_store.governance.blanking import blank
from tallystick_store.governance.ledger import Erasure
from tallystick_store.group import Group
from tallystick_store.journal.contents import encode_tables
from tallystick_store.journal.follower import Follower
from tallystick_store.journal.replay import JOURNAL_FOLDER, last_applied
from tallystick_store.journal.segments import Segments, segment_files
from tallystick_store.known import Known
from tallystick_store.ledger import Ledger
from tallystick_store.opening import LOG_FOLDER, Opened, newest_rx_us, open_directory
from tallystick_store.projections.projector import Projector
from tallystick_store.projections.windows import projected_end
from tallystick_store.published import PublishedLog
from tallystick_store.publisher import PUBLISH_INTERVAL_S, Publisher
from tallystick_store.rebuild import contradiction, rebuild, resume
from tallystick_store.tilestore import TileStore

AUDIT_BEHIND_ENTRIES: Final = 200_000
"""Above this a start does not wait for the look at every row: about a second."""

NoteCommit = Callable[[float, float], None]
"""Told of each commit: how long it took, and of that writing and syncing the journal, in seconds."""

_log = logging.getLogger(__name__)


class Store:
    """An open store. Commits come from one thread; everything else is safe for several."""

    def __init__(self, opened: Opened, signer: LogSigner, audit_behind: int) -> None:
        """Catch up with what was opened; `open` is the way in."""
        directory, database = opened.directory, opened.database
        self.directory, self.database = directory, database
        self._lock = opened.lock
        self.origin = signer.origin
        self.checkpoints = CheckpointLog(database, signer.key)
        tiles = TileStore(Files(directory / LOG_FOLDER))
        is_large = next_log_index(database, projected_end(database)) > audit_behind
        begun = resume(database, tiles, self.checkpoints) if is_large else None
        state = begun or rebuild(database, tiles, self.checkpoints)
        self._notices = [*opened.notices, *state.notices]
        self._ledger = state.ledger
        self._next_index = state.next_index
        self._rx_us = newest_rx_us(database, projected_end(database))
        self.ledger = opened.ledger
        """What was erased; added to by `forget` alone."""
        self._known = Known(database, self.ledger.erased)
        journal = directory / JOURNAL_FOLDER
        left = [path for _, path in segment_files(journal)]
        self._segments = Segments(journal, last_applied(database) + 1, left=left)
        self.archiver = Archiver(
            opened.archive, database, self._segments, lambda: self._follower.applied
        )
        """Keeps for good what went through the journal."""
        self._follower = Follower(database, self._segments, self.archiver.wake)
        self.archiver.start()
        self._committing = threading.Lock()
        self.published = PublishedLog(Files(directory / LOG_FOLDER))
        """The log's files, for those who ask what was accepted whatever the rows say."""
        self.blobs = BlobFiles(directory / BLOB_FOLDER)
        """Values that are too large for their records."""
        self.publisher = Publisher(self._ledger, tiles, self.checkpoints, signer)
        self.evidence = opened.evidence
        """Why this log was restored to be read alone, and is never signed; None where it goes on."""
        self.publisher.resume(state.newest, state.signing_stopped or self.evidence)
        self.note_commit: NoteCommit = lambda _commit_s, _append_s: None
        database.settle = self._follower.settle
        self.projector = Projector(database, lambda: self.size)
        """Keeps the projections up with the log."""
        self.archiver.wake()
        for notice in self.notices:
            _log.warning("%s: %s", directory, notice)
        self._audit = (
            AuditBehind(database, tiles, self.publisher, begun, self._note) if begun else None
        )

    @classmethod
    def open(
        cls,
        directory: Path,
        signer: LogSigner,
        *,
        publish_interval_s: float | None = PUBLISH_INTERVAL_S,
        audit_behind: int = AUDIT_BEHIND_ENTRIES,
        subject_keys: Path | None = None,
    ) -> "Store":
        """Open a data directory, create it (0700) where it is missing, and catch up.

        Without an interval nothing is published but by `publisher.publish_now` and `close`. A log of more than
        `audit_behind` entries begins at once, and every row of it is looked at behind that. With a file of
        `subject_keys` everything is archived too, below `archive/`.
        Raises StoreError when another process has it, when it belongs to another log, and when it
        cannot be read.
        """
        opened = open_directory(directory, signer.origin, subject_keys)
        try:
            store = cls(opened, signer, audit_behind)
        except BaseException:
            opened.close()
            raise
        if publish_interval_s is not None:
            store.publisher.start(publish_interval_s)
            store.publisher.notify()
        return store

    @property
    def notices(self) -> tuple[str, ...]:
        """What the start, and the look at every row behind it, found and put right."""
        return tuple(self._notices)

    @property
    def size(self) -> int:
        """Number of log entries that are committed."""
        return self._ledger.size

    @property
    def rx_us(self) -> int:
        """Receive time of the newest entry: what comes later is never stamped with less."""
        return self._rx_us

    @property
    def entries_in_memory(self) -> int:
        """Number of entries that are kept in memory until they stand in a full tile on disk."""
        return self._ledger.entries_in_memory

    @property
    def checkpoint(self) -> SignedCheckpoint | None:
        """The newest signed checkpoint; None before the first."""
        return self.publisher.newest

    def checkpoint_held(self) -> SignedCheckpoint | None:
        """Return the newest checkpoint that this very log was signed under.

        Of a log that was restored as evidence a larger one may be known: that of the log which went on.
        """
        if self.evidence is None:
            return self.checkpoint
        notes = reversed(list(self.checkpoints.notes(0, self.size)))
        signed = map(self.checkpoints.open, notes)
        return next((one for one in signed if contradiction(self._ledger, one) is None), None)

    @property
    def is_full(self) -> bool:
        """So much waits for the database that nothing more should be accepted."""
        return self._follower.is_full

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were accepted and wait for the database."""
        return self._follower.waiting_bytes

    @property
    def journal_failure(self) -> str | None:
        """Why nothing is accepted any more before the next start; None while all is well."""
        return self._segments.failure

    @property
    def failure(self) -> str | None:
        """Why the journal or, for now, the database takes nothing; None while all is well."""
        return self._segments.failure or self._follower.failure

    @property
    def signing_stopped(self) -> str | None:
        """Why no checkpoint is signed any more; None while all is well."""
        return self.publisher.signing_stopped

    def group(self) -> Group:
        """Begin a group; the writer thread fills it and commits it."""
        self._known.pending.drop_through(self._follower.applied)
        return Group(self._known, self._next_index, self._rx_us)

    def commit(self, group: Group) -> None:
        """Make a group durable, all or none, and let follower and publisher know.

        Raises StoreError when it was not kept. Where the disk refused to sync, nothing more is kept before
        the next start (`journal_failure` says so), and what it holds all the same is found as a repetition then.
        """
        began_s = time.perf_counter()
        with self._committing:
            batches = blank(group.batches(), self.ledger.erased)
            payload = encode_tables(batches)
            append_s = time.perf_counter()
            number = self._segments.append(payload)
            append_s = time.perf_counter() - append_s
            self._next_index, self._rx_us = group.next_index, group.rx_us
            group.view.commit(number)
            self._ledger.extend(group.entries, b"".join(group.leaves))
            self._follower.put(number, batches, len(payload))
        self.publisher.notify()
        self.note_commit(time.perf_counter() - began_s, append_s)

    def settle(self) -> None:
        """Wait until the database holds what was accepted. Raises StoreError when it does not in 20 s."""
        self._follower.settle()

    def trim_journal(self) -> None:
        """Archive what the journal holds and empty it; once a minute keeps its life short.

        Raises StoreError when the database is far behind or the archive cannot be written; the journal stays then.
        """
        self.settle()
        self.archiver.run_now(also_open=True)

    def inclusion_proof(self, size: int, index: int) -> list[bytes]:
        """Return the audit path of entry `index` in the tree of `size` entries.

        Proofs are given for trees up to the newest checkpoint. They raise VerificationError for
        sizes and indexes outside it, and StoreError once signing has stopped.
        """
        return self._provable(size).inclusion_proof(size, index)

    def inclusion_proofs(self, size: int, indexes: Sequence[int]) -> list[list[bytes]]:
        """Return the audit paths of several entries, in their order; as above."""
        return self._provable(size).inclusion_proofs(size, indexes)

    def consistency_proof(self, old_size: int, new_size: int) -> list[bytes]:
        """Return the proof that the tree of `new_size` extends that of `old_size`; as above."""
        return self._provable(new_size).consistency_proof(old_size, new_size)

    def range_proof(self, size: int, start: int, end: int) -> tuple[list[bytes], list[bytes]]:
        """Return the hashes that prove [start, end) complete in the tree of `size`; as above."""
        return self._provable(size).range_proof(size, start, end)

    def forget(self, erasure: Erasure) -> None:
        """Write an erasure down: none of its values is taken from now on. Raises StoreError."""
        with self._committing:
            self.ledger.add(erasure)
            self._known.erased = self.ledger.erased
        self._known.note_erased_spans()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep commits and the publisher away, after publishing what is committed."""
        with self._committing, self.publisher.paused():
            self.publisher.publish_now()
            self._follower.settle()
            yield

    def close(self) -> None:
        """Publish what is committed, close the database, give the directory back.

        Call after the writer has ended. Raises StoreError when the last checkpoint could not be
        published; all that was committed is kept even so, and everything is closed.
        """
        if self._audit is not None:
            self._audit.close()
        self.projector.close()
        self.publisher.close()
        try:
            self.publisher.publish_now()
        finally:
            self._follower.close()
            self.archiver.close()
            self._segments.close()
            self.database.close()
            self._lock.release()

    def wait_for_audit(self) -> None:
        """Wait until every row was looked at, where that goes on behind the start."""
        if self._audit is not None:
            self._audit.wait()

    def _note(self, notice: str) -> None:
        self._notices.append(notice)
        _log.warning("%s: %s", self.directory, notice)

    def _provable(self, size: int) -> Ledger:
        if self.signing_stopped is not None:
            raise StoreError(f"there are no proofs: {self.signing_stopped}")
        newest = self.checkpoint.size if self.checkpoint is not None else 0
        if not 0 <= size <= newest:
            raise VerificationError(
                f"the log has no signed tree of {size} entries: the newest has {newest}"
            )
        return self._ledger

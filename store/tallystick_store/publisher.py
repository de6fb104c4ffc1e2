"""Publishes the log: tiles first, then a signed checkpoint, at most five times a second.

The order is the promise. A checkpoint is signed when the rows are committed and every tile and
bundle of its tree is a durable file; it is stored in the database before it stands in
`log/checkpoint` and before anybody is shown it. Once there is proof that the database is not the
one that was signed (restored, forked or edited), nothing is signed any more, and the reason is said.
"""

import logging
import threading
import time
from typing import Final

from tallystick.errors import StoreError, VerificationError
from tallystick.tlog.checkpoint import Checkpoint
from tallystick_store.checkpoints import CheckpointLog, LogSigner, SignedCheckpoint
from tallystick_store.ledger import Ledger
from tallystick_store.rebuild import contradiction
from tallystick_store.tilestore import TileStore

PUBLISH_INTERVAL_S: Final = 0.2
RETRY_INTERVAL_S: Final = 1.0
_NOTES_SEEN: Final = 1024

_log = logging.getLogger(__name__)


class Publisher:
    """Owns `log/` and the table of checkpoints; safe for several threads."""

    def __init__(
        self, ledger: Ledger, tiles: TileStore, checkpoints: CheckpointLog, signer: LogSigner
    ) -> None:
        self._ledger = ledger
        self._tiles = tiles
        self._checkpoints = checkpoints
        self._signer = signer
        self._newest: SignedCheckpoint | None = None
        self._newest_time_s: float | None = None
        self._stopped: str | None = None
        self._failure: str | None = None
        self._seen: dict[str, None] = {}
        self._publishing = threading.RLock()
        self._wake = threading.Condition()
        self._is_dirty = False
        self._is_closing = False
        self._thread: threading.Thread | None = None

    @property
    def newest(self) -> SignedCheckpoint | None:
        """The newest checkpoint that anybody may be shown."""
        return self._newest

    @property
    def newest_time_s(self) -> float | None:
        """When this process last signed one, in Unix seconds; None when it has not yet."""
        return self._newest_time_s

    @property
    def signing_stopped(self) -> str | None:
        """Why nothing is signed any more; None while all is well."""
        return self._stopped

    @property
    def failure(self) -> str | None:
        """Why the last attempt to publish failed; None when it did not."""
        return self._failure

    def resume(self, newest: SignedCheckpoint | None, stopped: str | None) -> None:
        """Go on from what an earlier run published, or stay stopped for a reason."""
        self._newest = newest
        if stopped is not None:
            self._stop(stopped)

    def stop_signing(self, reason: str) -> None:
        """Sign nothing more: the database is not the one that was signed."""
        with self._publishing:
            self._stop(reason)

    def start(self, interval_s: float = PUBLISH_INTERVAL_S) -> None:
        """Publish in the background whenever `notify` was called."""
        self._thread = threading.Thread(
            target=self._run, args=(interval_s,), name="tallystick-publisher", daemon=True
        )
        self._thread.start()

    def notify(self) -> None:
        """Say that there are new entries."""
        with self._wake:
            self._is_dirty = True
            self._wake.notify()

    def publish_now(self) -> SignedCheckpoint | None:
        """Publish all that is committed and return the newest checkpoint.

        Raises StoreError when a file or the checkpoint cannot be written; nothing that was
        published before is harmed, and the next attempt starts from there.
        """
        with self._publishing:
            try:
                self._publish()
            except (OSError, StoreError) as error:
                self._failure = str(error)
                raise StoreError(f"the log cannot be published: {error}") from error
            self._failure = None
            return self._newest

    def observe(self, note: str) -> None:
        """Look at a checkpoint that somebody else was given.

        One that this log's key signed and that this store cannot have grown from proves that the
        store was restored or forked: signing stops, and the note is kept, so that the next start
        knows too. Any other note is of no concern. Costs a signature check for a note not seen yet.
        Raises StoreError when the database cannot answer.
        """
        if self._stopped is not None or note in self._seen:
            return
        try:
            shown = self._checkpoints.open(note)
        except VerificationError:
            return
        reason = contradiction(self._ledger, shown)
        if reason is None:
            self._remember(note)
            return
        with self._publishing:
            self._stop(reason)
            if not self._checkpoints.holds(note):
                self._checkpoints.keep(shown)
        self._remember(note)

    def paused(self) -> threading.RLock:
        """Return the lock that keeps files and checkpoints as they are while it is held."""
        return self._publishing

    def close(self) -> None:
        """End the background work; what is not published is for `publish_now`."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _publish(self) -> None:
        size = self._ledger.size
        old_size = self._newest.size if self._newest is not None else 0
        if self._stopped is not None or size == old_size:
            return
        self._tiles.grow(self._ledger, old_size, size)
        checkpoint = Checkpoint(self._signer.origin, size, self._ledger.root(size))
        signed = SignedCheckpoint(checkpoint, self._signer.signed(checkpoint))
        if self._failure is None or not self._checkpoints.holds(signed.note):
            self._checkpoints.keep(signed)
        self._tiles.write_checkpoint(signed.note)
        self._newest = signed
        self._newest_time_s = time.time()
        self._remember(signed.note)
        self._tiles.drop_partials(old_size, size)
        self._ledger.forget(size)

    def _stop(self, reason: str) -> None:
        if self._stopped is None:
            self._stopped = reason
            _log.error("signing stopped: %s", reason)

    def _remember(self, note: str) -> None:
        with self._wake:
            self._seen[note] = None
            if len(self._seen) > _NOTES_SEEN:
                del self._seen[next(iter(self._seen))]

    def _run(self, interval_s: float) -> None:
        while self._wait_for_work():
            started = time.monotonic()
            try:
                self.publish_now()
                pause = interval_s
            except StoreError as error:
                _log.warning("%s; trying again", error)
                pause = RETRY_INTERVAL_S
                self.notify()
            self._rest(pause - (time.monotonic() - started))

    def _wait_for_work(self) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._is_dirty or self._is_closing)
            self._is_dirty = False
            return not self._is_closing

    def _rest(self, seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._is_closing, timeout=max(seconds, 0.0))

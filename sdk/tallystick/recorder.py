"""The recorder: from what a hook saw to a masked, numbered, durable record, on the caller's thread.

Never touches the network and never waits for it. While the spool cannot be written, records wait in a
bounded backlog in memory; one that does not fit is counted, by reason, and the count itself becomes a
`log.drop` record as soon as the spool can be written again.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tallystick import event
from tallystick.clock import Clock
from tallystick.errors import RefusedError, SpoolError, TallystickError
from tallystick.printer import Printer
from tallystick.session import UNPLACED, Placed, Session

BACKLOG_RECORDS: Final = 10_000
BACKLOG_BYTES: Final = 64 * 1024 * 1024
"""Both bound the memory that an unwritable spool can cost the host."""
BACKLOG_FULL: Final = "spool unwritable and backlog full"
CLOSED: Final = "recorded after shutdown"
SPOOL_DELETED: Final = "spool deleted before its records were delivered"

_log = logging.getLogger("tallystick")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a record stands. `seq` and `leaf_hash` are None while the spool cannot be written."""

    session: str | None
    seq: int | None
    leaf_hash: bytes | None

    @property
    def is_spooled(self) -> bool:
        """The record is in the spool, under this sequence number."""
        return self.seq is not None


NOT_SPOOLED: Final = Receipt(None, None, None)


class Recorder:
    """Records events. Safe to call from any thread; owns the backlog and the count of what was lost."""

    def __init__(
        self,
        printer: Printer,
        open_session: Callable[[], Session],
        clock: Clock,
        *,
        notify: Callable[[], None],
        sync_each: bool = False,
    ) -> None:
        """Record into the session that `open_session` gives; it may raise TallystickError, and is asked again.

        `notify` wakes the background and must be cheap.
        """
        self._printer = printer
        self._open_session = open_session
        self._clock = clock
        self._notify = notify
        self._sync_each = sync_each
        self._session: Session | None = None
        self._opening_lock = threading.RLock()
        self._backlog: deque[event.Record] = deque()
        self._backlog_bytes = 0
        self._backlog_lock = threading.RLock()
        self._is_draining = False
        self._lost: Counter[str] = Counter()
        self._lost_reported: Counter[str] = Counter()
        self._is_closed = False
        self._spool_error: str | None = None

    @property
    def session(self) -> Session | None:
        """The session in progress, None before the first record."""
        return self._session

    @property
    def backlog(self) -> int:
        """Records that wait in memory for the spool."""
        return len(self._backlog)

    @property
    def lost(self) -> Mapping[str, int]:
        """Records given up, by reason."""
        return dict(self._lost)

    @property
    def has_unreported(self) -> bool:
        """Something waits for `drain`: records for the spool, or a loss that no record states yet."""
        return bool(self._backlog) or self._lost != self._lost_reported

    @property
    def spool_error(self) -> str | None:
        """Why the spool cannot be written, None while it can."""
        return self._spool_error

    def record(
        self, draft: event.Draft, *, time_us: int | None = None, required: bool = False
    ) -> Receipt:
        """Mask `draft`, number it and append it to the spool.

        `draft.disclosures["params"]` and `["result"]` are raw Python values: their JSON text, size, keyed
        digest and preview are made here; the other disclosures are strings (others become JSON text).
        `time_us` is when it happened, now if None. With `required` the record and its seal are on disk
        (fsynced) when this returns, else RefusedError is raised and the tool must not run.
        Without `required` an unwritable spool raises nothing: the record waits in memory, and one that has
        to be given up is counted by reason and reported by a `log.drop` record.
        Raises RecordError when `draft` is outside the table of fields.
        """
        session = self._session
        place = (UNPLACED, 0) if session is None else (session.id, session.size)
        record = self._printer.print_record(
            draft, self._clock.now_us() if time_us is None else time_us, *place
        )
        return self.write(record, required=required)

    def write(self, record: event.Record, *, required: bool = False) -> Receipt:
        """Write a printed record, as `record` does."""
        if required:
            return self._write_durably(record)
        if self._backlog or self._is_closed:
            return self._hold(record)
        try:
            return _receipt(self._append(record))
        except (TallystickError, OSError) as error:
            self._note_unwritable(error)
            return self._hold(record)

    def mask_text(self, text: str) -> str:
        """Return `text` as records show it: for the name of a span, which shows the same."""
        return self._printer.mask_text(text)

    def count_lost(self, reason: str, count: int = 1) -> None:
        """Count records that a caller had to give up (an error in a hook): reported by `log.drop`.

        `reason` is a fixed text of ours, never one that holds data.
        """
        with self._backlog_lock:
            self._lost[reason] += count
            first = self._lost[reason] == count
        if first:
            _log.error("tallystick: records are being lost: %s", reason)
        self._notify()

    def current_session(self) -> Session:
        """Return the session, opened now if there is none. Raises TallystickError or OSError."""
        if self._session is not None:
            return self._session
        with self._opening_lock:
            if self._is_closed:
                raise SpoolError("the session of this process is closed")
            if self._session is None:
                self._session = self._open_session()
            return self._session

    def drain(self) -> bool:
        """Write the backlog and report what was lost; whether nothing is left. For the background thread."""
        with self._backlog_lock:
            if self._is_draining:  # asked for again by a signal handler in the middle of it
                return False
            self._is_draining = True
            try:
                self._drain()
            except (TallystickError, OSError) as error:
                self._note_unwritable(error)
                return False
            finally:
                self._is_draining = False
        return True

    def abandon_session(self, delivered: int) -> None:
        """Give up a session whose files were deleted, of which the service has `delivered` records.

    def digest(self, kind: str, value: bytes) -> str:
        """Return the tenant's keyed digest of `value`, 32 hex digits. Raises RecordError without a key."""
        return self._printer.digest(kind, value)

        The others are counted as lost; the next record opens a new session.
        """
        with self._opening_lock:
            session, self._session = self._session, None
        if session is not None:
            lost = session.abandon() - delivered
            if lost > 0:
                self.count_lost(SPOOL_DELETED, lost)

    def close(self) -> Session | None:
        """Take no more records: later ones are counted as lost. Return the session, for its last record."""
        self._is_closed = True
        return self._session

    def _append(self, record: event.Record) -> Placed:
        session = self._session or self.current_session()
        placed = session.append(record)
        if self._sync_each:
            session.sync()
        if self._spool_error is not None:
            self._note_writable()
        self._notify()
        return placed

    def _write_durably(self, record: event.Record) -> Receipt:
        try:
            if self._is_closed:
                raise SpoolError("the session of this process is closed")
            if self._backlog and not self.drain():
                raise SpoolError(self._spool_error or "the spool is busy")
            placed = self.current_session().append_durably(record)
        except (TallystickError, OSError) as error:
            self._note_unwritable(error)
            raise RefusedError(
                f"the tool was not run: it is `required`, and its record could not be made durable first: {error}"
            ) from error
        if self._spool_error is not None:
            self._note_writable()
        self._notify()
        return _receipt(placed)

    def _drain(self) -> None:
        while self._backlog:
            self._append(self._backlog[0])
            self._backlog_bytes -= _size_bytes(self._backlog.popleft())
        for reason, count in (self._lost - self._lost_reported).items():
            lost = event.Draft("log.drop", {"drop.count": count, "drop.reason": reason})
            self._append(self._printer.print_record(lost, self._clock.now_us()))
            self._lost_reported[reason] += count

    def _hold(self, record: event.Record) -> Receipt:
        size = _size_bytes(record)
        with self._backlog_lock:
            has_room = (
                len(self._backlog) < BACKLOG_RECORDS and self._backlog_bytes + size <= BACKLOG_BYTES
            )
            if has_room and not self._is_closed:
                self._backlog.append(record)
                self._backlog_bytes += size
                self._notify()
                return NOT_SPOOLED
        self.count_lost(CLOSED if self._is_closed else BACKLOG_FULL)
        return NOT_SPOOLED

    def _note_unwritable(self, error: Exception) -> None:
        if self._spool_error is None:
            _log.warning("tallystick: %s", error)
        self._spool_error = str(error)

    def _note_writable(self) -> None:
        self._spool_error = None
        _log.warning("tallystick: the spool can be written again")


def _receipt(placed: Placed) -> Receipt:
    return Receipt(placed.session, placed.seq, placed.leaf_hash)


def _size_bytes(record: event.Record) -> int:
    return len(record.line) + sum(len(disclosure.line) for disclosure in record.disclosures)

"""The recorder: from what a hook saw to a masked, numbered, durable record, on the caller's thread.

Never touches the network and never waits for it. While the spool cannot be written, for want of room, of
space or of permission, records wait in a bounded backlog in memory; one that does not fit is counted, by
reason, and the count itself becomes a `log.drop` record as soon as the spool can be written again. Counts
and waiting records are noted beside the session, so that a process that dies does not take them along.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tallystick import event
from tallystick.clock import Clock
from tallystick.errors import RefusedError, SpoolError, SpoolFullError, TallystickError
from tallystick.recording.prepared import Prepared
from tallystick.recording.printer import Printer
from tallystick.recording.session import UNPLACED, Placed, Session
from tallystick.spool.room import Room
from tallystick.spool.tally import NOTHING, WAITED, Tally

BACKLOG_RECORDS: Final = 10_000
BACKLOG_BYTES: Final = 64 * 1024 * 1024
"""Both bound the memory that an unwritable spool can cost the host."""
BACKLOG_FULL: Final = "spool unwritable and backlog full"
AT_CAP: Final = "spool at spool_max_bytes and backlog full"
CLOSED: Final = "recorded after shutdown"
SPOOL_DELETED: Final = "spool deleted before its records were delivered"

DROP: Final = "drop"
BLOCK: Final = "block"
REFUSE: Final = "refuse"

_BEGINS: Final = "tool.started"
_log = logging.getLogger("tallystick")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say about the spool: `sync`, `spool_max_bytes`, `spool_full` and `spool_wait_ms`.

    When the spool cannot take a record and the backlog is full, DROP counts it; BLOCK lets its caller wait
    for room first, `wait_s` at most, on the calling thread. REFUSE lets no tool begin while the spool cannot
    take its record, whatever the backlog could hold; what has happened already is kept as with DROP.
    """

    sync_each: bool = False
    room: Room | None = None
    """None: no cap."""
    when_full: str = DROP
    wait_s: float = 0.0


_USUAL: Final = Terms()


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
        terms: Terms = _USUAL,
    ) -> None:
        """Record into the session that `open_session` gives; it may raise TallystickError, and is asked again.

        `notify` wakes the background and must be cheap.
        """
        self._printer = printer
        self._open_session = open_session
        self._clock = clock
        self._notify = notify
        self._terms = terms
        self._session: Session | None = None
        self._opening_lock = threading.RLock()
        self._backlog: deque[event.Record] = deque()
        self._backlog_bytes = 0
        self._backlog_lock = threading.RLock()
        self._drained = threading.Condition(self._backlog_lock)
        self._writing = ""
        self._is_draining = False
        self._lost: Counter[str] = Counter()
        self._lost_reported: Counter[str] = Counter()
        self._is_closed = False
        self._spool_error: str | None = None
        self._is_at_cap = False

    @property
    def room(self) -> Room | None:
        """The bytes that the spool may hold, None: no cap."""
        return self._terms.room

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
        digest and preview are made here, or by `prepare` before; the other disclosures are strings (others
        become JSON text).
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
        if self._terms.when_full == REFUSE and record.statement["type"] == _BEGINS:
            return self._write_or_refuse(record)
        if self._backlog or self._is_closed:
            return self._hold(record)
        try:
            return _receipt(self._append(record))
        except (TallystickError, OSError) as error:
            self._note_unwritable(error)
            return self._hold(record)

    def admit(self) -> None:
        """Raise RefusedError for a call that begins without a record, where `spool_full` says "refuse".

        Called for calls that are recorded when they end alone. Does nothing under the other policies.
        """
        if self._terms.when_full == REFUSE:
            try:
                self._find_room()
            except (TallystickError, OSError) as error:
                raise _refusal(error) from error

    def prepare(self, name: str, value: object, tool: str) -> Prepared:
        """Measure and mask a payload once for several records: see `Printer.prepare`."""
        return self._printer.prepare(name, value, tool)

    def mask_text(self, text: str) -> str:
        """Return `text` as records show it: for the name of a span, which shows the same."""
        return self._printer.mask_text(text)

    def digest(self, kind: str, value: bytes) -> str:
        """Return the tenant's keyed digest of `value`, 32 hex digits. Raises RecordError without a key."""
        return self._printer.digest(kind, value)

    def count_lost(self, reason: str, count: int = 1) -> None:
        """Count records that a caller had to give up (an error in a hook): reported by `log.drop`.

        `reason` is a fixed text of ours, never one that holds data.
        """
        with self._backlog_lock:
            self._lost[reason] += count
            first = self._lost[reason] == count
            self._keep_tally()
        if first:
            _log.error("tallystick: records are being lost: %s", reason)
        self._notify()

    def current_session(self) -> Session:
        """Return the session, opened now if there is none, or none that the disk still syncs.

        Raises TallystickError or OSError.
        """
        if self._session is not None and not self._session.is_failed:
            return self._session
        with self._opening_lock:
            if self._is_closed:
                raise SpoolError("the session of this process is closed")
            old = self._session
            if old is not None and not old.is_failed:
                return old
            opened = self._session = self._open_session()
            self._keep_tally()
            if old is not None:  # adopted from now on, as that of a process that died
                old.keep_tally(NOTHING)
                old.abandon()
            return opened

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
                self._writing = ""
                self._keep_tally()
                self._drained.notify_all()
        return True

    def abandon_session(self, delivered: int) -> None:
        """Give up a session whose files were deleted, of which the service has `delivered` records.

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
        session = self._session
        if session is None or session.is_failed:
            session = self.current_session()
        placed = session.append(record)
        if not self._terms.sync_each or self._is_synced(session):
            self._note_writable()
        self._notify()
        return placed

    def _is_synced(self, session: Session) -> bool:
        """Sync what was just written; where that fails, it stays in the spool, and the status says so."""
        try:
            session.sync(session.position)
        except SpoolError as error:
            self._note_unwritable(error)
            return False
        return True

    def _write_or_refuse(self, record: event.Record) -> Receipt:
        try:
            self._find_room()
            return _receipt(self._append(record))
        except (TallystickError, OSError) as error:
            self._note_unwritable(error)
            raise _refusal(error) from error

    def _find_room(self) -> None:
        if self._backlog and not self.drain():
            raise SpoolError(self._spool_error or "the spool is busy")
        room = self._terms.room
        if room is not None:
            room.check_spare()

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
        self._note_writable()
        self._notify()
        return _receipt(placed)

    def _drain(self) -> None:
        while self._backlog:
            self._begin_writing(self._backlog[0])
            self._append(self._backlog[0])
            self._backlog_bytes -= _size_bytes(self._backlog.popleft())
        for reason, count in (self._lost - self._lost_reported).items():
            lost = event.Draft("log.drop", {"drop.count": count, "drop.reason": reason})
            record = self._printer.print_record(lost, self._clock.now_us())
            self._begin_writing(record)
            self._append(record)
            self._lost_reported[reason] += count

    def _begin_writing(self, record: event.Record) -> None:
        """Note which record is about to stand in the spool: found there, it is owed no more."""
        self._writing = str(record.statement["n"])
        self._keep_tally()

    def _keep_tally(self) -> None:
        session = self._session
        if session is not None:
            owed = self._lost - self._lost_reported
            owed[WAITED] += len(self._backlog)
            session.keep_tally(Tally(+owed, self._writing))

    def _hold(self, record: event.Record) -> Receipt:
        size = _size_bytes(record)
        with self._backlog_lock:
            if not self._fits(size) and self._terms.when_full == BLOCK and not self._is_draining:
                self._notify()
                self._drained.wait_for(lambda: self._fits(size), self._terms.wait_s)
            if self._fits(size) and not self._is_closed:
                self._backlog.append(record)
                self._backlog_bytes += size
                self._keep_tally()
                self._notify()
                return NOT_SPOOLED
        full = AT_CAP if self._is_at_cap else BACKLOG_FULL
        self.count_lost(CLOSED if self._is_closed else full)
        return NOT_SPOOLED

    def _fits(self, size_bytes: int) -> bool:
        """Whether the backlog has room, or nothing is put into it any more."""
        has_room = self._backlog_bytes + size_bytes <= BACKLOG_BYTES
        return self._is_closed or (has_room and len(self._backlog) < BACKLOG_RECORDS)

    def _note_unwritable(self, error: Exception) -> None:
        if self._spool_error is None:
            _log.warning("tallystick: %s", error)
        self._spool_error = str(error)
        self._is_at_cap = isinstance(error, SpoolFullError)

    def _note_writable(self) -> None:
        if self._spool_error is not None:
            self._spool_error = None
            _log.warning("tallystick: the spool can be written again")


def _refusal(error: Exception) -> RefusedError:
    return RefusedError(
        f"the tool was not run: it could not be recorded, and spool_full is {REFUSE!r}: {error}"
    )


def _receipt(placed: Placed) -> Receipt:
    return Receipt(placed.session, placed.seq, placed.leaf_hash)


def _size_bytes(record: event.Record) -> int:
    return len(record.line) + sum(len(disclosure.line) for disclosure in record.disclosures)

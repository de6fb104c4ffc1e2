"""A session: one run of one process; its sequence, its key, its Merkle tree and its seals.

Thread-safe. Two locks, always taken in this order: the *seal lock* (one seal at a time, and no change of
segment while a file is synced) and the *append lock* (sequence, leaves and the spool's position). The
append lock is held for one `write`; the signature is made outside it. A sequence number is used only by a
frame that is in the spool.
"""

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from tallystick import event
from tallystick.errors import SpoolError
from tallystick.profile import encode
from tallystick.spool.files import Position, SessionLock, SpoolWriter
from tallystick.spool.frame import EVENT, SEAL, encode_frame
from tallystick.spool.room import Room
from tallystick.spool.tally import Tally, write_tally
from tallystick.tlog.note import NoteSign
from tallystick.tlog.seal import make_seal
from tallystick.tlog.tree import Frontier

UNPLACED: Final = "0" * 32
"""Session id of a record that was made before there was a session to put it in."""
Sync = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The key of one session, in memory alone, and the origin of the checkpoints that it signs."""

    origin: str
    public_key: bytes
    sign: NoteSign

    def __repr__(self) -> str:
        """Show the origin alone."""
        return f"SessionKey({self.origin!r})"


class Placed(NamedTuple):
    """Where a record stands."""

    session: str
    seq: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class _Tree:
    """The leaves of a session: those under the newest seal, and those that wait for the next."""

    frontier: Frontier
    sealed: int
    waiting: list[bytes]


@dataclass(slots=True)
class _Intent:
    """A frame that is being written, and what it changes: so that an interrupted call can be finished."""

    segment: int
    offset: int
    frame_bytes: int
    size_after: int
    change: _Tree | bytes


class Session:
    """One session, open from `open_session` to `close`."""

    def __init__(
        self,
        lock: SessionLock,
        writer: SpoolWriter,
        key: SessionKey,
        *,
        batch: int,
        room: Room | None = None,
        sync: Sync = os.fsync,
    ) -> None:
        """Take over a lock and a writer that holds no frame; `opening.open_session` does the rest.

        `room` is what records must find room in, None: no cap. `sync` is `os.fsync`, replaced in fault tests.
        """
        self.id = lock.session
        self.key = key
        self._lock = lock
        self._writer = writer
        self._batch = batch
        self._room = room
        self._sync = sync
        self._tree = _Tree(Frontier(), 0, [])
        self._intent: _Intent | None = None
        self._append_lock = (
            threading.RLock()
        )  # re-entrant to be asked for its owner, never entered twice
        self._seal_lock = threading.RLock()
        self._sealed_end = Position(0, 0)
        self._synced_end = Position(0, 0)
        self.is_closed = False
        self.is_failed = False
        """The disk refused to sync. What it holds of this session nobody can tell, so nothing is added to it."""

    @property
    def directory(self) -> Path:
        """The spool directory."""
        return self._writer.directory

    @property
    def size(self) -> int:
        """Number of leaves: the next sequence number."""
        tree = self._tree
        return tree.sealed + len(tree.waiting)

    @property
    def sealed_size(self) -> int:
        """Number of leaves under a seal."""
        return self._tree.sealed

    @property
    def waiting(self) -> int:
        """Number of leaves that wait for a seal."""
        return len(self._tree.waiting)

    @property
    def sealed_end(self) -> Position:
        """Where the newest seal ends: everything before it may be shipped."""
        return self._sealed_end

    @property
    def synced_end(self) -> Position:
        """Where the newest sync ends: everything before it outlives a power cut."""
        return self._synced_end

    @property
    def position(self) -> Position:
        """Where the next frame will stand."""
        return self._writer.position

    def append(
        self, record: event.Record, *, is_last: bool = False, may_exceed: bool = False
    ) -> Placed:
        """Give a record its place and write it. `session` and `seq` of its statement are set here.

        `may_exceed` is for our own records, which no cap keeps out. Raises SpoolError when it could not be
        written, SpoolFullError for want of room: then no sequence number was used.
        """
        _refuse_reentry(self._append_lock)
        placed, frame = self._place(record, self.size)
        with self._append_lock:
            self._finish_interrupted()
            if self.is_closed:
                raise SpoolError(f"session {self.id} is closed")
            size = self.size
            if placed.seq != size:
                placed, frame = self._place(record, size)
            if self._room is not None and not (is_last or may_exceed):
                self._room.check(len(frame))
            self._write(frame, size + 1, placed.leaf_hash)
            self.is_closed = is_last
        return placed

    def append_durably(self, record: event.Record) -> Placed:
        """Write a record and the seal that covers it, and sync both, before this returns.

        Raises SpoolError; the record may then stand in the spool, and is shipped as any other.
        """
        _refuse_reentry(self._seal_lock)
        with self._seal_lock:
            placed = self.append(record)
            while self.sealed_size <= placed.seq:
                self._seal_one()
            self._make_durable()
        return placed

    def seal(self) -> int:
        """Seal the leaves that wait, at most one batch of them; return how many. Raises SpoolError."""
        _refuse_reentry(self._seal_lock)
        with self._seal_lock:
            return self._seal_one()

    def sync(self, through: Position | None = None) -> None:
        """Make every frame so far durable; nothing when all before `through` is: one sync serves many threads.

        Raises SpoolError; after a sync that failed the session takes nothing more.
        """
        _refuse_reentry(self._seal_lock)
        with self._seal_lock:
            if through is None or self._synced_end < through:
                self._make_durable()

    def begin_segment(self) -> None:
        """Leave the current segment, so that it can be deleted once acknowledged. Raises SpoolError."""
        _refuse_reentry(self._seal_lock)
        _refuse_reentry(self._append_lock)
        with self._seal_lock, self._append_lock:
            self._finish_interrupted()
            self._writer.begin_segment()

    @property
    def is_deleted(self) -> bool:
        """Somebody deleted the spool from under this process: see `abandon`."""
        return self._writer.is_deleted

    def keep_tally(self, tally: Tally) -> None:
        """Note what no record states yet where a kill does not reach it; not at all once released."""
        fd = self._lock.fd
        if fd >= 0:
            with contextlib.suppress(OSError):  # the count in memory stands all the same
                write_tally(fd, tally)

    def abandon(self) -> int:
        """Take no more records and let go of the files, as a process that dies would; return the final size."""
        with self._seal_lock, self._append_lock:
            self.is_closed = True
            self.release()
            return self.size

    def release(self) -> None:
        """Close the files and give up the lock; the session can be adopted from now on."""
        self._writer.close()
        self._lock.release()

    def _place(self, record: event.Record, seq: int) -> tuple[Placed, bytes]:
        placed = place_record(record, self.id, seq)
        line = placed.line
        body = b"\n".join([line, *[d.line.encode() for d in placed.disclosures]])
        leaf_hash = hashlib.sha256(b"\x00" + line).digest()
        return Placed(self.id, seq, leaf_hash), encode_frame(EVENT, body)

    def _seal_one(self) -> int:
        self._settle()
        before, key = self._tree, self.key
        leaves = before.waiting[: self._batch]
        if not leaves:
            return 0
        body, frontier = make_seal(before.frontier, leaves, key.origin, key.sign, key.public_key)
        frame = encode_frame(SEAL, body.encode())
        _refuse_reentry(self._append_lock)
        with self._append_lock:
            self._finish_interrupted()
            after = _Tree(frontier, frontier.size, before.waiting[len(leaves) :])
            self._write(frame, self.size, after)
        return len(leaves)

    def _settle(self) -> None:
        """Finish what was interrupted, so that the tree is that of the spool."""
        _refuse_reentry(self._append_lock)
        with self._append_lock:
            self._finish_interrupted()

    def _write(self, frame: bytes, size_after: int, change: _Tree | bytes) -> None:
        """Write a frame, then make the change that it brings; no change when it cannot be written."""
        writer = self._writer
        if self.is_failed:
            raise SpoolError(f"session {self.id} has ended: the disk refused to sync it")
        writer.make_ready()
        intent = _Intent(writer.segment, writer.offset, len(frame), size_after, change)
        self._intent = intent
        try:
            writer.append(frame)
        except SpoolError:
            self._intent = None
            raise
        if self._room is not None:
            self._room.add(len(frame))
        self._take_over(intent)

    def _take_over(self, intent: _Intent) -> None:
        """Make the change. Doing it twice changes nothing more."""
        if isinstance(intent.change, _Tree):
            self._tree = intent.change
            self._sealed_end = self._writer.position
        elif self.size < intent.size_after:
            self._tree.waiting.append(intent.change)
        self._intent = None

    def _finish_interrupted(self) -> None:
        """After an exception from outside (a signal handler's) between a write and the change it brings."""
        intent = self._intent
        if intent is None:
            return
        if self._writer.resume(intent.segment, intent.offset, intent.frame_bytes):
            self._take_over(intent)
        self._intent = None

    def _make_durable(self) -> None:
        _refuse_reentry(self._append_lock)
        with self._append_lock:
            if self.is_failed:
                raise SpoolError(f"session {self.id} has ended: it could not be synced to disk")
            reached, unsynced = self._writer.position, self._writer.take_unsynced()
        try:
            for fd in unsynced:
                self._sync(fd)
            self._synced_end = reached
        except OSError as error:
            self.is_failed = True  # the pages count as clean now: a second fsync would lie
            raise SpoolError(
                f"session {self.id} cannot be synced to disk: {error.strerror or error}"
            ) from error
        finally:
            for fd in unsynced:
                os.close(fd)


def _refuse_reentry(lock: threading.RLock) -> None:
    """Refuse, instead of writing in the middle of a write, what a signal handler or a finaliser asks for."""
    if lock._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001 - as threading.Condition does
        raise SpoolError(
            "interrupted in the middle of a write and asked for another; it is tried later"
        )


def place_record(record: event.Record, session: str, seq: int) -> event.Record:
    """Return `record` as leaf `seq` of `session`; a heartbeat's and a close's `session.size` follow it."""
    known = record.statement
    if (
        known["seq"] == seq
        and known["session"] == session
        and known.get("session.size", seq) == seq
    ):
        return record
    statement = {**known, "session": session, "seq": seq}
    if "session.size" in statement:
        statement["session.size"] = seq
    return event.Record(encode(statement), statement, record.disclosures)

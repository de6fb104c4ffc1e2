"""A session: one run of one process; its sequence, its key, its Merkle tree and its seals.

Thread-safe. Two locks, always taken in this order: the *seal lock* (one seal at a time, and no change of
segment while a file is synced) and the *append lock* (sequence, leaves and the spool's position). The
append lock is held for one `write`; the signature is made outside it. A sequence number is used only by a
frame that is in the spool.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick import event
from tallystick.errors import SpoolError
from tallystick.frame import EVENT, SEAL, encode_frame
from tallystick.profile import encode
from tallystick.spool import Position, SessionLock, SpoolWriter
from tallystick.tlog.note import NoteSign
from tallystick.tlog.seal import make_seal
from tallystick.tlog.tree import Frontier

UNPLACED: Final = "0" * 32
"""Session id of a record that was made before there was a session to put it in."""
LOCK_TIMEOUT_S: Final = 30.0
"""Longer than any write takes: a thread that waits longer is told, not left hanging."""

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


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a record stands."""

    session: str
    seq: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class _Tree:
    """The leaves of a session: those under the newest seal, and those that wait for the next."""

    frontier: Frontier
    waiting: list[bytes]

    @property
    def size(self) -> int:
        return self.frontier.size + len(self.waiting)


@dataclass(frozen=True, slots=True)
class _Intent:
    """A frame that is being written, and what it changes: so that an interrupted call can be finished."""

    start: Position
    frame_bytes: int
    size_after: int
    change: _Tree | bytes


class _OwnedLock:
    """A lock that refuses, instead of hanging, when the thread that holds it asks again.

    A signal handler or a finaliser runs in the middle of whatever its thread was doing.
    """

    __slots__ = ("_lock", "_owner", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._owner = 0

    def __enter__(self) -> None:
        if self._owner == threading.get_ident():
            raise SpoolError(f"{self._what} was interrupted and asked for again; it is tried later")
        if not self._lock.acquire(timeout=LOCK_TIMEOUT_S):
            raise SpoolError(
                f"{self._what} has been busy for {LOCK_TIMEOUT_S:.0f} s; does the disk hang?"
            )
        self._owner = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._owner = 0
        self._lock.release()


class Session:
    """One session, open from `open_session` to `close`."""

    def __init__(
        self,
        lock: SessionLock,
        writer: SpoolWriter,
        key: SessionKey,
        *,
        batch: int,
        sync: Sync = os.fsync,
    ) -> None:
        """Take over a lock and a writer that holds no frame; `opening.open_session` does the rest.

        `sync` is `os.fsync`, replaced in fault tests.
        """
        self.id = lock.session
        self.key = key
        self._lock = lock
        self._writer = writer
        self._batch = batch
        self._sync = sync
        self._tree = _Tree(Frontier(), [])
        self._intent: _Intent | None = None
        self._append_lock = _OwnedLock("writing a record")
        self._seal_lock = _OwnedLock("sealing")
        self._sealed_end = Position(0, 0)
        self.is_closed = False

    @property
    def directory(self) -> Path:
        """The spool directory."""
        return self._writer.directory

    @property
    def size(self) -> int:
        """Number of leaves: the next sequence number."""
        return self._tree.size

    @property
    def sealed_size(self) -> int:
        """Number of leaves under a seal."""
        return self._tree.frontier.size

    @property
    def waiting(self) -> int:
        """Number of leaves that wait for a seal."""
        return len(self._tree.waiting)

    @property
    def sealed_end(self) -> Position:
        """Where the newest seal ends: everything before it may be shipped."""
        return self._sealed_end

    @property
    def position(self) -> Position:
        """Where the next frame will stand."""
        return self._writer.position

    def append(self, record: event.Record, *, is_last: bool = False) -> Placed:
        """Give a record its place and write it. `session` and `seq` of its statement are set here.

        Raises SpoolError when it could not be written: then no sequence number was used.
        """
        placed, frame = self._place(record, self.size)
        with self._append_lock:
            self._finish_interrupted()
            if self.is_closed:
                raise SpoolError(f"session {self.id} is closed")
            if placed.seq != self.size:
                placed, frame = self._place(record, self.size)
            self._write(frame, placed.leaf_hash)
            self.is_closed = is_last
        return placed

    def append_durably(self, record: event.Record) -> Placed:
        """Write a record and the seal that covers it, and sync both, before this returns.

        Raises SpoolError; the record may then stand in the spool, and is shipped as any other.
        """
        with self._seal_lock:
            placed = self.append(record)
            while self.sealed_size <= placed.seq:
                self._seal_one()
            self._make_durable()
        return placed

    def seal(self) -> int:
        """Seal the leaves that wait, at most one batch of them; return how many. Raises SpoolError."""
        with self._seal_lock:
            return self._seal_one()

    def sync(self) -> None:
        """Make every frame so far durable. Raises SpoolError."""
        with self._seal_lock:
            self._make_durable()

    def begin_segment(self) -> None:
        """Leave the current segment, so that it can be deleted once acknowledged. Raises SpoolError."""
        with self._seal_lock, self._append_lock:
            self._finish_interrupted()
            self._writer.begin_segment()

    def release(self) -> None:
        """Close the files and give up the lock; the session can be adopted from now on."""
        self._writer.close()
        self._lock.release()

    def _place(self, record: event.Record, seq: int) -> tuple[Placed, bytes]:
        placed = place_record(record, self.id, seq)
        body = b"\n".join([placed.line, *(d.line.encode() for d in placed.disclosures)])
        return Placed(self.id, seq, placed.leaf_hash), encode_frame(EVENT, body)

    def _seal_one(self) -> int:
        before = self._tree
        leaves = before.waiting[: self._batch]
        if not leaves:
            return 0
        body, after = make_seal(
            before.frontier, leaves, self.key.origin, self.key.sign, self.key.public_key
        )
        frame = encode_frame(SEAL, body.encode())
        with self._append_lock:
            self._finish_interrupted()
            self._write(frame, _Tree(after, before.waiting[len(leaves) :]))
        return len(leaves)

    def _write(self, frame: bytes, change: _Tree | bytes) -> None:
        """Write a frame, then make the change that it brings; no change when it cannot be written."""
        self._writer.make_ready()
        size_after = change.size if isinstance(change, _Tree) else self.size + 1
        self._intent = _Intent(self._writer.position, len(frame), size_after, change)
        try:
            self._writer.append(frame)
        except SpoolError:
            self._intent = None
            raise
        self._take_over(self._intent)

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
        if self._writer.resume(intent.start, intent.frame_bytes):
            self._take_over(intent)
        self._intent = None

    def _make_durable(self) -> None:
        with self._append_lock:
            unsynced = self._writer.take_unsynced()
        try:
            for fd in unsynced:
                self._sync(fd)
        except OSError as error:
            raise SpoolError(
                f"session {self.id} cannot be synced to disk: {error.strerror or error}"
            ) from error
        finally:
            for fd in unsynced:
                os.close(fd)


def place_record(record: event.Record, session: str, seq: int) -> event.Record:
    """Return `record` as leaf `seq` of `session`; a heartbeat's and a close's `session.size` follow it."""
    if record.statement["seq"] == seq and record.statement["session"] == session:
        return record
    statement = {**record.statement, "session": session, "seq": seq}
    if "session.size" in statement:
        statement["session.size"] = seq
    return event.Record(encode(statement), statement, record.disclosures)

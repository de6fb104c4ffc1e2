"""Recovery: what dead processes left in the spool, and what they wrote but could not seal.

A session is dead when nobody holds its lock. Whoever takes the lock adopts the session: its unsealed tail
is stated leaf by leaf in `session.recovered` records of the adopter's own session and sealed there, on
disk. Then the tail is shipped, and after it what states it: a log never holds the statement without the
tail. Only a session that the same identity key opened can be adopted so; the tail of any other is shipped
as it is, unsealed.
"""

import base64
import hashlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick import event
from tallystick.errors import VerificationError
from tallystick.shipping.log_request import statement_of
from tallystick.spool.files import (
    Position,
    SessionLock,
    read_segment,
    segment_path,
    segments,
    sessions,
)
from tallystick.spool.frame import EVENT, Frame
from tallystick.spool.outbox import BATCH_BYTES, Outbox
from tallystick.spool.rejected import Rejected
from tallystick.spool.tally import NOTHING, read_tally, write_tally
from tallystick.tlog.seal import parse_seal

MOST_ADOPTED: Final = 64
"""Sessions adopted at a time: each holds a descriptor."""
MAX_LEAVES: Final = 512
"""Leaves in one `session.recovered`: 24 KiB of line 1."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One unsealed leaf of a dead session."""

    seq: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class DeadSession:
    """A dead session that this process has taken: its lock, and what is left to ship."""

    lock: SessionLock
    outbox: Outbox
    emitter: tuple[str, str] | None
    """Name and key id of the identity key that opened it, None when that cannot be read."""
    tail: tuple[Leaf, ...]
    """Leaves that no seal covers, in order."""
    states: frozenset[str]
    """Sessions whose tails it had stated in turn."""
    lost: Mapping[str, int]
    """Records that it gave up or held in memory alone, by reason; none of its records states them."""

    @property
    def is_stated(self) -> bool:
        """Some session states its tail, so that the tail is shipped before that session."""
        return self.outbox.acked.recovered > 0

    @property
    def is_owed(self) -> bool:
        """Its tail is stated, and not yet delivered."""
        return self.is_stated and not self.outbox.is_done

    @property
    def needs(self) -> frozenset[str]:
        """Sessions that have to reach the service together with this one."""
        by = self.outbox.acked.stated_by
        return self.states | {by} if by else self.states


def take_dead_sessions(directory: Path) -> Generator[DeadSession]:
    """Take every session that no living process holds. Raises OSError."""
    for session in sessions(directory) if directory.is_dir() else ():
        lock = SessionLock.take(directory, session)
        if lock is not None:
            yield _examine(directory, lock)


def recovered_drafts(dead: DeadSession) -> Iterator[event.Draft]:
    """Return what states the tail as recovered: one draft for each run of at most MAX_LEAVES leaves."""
    run: list[Leaf] = []
    for leaf in dead.tail:
        if leaf.seq < dead.outbox.acked.recovered:
            continue
        if run and (leaf.seq != run[-1].seq + 1 or len(run) == MAX_LEAVES):
            yield _draft(dead, run)
            run = []
        run.append(leaf)
    if run:
        yield _draft(dead, run)


class Recovery:
    """The dead sessions that this process has adopted. For the shipping thread alone."""

    def __init__(
        self,
        directory: Path,
        rejected: Rejected,
        emitter: Callable[[], tuple[str, str]],
        state: Callable[[event.Draft], str],
    ) -> None:
        """Adopt what is in `directory`.

        `emitter` gives name and key id of our identity key; `state` records a draft in our own session and
        returns its id when a seal covers the record. Both may raise TallystickError or OSError: adoption is
        tried again.
        """
        self._directory = directory
        self._rejected = rejected
        self._emitter = emitter
        self._state = state
        self._adopted: list[DeadSession] = []
        self.finished = 0
        self.has_more = False
        """There may be more dead sessions than were taken."""
        self.must_return = False
        """Something could not be taken just now and may be in a moment."""
        self.error: str | None = None

    def adopt(self) -> None:
        """Take sessions that have died since, MOST_ADOPTED at a time, and state their tails.

        Raises TallystickError or OSError.
        """
        self.must_return = False
        if len(self._adopted) < MOST_ADOPTED and self._directory.is_dir():
            turn = SessionLock.take_adoption(self._directory)
            if turn is None:
                self.must_return = True
            else:
                with turn:
                    self._adopt_in_turn()
        self.error = None

    def _adopt_in_turn(self) -> None:
        found = take_dead_sessions(self._directory)
        taken = list(itertools.islice(found, MOST_ADOPTED - len(self._adopted)))
        found.close()
        self.has_more = len(self._adopted) + len(taken) >= MOST_ADOPTED
        try:
            if not self.has_more:
                taken = self._complete(taken)
            while taken:
                self._state_loss(taken[0])
                self._state_tail(taken[0])
                self._adopted.append(taken.pop(0))
        finally:
            for dead in taken:
                dead.lock.release()

    def _complete(self, taken: list[DeadSession]) -> list[DeadSession]:
        """Let go of sessions that need one that another process still holds: it may be dying as well."""
        present = set(sessions(self._directory))
        held = {dead.outbox.session for dead in (*self._adopted, *taken)}
        lacking = [dead for dead in taken if (dead.needs & present) - held]
        if not lacking:
            return taken
        self.must_return = True
        for dead in lacking:
            dead.lock.release()
        return self._complete([dead for dead in taken if dead not in lacking])

    def outboxes(self, own: Outbox | None = None) -> list[Outbox]:
        """Return what is to be shipped, in order: a tail before every session that may state it.

        `own` is the outbox of this process, which states the tails that it adopted.
        """
        order = _in_order(self._adopted)
        owed = max((i for i, dead in enumerate(order, 1) if dead.is_stated), default=0)
        outboxes = [dead.outbox for dead in order]
        return [*outboxes[:owed], *([own] if own else []), *outboxes[owed:]]

    def bound(self) -> list[DeadSession]:
        """Return, in order, the dead sessions whose tails and statements must arrive together."""
        order = _in_order(self._adopted)
        tails = {dead.outbox.session for dead in order if dead.is_owed}
        return [dead for dead in order if dead.is_owed or dead.states & tails]

    def sweep(self) -> bool:
        """Delete adopted sessions that are delivered; whether the next ones may be adopted. Raises OSError."""
        for dead in [one for one in self._adopted if one.outbox.is_done]:
            self._finish(dead)
        return self.has_more and len(self._adopted) < MOST_ADOPTED

    def note(self, error: Exception) -> None:
        """Note why the last attempt failed."""
        self.error = str(error)

    def release(self) -> None:
        """Let go of all locks: other processes may adopt the rest."""
        for dead in self._adopted:
            dead.lock.release()
        self._adopted = []

    def _state_loss(self, dead: DeadSession) -> None:
        """State what it lost; killed in between, the next adopter states the same again, of the same session."""
        for reason, count in dead.lost.items():
            stated = {"drop.count": count, "drop.reason": reason}
            self._state(event.Draft("log.drop", {**stated, "drop.session": dead.outbox.session}))
        if dead.lost:
            write_tally(dead.lock.fd, NOTHING)

    def _state_tail(self, dead: DeadSession) -> None:
        if not dead.tail or dead.emitter != self._emitter():
            return
        by = dead.outbox.acked.stated_by
        for draft in recovered_drafts(dead):
            by = self._state(draft)
        dead.outbox.note_recovered(dead.tail[-1].seq + 1, by)

    def _finish(self, dead: DeadSession) -> None:
        for segment in dead.outbox.damaged_segments:
            self._rejected.keep_segment(segment_path(self._directory, dead.outbox.session, segment))
        dead.outbox.remove()
        dead.lock.release()
        self._adopted.remove(dead)
        self.finished += 1


def _in_order(adopted: Iterable[DeadSession]) -> list[DeadSession]:
    """Put sessions whose tail is stated first, and each behind those whose tails it states."""
    first = sorted(adopted, key=lambda dead: not dead.is_stated)
    known = {dead.outbox.session: dead for dead in first}
    seen: set[str] = set()
    order: list[DeadSession] = []

    def place(session: str) -> None:
        if session in known and session not in seen:
            seen.add(session)
            for stated in sorted(known[session].states):
                place(stated)
            order.append(known[session])

    for session in known:
        place(session)
    return order


def _draft(dead: DeadSession, run: list[Leaf]) -> event.Draft:
    stated = {
        "recovered.session": dead.outbox.session,
        "recovered.first_seq": run[0].seq,
        "recovered.leaves": [base64.b64encode(leaf.leaf_hash).decode() for leaf in run],
    }
    return event.Draft("session.recovered", stated)


def _examine(directory: Path, lock: SessionLock) -> DeadSession:
    """Read a dead session once from its beginning; constant memory but for the tail's hashes."""
    emitter: tuple[str, str] | None = None
    sealed_size = 0
    leaves: list[Leaf] = []
    states: set[str] = set()
    tally = read_tally(lock.fd)
    for frame in _frames(directory, lock.session):
        if frame.kind == EVENT:
            statement = statement_of(frame)
            leaves.append(Leaf(statement["seq"], _leaf_hash(frame)))
            if statement["n"] == tally.next:
                tally = tally.without(statement)
            if statement["type"] == "session.open":
                emitter = (statement["emitter.name"], statement["emitter.key_id"])
            elif statement["type"] == "session.recovered":
                states.add(statement["recovered.session"])
        else:
            sealed_size = max(sealed_size, _sealed_size(frame))
            leaves = [leaf for leaf in leaves if leaf.seq >= sealed_size]
    tail = {leaf.seq: leaf for leaf in leaves}
    ordered = tuple(tail[seq] for seq in sorted(tail))
    outbox = Outbox(directory, lock.session)
    return DeadSession(lock, outbox, emitter, ordered, frozenset(states), tally.counts)


def _frames(directory: Path, session: str) -> Iterator[Frame]:
    for segment in segments(directory, session):
        at = Position(segment, 0)
        while True:
            reading = read_segment(directory, session, at, BATCH_BYTES)
            if not reading.frames:
                break
            yield from reading.frames
            at = Position(segment, reading.end)


def _leaf_hash(frame: Frame) -> bytes:
    return hashlib.sha256(b"\x00" + frame.payload.partition(b"\n")[0]).digest()


def _sealed_size(frame: Frame) -> int:
    try:
        return parse_seal(frame.payload.decode()).size
    except (VerificationError, UnicodeDecodeError):  # a seal that proves nothing covers nothing
        return 0

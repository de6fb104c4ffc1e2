"""A consignment: what of several sessions goes into one request, so that the log gets all of it or nothing.

The unsealed tail of a dead session and the record that states it as recovered lie in two sessions. Sent one
after the other, a log shows for a moment, or for as long as an adopter that dies in between is not adopted
itself, a tail that nobody vouches for. The service commits a request as a whole, so they share one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.shipping.log_request import statement_of
from tallystick.shipping.recovery import DeadSession
from tallystick.spool.frame import EVENT, SEAL, Frame
from tallystick.spool.outbox import Batch, Outbox

CONSIGNMENT_BYTES: Final = 16 * 1024 * 1024
"""Room for many tails: each is what its process wrote in the moment before it died."""
_STATES: Final = b'"session.recovered"'


@dataclass(frozen=True, slots=True)
class Part:
    """What one session gives to a consignment."""

    outbox: Outbox
    batch: Batch


def consign(
    bound: Sequence[DeadSession], own: Outbox | None, limit_bytes: int = CONSIGNMENT_BYTES
) -> tuple[Part, ...]:
    """Return what is to be sent in one request next, empty when nothing or too much is bound together.

    `bound` are dead sessions of which one at least has a stated tail, in the order of Recovery.bound. What
    does not touch a tail goes ahead by itself: sealed records of the dead, and our own records before the
    statement. Raises OSError.
    """
    parts: list[Part] = []
    left = limit_bytes
    for dead in bound:
        batch = dead.outbox.rest(left)
        if batch is None:
            return _sealed_part(bound)
        if not batch.frames:
            dead.outbox.next_batch()  # finds that nothing is left
            continue
        left -= _size_bytes(batch)
        parts.append(Part(dead.outbox, batch))
    tails = {dead.outbox.session for dead in bound if dead.is_owed}
    missing = tails - _stated(frame for part in parts for frame in part.batch.frames)
    batch = own.next_batch(left) if own is not None and missing else None
    if own is not None and batch is not None:
        if not missing & _stated(batch.frames):
            return (Part(own, batch),)
        parts.append(Part(own, batch))
    return tuple(parts)


def _sealed_part(bound: Sequence[DeadSession]) -> tuple[Part, ...]:
    """Return sealed records of a session that states nothing: they may go ahead of the tails."""
    for dead in bound:
        batch = None if dead.states else dead.outbox.next_batch()
        if batch is not None and batch.frames[-1].kind == SEAL:
            return (Part(dead.outbox, batch),)
    return ()


def _stated(frames: Iterable[Frame]) -> set[str]:
    """Return the sessions whose tails are stated in these frames."""
    statements = (
        statement_of(frame)
        for frame in frames
        if frame.kind == EVENT and _STATES in frame.payload.partition(b"\n")[0]
    )
    return {str(one["recovered.session"]) for one in statements if "recovered.session" in one}


def _size_bytes(batch: Batch) -> int:
    return sum(frame.end - frame.start for frame in batch.frames)

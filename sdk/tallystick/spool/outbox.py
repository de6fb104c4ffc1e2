"""The outbox: what of one session's spool the service does not have yet."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tallystick.spool.files import (
    Acked,
    Position,
    read_acked,
    read_segment,
    remove_session,
    segment_path,
    segments,
    write_acked,
)
from tallystick.spool.frame import EVENT, SEAL, Frame

BATCH_BYTES: Final = 4 * 1024 * 1024
"""Most of the spool that goes into one request, one record at least: far below the service's 64 MiB."""
OPENING_SEGMENT: Final = 0
"""The segment that holds `session.open` and its seal alone; kept until the session is over."""
OPENING_FRAMES: Final = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames in their order, and the position behind them."""

    frames: tuple[Frame, ...]
    end: Position


class Outbox:
    """Reads a session's segments from the acknowledged position on. For one thread at a time."""

    def __init__(
        self, directory: Path, session: str, limit: Callable[[], Position] | None = None
    ) -> None:
        """Ship up to `limit()`, the end of the newest seal of a living session.

        `limit` None: the session is dead, its files change no more, and all there is is shipped.
        Raises OSError for a dead session whose directory cannot be read.
        """
        self.session = session
        self.acked: Acked = read_acked(directory, session)
        self.acked_events = 0
        """Events of this outbox that were acknowledged while this process watched."""
        self.held_until_s = 0.0
        """On the monotonic clock: nothing of this session is sent before."""
        self.held_because = ""
        self.damaged_segments: set[int] = set()
        self._directory = directory
        self._limit = limit
        self._segments = [] if limit else segments(directory, session)
        self._next: Batch | None = None
        self.is_done = False
        """A dead session of which nothing is left to send."""

    def next_batch(self, limit_bytes: int = BATCH_BYTES) -> Batch | None:
        """Return what is to be sent next, up to a seal where there is one; None: nothing. Raises OSError."""
        if self._limit is not None:
            return self._living(self._limit(), limit_bytes)
        if self._next is None:
            self._next = self._first_of(self._segments, None, limit_bytes)
            self.is_done = self._next is None
        return self._next

    def rest(self, limit_bytes: int) -> Batch | None:
        """Return all that a dead session has left, None where that is more than `limit_bytes`. Raises OSError."""
        at = self.acked.position
        left = [number for number in self._segments if number >= at.segment]
        starts = [at if number == at.segment else Position(number, 0) for number in left]
        paths = [segment_path(self._directory, self.session, number) for number in left]
        if sum(path.stat().st_size for path in paths) - at.offset > limit_bytes:
            return None
        frames: list[Frame] = []
        for start in starts:
            reading = read_segment(self._directory, self.session, start, limit_bytes)
            if reading.ending == "damaged":
                self.damaged_segments.add(start.segment)
            frames += reading.frames
            at = Position(start.segment, reading.end) if reading.frames else at
        return Batch(tuple(frames), at)

    def opening(self) -> tuple[Frame, ...]:
        """Return `session.open` and its seal, for a service that does not know the session. Raises OSError."""
        try:
            reading = read_segment(
                self._directory, self.session, Position(OPENING_SEGMENT, 0), BATCH_BYTES
            )
        except FileNotFoundError:
            return ()
        return reading.frames[:OPENING_FRAMES]

    def acknowledge(self, batch: Batch) -> None:
        """Note that the service has this batch, and delete what is no longer needed. Raises OSError."""
        left = self.acked.position.segment
        self._next = None
        self.acked = replace(self.acked, position=batch.end)
        self.acked_events += [frame.kind for frame in batch.frames].count(EVENT)
        write_acked(self._directory, self.session, self.acked)
        for segment in range(max(left, OPENING_SEGMENT + 1), batch.end.segment):
            if segment not in self.damaged_segments:
                segment_path(self._directory, self.session, segment).unlink(missing_ok=True)

    def note_recovered(self, size: int, stated_by: str) -> None:
        """Note that leaves below `size` are stated as recovered, in a session. Raises OSError."""
        self.acked = replace(self.acked, recovered=size, stated_by=stated_by)
        write_acked(self._directory, self.session, self.acked)

    def remove(self) -> None:
        """Delete all files: the session is over and the service has everything. Raises OSError."""
        remove_session(self._directory, self.session)

    def _living(self, limit: Position, limit_bytes: int) -> Batch | None:
        if self.acked.position >= limit:
            return None
        numbers = range(self.acked.position.segment, limit.segment + 1)
        return self._first_of(numbers, limit, limit_bytes)

    def _first_of(
        self, numbers: Iterable[int], limit: Position | None, limit_bytes: int
    ) -> Batch | None:
        at = self.acked.position
        for segment in numbers:
            if segment < at.segment:
                continue
            start = at if segment == at.segment else Position(segment, 0)
            end = limit.offset if limit is not None and segment == limit.segment else None
            frames = self._read(start, end, limit_bytes)
            if frames:
                return Batch(frames, Position(segment, frames[-1].end))
        return None

    def _read(self, start: Position, end: int | None, limit_bytes: int) -> tuple[Frame, ...]:
        reading = read_segment(self._directory, self.session, start, limit_bytes, end)
        if reading.ending == "damaged" and not reading.frames:
            self.damaged_segments.add(start.segment)
        through = len(reading.frames)
        while through and reading.frames[through - 1].kind != SEAL:
            through -= 1
        return reading.frames[:through] or reading.frames

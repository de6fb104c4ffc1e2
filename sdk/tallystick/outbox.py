"""The outbox: what of one session's spool the service does not have yet."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tallystick.frame import EVENT, SEAL, Frame
from tallystick.spool import (
    Acked,
    Position,
    read_acked,
    read_segment,
    remove_session,
    segment_path,
    segments,
    write_acked,
)

BATCH_BYTES: Final = 4 * 1024 * 1024
"""Most of the spool that goes into one request, one record at least: far below the service's 64 MiB."""
OPENING_SEGMENT: Final = 0
"""The segment that holds `session.open` and its seal alone; kept until the session is over."""


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
        """Ship up to `limit()`, the end of the newest seal of a living session; None: all there is."""
        self.session = session
        self.acked: Acked = read_acked(directory, session)
        self.acked_events = 0
        """Events of this outbox that were acknowledged while this process watched."""
        self.damaged_segments: dict[int, str] = {}
        self._directory = directory
        self._limit = limit

    def next_batch(self, limit_bytes: int = BATCH_BYTES) -> Batch | None:
        """Return what is to be sent next, up to a seal where there is one; None: nothing. Raises OSError."""
        limit = self._limit() if self._limit else None
        at = self.acked.position
        for segment in segments(self._directory, self.session):
            if segment < at.segment or (limit is not None and segment > limit.segment):
                continue
            start = at if segment == at.segment else Position(segment, 0)
            end = limit.offset if limit is not None and segment == limit.segment else None
            frames = self._read(start, end, limit_bytes)
            if frames:
                return Batch(frames, Position(segment, frames[-1].end))
        return None

    def opening(self) -> tuple[Frame, ...]:
        """Return `session.open` and its seal, for a service that does not know the session. Raises OSError."""
        if OPENING_SEGMENT not in segments(self._directory, self.session):
            return ()
        return read_segment(self._directory, self.session, Position(0, 0), BATCH_BYTES).frames[:2]

    def acknowledge(self, batch: Batch) -> None:
        """Note that the service has this batch, and delete what is no longer needed. Raises OSError."""
        end = batch.end
        self.acked = replace(self.acked, position=end)
        self.acked_events += sum(frame.kind == EVENT for frame in batch.frames)
        write_acked(self._directory, self.session, self.acked)
        for segment in segments(self._directory, self.session):
            if OPENING_SEGMENT < segment < end.segment and segment not in self.damaged_segments:
                segment_path(self._directory, self.session, segment).unlink()

    def note_recovered(self, size: int) -> None:
        """Note that leaves below `size` are stated as recovered. Raises OSError."""
        self.acked = replace(self.acked, recovered=size)
        write_acked(self._directory, self.session, self.acked)

    def remove(self) -> None:
        """Delete all files: the session is over and the service has everything. Raises OSError."""
        remove_session(self._directory, self.session)

    def _read(self, start: Position, end: int | None, limit_bytes: int) -> tuple[Frame, ...]:
        reading = read_segment(self._directory, self.session, start, limit_bytes, end)
        if reading.ending == "damaged" and not reading.frames:
            self.damaged_segments[start.segment] = f"damaged at byte {reading.end}"
        last_seal = max((i for i, f in enumerate(reading.frames) if f.kind == SEAL), default=-1)
        return reading.frames[: last_seal + 1] or reading.frames

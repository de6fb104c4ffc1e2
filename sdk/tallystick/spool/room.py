"""Room: how many bytes the spool may hold, and about how many it does.

The cap is for the whole directory, which processes of one home share. What this process writes is counted
at once, what others write or delete is measured by the background, once a second at most: so processes
side by side can go over the cap together by what they write in a second. Seals, heartbeats and statements
of loss are counted and never refused: a spool at its cap still grows by some kilobytes a minute.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from tallystick.clock import Clock
from tallystick.errors import SpoolFullError

BLOBS: Final = "blobs"
"""Directory of large values, below that of the spool; it counts."""
MEASURE_EVERY_S: Final = 1.0
MEASURE_WHEN_FULL_S: Final = 0.1
_SPARE: Final = 16
"""One part in so many of the cap is kept for what has begun: refusals begin before losses do."""


class Room:
    """The bytes of one spool directory. Safe for threads: a race miscounts a record until the next measure."""

    def __init__(self, directory: Path, max_bytes: int, clock: Clock) -> None:
        """Look at the directory when first asked."""
        self.max_bytes = max_bytes
        self._directory = directory
        self._clock = clock
        self._measured_s = float("-inf")
        self.used_bytes = 0

    def add(self, size_bytes: int) -> None:
        """Count bytes that were written."""
        self.used_bytes += size_bytes

    def check(self, size_bytes: int) -> None:
        """Raise SpoolFullError where the cap leaves no room for so many bytes."""
        if self.used_bytes + size_bytes <= self.max_bytes:
            return
        self.refresh(MEASURE_WHEN_FULL_S)
        if self.used_bytes + size_bytes > self.max_bytes:
            raise SpoolFullError(
                f"spool {self._directory} holds {self.used_bytes} of {self.max_bytes} bytes "
                "(setting spool_max_bytes) until the service takes some; see `tallystick doctor`"
            )

    def check_spare(self) -> None:
        """Raise SpoolFullError when the cap is so near that nothing new should begin."""
        self.check(self.max_bytes // _SPARE)

    def refresh(self, every_s: float = MEASURE_EVERY_S) -> None:
        """Measure the directory, unless that was done just now."""
        now_s = self._clock.monotonic_s()
        if now_s - self._measured_s >= every_s:
            self._measured_s = now_s
            self.used_bytes = _size_bytes(self._directory) + _size_bytes(self._directory / BLOBS)


def _size_bytes(directory: Path) -> int:
    total = 0
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # deleted meanwhile
                total += entry.stat().st_size if entry.is_file(follow_symlinks=False) else 0
    return total

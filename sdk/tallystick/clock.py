"""Time as the SDK sees it: what it writes down, and what it measures waits with."""

import time
from typing import Protocol


class Clock(Protocol):
    """Both readings of one clock; `tallystick.testing.FakeClock` is the other implementation."""

    def now_us(self) -> int:
        """Return the wall clock, microseconds since 1970-01-01T00:00:00Z."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never steps back."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now_us(self) -> int:
        """Return the wall clock in microseconds."""
        return time.time_ns() // 1000

    def monotonic_s(self) -> float:
        """Return the monotonic clock in seconds."""
        return time.monotonic()

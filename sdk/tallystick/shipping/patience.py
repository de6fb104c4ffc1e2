"""Patience: how long to wait before a service that failed is tried again."""

from collections.abc import Callable
from typing import Final

from tallystick.clock import Clock
from tallystick.errors import ShipError
from tallystick.shipping.shipment import HeldError, RetryLaterError

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
HELD_PAUSE_S: Final = 30.0
"""Where somebody has to change something first, asking often helps nobody."""

_MOST_DOUBLINGS: Final = 16


class Patience:
    """Counts failures in a row and keeps the time before which nothing is tried."""

    def __init__(self, clock: Clock, random: Callable[[], float]) -> None:
        """Begin without a pause. `random` gives numbers in [0, 1): emitters must not return together."""
        self.clock = clock
        self._random = random
        self._not_before_s = 0.0
        self._is_asked = False
        self.failures = 0
        """Failures since the last success."""

    @property
    def pause_s(self) -> float:
        """Seconds that are still to be waited; zero or less when it may be tried."""
        return self._not_before_s - self.clock.monotonic_s()

    def succeed(self) -> None:
        """Begin anew."""
        self.failures = 0
        self._is_asked = False

    def resume(self) -> None:
        """Wait no longer, unless the service itself asked for it."""
        if not self._is_asked:
            self._not_before_s = 0.0

    def fail(self, error: Exception) -> float:
        """Wait as the service asked, else half a minute or, where it is away, ever longer; return how long."""
        asked_s = error.after_s if isinstance(error, RetryLaterError) else None
        self._is_asked = asked_s is not None
        pause_s = self._own_pause_s(error) if asked_s is None else asked_s
        self.failures += 1
        self._not_before_s = self.clock.monotonic_s() + pause_s
        return pause_s

    def _own_pause_s(self, error: Exception) -> float:
        spread = 0.5 + self._random() / 2
        if isinstance(error, HeldError) or not isinstance(error, ShipError):
            return HELD_PAUSE_S * spread
        doubled_s = FIRST_PAUSE_S * 2.0 ** min(self.failures, _MOST_DOUBLINGS)
        return min(doubled_s, LONGEST_PAUSE_S) * spread

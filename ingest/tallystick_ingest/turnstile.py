"""A turnstile: how many of something one caller, and everybody together, may have at one time."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tallystick.errors import TallystickError


class NoRoomError(TallystickError):
    """The caller, or everybody together, has as many as there may be."""


class Turnstile:
    """Counts what is open. Safe to use from several threads."""

    def __init__(self, what: str, of_one: int, of_all: int) -> None:
        """Let `of_one` of each caller through, and `of_all` in all; `what` they are, in the plural."""
        self._what = what
        self._of_one, self._of_all = of_one, of_all
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many are open."""
        return self._open.total()

    @contextmanager
    def turn(self, caller_id: str) -> Iterator[None]:
        """Hold a place. Raises NoRoomError when there is none."""
        with self._lock:
            self._require_room(caller_id)
            self._open[caller_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[caller_id] -= 1
                if not self._open[caller_id]:
                    del self._open[caller_id]

    def require_room(self, caller_id: str) -> None:
        """Raise NoRoomError unless there is a place now."""
        with self._lock:
            self._require_room(caller_id)

    def _require_room(self, caller_id: str) -> None:
        if self._open[caller_id] >= self._of_one or self._open.total() >= self._of_all:
            raise NoRoomError(
                f"at most {self._of_one} {self._what} of one caller, and {self._of_all} in all, at one"
                " time: wait until one has ended"
            )

"""How often somebody may ask: a bucket of tokens each, in bounded memory.

Ours rather than a library's: those for Python keep counters by the window, and a thread to forget them.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

from tallystick.errors import AdmissionError

BURST_S: Final = 5
"""What nobody asked for so many seconds may be asked for at once."""
MAX_BUCKETS: Final = 10_000
"""Those that are longest unused are forgotten, which is to say: full."""
FREE_LOGINS: Final = 30
LOGINS_PER_S: Final = 0.5
"""Of one address: thirty attempts at once, one more every two seconds."""
FREE_GUESSES: Final = 60
GUESSES_PER_S: Final = 1.0
"""Credentials of one address that are none: sixty at once, one more a second. Those that are good pass."""


class TooManyRequestsError(AdmissionError):
    """Somebody asks too often: 429."""

    def __init__(self, what: str, wait_s: float) -> None:
        """Say what there is too much of, and how long to wait, in seconds."""
        self.wait_s = max(1, ceil(wait_s))
        super().__init__(f"{what}: try again in {self.wait_s} s")


class Buckets:
    """One bucket for each name. Safe to use from several threads."""

    def __init__(self, per_s: float, size: float, monotonic_s: Callable[[], float]) -> None:
        """Refill each by `per_s` tokens a second up to `size`; with `per_s` 0 nothing is limited."""
        self._per_s = per_s
        self._size = size
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Take a token of this name; return 0, or in how many seconds there is one again."""
        if not self._per_s:
            return 0.0
        now_s = self._monotonic_s()
        with self._lock:
            left, since_s = self._left.pop(name, (self._size, now_s))
            left = min(self._size, left + (now_s - since_s) * self._per_s)
            is_taken = left >= 1
            self._left[name] = (left - 1 if is_taken else left, now_s)
            while len(self._left) > MAX_BUCKETS:
                self._left.popitem(last=False)
        return 0.0 if is_taken else (1 - left) / self._per_s


class RateLimits:
    """The limits of one service."""

    def __init__(
        self, requests_per_s: int, questions_per_s: int, monotonic_s: Callable[[], float]
    ) -> None:
        """Allow each sender so many OTLP requests, and each caller so many questions, a second; 0: any number."""
        self._requests = Buckets(requests_per_s, requests_per_s * BURST_S, monotonic_s)
        self._questions = Buckets(questions_per_s, questions_per_s * BURST_S, monotonic_s)
        self._logins = Buckets(LOGINS_PER_S, FREE_LOGINS, monotonic_s)
        self._guesses = Buckets(GUESSES_PER_S, FREE_GUESSES, monotonic_s)

    def is_request_due(self, sender: str) -> bool:
        """Whether a sender may send one more OTLP request now; it may within a second otherwise."""
        return not self._requests.take(sender)

    def require_question(self, caller: str) -> None:
        """Raise TooManyRequestsError when a caller asks too often."""
        _require(self._questions, caller, "too many requests with this credential")

    def require_login(self, address: str) -> None:
        """Raise TooManyRequestsError when too many log-ins come from an address."""
        _require(self._logins, address, "too many log-ins from this address")

    def require_guess(self, address: str) -> None:
        """Count a credential that is none; raise TooManyRequestsError when an address shows too many."""
        _require(self._guesses, address, "too many credentials from this address that are none")


def _require(buckets: Buckets, name: str, what: str) -> None:
    wait_s = buckets.take(name)
    if wait_s:
        raise TooManyRequestsError(what, wait_s)

"""How often somebody may ask: a bucket of tokens each, in bounded memory.

Ours rather than a library's: those for Python keep counters by the window, and a thread to forget them.
"""

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

from tallystick.errors import AdmissionError, AuthorizationError, ConfigError

BURST_S: Final = 5
"""What nobody asked for so many seconds may be asked for at once."""
MAX_BUCKETS: Final = 10_000
"""Those that are longest unused are forgotten, which is to say: full."""
MAX_RATE: Final = 1_000_000
"""A second, of one caller: more than any machine answers."""
HOST_BITS: Final = 64
"""Of an address of IPv6, those that its holder chooses freely (RFC 4291, section 2.5.4): not counted apart."""
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


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """How often one caller may ask, a second. 0: any number; None: as the service's settings say."""

    requests_per_s: int | None = None
    questions_per_s: int | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError for what is no rate."""
        for rate in (self.requests_per_s, self.questions_per_s):
            if rate is not None and (type(rate) is not int or not 0 <= rate <= MAX_RATE):
                raise ConfigError(f"a limit is a whole number from 0 to {MAX_RATE} a second")


AS_SET: Final = CallerLimits()
"""The service's settings hold."""


class Buckets:
    """One bucket for each name; one that is full again is forgotten. Safe to use from several threads."""

    def __init__(self, per_s: float, burst_s: float, monotonic_s: Callable[[], float]) -> None:
        """Refill each by `per_s` tokens a second, up to those of `burst_s`; with `per_s` 0 nothing is limited."""
        self.per_s = per_s
        self._burst_s = burst_s
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """How many names are remembered."""
        return len(self._left)

    def take(self, name: str, own_per_s: float | None = None) -> float:
        """Take a token of this name, at a rate of its own where it has one.

        Return 0, or in how many seconds there is a token again.
        """
        per_s = self.per_s if own_per_s is None else own_per_s
        if not per_s:
            return 0.0
        now_s, size = self._monotonic_s(), per_s * self._burst_s
        with self._lock:
            left, since_s = self._left.pop(name, (size, now_s))
            left = min(size, left + (now_s - since_s) * per_s)
            is_taken = left >= 1
            self._left[name] = (left - 1 if is_taken else left, now_s)
            self._forget(now_s)
        return 0.0 if is_taken else (1 - left) / per_s

    def is_empty(self, name: str) -> bool:
        """Whether this name had no token left when it last asked."""
        with self._lock:
            left, _ = self._left.get(name, (1.0, 0.0))
        return left < 1

    def _forget(self, now_s: float) -> None:
        """Forget those that are full again, and the longest unused of more than MAX_BUCKETS."""
        while len(self._left) > MAX_BUCKETS or self._oldest_s() <= now_s - self._burst_s:
            self._left.popitem(last=False)

    def _oldest_s(self) -> float:
        _, since_s = next(iter(self._left.values()))
        return since_s


class RateLimits:
    """The limits of one service."""

    def __init__(
        self, requests_per_s: int, questions_per_s: int, monotonic_s: Callable[[], float]
    ) -> None:
        """Allow each sender so many OTLP requests, and each caller so many questions, a second; 0: any number."""
        self._requests = Buckets(requests_per_s, BURST_S, monotonic_s)
        self._questions = Buckets(questions_per_s, BURST_S, monotonic_s)
        self._logins = Buckets(LOGINS_PER_S, FREE_LOGINS / LOGINS_PER_S, monotonic_s)
        self._guesses = Buckets(GUESSES_PER_S, FREE_GUESSES / GUESSES_PER_S, monotonic_s)

    def is_request_due(self, sender: str, limits: CallerLimits = AS_SET) -> bool:
        """Whether a sender may send one more OTLP request now; it may within a second otherwise."""
        return not self._requests.take(sender, limits.requests_per_s)

    def require_question(self, caller: str, limits: CallerLimits = AS_SET) -> None:
        """Raise TooManyRequestsError when a caller asks too often."""
        wait_s = self._questions.take(caller, limits.questions_per_s)
        _require(wait_s, "too many requests with this credential")

    def require_login(self, address: str) -> None:
        """Raise TooManyRequestsError when too many log-ins come from an address."""
        _require(self._logins.take(counted_as(address)), "too many log-ins from this address")

    def require_guess(self, address: str) -> None:
        """Count a credential that is none; raise TooManyRequestsError when an address shows too many."""
        wait_s = self._guesses.take(counted_as(address))
        _require(wait_s, "too many credentials from this address that are none")

    def require_grantable(self, wanted: CallerLimits, own: CallerLimits) -> None:
        """Raise AuthorizationError for limits above those of whoever gives them."""
        pairs = (
            (wanted.requests_per_s, own.requests_per_s, self._requests.per_s),
            (wanted.questions_per_s, own.questions_per_s, self._questions.per_s),
        )
        for asked, mine, set_per_s in pairs:
            given = set_per_s if asked is None else asked
            most = set_per_s if mine is None else mine
            if most and (not given or given > most):
                raise AuthorizationError(
                    f"only an administrator gives a limit above {most:g} a second, the caller's own"
                )


def counted_as(address: str) -> str:
    """Return the name under which an address is counted: an IPv6 one by the network that its holder has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4 or found.ipv4_mapped is not None:  # noqa: PLR2004 - IPv4
        return address
    return str(ipaddress.ip_network((found, HOST_BITS), strict=False))


def _require(wait_s: float, what: str) -> None:
    if wait_s:
        raise TooManyRequestsError(what, wait_s)

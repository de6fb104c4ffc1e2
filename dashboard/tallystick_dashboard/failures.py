"""Failed log-ins by address: how many there may be before one has to wait, in bounded memory.

The service slows log-ins by address, and sees that of the dashboard alone for everybody who comes through it, unless it
trusts the dashboard as a proxy (client.py). The address is a proxy's own unless the dashboard trusts it.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

FREE_FAILURES: Final = 30
FAILURES_PER_S: Final = 0.5
"""Of one address, as the service counts: thirty at once, one more every two seconds."""
MAX_ADDRESSES: Final = 10_000
"""Those whose last failure is the oldest are forgotten."""
HOST_BITS: Final = 64
"""Of an address of IPv6, those that its holder chooses freely (RFC 4291, section 2.5.4): not counted apart."""


class Failures:
    """Counts failures, which are forgotten with time. Used from one event loop."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Know of no failure yet."""
        self._clock_s = clock_s
        self._counts: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Return in how many seconds an address may try again; 0: now."""
        return max(
            0, ceil((self._count(_counted_as(address)) + 1 - FREE_FAILURES) / FAILURES_PER_S)
        )

    def refusal(self, address: str) -> str | None:
        """Return what to tell an address that has to wait; None where it need not."""
        wait_s = self.wait_s(address)
        return (
            f"Too many log-ins from your address failed: try again in {wait_s} s"
            if wait_s
            else None
        )

    def note(self, address: str) -> None:
        """Count one more failure of an address."""
        name = _counted_as(address)
        self._counts[name] = (self._count(name) + 1, self._clock_s())
        self._counts.move_to_end(name)
        while len(self._counts) > MAX_ADDRESSES:
            self._counts.popitem(last=False)

    def _count(self, name: str) -> float:
        now_s = self._clock_s()
        count, since_s = self._counts.get(name, (0.0, now_s))
        return max(0.0, count - (now_s - since_s) * FAILURES_PER_S)


def _counted_as(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address) or found.ipv4_mapped is not None:
        return address
    return str(ipaddress.ip_network((found, HOST_BITS), strict=False))

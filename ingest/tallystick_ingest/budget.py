"""The room for bytes of requests in progress: shared by all senders, and none of them takes more than half."""

import threading
from collections import Counter

from tallystick_ingest.otlp.incoming import BusyError


class Budget:
    """Bytes in progress. Safe to use from several threads."""

    def __init__(self, limit_bytes: int) -> None:
        """Allow `limit_bytes` at one time, half of it to one sender; one request alone may always pass."""
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._held_bytes = 0
        self._held_by: Counter[str] = Counter()

    def claim(self, sender: str) -> "_Claim":
        """Return the claim of one request, which holds nothing yet."""
        return _Claim(self, sender)

    @property
    def held_bytes(self) -> int:
        """Bytes that are counted in now."""
        return self._held_bytes

    def reserve(self, sender: str, own_bytes: int, size_bytes: int) -> None:
        """Count more bytes in for a request that holds `own_bytes`; raise BusyError when others hold too many."""
        with self._lock:
            all_bytes, of_sender = self._held_bytes, self._held_by[sender]
            is_full = all_bytes > own_bytes and all_bytes + size_bytes > self._limit_bytes
            is_greedy = of_sender > own_bytes and (of_sender + size_bytes) * 2 > self._limit_bytes
            if is_full or is_greedy:
                raise BusyError("too many requests are in progress: send this one again")
            self._held_bytes += size_bytes
            self._held_by[sender] += size_bytes

    def release(self, sender: str, size_bytes: int) -> None:
        """Count bytes out."""
        with self._lock:
            self._held_bytes -= size_bytes
            self._held_by[sender] -= size_bytes
            if not self._held_by[sender]:
                del self._held_by[sender]


class _Claim:
    """Implements `otlp.incoming.Claim`."""

    def __init__(self, budget: Budget, sender: str) -> None:
        self._budget = budget
        self._sender = sender
        self._held_bytes = 0

    def grow(self, size_bytes: int) -> None:
        """Hold more; raise BusyError when others hold too much."""
        self._budget.reserve(self._sender, self._held_bytes, size_bytes)
        self._held_bytes += size_bytes

    def release(self) -> None:
        """Hold nothing any longer."""
        self._budget.release(self._sender, self._held_bytes)
        self._held_bytes = 0

"""Requests that nobody vouched for: counted in memory, and recorded together once a minute.

One record for each of them would let anybody without a key fill the log.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

KNOWN_PATHS: Final = ("/v1/logs", "/v1/traces", "/v1/metrics", "/api/v1", "/admin")
OTHER_PATH: Final = "other"


class AnonymousRefusals:
    """Counts by address and reason. Safe to use from several threads."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}

    def add(self, path: str, reason: str) -> None:
        """Count one request; addresses that are not ours are counted together."""
        known = next((one for one in KNOWN_PATHS if path.startswith(one)), OTHER_PATH)
        with self._lock:
            self._counts.setdefault(known, Counter())[reason] += 1

    def take(self) -> Mapping[str, Mapping[str, int]]:
        """Return what was counted since the last time, by address, and start again."""
        with self._lock:
            taken, self._counts = self._counts, {}
        return taken

    def give_back(self, taken: Mapping[str, Mapping[str, int]]) -> None:
        """Count again what could not be recorded."""
        with self._lock:
            for path, counts in taken.items():
                self._counts.setdefault(path, Counter()).update(counts)

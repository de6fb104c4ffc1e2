"""Who read what: one record for each action of a user, written before the answer goes out.

The same caller asking the same again within a minute is one action: the first answer is recorded at
once, the repetitions are counted and recorded together when the minute is over, with the rows of all.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tallystick.clock import Clock
from tallystick.profile import encode
from tallystick_ingest.drafts import Access, Drafts
from tallystick_ingest.prepared import Prepared

FOLD_WINDOW_S: Final = 60.0
MAX_OPEN: Final = 10_000
"""Queries that are counted at one time; beyond, each access is recorded by itself."""


@dataclass(slots=True)
class _Open:
    """A query that was recorded, how often it was repeated since, and what that gave out."""

    access: Access
    since_s: float
    repeated: int = 0
    rows: int = 0

    def repeat(self, times: int, rows: int) -> None:
        """Count repetitions."""
        self.repeated += times
        self.rows += rows


class AccessBook:
    """Records accesses through `state`, which returns once its drafts are durable, or raises.

    Safe to use from several threads; `state` is called without a lock held.
    """

    def __init__(
        self, drafts: Drafts, clock: Clock, state: Callable[[Sequence[Prepared]], None]
    ) -> None:
        """Start with no query open."""
        self._drafts = drafts
        self._clock = clock
        self._state = state
        self._lock = threading.Lock()
        self._open: dict[bytes, _Open] = {}

    def record(self, access: Access) -> None:
        """Make sure that an access is recorded or counted; when this raises, do not answer."""
        key, now_s = _key(access), self._clock.monotonic_s()
        with self._lock:
            known = self._open.get(key)
            if known is not None and now_s - known.since_s < FOLD_WINDOW_S:
                known.repeat(1, access.rows)
                return
        self._end([key], [self._drafts.access(access, 1)])
        with self._lock:
            if len(self._open) < MAX_OPEN:
                self._open.setdefault(key, _Open(access, now_s))

    def sweep(self, *, everything: bool = False) -> None:
        """Record the repetitions of every query whose minute is over."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            over = [
                key
                for key, one in self._open.items()
                if everything or now_s - one.since_s >= FOLD_WINDOW_S
            ]
        self._end(over, [])

    def _end(self, keys: Sequence[bytes], further: Sequence[Prepared]) -> None:
        """Record what was counted under `keys`, and `further`; count on where that fails."""
        with self._lock:
            ended = {key: self._open.pop(key) for key in keys if key in self._open}
        repeated = [one for one in ended.values() if one.repeated]
        drafts = [
            self._drafts.access(replace(one.access, rows=one.rows), one.repeated)
            for one in repeated
        ]
        try:
            if drafts or further:
                self._state([*drafts, *further])
        except Exception:
            with self._lock:
                for key, one in ended.items():
                    again = self._open.setdefault(key, _Open(one.access, one.since_s))
                    again.repeat(one.repeated, one.rows)
            raise


def _key(access: Access) -> bytes:
    return encode([access.caller.id, access.type, access.target, dict(access.query), access.reason])

"""Which refusals get a record of their own, and the counts of the others, recorded once a minute.

A sender's refusals are recorded one by one, in the commit of what was kept beside them, as long as they are
few: RECORDED_AT_ONCE for each address, and one more each minute. Those beyond, and all of requests that nobody
vouched for, are counted in memory: one record for each would let anybody fill the log.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from tallystick.clock import Clock
from tallystick_ingest.admission import Origin
from tallystick_ingest.auth.limits import Buckets
from tallystick_ingest.drafts import Drafts
from tallystick_ingest.prepared import Prepared
from tallystick_ingest.verdict import Refusal, counts

KNOWN_PATHS: Final = ("/v1/logs", "/v1/traces", "/v1/metrics", "/api/v1", "/admin")
OTHER_PATH: Final = "other"
ANONYMOUS: Final = "anonymous"
RECORDED_AT_ONCE: Final = 60
"""Ours: a program that is wrong now and then is told of one by one, with the digest of what it sent."""
REFILL_S: Final = 60.0

Counts = Mapping[tuple[str, str], Mapping[str, int]]
"""(sender, address) -> reason -> how often."""


class Refusals:
    """Decides and counts. Safe to use from several threads."""

    def __init__(self, drafts: Drafts, clock: Clock) -> None:
        """Start with nothing counted."""
        self._drafts = drafts
        self._lock = threading.Lock()
        self._allowances = Buckets(1 / REFILL_S, RECORDED_AT_ONCE * REFILL_S, clock.monotonic_s)
        self._counts: dict[tuple[str, str], Counter[str]] = {}

    @property
    def remembered(self) -> int:
        """Of how many senders and addresses it is known what they were refused."""
        return len(self._allowances)

    def draft(self, origin: Origin, refusals: Sequence[Refusal]) -> Prepared | None:
        """Return the record of what was refused of one request; None when it was counted instead."""
        if not self._allowances.take(_place(origin.sender, origin.path)):
            return self._drafts.reject(origin, refusals)
        with self._lock:
            key = (origin.sender, _known(origin.path))
            self._counts.setdefault(key, Counter()).update(counts(refusals))
        return None

    def is_flooded(self, sender: str, path: str) -> bool:
        """Whether a sender's next refusal at an address would only be counted."""
        return self._allowances.is_empty(_place(sender, path))

    def add_anonymous(self, path: str, reason: str) -> None:
        """Count one request of nobody; addresses that are not ours are counted together."""
        with self._lock:
            self._counts.setdefault((ANONYMOUS, _known(path)), Counter())[reason] += 1

    def take(self) -> Counts:
        """Return what was counted since the last time, and start again."""
        with self._lock:
            taken, self._counts = self._counts, {}
        return taken

    def give_back(self, taken: Counts) -> None:
        """Count again what could not be recorded."""
        with self._lock:
            for key, refused in taken.items():
                self._counts.setdefault(key, Counter()).update(refused)

    def drafts_of(self, taken: Counts) -> list[Prepared]:
        """Return one record for each sender and address."""
        return [
            self._drafts.reject_counted(sender, path, refused)
            for (sender, path), refused in taken.items()
        ]


def _place(sender: str, path: str) -> str:
    return f"{_known(path)} {sender}"


def _known(path: str) -> str:
    return next((one for one in KNOWN_PATHS if path.startswith(one)), OTHER_PATH)

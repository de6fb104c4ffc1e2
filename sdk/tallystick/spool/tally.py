"""The tally: what a process still owes an account of, kept where a kill does not reach it.

Counts of records that were given up, and of those that wait in memory, stand in the session's lock file,
overwritten in place: a block that is there already needs no room on a full disk. They shrink when a
`log.drop` states them. What a dead process left there its adopter states, naming the session.

Each write says which record is about to be put into the spool (`next`, its nonce): if that record is found
there, it was accounted for, though the process died before it could say so here.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

BLOCK_BYTES: Final = 1024
"""Within a page, so that a dying process leaves the old block or the new one."""
WAITED: Final = "process ended while its records waited for the spool"
OTHER: Final = "other reasons"
_MOST_REASON_CHARS: Final = 100
_MOST_REASONS: Final = 6


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts by reason that no record states yet, and the nonce of the record being written, if any."""

    counts: Mapping[str, int]
    next: str = ""

    def without(self, statement: Mapping[str, Any]) -> "Tally":
        """Return what is still owed when the record `next`, of this statement, stands in the spool."""
        left = Counter(self.counts)
        if statement["type"] == "log.drop":
            left[statement["drop.reason"]] -= statement["drop.count"]
        else:
            left[WAITED] -= 1
        return Tally(+left)


NOTHING: Final = Tally({})


def write_tally(fd: int, tally: Tally) -> None:
    """Replace the block at the beginning of a lock file. Raises OSError."""
    os.pwrite(fd, _encoded(tally).ljust(BLOCK_BYTES), 0)


def read_tally(fd: int) -> Tally:
    """Return what a lock file says; nothing where there is no block. Raises OSError."""
    try:
        stated = json.loads(os.pread(fd, BLOCK_BYTES, 0))
        counts = {str(reason): int(count) for reason, count in stated["counts"].items()}
        return Tally(+Counter(counts), str(stated["next"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return NOTHING


def _encoded(tally: Tally) -> bytes:
    counts: Counter[str] = Counter()
    for reason, count in tally.counts.items():
        name = reason[:_MOST_REASON_CHARS]
        counts[name if name in counts or len(counts) < _MOST_REASONS else OTHER] += count
    return json.dumps({"counts": counts, "next": tally.next}).encode()

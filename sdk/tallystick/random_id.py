"""Random ids: nonces, salts, and the ids of actions, traces and spans.

The system gives random bytes for many ids at once. To ask for each one is a call that lets other threads of
the host run in the middle of a record, ten times in each. What was taken is used once, in the process that
took it: a forked child begins with nothing.
"""

import os
from typing import Final

ID_BYTES: Final = 16
TAKEN_AT_ONCE: Final = 128
"""Ids: those of about ten calls."""


class _Source:
    """Ids that were taken and not yet given. Safe for threads and signal handlers: each step is one operation."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[str] = []

    def take(self) -> str:
        while True:
            waiting = self._waiting  # anew each time: a fork in the middle has put another there
            try:
                return waiting.pop()
            except IndexError:
                digits = os.urandom(ID_BYTES * TAKEN_AT_ONCE).hex()
                size = 2 * ID_BYTES
                waiting += [digits[at : at + size] for at in range(0, len(digits), size)]

    def forget(self) -> None:
        self._waiting = []


_source: Final = _Source()
random_id: Final = _source.take
"""Return 128 random bits, 32 hex digits."""
os.register_at_fork(after_in_child=_source.forget)

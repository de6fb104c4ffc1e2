"""Turns: how many requests of one sender are worked on at one time, so that no sender stands before all others.

Work that came to nothing is paid for by rest: the turn is given back only after several times what it took.
A sender whose requests are large and worth nothing so has a bounded share of the processor, and the others
find a worker free.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from weakref import WeakValueDictionary

REST: Final = 9
"""Ours: of each turn a sender of garbage has a tenth of a processor at most."""
LONGEST_REST_S: Final = 20.0

_Made = TypeVar("_Made")


class Work:
    """What one request cost so far, in processor time of the threads that worked on it."""

    def __init__(self) -> None:
        """Nothing is done yet."""
        self.spent_s = 0.0
        self.is_void = True
        """Whether all of it came to nothing; set to False by whoever made something of it."""

    def do(self, step: Callable[[], _Made]) -> _Made:
        """Take a step, in a worker's thread, and count what it costs."""
        began_s = time.thread_time()
        try:
            return step()
        finally:
            self.spent_s += time.thread_time() - began_s


class Turns:
    """The turns of every sender. For one event loop; a sender without any is forgotten."""

    def __init__(self, of_one: int, rest: int = REST) -> None:
        """Let `of_one` requests of each sender be worked on at one time."""
        self._of_one = of_one
        self._rest = rest
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, sender: str) -> AsyncIterator[Work]:
        """Wait for a turn, and hold it while the block runs, and longer when that came to nothing."""
        turns = self._turns.setdefault(sender, asyncio.Semaphore(self._of_one))
        await turns.acquire()
        work = Work()
        try:
            yield work
        finally:
            rest_s = min(LONGEST_REST_S, work.spent_s * self._rest) if work.is_void else 0.0
            asyncio.get_running_loop().call_later(rest_s, turns.release)

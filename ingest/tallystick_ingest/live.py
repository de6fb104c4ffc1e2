"""Live tails: actions as they are committed, to many readers at once, each at its own place of the log.

A reader is fed from the database, not from a queue: what it has not taken costs no memory, and after a break it
goes on where it was. Readers that ask the same at the same place share one reading. A reader that falls behind by
more than it may is told where to go on, and let go.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

import orjson

from tallystick.errors import StoreError
from tallystick_ingest.turnstile import Turnstile

MAX_TAILS: Final = 256
MAX_TAILS_OF_ONE: Final = 32
"""Ours: connections at one time, of everybody and of one caller."""
MAX_BEHIND: Final = 100_000
"""Log entries by which a reader that had caught up may fall behind."""
LOOK_EVERY_S: Final = 0.2
"""How late an action may be shown."""
HEARTBEAT_S: Final = 15.0
"""Below the time after which proxies give up on a silent connection."""
RECHECK_EVERY_S: Final = 2.0
"""How long a tail may outlive its credential."""
RETRY_MS: Final = 1_000
_THREADS: Final = 2

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Shown:
    """One action, ready to be sent."""

    log_index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What a reading gave: actions in the order of the log, and where the next one begins."""

    actions: tuple[Shown, ...]
    end: int


Read = Callable[[int, int], Batch]
"""read(start, log_size): what stands in the log from `start` on; raises StoreError."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a tail asks: who asks what, as a key by which equal ones share a reading, and how it is read."""

    key: object
    read: Read
    ends_for: Callable[[], str | None]
    """Says why the caller may ask no longer; None: they may."""


class LiveFeed:
    """The tails of one service. Opened and read in the event loop; `close` from any thread."""

    def __init__(self, log_size: Callable[[], int], max_behind: int = MAX_BEHIND) -> None:
        """Follow a log by its size."""
        self._log_size = log_size
        self._max_behind = max_behind
        self.places = Turnstile("tails", MAX_TAILS_OF_ONE, MAX_TAILS)
        """Who holds how many tails."""
        self._readings: dict[tuple[object, int], asyncio.Task[Batch]] = {}
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="tallystick-live")
        self._closing = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def close(self) -> None:
        """End every tail, and let none begin."""
        loop = self._loop
        if loop is None or loop.is_closed():
            self._closing.set()
        else:
            loop.call_soon_threadsafe(self._closing.set)

    def when_over(self, call: Callable[[], None]) -> None:
        """Do something that takes its time once a tail has ended, whoever ended it."""
        self._executor.submit(call)

    def finish(self) -> None:
        """Return once everything is done that was to be done at the end of tails; no tail may be open."""
        self._executor.shutdown()

    async def events(
        self, question: Question, start: int
    ) -> AsyncGenerator[tuple[bytes, int], None]:
        """Yield what goes out to one reader, and how many actions are in it, until it ends."""
        self._loop = asyncio.get_running_loop()
        position, has_caught_up = start, self._log_size() - start <= self._max_behind
        yield _heartbeat(position), 0
        loop = self._loop
        spoken_s = checked_s = loop.time()
        while True:
            if loop.time() - checked_s >= RECHECK_EVERY_S:
                reason = await self._in_thread(question.ends_for)
                checked_s = loop.time()
                if reason is not None:
                    yield _event("end", {"reason": reason}), 0
                    return
            behind = self._log_size() - position
            if has_caught_up and behind > self._max_behind:
                yield _event("lagged", {"resume_after": position - 1, "behind": behind}), 0
                return
            batch = await self._next(question, position) if behind > 0 else None
            if batch is not None:
                position = batch.end
                has_caught_up = has_caught_up or self._log_size() - position <= self._max_behind
                if batch.actions:
                    yield b"".join(map(_action, batch.actions)), len(batch.actions)
                    spoken_s = loop.time()
            if loop.time() - spoken_s >= HEARTBEAT_S:
                yield _heartbeat(position), 0
                spoken_s = loop.time()
            if self._closing.is_set():
                yield _event("end", {"reason": "the service stops: connect again"}), 0
                return
            if batch is None or position >= self._log_size():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self._closing.wait()

    async def _next(self, question: Question, position: int) -> Batch | None:
        """Read on from a place, with everybody who asks the same there; None while the database cannot answer."""
        key = (question.key, position)
        reading = self._readings.get(key)
        if reading is None:
            reading = asyncio.ensure_future(
                self._in_thread(lambda: question.read(position, self._log_size()))
            )
            self._readings[key] = reading
            reading.add_done_callback(lambda _: self._readings.pop(key, None))
        try:
            return await asyncio.shield(reading)
        except StoreError:
            return None

    def _in_thread(self, call: Callable[[], _T]) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(self._executor, call)


def _action(one: Shown) -> bytes:
    return b"id: %d\nevent: action\ndata: %s\n\n" % (one.log_index, one.data)


def _event(name: str, data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))


def _heartbeat(position: int) -> bytes:
    """Return an event without data: behind its id a reader goes on that connects again."""
    return b": heartbeat\nretry: %d\n" % RETRY_MS + (
        b"id: %d\n\n" % (position - 1) if position else b"\n"
    )

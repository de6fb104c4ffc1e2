"""Where a body is read: a small one at once, others in a thread of the service or in a process beside it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from tallystick.event import EVENT_NAME
from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick_ingest.key_directory import NotAtHandError
from tallystick_ingest.otlp.answer import Signal
from tallystick_ingest.otlp.body import MediaType
from tallystick_ingest.otlp.limits import Limits
from tallystick_ingest.screening import KeyBook
from tallystick_ingest.turns import Work
from tallystick_ingest.workers.pool import BodyReader, BodyReaders
from tallystick_ingest.workers.reading import Body, Read, read

WORKERS: Final = 2
"""Parsing holds Python's lock; a second thread helps where C code gives it back."""

LARGE_BYTES: Final = 2 << 20
"""A request above, inflated, may take seconds to read: one worker is kept from these, for all others."""

AT_ONCE_BYTES: Final = 4 << 10
"""Our own events in a request below, inflated, are checked by the event loop itself: two of them with their seal
take half a millisecond, for which a thread would hold Python's lock as well."""

BESIDE_BYTES: Final = 16 << 10
"""A request above, inflated, is read in a process: eight spans take 3 ms of Python, the way there and back 0.3 ms."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a tenant's bodies are read with."""

    key: TokenKey
    masking: Masking
    """With `key`."""
    book: KeyBook
    book_at_hand: KeyBook
    """The keys of `book` that are in memory; raises NotAtHandError for any other, and never waits."""
    now_us: Callable[[], int]
    limits: Limits


class BodyDesk:
    """Reads the bodies of one tenant. For one event loop."""

    def __init__(self, known: Known, readers: BodyReaders | None) -> None:
        """Begin; `readers` None: everything is read here."""
        self.most = WORKERS if readers is None else max(WORKERS, readers.most)
        """Bodies of one sender that are worth reading at one time."""
        self.threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="tallystick-intake")
        self._known = known
        self._readers = readers
        self._large = asyncio.Semaphore(WORKERS - 1)
        self._large_beside = asyncio.Semaphore(max(1, (readers.most if readers else 0) - 1))

    async def read(self, signal: Signal, media_type: MediaType, data: bytes, work: Work) -> Read:
        """Return what an inflated body holds, and count in `work` what that takes.

        Raises UndecodableError, TooLargeError, and BusyError.
        """
        known = self._known
        body = Body(signal, media_type, data, known.limits, known.now_us())
        if self._readers is not None and is_for_beside(body):
            beside = partial(self._read_beside, body, work)
            async with self._large_beside if len(data) > LARGE_BYTES else nullcontext():
                return await asyncio.wrap_future(self._readers.submit(beside))
        if len(data) <= AT_ONCE_BYTES and _is_own(body):
            with suppress(NotAtHandError):
                return work.do(partial(read, body, known.masking, known.book_at_hand))
        here = partial(read, body, known.masking, known.book)
        async with self._large if len(data) > LARGE_BYTES else nullcontext():
            return await asyncio.get_running_loop().run_in_executor(self.threads, work.do, here)

    def close(self) -> None:
        """Finish what was begun in the threads."""
        self.threads.shutdown()

    def _read_beside(self, body: Body, work: Work, reader: BodyReader) -> Read:
        found, spent_s = reader.read(body, self._known.key, self._known.book)
        work.spent_s += spent_s
        return found


def is_for_beside(body: Body) -> bool:
    """Whether a body is read in a process: larger ones, but for those of our own events.

    They cost 25 µs each to check, and 10 µs there and back; either way would do.
    """
    return len(body.data) > BESIDE_BYTES and not _is_own(body)


def _is_own(body: Body) -> bool:
    return body.signal == "logs" and EVENT_NAME.encode() in body.data

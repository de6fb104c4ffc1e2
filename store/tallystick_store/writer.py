"""The one writer thread: requests are decided in order and committed in groups.

All requests that wait (at most 256, or 8 MB) are admitted one after the other and become one group
of the journal; their futures complete when it is on disk. While one group is being synced the next
one gathers, so that a busy service syncs seldom and a quiet one answers at once. A group costs as much as
some twenty small requests, so that where several come at a time, a group of small ones waits a moment for more.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from time import sleep
from typing import Final, Generic

from tallystick.errors import StoreError
from tallystick_store.group import Group
from tallystick_store.rows import Admit, Request, Verdict
from tallystick_store.store import Store

MAX_GROUP_REQUESTS: Final = 256
MAX_GROUP_BYTES: Final = 8 << 20
LINGER_S: Final = 0.01
SEVERAL: Final = 4
"""Requests in a group, from which on the next one waits for more: fewer senders would but wait longer."""
LINGER_BYTES: Final = 64 << 10
"""A group that is larger waits for no more."""
MAX_WAITING_REQUESTS: Final = 2048
MAX_WAITING_BYTES: Final = 256 << 20


class OverloadedError(StoreError):
    """Too much is waiting already; the sender keeps its data and tries again."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Request, Verdict]):
    request: Request
    size_bytes: int
    future: Future[Verdict]


class Writer(Generic[Request, Verdict]):
    """Takes requests from any thread and writes them in one."""

    def __init__(
        self, store: Store, admit: Admit[Request, Verdict], clock_us: Callable[[], int]
    ) -> None:
        self._store = store
        self._admit = admit
        self._clock_us = clock_us
        self._waiting: deque[_Waiting[Request, Verdict]] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._is_closing = False
        self._newest_size = 0
        """Requests in the newest group."""
        self._thread = threading.Thread(target=self._run, name="tallystick-writer", daemon=True)
        self._thread.start()

    def submit(self, request: Request, size_bytes: int = 0) -> Future[Verdict]:
        """Hand over a request; its future gives admission's verdict once all of it is on disk.

        The future raises what admission raised, or StoreError when the commit failed and nothing of
        the request may count as kept. A future that is cancelled in time is not processed.
        Raises OverloadedError when too much waits, StoreError after `close`.
        """
        future: Future[Verdict] = Future()
        with self._changed:
            if self._is_closing:
                raise StoreError("the store is closing: send again to the next process")
            if self._is_full(size_bytes):
                raise OverloadedError(
                    f"{len(self._waiting)} requests of {self._waiting_bytes} bytes wait already:"
                    " try again in a second"
                )
            if self._store.is_full:
                raise OverloadedError("the database is far behind: try again in a second")
            self._waiting.append(_Waiting(request, size_bytes, future))
            self._waiting_bytes += size_bytes
            self._changed.notify()
        return future

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the requests that wait for the next group."""
        return self._waiting_bytes

    def close(self) -> None:
        """Take nothing more, write what waits, end the thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _is_full(self, size_bytes: int) -> bool:
        return len(self._waiting) >= MAX_WAITING_REQUESTS or (
            bool(self._waiting) and self._waiting_bytes + size_bytes > MAX_WAITING_BYTES
        )

    def _run(self) -> None:
        while waiting := self._take():
            self._write(waiting)

    def _take(self) -> list[_Waiting[Request, Verdict]]:
        """Wait for requests and take a group of them; nothing once closed and drained."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            is_small = self._waiting_bytes < LINGER_BYTES
            is_lingering = is_small and self._newest_size >= SEVERAL and not self._is_closing
        if is_lingering:
            sleep(LINGER_S)  # to be woken by each request would cost more than it saves
        with self._changed:
            taken: list[_Waiting[Request, Verdict]] = []
            size_bytes = 0
            while self._waiting and len(taken) < MAX_GROUP_REQUESTS:
                if taken and size_bytes + self._waiting[0].size_bytes > MAX_GROUP_BYTES:
                    break
                one = self._waiting.popleft()
                size_bytes += one.size_bytes
                taken.append(one)
            self._waiting_bytes -= size_bytes
            self._newest_size = len(taken)
            return taken

    def _write(self, waiting: list[_Waiting[Request, Verdict]]) -> None:
        live = [one for one in waiting if one.future.set_running_or_notify_cancel()]
        decided: list[tuple[Future[Verdict], Verdict]] = []
        try:
            group = self._store.group()
            for one in live:
                self._decide(group, one, decided)
            if not group.is_empty:
                self._store.commit(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, every sender must be told
            failure = (
                error if isinstance(error, StoreError) else StoreError(f"no commit: {error!r}")
            )
            for one in live:
                if not one.future.done():
                    one.future.set_exception(failure)
            return
        for future, verdict in decided:
            future.set_result(verdict)

    def _decide(
        self,
        group: Group,
        one: _Waiting[Request, Verdict],
        decided: list[tuple[Future[Verdict], Verdict]],
    ) -> None:
        try:
            admitted = self._admit(one.request, group.view)
            group.add(admitted, self._clock_us())
        except Exception as error:  # noqa: BLE001 - it is this sender's alone, and it is passed on
            one.future.set_exception(error)
        else:
            decided.append((one.future, admitted.verdict))

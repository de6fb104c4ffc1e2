"""The follower: puts the groups of the journal into the database, each exactly once, behind the answers.

The groups of a moment go in one transaction, and the number of each with its rows: after a crash between the
commit and anything else, the largest says what is there. While the database takes nothing, the
groups wait here and in the journal; above MAX_WAITING_BYTES the writer is told to take no more.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from tallystick.errors import StoreError
from tallystick_store.engine.duckdb import Database
from tallystick_store.journal.contents import Tables
from tallystick_store.journal.replay import last_applied
from tallystick_store.journal.segments import Segments
from tallystick_store.schema import APPLIED, row_batch

MAX_WAITING_BYTES: Final = 128 << 20
"""Payloads that wait for the database: about 2 s of the fastest load."""
MAX_TRANSACTION_BYTES: Final = 32 << 20
LINGER_S: Final = 0.25
"""How long a group waits for others while nobody reads: a transaction costs as much as 300 rows."""
LINGER_BYTES: Final = 8 << 20
SETTLE_WITHIN_S: Final = 20.0
RETRY_S: Final = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    number: int
    tables: Tables
    size_bytes: int


class Follower:
    """Applies groups in a thread of its own; `put` from the writer, everything else from any thread."""

    def __init__(
        self, database: Database, segments: Segments, on_applied: Callable[[], None]
    ) -> None:
        """Begin; `on_applied` is told when the database holds more than before."""
        self._database = database
        self._on_applied = on_applied
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._newest = segments.next_number - 1
        self._applied = self._newest
        self._wanted = 0
        """A reader waits for this group: no lingering before it."""
        self._failure: str | None = None
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="tallystick-follower", daemon=True)
        self._thread.start()

    @property
    def applied(self) -> int:
        """Number of the newest group that the database holds."""
        return self._applied

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the groups that wait for the database."""
        return self._waiting_bytes

    @property
    def is_full(self) -> bool:
        """So much waits that nothing more may be acknowledged."""
        return self._waiting_bytes >= MAX_WAITING_BYTES

    @property
    def failure(self) -> str | None:
        """Why the database takes nothing; None while it does."""
        return self._failure

    def put(self, number: int, tables: Tables, size_bytes: int) -> None:
        """Take over a group that is in the journal."""
        with self._changed:
            self._waiting.append(_Waiting(number, tables, size_bytes))
            self._waiting_bytes += size_bytes
            self._newest = number
            self._changed.notify_all()

    def settle(self, within_s: float = SETTLE_WITHIN_S) -> None:
        """Wait until the database holds every group put so far. Raises StoreError when it does not in time."""
        if self._applied >= self._newest:
            return
        with self._changed:
            wanted = self._newest
            self._wanted = max(self._wanted, wanted)
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._applied >= wanted, within_s):
                reason = self._failure or f"{self._waiting_bytes} bytes wait for it"
                raise StoreError(f"the database is behind what was accepted: {reason}; ask again")

    def close(self) -> None:
        """Apply what waits and end; what the database does not take stays in the journal."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while self._wait():
            taken = self._take()
            try:
                self._database.insert(_merged(taken))
            except Exception as error:  # noqa: BLE001 - the groups are in the journal, and are tried again
                if not self._recover(error):
                    return
                continue
            self._note_applied(taken[-1].number)

    def _wait(self) -> bool:
        """Wait for groups, and a moment for more of them; False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            if self._waiting and not self._is_hurried():
                self._changed.wait_for(self._is_hurried, LINGER_S)
            return bool(self._waiting)

    def _is_hurried(self) -> bool:
        is_much = self._waiting_bytes >= LINGER_BYTES
        return is_much or self._is_closing or self._wanted > self._applied

    def _take(self) -> list[_Waiting]:
        """Return the groups of the next transaction; they stay in the queue until they are applied."""
        with self._changed:
            taken: list[_Waiting] = []
            size_bytes = 0
            for one in self._waiting:
                if taken and size_bytes + one.size_bytes > MAX_TRANSACTION_BYTES:
                    break
                taken.append(one)
                size_bytes += one.size_bytes
            return taken

    def _note_applied(self, number: int) -> None:
        with self._changed:
            if self._failure is not None:
                _log.warning("the database takes what waits again")
                self._failure = None
            self._drop_through(number)
        self._on_applied()

    def _drop_through(self, number: int) -> None:
        while self._waiting and self._waiting[0].number <= number:
            self._waiting_bytes -= self._waiting.popleft().size_bytes
        self._applied = max(self._applied, number)
        self._changed.notify_all()

    def _recover(self, error: Exception) -> bool:
        """After a failure: find out what the database holds; False when it is time to end."""
        reason = str(error) if isinstance(error, StoreError) else f"the database refused: {error!r}"
        if self._failure is None:
            _log.error("%s; what was accepted is in the journal and is tried again", reason)
        try:
            self._database.reopen()
            number = last_applied(self._database)
        except Exception as again:  # noqa: BLE001 - whatever it is, the groups are tried again
            reason, number = f"the database does not open again: {again}", 0
        with self._changed:
            self._drop_through(number)
            self._failure = reason if self._waiting else None
            return not self._changed.wait_for(lambda: self._is_closing, RETRY_S)


def _merged(groups: list[_Waiting]) -> dict[str, pa.Table]:
    """Return the rows of several groups by table, and the number of each."""
    names = dict.fromkeys(name for group in groups for name in group.tables)
    merged = {
        name: pa.concat_tables(
            [group.tables[name] for group in groups if name in group.tables],
            promote_options="default",
        )
        for name in names
    }
    return {**merged, APPLIED.name: row_batch(APPLIED, [(group.number,) for group in groups])}

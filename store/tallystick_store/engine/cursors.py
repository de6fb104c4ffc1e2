"""How many cursors are open, so that a file is exchanged while there is none.

A cursor that lives on would keep the old file open, and DuckDB would give that one out again under the same name.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tallystick.errors import StoreError

WAIT_S: Final = 60.0
"""How long an exchange waits for the cursors that are open, and a cursor for an exchange."""


class OpenCursors:
    """Counts; safe for any number of threads. A thread that has a cursor may open another at any time."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._changed = threading.Condition()
        self._open = 0
        self._is_exchanging = False
        self._own = threading.local()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a cursor for as long as it is open. Raises StoreError while an exchange takes too long."""
        depth = getattr(self._own, "depth", 0)
        with self._changed:
            if depth == 0 and not self._changed.wait_for(
                lambda: not self._is_exchanging, self._wait_s
            ):
                raise StoreError("the database is being written anew; ask again")
            self._open += 1
        self._own.depth = depth + 1
        try:
            yield
        finally:
            self._own.depth = depth
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    @contextmanager
    def none(self) -> Iterator[None]:
        """Wait until no other thread has a cursor, and keep new ones waiting.

        Raises StoreError when cursors stay open.
        """
        own = getattr(self._own, "depth", 0)
        with self._changed:
            self._is_exchanging = True
            try:
                if not self._changed.wait_for(lambda: self._open == own, self._wait_s):
                    raise StoreError("a query goes on and on: the database is not exchanged now")
                yield
            finally:
                self._is_exchanging = False
                self._changed.notify_all()

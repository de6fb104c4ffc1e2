"""A reader whose queries are ended after a time: no question keeps a core from those who write."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from tallystick.errors import StoreError
from tallystick_store.engine.memory import Memory
from tallystick_store.engine.reader import Reader


class QueryTimeoutError(StoreError):
    """A query took longer than it may: nothing is wrong with the store."""


class Limited(Reader):
    """What another reader sees, each query within `limit_s` seconds; raises QueryTimeoutError beyond."""

    def __init__(self, whole: Reader, limit_s: float) -> None:
        self.reach = whole.reach
        self._whole = whole
        self._limit_s = limit_s

    @property
    def file_number(self) -> int:
        """How often the file was written anew."""
        return self._whole.file_number

    @property
    def memory(self) -> Memory:
        """What was found out about this file."""
        return self._whole.memory

    @property
    def whole(self) -> Reader:
        """All that lies behind, within the same time for each query."""
        return Limited(self._whole.whole, self._limit_s)

    def _settle(self) -> None:
        self._whole._settle()  # noqa: SLF001 - a reader around a reader

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        is_over = threading.Event()
        try:
            with self._whole._cursor() as cursor:  # noqa: SLF001 - as above

                def end() -> None:
                    is_over.set()
                    cursor.interrupt()

                timer = threading.Timer(self._limit_s, end)
                timer.start()
                try:
                    yield cursor
                finally:
                    timer.cancel()
        except StoreError as error:
            if not is_over.is_set():
                raise
            raise QueryTimeoutError(
                f"the question took longer than {self._limit_s:g} s and was ended:"
                " ask for a shorter period or with more filters (query_timeout_s)"
            ) from error

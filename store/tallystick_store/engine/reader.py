"""What questions are asked of: the whole database, or what somebody may see of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from tallystick.errors import StoreError
from tallystick_store.engine.memory import Memory
from tallystick_store.reach import OPEN, Reach

Row = tuple[Any, ...]
Answer = TypeVar("Answer")


class Reader(ABC):
    """What questions are asked of: the whole database, or what is within a reach of it."""

    reach: Reach = OPEN
    """What of the store is seen here."""

    @property
    @abstractmethod
    def file_number(self) -> int:
        """How often the file was written anew."""

    @property
    @abstractmethod
    def memory(self) -> Memory:
        """What was found out about this file."""

    @property
    def whole(self) -> "Reader":
        """All that lies behind this reader: for checks that give out nothing of what they read."""
        return self

    def consistently(self, ask: Callable[[], Answer]) -> Answer:
        """Return what several queries find together; asked again where the file was written anew between them."""
        while True:
            number = self.file_number
            answer = ask()
            if number == self.file_number:
                return answer

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one query over all that was accepted, and return its rows. Raises StoreError."""
        self._settle()
        with self._cursor() as cursor:
            return cursor.execute(sql, list(parameters)).fetchall()

    def arrow(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Run one query over all that was accepted, and return an Arrow table. Raises StoreError."""
        self._settle()
        with self._cursor() as cursor:
            return cursor.execute(sql, list(parameters)).to_arrow_table()

    @abstractmethod
    def _settle(self) -> None:
        """Wait until what was accepted is here."""

    @abstractmethod
    def _cursor(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open a cursor, in which every table stands as this reader sees it."""


class FileChangedError(StoreError):
    """The database was written anew between two queries that belong together: begin again."""


class Unchanged(Reader):
    """A database for as long as its file is the same: once it was written anew, every query raises FileChangedError."""

    def __init__(self, whole: Reader) -> None:
        """Begin with the file that is there now."""
        self.reach = whole.reach
        self._whole = whole
        self._number = whole.file_number

    @property
    def file_number(self) -> int:
        """How often the file was written anew before this reader began."""
        return self._number

    @property
    def memory(self) -> Memory:
        """What was found out about this file."""
        return self._whole.memory

    def _settle(self) -> None:
        self._whole._settle()  # noqa: SLF001 - of the same kind

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._whole._cursor() as cursor:  # noqa: SLF001 - of the same kind
            if self._whole.file_number != self._number:
                raise FileChangedError("the database was written anew meanwhile: ask again")
            yield cursor


class Within(Reader):
    """A database through the views of a reach, which live as long as the cursor of one query."""

    def __init__(
        self,
        whole: Reader,
        settle: Callable[[], None],
        cursor: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
        reach: Reach,
        views: Sequence[str],
    ) -> None:
        self.reach = reach
        self._whole = whole
        self._settle_whole, self._cursor_of_whole = settle, cursor
        self._views = "; ".join(views)

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
        """The database without the views."""
        return self._whole

    def _settle(self) -> None:
        self._settle_whole()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._cursor_of_whole() as cursor:
            cursor.execute(self._views).fetchall()
            yield cursor

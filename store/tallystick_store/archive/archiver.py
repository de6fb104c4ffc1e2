"""The archiver: turns segments of the journal that the database holds into parts of the archive, and removes them.

It works in a thread of its own behind everything else, at the end of each segment and when it is asked (once a minute),
so that the journal stays short and no commit waits. A segment goes when the database and the archive hold it.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from tallystick.errors import StoreError
from tallystick_store.archive.archive import Archive
from tallystick_store.archive.from_database import append_tables, archive_rows
from tallystick_store.archive.joining import HoleError
from tallystick_store.engine.duckdb import Database
from tallystick_store.journal.contents import Tables, decode_tables
from tallystick_store.journal.frame import Frame, read_frames
from tallystick_store.journal.replay import last_applied
from tallystick_store.journal.segments import Segments

PART_BYTES: Final = 64 << 20
"""Groups of the journal that go into one part."""

_log = logging.getLogger(__name__)


class Archiver:
    """Archives for one store. `archive` is None where the store has no subject keys."""

    def __init__(
        self,
        archive: Archive | None,
        database: Database,
        segments: Segments,
        applied: Callable[[], int],
    ) -> None:
        """Begin; nothing runs before `start`."""
        self.archive = archive
        self._database = database
        self._segments = segments
        self._applied = applied
        self.writing = threading.RLock() if archive is None else archive.writing
        """Held by whoever empties the journal or changes the archive; always taken before `Store.paused`."""
        self._wanted = threading.Event()
        self._is_closing = False
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="tallystick-archiver", daemon=True)

    @property
    def failure(self) -> str | None:
        """Why nothing is archived, for now; the journal is kept meanwhile."""
        return self._failure

    def start(self) -> None:
        """Begin to follow the journal."""
        self._thread.start()

    def wake(self) -> None:
        """Look soon whether a segment that was left can go."""
        if self._segments.left:
            self._wanted.set()

    def run_now(self, *, also_open: bool = False) -> None:
        """Archive and remove what the database holds; the open segment too, if asked. Raises StoreError."""
        with self.writing:
            if also_open:
                self._segments.leave()
            through = self._applied()
            if self.archive is not None:
                paths = [path for _, path in self._segments.left]
                archive_segments(self.archive, self._database, paths, through)
                through = min(through, self.archive.last_group)
            self._segments.remove_through(through)
        self._failure = None

    def drop(self, indexes: Collection[int]) -> None:
        """Take these entries' rows and values out of journal and archive. Raises StoreError.

        The database holds what the journal holds: call behind a settled reading.
        """
        with self.writing:
            self.run_now(also_open=True)
            if self.archive is not None:
                self.archive.drop(indexes)

    def merge_closed_days(self, now_us: int) -> None:
        """Merge the parts of days that are over; what fails is tried the next time."""
        if self.archive is None:
            return
        try:
            with self.writing:
                self.archive.merge_closed_days(now_us)
        except (StoreError, OSError) as error:
            _log.warning("the archive's parts were not merged: %s", error)

    def close(self) -> None:
        """Archive what there is and end; what cannot be archived stays in the journal."""
        self._is_closing = True
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()
        self._try(also_open=True)

    def _run(self) -> None:
        while self._wanted.wait() and not self._is_closing:
            self._wanted.clear()
            self._try()

    def _try(self, *, also_open: bool = False) -> None:
        try:
            self.run_now(also_open=also_open)
        except Exception as error:  # noqa: BLE001 - whatever it is, all stays in the journal and is tried again
            if self._failure is None:
                _log.error("%s; what was accepted stays in the journal meanwhile", error)
            self._failure = str(error)


def holds_the_rest(archive: Archive, paths: Iterable[Path], through: int) -> bool:
    """Whether these segments hold every group up to `through` that is not archived. Raises OSError."""
    frames = (frame for path in paths for frame in read_frames(path.read_bytes()).frames)
    numbers = [one.number for one in frames if archive.last_group < one.number <= through]
    return numbers == list(range(archive.last_group + 1, through + 1))


def catch_up(archive: Archive, database: Database, paths: Iterable[Path]) -> str | None:
    """Archive at a start what the database holds and the archive lacks; return a notice, or None.

    What the journal does not hold any more is taken from the database, which nothing but the log speaks for.
    Raises StoreError and OSError.
    """
    through = last_applied(database)
    with contextlib.suppress(HoleError):
        archive_segments(archive, database, paths, through)
    first = archive.last_group + 1
    if first > through:
        return None
    archive_rows(archive, database, through)
    return f"the groups {first} to {through} were not in the journal: they are archived from the database"


def archive_segments(
    archive: Archive, database: Database, paths: Iterable[Path], through: int
) -> None:
    """Archive the groups of some segments, in order, up to group `through`, which the database holds.

    Raises StoreError and OSError.
    """
    waiting: list[Frame] = []
    size_bytes = 0
    for path in paths:
        frames = read_frames(path.read_bytes()).frames
        new = [one for one in frames if archive.last_group < one.number <= through]
        waiting += new
        size_bytes += sum(len(one.payload) for one in new)
        if size_bytes >= PART_BYTES:
            _append(archive, database, waiting)
            waiting, size_bytes = [], 0
    if waiting:
        _append(archive, database, waiting)


def _append(archive: Archive, database: Database, frames: Sequence[Frame]) -> None:
    """Archive groups that follow each other; the newest checkpoints go with them."""
    numbers = [one.number for one in frames]
    if numbers != list(range(archive.last_group + 1, archive.last_group + 1 + len(numbers))):
        raise HoleError(
            f"the journal goes on with group {numbers[0]} and the archive ends with"
            f" {archive.last_group}: start the service again"
        )
    append_tables(
        archive, database, _merged([decode_tables(one.payload) for one in frames]), numbers[-1]
    )


def _merged(groups: Sequence[Tables]) -> dict[str, pa.Table]:
    names = dict.fromkeys(name for group in groups for name in group)
    return {
        name: pa.concat_tables(
            [group[name] for group in groups if name in group], promote_options="default"
        )
        for name in names
    }

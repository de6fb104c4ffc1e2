"""The segments: the files of the journal, each named after the first group in it.

    DIR/journal/000000000042.journal        frames of the groups 42, 43, ...
    DIR/journal/000000000057.journal.aside  what did not read back, kept for people

`append` returns when a group is synced to disk; a group whose write failed is taken off the file again
before anything else is written, so that it can never come back. Where the disk refuses to sync, or to take
a failed write back, nobody can tell what it holds: then the journal takes nothing more until it is opened
anew. One thread appends; any thread may remove.
"""

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from tallystick.errors import StoreError
from tallystick.private_file import sync_directory
from tallystick_store.journal.frame import Frame, Reading, encode_frame, read_frames

SEGMENT_BYTES: Final = 64 << 20
"""A segment is left for the next one at this size, so that what is in the database can go."""
ASIDE: Final = ".aside"

_NAME: Final = re.compile(r"([0-9]{12,20})\.journal")
_CREATE: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

Write = Callable[[int, bytes | memoryview], int]
Sync = Callable[[int], None]


class Segments:
    """The files below one folder; `write` and `sync` are those of `os`, replaced in fault tests."""

    def __init__(
        self,
        folder: Path,
        next_number: int,
        *,
        left: Iterable[Path] = (),
        segment_bytes: int = SEGMENT_BYTES,
        write: Write = os.write,
        sync: Sync = os.fdatasync,
    ) -> None:
        """Go on with group `next_number`, in a file of its own; `left` are files of the groups before it."""
        self.next_number = next_number
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._write = write
        self._sync = sync
        self._lock = threading.Lock()
        self._closed: list[tuple[int, Path]] = [(next_number - 1, path) for path in left]
        """Segments that are left: the number of the last group, and the file."""
        self._path = folder
        self._fd = -1
        self._offset = 0
        self._failure: str | None = None

    @property
    def failure(self) -> str | None:
        """Why nothing is taken any more; None while all is well."""
        return self._failure

    @property
    def size_bytes(self) -> int:
        """Bytes of the segment that is open."""
        return self._offset

    def append(self, payload: bytes) -> int:
        """Make a group durable and return its number.

        Raises StoreError: then the group is not kept, or (where `failure` is set) may come back when the
        journal is opened anew, and its sender finds it as a repetition.
        """
        frame = encode_frame(self.next_number, payload)
        with self._lock:
            self._make_ready()
            try:
                self._put(frame)
            except OSError as error:
                self._take_back(error)
                raise StoreError(
                    f"the journal cannot be written: {error.strerror or error}; free some space"
                ) from error
            self._make_durable()
            self._offset += len(frame)
            number, self.next_number = self.next_number, self.next_number + 1
            return number

    def remove_through(self, number: int) -> None:
        """Remove the segments that were left and whose groups are all at or below `number`.

        Raises StoreError when a file cannot be removed; it is tried again at the next call.
        """
        with self._lock:
            gone = [one for one in self._closed if one[0] <= number]
            self._closed = [one for one in self._closed if one[0] > number]
        for one in gone:
            try:
                one[1].unlink(missing_ok=True)
            except OSError as error:
                with self._lock:
                    self._closed.append(one)
                raise StoreError(f"{one[1]} cannot be removed: {error.strerror}") from error

    @property
    def left(self) -> tuple[tuple[int, Path], ...]:
        """The segments that nothing is appended to any more: number of the last group, and the file."""
        with self._lock:
            return tuple(self._closed)

    def leave(self) -> None:
        """Begin a new segment with the next group."""
        with self._lock:
            if self._fd >= 0:
                self._leave()

    def close(self) -> None:
        """Close the open file. Idempotent."""
        with self._lock:
            if self._fd >= 0:
                self._leave()

    def _make_ready(self) -> None:
        if self._failure is not None:
            raise StoreError(self._failure)
        if self._fd >= 0 and self._offset >= self._segment_bytes:
            self._leave()
        if self._fd >= 0:
            return
        path = segment_path(self.folder, self.next_number)
        try:
            path.unlink(missing_ok=True)  # begun before, when its name could not be synced: empty
            fd = os.open(path, _CREATE, 0o600)
            try:
                sync_directory(self.folder)
            except OSError:
                os.close(fd)
                raise
        except OSError as error:
            raise StoreError(f"the journal cannot begin {path}: {error.strerror}") from error
        self._fd, self._path, self._offset = fd, path, 0

    def _put(self, frame: bytes) -> None:
        rest = memoryview(frame)
        while rest:
            rest = rest[self._write(self._fd, rest) :]

    def _take_back(self, error: OSError) -> None:
        try:
            os.ftruncate(self._fd, self._offset)
        except OSError:
            self._failure = (
                f"the journal {self._path} could not be written ({error.strerror}) nor put right:"
                " restart the service"
            )

    def _make_durable(self) -> None:
        try:
            self._sync(self._fd)
        except OSError as error:
            self._failure = (
                f"the disk refused to sync {self._path} ({error.strerror}): what it holds is read"
                " again at the next start; restart the service"
            )
            raise StoreError(self._failure) from error

    def _leave(self) -> None:
        os.close(self._fd)
        self._fd = -1
        self._closed.append((self.next_number - 1, self._path))
        self._offset = 0


def segment_path(folder: Path, first: int) -> Path:
    """Return the file whose first group is `first`."""
    return folder / f"{first:012d}.journal"


def segment_files(folder: Path) -> list[tuple[int, Path]]:
    """Return the number of the first group and the path of each segment, in order. Raises OSError."""
    if not folder.is_dir():
        return []
    found = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match[1]), path) for match, path in found if match)


def groups_after(
    folder: Path, number: int, set_aside: Callable[[Path, Reading | None, str], None]
) -> Iterator[Frame]:
    """Yield the groups behind `number`, in order and without a hole.

    `set_aside(path, reading, reason)` is told of what does not read back: of the rest of a segment behind
    `reading.end`, or (None) of a whole segment that does not join. Only the last group of all can be torn.
    Raises OSError.
    """
    expected = number + 1
    files = segment_files(folder)
    for place, (first, path) in enumerate(files):
        if first > expected:
            set_aside(path, None, f"group {expected} is missing before it")
            continue
        reading = read_frames(path.read_bytes())
        for frame in reading.frames:
            if frame.number == expected:
                yield frame
                expected += 1
        later = files[place + 1 :]
        if reading.ending == "whole" or (later and later[0][0] <= expected):
            continue
        if later:  # what was followed by another group was acknowledged, and cut afterwards
            reading = replace(reading, ending="damaged")
        set_aside(path, reading, f"group {expected} is {reading.ending}")

"""The spool: the durable files of one session, and what has been acknowledged of them.

    <session>.lock             held (flock) by the process that writes or adopts the session
    <session>.<segment>.spool  frames, in the order in which they were written
    <session>.acked            how far the service has acknowledged them

The writer appends whole frames with one `write` each; after a write that failed or came out short it goes
on in a new segment, so a torn frame can only be the last of its file. Readers use their own descriptors.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tallystick.errors import SpoolError
from tallystick.private_file import make_private_directory
from tallystick.spool.frame import Reading, first_frame_bytes, read_frames

SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""A segment is left for the next one at this size, so that acknowledged ones can be deleted."""

_SEGMENT_NAME: Final = re.compile(r"([0-9a-f]{32})\.([0-9]{6})\.spool")
ACKED_BYTES: Final = 256
"""Within a sector and a page; four numbers and an id take 150 at most."""
ADOPTION_LOCK: Final = "adopting.lock"
"""Held while a process takes dead sessions, so that two do not share out what belongs together."""
_LOCK_NAME: Final = re.compile(r"([0-9a-f]{32})\.lock")
_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC

Write = Callable[[int, bytes], int]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a session's files: a segment and an offset in it."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Acked:
    """What is behind us: every frame before `position` was acknowledged; leaves below `recovered` adopted."""

    position: Position = Position(0, 0)
    recovered: int = 0
    stated_by: str = ""
    """The session that states the adopted leaves."""


def segment_path(directory: Path, session: str, segment: int) -> Path:
    """Return the file of one segment."""
    return directory / f"{session}.{segment:06d}.spool"


def segments(directory: Path, session: str) -> list[int]:
    """Return the numbers of a session's segments that exist, in order. Raises OSError."""
    names = (_SEGMENT_NAME.fullmatch(name) for name in os.listdir(directory))  # noqa: PTH208 - names alone
    return sorted(int(match[2]) for match in names if match and match[1] == session)


def sessions(directory: Path) -> list[str]:
    """Return the ids of all sessions that have a file in `directory`. Raises OSError."""
    found: set[str] = set()
    for name in os.listdir(directory):  # noqa: PTH208 - names alone
        match = _SEGMENT_NAME.fullmatch(name) or _LOCK_NAME.fullmatch(name)
        if match:
            found.add(match[1])
    return sorted(found)


def read_segment(
    directory: Path, session: str, start: Position, limit_bytes: int, end: int | None = None
) -> Reading:
    """Read whole frames of a segment from `start` on: at most `limit_bytes`, but one frame at least.

    `end` is the offset up to which the file may be read, None: all of it. Raises OSError.
    """
    fd = os.open(segment_path(directory, session, start.segment), os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = (os.fstat(fd).st_size if end is None else end) - start.offset
        data = _read(fd, start.offset, min(limit_bytes, size))
        if len(data) < min(first_frame_bytes(data), size):
            data = _read(fd, start.offset, min(first_frame_bytes(data), size))
        return read_frames(data, start.offset)
    finally:
        os.close(fd)


def _read(fd: int, offset: int, size: int) -> bytes:
    data = os.pread(fd, size, offset)
    while 0 < len(data) < size:
        part = os.pread(fd, size - len(data), offset + len(data))
        if not part:
            break
        data += part
    return data


def read_acked(directory: Path, session: str) -> Acked:
    """Return what was acknowledged; nothing when that is unknown: then all is sent again, harmlessly."""
    try:
        stated = json.loads((directory / f"{session}.acked").read_bytes())
        position = Position(int(stated["segment"]), int(stated["offset"]))
        return Acked(position, int(stated["recovered"]), str(stated.get("stated_by", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return Acked()


def write_acked(directory: Path, session: str, acked: Acked) -> None:
    """Overwrite the acknowledgement in place, with one block; not synced. Raises OSError.

    A dying process leaves the old block or the new one, and one that a power cut took only costs a resend.
    """
    stated = {
        "segment": acked.position.segment,
        "offset": acked.position.offset,
        "recovered": acked.recovered,
        "stated_by": acked.stated_by,
    }
    path = directory / f"{session}.acked"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(fd, json.dumps(stated).encode().ljust(ACKED_BYTES), 0)
    finally:
        os.close(fd)


def remove_session(directory: Path, session: str) -> None:
    """Delete every file of a session, its lock last. Raises OSError."""
    for segment in segments(directory, session):
        segment_path(directory, session, segment).unlink(missing_ok=True)
    for suffix in ("acked", "lock"):
        (directory / f"{session}.{suffix}").unlink(missing_ok=True)


class SessionLock:
    """The right to write or adopt one session; given up when the process ends, however it ends."""

    __slots__ = ("fd", "session")

    def __init__(self, session: str, fd: int) -> None:
        """Keep a descriptor that holds the flock; use `take`."""
        self.session = session
        self.fd = fd

    @classmethod
    def take(cls, directory: Path, session: str) -> Self | None:
        """Take the lock of a session, None when a living process holds it. Raises OSError."""
        return cls._take(directory / f"{session}.lock", session)

    @classmethod
    def take_adoption(cls, directory: Path) -> Self | None:
        """Take the right to look for dead sessions, None when another process is at it. Raises OSError."""
        return cls._take(directory / ADOPTION_LOCK, "")

    @classmethod
    def _take(cls, path: Path, session: str) -> Self | None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_file_at(fd, path):
                return cls(session, fd)
        except BlockingIOError:
            pass
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def __enter__(self) -> Self:
        """Hold the lock inside `with`."""
        return self

    def __exit__(self, *error: object) -> None:
        """Give it up."""
        self.release()

    def release(self) -> None:
        """Give the lock up. Idempotent."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _is_file_at(fd: int, path: Path) -> bool:
    """Whether the locked file is still the one of that name, and not one that an adopter deleted."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


class SpoolWriter:
    """Appends frames to a session's segments. Not safe for threads: its owner holds a lock around each call.

    `write` is `os.write`, replaced in fault tests.
    """

    def __init__(
        self,
        directory: Path,
        session: str,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        write: Write = os.write,
    ) -> None:
        """Make the directory where it is missing; no file yet. Raises SpoolError."""
        self.directory = directory
        self._session = session
        self._segment_bytes = segment_bytes
        self._write = write
        self._fd = -1
        self._retired: list[int] = []
        self._has_new_name = True
        self.segment = -1
        self.offset = 0
        with _spool_errors(directory):
            make_private_directory(directory)

    @property
    def position(self) -> Position:
        """Where the next frame will stand, unless a new segment is begun for it."""
        return Position(self.segment, self.offset)

    def make_ready(self) -> None:
        """Begin a segment where none is open or the one that is open is full. Raises SpoolError."""
        if self._fd < 0 or self.offset >= self._segment_bytes:
            self.begin_segment()

    def append(self, frame: bytes) -> None:
        """Write one frame after `make_ready`. Raises SpoolError: then no reader will see the frame."""
        try:
            written = self._write(self._fd, frame)
        except OSError as error:
            written = self.found_length() - self.offset
            if written != len(frame):  # else: it failed, and yet every byte is there
                self._leave_torn(written)
                raise _spool_error(self.directory, error) from error
        if written != len(frame):
            self._leave_torn(written)
            raise SpoolError(
                f"spool {self.directory}: {written} of {len(frame)} bytes written; free some space, "
                "nothing else is needed"
            )
        self.offset += written

    def begin_segment(self) -> None:
        """Leave the segment for a new one. Raises SpoolError."""
        number = self.segment + 1
        with _spool_errors(self.directory):
            fd = os.open(segment_path(self.directory, self._session, number), _APPEND, 0o600)
        self._retire()
        self._has_new_name = True
        self._fd, self.segment, self.offset = fd, number, 0

    def take_unsynced(self) -> list[int]:
        """Return descriptors to sync and close, after which all frames so far are durable. Raises SpoolError.

        The directory is among them when a segment was begun since. Whoever takes them must sync them all:
        what a failed sync did not write is not offered again.
        """
        taken: list[int] = []
        try:
            if self._has_new_name:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
                taken.append(os.open(self.directory, flags))
            if self._fd >= 0:
                taken.append(os.dup(self._fd))
        except OSError as error:
            for fd in taken:
                os.close(fd)
            raise _spool_error(self.directory, error) from error
        retired, self._retired = self._retired, []
        self._has_new_name = False
        return [*taken[:-1], *retired, *taken[-1:]]

    @property
    def is_deleted(self) -> bool:
        """Somebody deleted the open segment: what is written now, nobody will read."""
        try:
            return self._fd >= 0 and os.fstat(self._fd).st_nlink == 0
        except OSError:
            return True

    def found_length(self) -> int:
        """Return how long the open segment really is, 0 when none is open or that cannot be told."""
        try:
            return os.fstat(self._fd).st_size if self._fd >= 0 else 0
        except OSError:
            return 0

    def resume(self, segment: int, offset: int, frame_bytes: int) -> bool:
        """After an `append` there that an exception from outside cut off: whether the frame is there."""
        written = self.found_length() - offset if self.segment == segment else 0
        if written == frame_bytes:
            self.offset = offset + written
            return True
        self._leave_torn(written)
        return False

    def close(self) -> None:
        """Close the files. Idempotent."""
        self._retire()
        for fd in self._retired:
            os.close(fd)
        self._retired = []

    def _leave_torn(self, written: int) -> None:
        """Leave a segment that ends in a torn frame; the next `make_ready` begins a new one."""
        if written:
            self._retire()

    def _retire(self) -> None:
        if self._fd >= 0:
            self._retired.append(self._fd)
            self._fd = -1


@contextlib.contextmanager
def _spool_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _spool_error(directory, error) from error


def _spool_error(directory: Path, error: OSError) -> SpoolError:
    name = errno.errorcode.get(error.errno or 0, "error")
    return SpoolError(
        f"spool {directory} cannot be written: {error.strerror or error} ({name}); "
        "free space or correct the permissions, nothing else is needed"
    )

"""Files that are whole or absent: written beside their place, synced, renamed, folder synced.

After `write` returns, the content survives a power cut; when it raises, the old content, the new
one or (for a first write) nothing is there, and never a part. Leftovers of a write that was cut
short end in TEMPORARY and are swept away at the next start.
"""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tallystick.errors import StoreError
from tallystick.private_file import sync_directory

TEMPORARY: Final = ".tmp"


class Files:
    """A folder of files, addressed by relative paths with forward slashes. OSError goes through."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, content: bytes) -> None:
        """Put a file in place, atomically and durably, over an older one if there is one.

        Two threads that write one file do not meet: the last one's content stands.
        """
        target = self.root / path
        self._make_folder(target.parent)
        temporary = target.with_name(f"{target.name}.{threading.get_ident()}{TEMPORARY}")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_directory(target.parent)

    def read(self, path: str) -> bytes | None:
        """Return the content, None where there is no such file."""
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def read_plain(self, path: str, limit_bytes: int) -> bytes | None:
        """Return the content, None where nothing stands; for folders that somebody else filled.

        Raises StoreError for a link, a device, a pipe, a folder, and above `limit_bytes`.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(self.root / path, flags)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"{path} is no plain file: {error.strerror}") from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StoreError(f"{path} is no plain file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                content = file.read(limit_bytes + 1)
        finally:
            os.close(descriptor)
        if len(content) > limit_bytes:
            raise StoreError(f"{path} is larger than {limit_bytes} bytes")
        return content

    def remove(self, path: str) -> None:
        """Remove a file, and its folder once it is empty; nothing happens where it is absent."""
        target = self.root / path
        target.unlink(missing_ok=True)
        if target.parent.name.endswith(".p") and not any(target.parent.iterdir()):
            target.parent.rmdir()

    def paths(self, below: str) -> Iterator[str]:
        """Yield the path of every file below a folder, sorted within each folder."""
        for folder, folders, names in os.walk(self.root / below):
            folders.sort()
            for name in sorted(names):
                yield (Path(folder) / name).relative_to(self.root).as_posix()

    def sweep(self) -> None:
        """Remove what a write that was cut short left behind."""
        for path in list(self.paths(".")):
            if path.endswith(TEMPORARY):
                (self.root / path).unlink()

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_directory(folder.parent)


def put_in_place(partial: Path, place: Path) -> None:
    """Give a directory its name, durably, once everything in it is on disk. OSError goes through.

    After a power cut there is the whole directory at `place`, or none.
    """
    for folder, _, names in os.walk(partial, topdown=False):
        for name in names:
            _sync(Path(folder) / name)
        sync_directory(Path(folder))
    partial.replace(place)
    sync_directory(place.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_synced(source: int, target: Path) -> None:
    """Copy the whole of an open file to a new one, durably. OSError goes through."""
    os.lseek(source, 0, os.SEEK_SET)
    with target.open("xb") as copy:
        while chunk := os.read(source, 1 << 20):
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())

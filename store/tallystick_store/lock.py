"""One process per data directory: an advisory lock on the file `lock`, dropped with the process."""

import fcntl
import os
from pathlib import Path
from typing import Final

from tallystick.errors import StoreError

LOCK_NAME: Final = "lock"


class DirectoryLock:
    """A held lock; `release` gives it back, and so does the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, directory: Path) -> "DirectoryLock":
        """Take the directory for writing; raise StoreError when another process has it."""
        descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _lock(descriptor, fcntl.LOCK_EX, directory, "stop that process first")
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return cls(descriptor)

    @classmethod
    def acquire_shared(cls, directory: Path) -> "DirectoryLock | None":
        """Take the directory for reading, next to other readers; None where it was never locked.

        Raises StoreError while a store runs on it. Nothing in the directory changes.
        """
        try:
            descriptor = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        _lock(
            descriptor,
            fcntl.LOCK_SH,
            directory,
            "make a copy with `tallystick snapshot` and read that, or stop the service",
        )
        return cls(descriptor)

    def release(self) -> None:
        """Give the directory back."""
        os.close(self._descriptor)


def _lock(descriptor: int, mode: int, directory: Path, remedy: str) -> None:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise StoreError(
            f"the data directory {directory} is in use by process {owner or 'unknown'}: {remedy}"
        ) from error

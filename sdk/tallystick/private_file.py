"""Files that hold secrets: mode 0600 in a directory of mode 0700, written whole or not at all."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

Stamp = tuple[int, int]
"""Inode and time of the last change, in nanoseconds."""
_PRIVATE_FILE: Final = 0o600
_PRIVATE_DIR: Final = 0o700
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def make_private_directory(path: Path) -> None:
    """Make `path` (0700) where it is missing. Raises OSError."""
    path.mkdir(mode=_PRIVATE_DIR, parents=True, exist_ok=True)


def make_files_private() -> None:
    """From here on whatever this process and its children make is 0600 or 0700, unless they say otherwise."""
    os.umask(_OTHERS)


def private_file_warnings(paths: Iterable[Path]) -> list[str]:
    """Make what others could read private, and say so for each; missing files and directories are passed over."""
    found: list[str] = []
    for path in paths:
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if mode & _OTHERS:
            wanted = _PRIVATE_DIR if stat.S_ISDIR(mode) else _PRIVATE_FILE
            found.append(_make_private(path, stat.S_IMODE(mode), wanted))
    return found


def _make_private(path: Path, mode: int, wanted: int) -> str:
    said = f"{path} could be read by others (mode {mode:04o})"
    try:
        path.chmod(wanted)
    except OSError as error:
        return f"{said} and cannot be made private: {error.strerror}"
    return f"{said}; made {wanted:04o}; replace it if others use this machine"


def create_private_file(path: Path, content: bytes) -> None:
    """Create a file of mode 0600, whole or not at all; a file that is already there stays. Raises OSError."""
    make_private_directory(path.parent)
    temporary = _write_temporary(path, content)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def replace_private_file(path: Path, content: bytes, *, is_name_synced: bool = True) -> Stamp:
    """Put a file of mode 0600 in place, atomically and durably; return which file it is. Raises OSError.

    Without `is_name_synced` a power cut may bring back the file that was there before, whole as it was.
    """
    make_private_directory(path.parent)
    temporary = _write_temporary(path, content)
    try:
        stamp = stamp_of(temporary)
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise
    if is_name_synced:
        sync_directory(path.parent)
    return stamp


def stamp_of(path: Path) -> Stamp:
    """Return which file stands at `path`: another one, or one that was written again, has another stamp.

    Raises OSError.
    """
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_temporary(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
    try:
        with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
            file.flush()
            os.fsync(fd)
    except OSError:
        temporary.unlink()
        raise
    return temporary

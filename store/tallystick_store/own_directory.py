"""A directory that its owner alone may read: made so, or closed, or refused."""

import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Final

from tallystick.errors import StoreError
from tallystick_store.lock import LOCK_NAME

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def own_directory(directory: Path, marks: Collection[str] = (LOCK_NAME,)) -> str | None:
    """Make `directory` (0700) where it is missing, and take every right on it from others; say if they had one.

    An empty one, and one that holds a file of the `marks` (a store's, unless stated), are closed; one that holds
    something else is refused, since closing it may be in somebody's way. A directory of another owner, lent to a
    group of ours, stays as it is. Raises StoreError, which says what to do, and OSError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = stat.S_IMODE(directory.stat().st_mode)
    if not mode & _OTHERS:
        return None
    names = os.listdir(directory)  # noqa: PTH208 - names alone
    if names and not any(mark in names for mark in marks):
        raise StoreError(
            f"{directory} is open to others (mode {mode:04o}) and holds other things:"
            f" name an empty directory, or close it: chmod 700 {directory}"
        )
    try:
        directory.chmod(mode & ~_OTHERS)
    except PermissionError:
        if mode & stat.S_IRWXO:
            raise StoreError(
                f"{directory} is open to others (mode {mode:04o}) and belongs to another user: let its owner"
                f" close it (chmod o= {directory}), or name another directory"
            ) from None
        return None
    return f"{directory} was open to others (mode {mode:04o}); made 0700"

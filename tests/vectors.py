"""Where the third-party vectors lie, and how a test says how many it has read."""

import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "TALLYSTICK_VECTORS"
"""Names the folder; without it, ../shared/vectors beside the repository is read."""

PROPERTY: Final = "vectors"
"""A test calls `record_property(PROPERTY, count)`; the end of the run prints the sum."""

_BESIDE: Final = Path(__file__).resolve().parent.parent.parent / "shared" / "vectors"


def folder() -> Path | None:
    """Give the folder of vectors, or None where it is absent."""
    found = Path(os.environ.get(VARIABLE) or _BESIDE)
    return found if found.is_dir() else None


def files(pattern: str) -> list[Path]:
    """Give the vector files that match a glob such as `merkle/inclusion/**/*.json`, sorted.

    Empty where the folder is absent: parametrised tests then do not exist, and the closing
    summary says so.
    """
    found = folder()
    return sorted(found.glob(pattern)) if found else []


def summary(counted: int) -> str:
    """Say in one line how many vectors the tests of this run have read."""
    absent = "" if folder() else f"; the folder is absent, set {VARIABLE} to read them"
    return f"third-party vectors: {counted} checked{absent}"

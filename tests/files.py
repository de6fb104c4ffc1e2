"""The files of a program that runs: it may replace or remove one while a test looks at them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def contents(place: Path) -> Iterator[tuple[Path, bytes]]:
    """Read every file below a folder; one that is gone by then is left out."""
    for folder, _, names in os.walk(place):
        for path in (Path(folder, name) for name in names):
            with suppress(FileNotFoundError):
                yield path, path.read_bytes()

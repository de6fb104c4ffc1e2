"""The files of a program that runs: it may replace or remove one while a test looks at them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq


def contents(place: Path) -> Iterator[tuple[Path, bytes]]:
    """Read every file below a folder; one that is gone by then is left out."""
    for folder, _, names in os.walk(place):
        for path in (Path(folder, name) for name in names):
            with suppress(FileNotFoundError):
                yield path, path.read_bytes()


def bytes_of(directory: Path) -> bytes:
    """Return every byte of every file below a directory, and every cell of every Parquet file."""
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            found.append(path.read_bytes())
        if path.suffix == ".parquet":
            found += [repr(row).encode() for row in pq.read_table(path).to_pylist()]
    return b"".join(found)

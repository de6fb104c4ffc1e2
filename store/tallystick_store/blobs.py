"""Blobs: values too large for their records, as files under the SHA-256 of their bytes.

    blobs/3f/3f9a...    whole or absent, durable once `put` has returned

Written by the owner of the store; the same blob twice is one file, as old as the last time it was sent.
"""

import hashlib
import os
import re
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

from tallystick.errors import RecordError, StoreError
from tallystick.private_file import sync_directory
from tallystick_store.files import TEMPORARY, Files

BLOB_FOLDER: Final = "blobs"
_BLOCK_BYTES: Final = 1 << 18
_SHA_256: Final = re.compile(r"[0-9a-f]{64}")


class BlobFiles:
    """The blobs of one store. Safe for several threads: a file is put in place whole."""

    def __init__(self, folder: Path) -> None:
        """Keep blobs below `folder`, made at first use."""
        self._files = Files(folder)
        self._touching = threading.Lock()
        """A blob that is sent again is not removed as an old one at the same moment."""

    def put(self, sha256: str, content: bytes) -> None:
        """Keep a blob; it survives a power cut from then on.

        Raises RecordError when these are not the bytes of that digest, StoreError when they cannot be written.
        """
        path, found = self.path(sha256), blob_digest(content)
        if found != sha256:
            raise RecordError(f"a blob has the SHA-256 {found}: expected {sha256}")
        if self._touch(path):
            return
        try:
            self._files.write(f"{sha256[:2]}/{sha256}", content)
        except OSError as error:
            raise StoreError(f"a blob cannot be written: {error.strerror or error}") from error

    def blocks(self, sha256: str) -> Generator[bytes, None, None] | None:
        """Return a blob in blocks, None where it is missing. Raises StoreError for a name that is none.

        The file is opened with the first block: whoever asks for none leaves nothing open.
        """
        path = self.path(sha256)
        return _read(path) if path.is_file() else None

    def names(self) -> Iterator[str]:
        """Yield the name of every blob."""
        for path in list(self._files.paths(".")):
            name = path.rpartition("/")[2]
            if _SHA_256.fullmatch(name):
                yield name

    def untouched_since(self, before_s: float) -> Iterator[str]:
        """Yield the names of blobs that nobody has put since a time, in seconds of the Unix epoch."""
        for path in self._files.paths("."):
            name = path.rpartition("/")[2]
            if _SHA_256.fullmatch(name) and _is_older(self._files.root / path, before_s):
                yield name

    def remove_untouched(self, sha256: str, before_s: float) -> bool:
        """Remove a blob, durably, unless somebody has put it since; say whether it went. OSError goes through."""
        path = self.path(sha256)
        with self._touching:
            is_old = _is_older(path, before_s)
            if is_old:
                path.unlink()
                sync_directory(path.parent)
        return is_old

    def remove_leftovers(self, before_s: float) -> int:
        """Remove what writes that were cut short before a time left behind; return how many files."""
        found = [
            self._files.root / one for one in self._files.paths(".") if one.endswith(TEMPORARY)
        ]
        old = [one for one in found if _is_older(one, before_s)]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def path(self, sha256: str) -> Path:
        """Return where a blob stands. Raises StoreError for a name that is none."""
        if _SHA_256.fullmatch(sha256) is None:
            raise StoreError("a blob's name is not 64 lower-case hex digits")
        return self._files.root / sha256[:2] / sha256

    def _touch(self, path: Path) -> bool:
        """Say whether a blob is there, and make it as new as one that is written now."""
        with self._touching:
            if not path.is_file():
                return False
            os.utime(path)
            return True


def blob_digest(content: bytes) -> str:
    """Return the name of a blob: its SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def _is_older(path: Path, before_s: float) -> bool:
    try:
        return path.stat().st_mtime < before_s
    except FileNotFoundError:
        return False


def _read(path: Path) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block

"""Blobs: values too large for their records, as files under the SHA-256 of their bytes.

    blobs/3f/3f9a...    whole or absent, durable once `put` has returned

Written by the owner of the store; the same blob twice is one file.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from tallystick.errors import RecordError, StoreError
from tallystick_store.files import Files

BLOB_FOLDER: Final = "blobs"
_BLOCK_BYTES: Final = 1 << 18
_SHA_256: Final = re.compile(r"[0-9a-f]{64}")


class BlobFiles:
    """The blobs of one store. Safe for several threads: a file is put in place whole."""

    def __init__(self, folder: Path) -> None:
        """Keep blobs below `folder`, made at first use."""
        self._files = Files(folder)

    def put(self, sha256: str, content: bytes) -> None:
        """Keep a blob; it survives a power cut from then on.

        Raises RecordError when these are not the bytes of that digest, StoreError when they cannot be written.
        """
        path, found = self.path(sha256), blob_digest(content)
        if found != sha256:
            raise RecordError(f"a blob has the SHA-256 {found}: expected {sha256}")
        if path.is_file():
            return
        try:
            self._files.write(f"{sha256[:2]}/{sha256}", content)
        except OSError as error:
            raise StoreError(f"a blob cannot be written: {error.strerror or error}") from error

    def blocks(self, sha256: str) -> Iterator[bytes] | None:
        """Return a blob in blocks, None where it is missing. Raises StoreError for a name that is none."""
        try:
            file = self.path(sha256).open("rb")
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _read(file)

    def path(self, sha256: str) -> Path:
        """Return where a blob stands. Raises StoreError for a name that is none."""
        if _SHA_256.fullmatch(sha256) is None:
            raise StoreError("a blob's name is not 64 lower-case hex digits")
        return self._files.root / sha256[:2] / sha256


def blob_digest(content: bytes) -> str:
    """Return the name of a blob: its SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def _read(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK_BYTES):
            yield block

"""The files of a package while they are made: written once, in blocks, hashed on the way.

Either straight into the zip, or into a folder first, where they can be verified and queried before
they are packed.
"""

import hashlib
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Final

from tallystick.profile import JsonValue, encode
from tallystick.verify.manifest import MANIFEST_FILE, print_public_key, print_sums
from tallystick_store.checkpoints import LogSigner

_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
_FILE_MODE: Final = 0o100644 << 16
_BLOCK_BYTES: Final = 1 << 18
_TOLD_LINES: Final = 2_000


class FileWriter(ABC):
    """Writes named files and remembers their digests."""

    def __init__(self, told: Callable[[int], None] | None = None) -> None:
        """Tell `told` now and then how many lines were written."""
        self._told = told
        self._lines = 0
        self.digests: dict[str, str] = {}
        """SHA-256 in hex of each file so far."""
        self.longest_line_bytes = 0
        """Of all lines that went through write_lines."""

    def write(self, name: str, blocks: Iterable[bytes]) -> None:
        """Write a file."""
        digest = hashlib.sha256()
        with self._open(name) as file:
            for block in blocks:
                digest.update(block)
                file.write(block)
        self.digests[name] = digest.hexdigest()

    def write_lines(self, name: str, lines: Iterable[bytes]) -> int:
        """Write a file of lines; return how many."""
        before = self._lines
        self.write(name, self._ended(lines))
        return self._lines - before

    def _ended(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield lines with their line feeds; count and measure them on the way."""
        for line in lines:
            self._lines += 1
            self.longest_line_bytes = max(self.longest_line_bytes, len(line))
            if self._told is not None and self._lines % _TOLD_LINES == 0:
                self._told(self._lines)
            yield line + b"\n"

    @abstractmethod
    def _open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Begin a file that is not there yet."""


class ZipWriter(FileWriter):
    """Writes files into a zip."""

    def __init__(self, archive: zipfile.ZipFile, method: int = zipfile.ZIP_DEFLATED) -> None:
        super().__init__()
        self._archive = archive
        self._method = method

    def _open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        info = zipfile.ZipInfo(name, _ZIP_TIME)
        info.compress_type = self._method
        info.external_attr = _FILE_MODE
        return self._archive.open(info, "w", force_zip64=True)


class FolderWriter(FileWriter):
    """Writes files into a folder."""

    def __init__(self, folder: Path, told: Callable[[int], None] | None = None) -> None:
        super().__init__(told)
        self.folder = folder

    def _open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        return (self.folder / name).open("xb")


def pack(folder: Path, names: Iterable[str], writer: ZipWriter) -> None:
    """Put files of a folder into a zip."""
    for name in names:
        writer.write(name, file_blocks(folder / name))


def seal_package(
    writer: ZipWriter, manifest: dict[str, JsonValue], signer: LogSigner
) -> dict[str, JsonValue]:
    """Write manifest, digests and signature, which end a package; return the manifest."""
    whole: dict[str, JsonValue] = {**manifest, "files": dict(writer.digests)}
    writer.write(MANIFEST_FILE, [encode(whole)])
    sums = print_sums(writer.digests).encode()
    writer.write("SHA256SUMS", [sums])
    writer.write("SHA256SUMS.sig", [signer.sign(sums)])
    writer.write("log-key.pem", [print_public_key(signer.public_key).encode()])
    return whole


def file_blocks(path: Path) -> Iterator[bytes]:
    """Yield a file in blocks."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

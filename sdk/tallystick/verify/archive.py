"""A zip of plain files, read with suspicion: a fixed set of names, no tricks, a limit on each size.

Refused: unknown, missing and repeated names, links, encryption, other methods than stored and
deflated, members that overlap, bytes that no member covers, and sizes that cannot be.
Every file is read once, in blocks, and hashed on the way. Whatever `zipfile` and `zlib` raise for
garbage becomes a VerificationError that names the file.
"""

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from tallystick.errors import VerificationError

MAX_FILE_BYTES: Final = 4 * 1024**3
MAX_INFLATION: Final = 1032
"""What deflate reaches at most, and an emitter of one character repeated makes a package reach.

A table of contents that claims more lies. What is read is bounded by MAX_FILE_BYTES, and read in blocks.
"""
SMALL_FILE_BYTES: Final = 16 * 1024**2
"""Files up to this size may be read as a whole."""

_BLOCK_BYTES: Final = 256 * 1024
_LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")
_END_RECORD: Final = struct.Struct("<4s4H2IH")
_LARGE_SIZES: Final = struct.Struct("<2H2Q")
_END_SIGN: Final = b"PK\x05\x06"
_IN_ZIP64: Final = 0xFFFFFFFF
"""Stands for a number that is somewhere else, where files are large."""
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)
"""What zipfile raises for damaged archives; UnicodeDecodeError is a ValueError."""


class Archive:
    """The files of one zip, each to be read once."""

    def __init__(self, path: Path, names: Sequence[str], *optional: Sequence[str]) -> None:
        """Open the zip and check its table of contents; raise VerificationError.

        It holds exactly `names`, and of each group of `optional` files all or none.
        """
        self._digests: dict[str, str] = {}
        self._open: set[IO[bytes]] = set()
        with _zip_errors(path.name):
            self._zip = zipfile.ZipFile(path)
        found = set(self._zip.namelist())
        self.extras = tuple(one for group in optional if found & {*group} for one in group)
        """The optional files that are there."""
        try:
            _check_members(self._zip, [*names, *self.extras])
        except BaseException:
            self._zip.close()
            raise

    def read(self, name: str, limit: int = SMALL_FILE_BYTES) -> bytes:
        """Return a whole file; raise VerificationError above `limit` bytes."""
        size = self._zip.getinfo(name).file_size
        if size > limit:
            raise VerificationError(f"{name} is too large: expected at most {limit}, got {size}")
        return b"".join(self.blocks(name))

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a file in blocks; its digest is known after the last."""
        digest = hashlib.sha256()
        with _zip_errors(name), self._zip.open(name) as member:
            self._open.add(member)
            while block := member.read(_BLOCK_BYTES):
                digest.update(block)
                yield block
            self._open.remove(member)
        self._digests[name] = digest.hexdigest()

    def lines(self, name: str, limit: int) -> Iterator[bytes]:
        """Yield the lines of a file without their line feeds; raise VerificationError.

        Each line, also the last, ends in a line feed and is at most `limit` bytes long.
        """
        begun: list[bytes] = []
        for block in self.blocks(name):
            first, *others = block.split(b"\n")
            begun.append(first)
            if sum(map(len, begun)) > limit:
                raise VerificationError(f"{name} has a line of more than {limit} bytes")
            if others:
                yield b"".join(begun)
                yield from others[:-1]
                begun = [others[-1]]
        if any(begun):
            raise VerificationError(f"{name} does not end in a line feed: it was cut")

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file in hex; reads it where that was not done to the end."""
        if name not in self._digests:
            for _ in self.blocks(name):
                pass
        return self._digests[name]

    def close(self) -> None:
        """Close the file, and the members that nobody read to their end: each holds the file open."""
        for member in self._open:
            member.close()
        self._zip.close()


@contextmanager
def _zip_errors(name: str) -> Iterator[None]:
    try:
        yield
    except _ZIP_ERRORS as error:
        raise VerificationError(f"{name} cannot be read: {error}") from error


def _check_members(archive: zipfile.ZipFile, names: Sequence[str]) -> None:
    members = archive.infolist()
    found = [member.filename for member in members]
    if sorted(found) != sorted(names):
        odd = sorted(set(found) ^ set(names)) or sorted(
            name for name in set(found) if found.count(name) > 1
        )
        shown = ", ".join(repr(name[:64]) for name in odd[:5])
        raise VerificationError(f"missing, unknown or repeated files: {shown}")
    for member in members:
        _check_member(member)
    with _zip_errors("the zip"):
        _check_layout(archive, members)


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    if stat.S_ISLNK(member.external_attr >> 16):
        raise VerificationError(f"{name} is a link: expected a file")
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        raise VerificationError(f"{name} is encrypted or packed by another method than deflate")
    if member.file_size > MAX_FILE_BYTES:
        raise VerificationError(f"{name} has {member.file_size} bytes: expected at most 4 GiB")
    if member.file_size > MAX_INFLATION * member.compress_size:
        raise VerificationError(
            f"{name} claims to inflate from {member.compress_size} to {member.file_size} bytes"
        )


def _check_layout(archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse members that overlap, and bytes that no member covers: other readers may see those."""
    file, end = cast("IO[bytes]", archive.fp), 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise VerificationError(f"{member.filename} overlaps another file of the zip")
        if member.header_offset > end:
            raise VerificationError(f"bytes of no file stand in front of {member.filename}")
        end = _end_of(file, member)
    file.seek(-_END_RECORD.size, os.SEEK_END)
    sign, *_, comment_bytes = _END_RECORD.unpack(file.read(_END_RECORD.size))
    if end != archive.start_dir or sign != _END_SIGN or comment_bytes:
        raise VerificationError("bytes of no file stand around the zip's table of contents")


def _end_of(file: IO[bytes], member: zipfile.ZipInfo) -> int:
    """Return the end of a file, whose own header must say what the table of contents says."""
    file.seek(member.header_offset)
    header = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    _, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = header
    extra = file.read(name_bytes + extra_bytes)[name_bytes:]
    large = _LARGE_SIZES.pack(1, 16, member.file_size, member.compress_size)
    are_large = (packed, size) == (_IN_ZIP64, _IN_ZIP64) and extra.startswith(large)
    are_same = are_large or (packed, size) == (member.compress_size, member.file_size)
    is_same = (flags, method, crc) == (member.flag_bits, member.compress_type, member.CRC)
    if not is_same or not are_same:
        raise VerificationError(f"{member.filename} is not what the table of contents says")
    header_bytes: int = _LOCAL_HEADER.size + name_bytes + extra_bytes
    return member.header_offset + header_bytes + member.compress_size

"""One part of the archive: the groups from one number to another, as files that never change.

    archive/000000000001-000000000420/
        manifest.json       which groups and entries, and the SHA-256 of every other file
        events.parquet ...  what is kept in clear, in the order of the log, packed (packing.py)
        values.parquet      erasable values, encrypted
        checkpoints.parquet the checkpoints that were signed meanwhile

A part that has its name is whole and on disk: it is written beside its place, synced and renamed.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tallystick.errors import StoreError
from tallystick.private_file import sync_directory
from tallystick_store.archive.packing import pack, unpack

FORMAT: Final = "tallystick.archive/v2"
OLD_FORMAT: Final = "tallystick.archive/v1"
"""Of parts that hold statements and seals as they are, and JSON in their blocks; read, and never written."""
MANIFEST: Final = "manifest.json"
PARTIAL: Final = ".partial"
OLD: Final = ".old"
"""Ending of a part while another is put in its place."""

_NAME: Final = re.compile(r"([0-9]{12,20})-([0-9]{12,20})")
_FILE: Final = re.compile(r"[a-z_]{1,32}\.parquet")
_REPEATED: Final = ("sender", "kind", "codec", "nonce")
"""Columns of few values."""
_ENCODINGS: Final = {
    pa.int64(): "DELTA_BINARY_PACKED",
    pa.binary(): "DELTA_LENGTH_BYTE_ARRAY",
    pa.string(): "DELTA_LENGTH_BYTE_ARRAY",
}
_MANIFEST_BYTES: Final = 1 << 16
_KEYS: Final = {
    "format": str,
    "origin": str,
    "first_group": int,
    "last_group": int,
    "first_entry": int,
    "end_entry": int,
    "newest_rx_us": int,
    "checkpoints": int,
    "files": dict,
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a part holds."""

    origin: str
    first_group: int
    last_group: int
    first_entry: int
    end_entry: int
    """Log index behind the last entry; equal to `first_entry` where there are late lines alone."""
    newest_rx_us: int
    """Receive time of the newest entry up to here."""
    checkpoints: int
    """Number of rows in checkpoints.parquet."""
    files: Mapping[str, str]
    """File name -> SHA-256 in hex."""
    format: str = FORMAT

    @property
    def name(self) -> str:
        """The folder's name."""
        return f"{self.first_group:012d}-{self.last_group:012d}"

    @property
    def bound(self) -> bytes:
        """What the part's encrypted blocks are bound to."""
        return f"{self.format}\n{self.origin}\n{self.name}".encode()

    def joins(self, before: "Manifest | None") -> bool:
        """Whether nothing is missing between the part before (None: the beginning) and this one."""
        if before is None:
            return (self.first_group, self.first_entry) == (1, 0)
        return (self.first_group, self.first_entry) == (before.last_group + 1, before.end_entry)


def part_folders(archive: Path) -> list[tuple[int, int, Path]]:
    """Return first group, last group and folder of each part, larger parts first. Raises OSError."""
    if not archive.is_dir():
        return []
    found = ((_NAME.fullmatch(path.name), path) for path in archive.iterdir())
    listed = [(int(match[1]), int(match[2]), path) for match, path in found if match]
    return sorted(listed, key=lambda one: (one[0], -one[1]))


def write_part(archive: Path, manifest: Manifest, tables: Mapping[str, pa.Table]) -> Manifest:
    """Write a part in this version's format, durably; return its manifest with the digests. Raises OSError."""
    partial = archive / f"{manifest.name}{PARTIAL}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    digests = {}
    for name, table in pack(tables).items():
        content = _parquet(table)
        digests[f"{name}.parquet"] = hashlib.sha256(content).hexdigest()
        _write(partial / f"{name}.parquet", content)
    whole = _with_files(manifest, digests)
    _write(partial / MANIFEST, _print(whole))
    sync_directory(partial)
    partial.replace(archive / manifest.name)
    sync_directory(archive)
    return whole


def read_manifest(folder: Path) -> Manifest:
    """Read a part's manifest, strictly. Raises StoreError that names the file."""
    path = folder / MANIFEST
    try:
        value = orjson.loads(path.read_bytes()[:_MANIFEST_BYTES])
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict) or {k: type(v) for k, v in value.items()} != _KEYS:
        raise StoreError(f"{path} is no manifest of a part: expected the keys {', '.join(_KEYS)}")
    files = value["files"]
    if value["format"] not in (FORMAT, OLD_FORMAT) or not all(map(_FILE.fullmatch, files)):
        raise StoreError(f"{path} is of another version: expected {FORMAT} or {OLD_FORMAT}")
    manifest = Manifest(**value)
    if manifest.name != folder.name.removesuffix(PARTIAL):
        raise StoreError(f"{path} is the manifest of {manifest.name}: the folder was renamed")
    return manifest


def read_tables(folder: Path, manifest: Manifest) -> dict[str, pa.Table]:
    """Return the tables of a part. Raises StoreError that names a file that is not what was written."""
    stored = {
        name.removesuffix(".parquet"): _table(folder / name, digest)
        for name, digest in manifest.files.items()
    }
    return unpack(stored) if manifest.format == FORMAT else stored


def tidy(folder: Path) -> None:
    """Undo or finish what a crash cut short: half-written parts, old versions, parts that were merged."""
    for path in [*folder.glob(f"*{PARTIAL}")]:
        shutil.rmtree(path)
    for old in [*folder.glob(f"*{OLD}")]:
        place = old.with_name(old.name.removesuffix(OLD))
        if (place / MANIFEST).exists():
            shutil.rmtree(old)
        else:
            old.replace(place)
    reached = 0
    for _, last, path in part_folders(folder):
        if last <= reached:
            shutil.rmtree(path)  # a larger part, which stands before it in the list, holds it
        reached = max(reached, last)
    sync_directory(folder)


def _table(path: Path, digest: str) -> pa.Table:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise StoreError(f"{path} was changed: expected SHA-256 {digest}, got {found}")
    return pq.read_table(pa.BufferReader(content))


def _parquet(table: pa.Table) -> bytes:
    repeated = [name for name in table.column_names if name in _REPEATED]
    encodings = {
        field.name: _ENCODINGS[field.type]
        for field in table.schema
        if field.type in _ENCODINGS and field.name not in _REPEATED
    }
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=repeated,
        column_encoding=encodings,
        write_statistics=False,
    )
    return bytes(sink.getvalue())


def _with_files(manifest: Manifest, digests: Mapping[str, str]) -> Manifest:
    values: dict[str, Any] = {name: getattr(manifest, name) for name in Manifest.__slots__}
    return Manifest(**{**values, "files": dict(sorted(digests.items()))})


def _print(manifest: Manifest) -> bytes:
    values = {name: getattr(manifest, name) for name in Manifest.__slots__}
    return orjson.dumps(values, option=orjson.OPT_INDENT_2)


def _write(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(content)
        file.flush()
        os.fsync(file.fileno())

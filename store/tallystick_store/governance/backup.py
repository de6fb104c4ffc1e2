"""A backup of a running store, and what it takes to restore it.

    DIR/backup.json        which log, how large, and the SHA-256 of every other file
    DIR/archive/           the parts of the archive, values encrypted
    DIR/blobs/             large values, each encrypted under the keys of those whose records name it
    DIR/checkpoint         the newest signed checkpoint
    DIR/evidence           of a log that is there to be read alone: why; else missing
    DIR/deletions/         which entries each request for a deletion is about
    DIR/erasures.ndjson    the ledger of erasures as it was; the newest is kept elsewhere

Nothing erasable stands in it in clear: what is erased later cannot be read in it any more once the keys are destroyed.
The keys are no part of it (`SubjectKeys.copy_to`). The database is not either: it is made anew from the archive.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tallystick.errors import StoreError
from tallystick_store.archive.archive import ARCHIVE_FOLDER, Archive
from tallystick_store.archive.split import subject_of
from tallystick_store.archive.subject_keys import Subject, SubjectKeys
from tallystick_store.archive.values import NONCE_BYTES
from tallystick_store.blobs import BLOB_FOLDER, BlobFiles, blob_digest
from tallystick_store.files import put_in_place
from tallystick_store.governance.deletion import SETS_FOLDER
from tallystick_store.governance.ledger import LEDGER_NAME
from tallystick_store.opening import EVIDENCE_NAME
from tallystick_store.store import Store

FORMAT: Final = "tallystick.backup/v1"
BACKUP_FILE: Final = "backup.json"
CHECKPOINT_FILE: Final = "checkpoint"

_NAMED: Final = """
    SELECT DISTINCT unnest(regexp_extract_all(line, 'sha256:([0-9a-f]{64})', 1)) AS blob,
           log_index, principal_ref, session, origin, trace_id
    FROM (SELECT log_index, disclosures AS line FROM events UNION ALL FROM late_disclosures) said
    JOIN events USING (log_index) WHERE contains(line, '.blob","') AND log_index < $1
"""
_BLOB_FILE: Final = re.compile(r"([0-9a-f]{64})\.([0-9]{1,19})")
_KEYS: Final = {
    "format": str,
    "origin": str,
    "size": int,
    "groups": int,
    "created_us": int,
    "blobs_left": int,
    "files": dict,
}


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds."""

    origin: str
    size: int
    """Number of log entries."""
    groups: int
    created_us: int
    blobs_left: int
    """Large values that no record named yet, and that are not in it."""
    files: Mapping[str, str]
    """Path below the backup -> SHA-256 in hex."""


def take_backup(store: Store, target: Path, now_us: int) -> Backup:
    """Write a backup into `target`, which must not exist or be empty. Raises StoreError.

    Commits wait while the journal is archived, and for nothing else; while the parts are copied none is added, merged
    or rewritten, and no key is destroyed. A target that has its name is whole.
    """
    archive = store.archiver.archive
    if archive is None:
        raise StoreError("there are no subject keys, so there is no archive to back up")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"the backup's target {target} exists: give a new directory")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise StoreError(f"the backup {target} cannot be written: {error}") from error
    try:
        backup = _write(store, archive, partial, now_us)
        put_in_place(partial, target)
    except (OSError, StoreError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(f"the backup {target} cannot be written: {error}") from error
    return backup


def read_backup(directory: Path) -> Backup:
    """Read a backup's list and hold every file against it. Raises StoreError that names what differs."""
    path = directory / BACKUP_FILE
    try:
        value = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict) or {k: type(v) for k, v in value.items()} != _KEYS:
        raise StoreError(f"{path} is no list of a backup: expected the keys {', '.join(_KEYS)}")
    if value.pop("format") != FORMAT:
        raise StoreError(f"{path} is of another version: expected {FORMAT}")
    backup = Backup(**value)
    found = {one: path for one, path in _files(directory) if one != BACKUP_FILE}
    strange = sorted(found.keys() ^ backup.files.keys())
    if strange:
        what = "is missing" if strange[0] in backup.files else "belongs to no backup"
        raise StoreError(f"{directory / strange[0]} {what}, and {len(strange) - 1} more")
    for name, digest in backup.files.items():
        if _digest(found[name]) != digest:
            raise StoreError(f"{found[name]} was changed since the backup was made")
    return backup


def restore_blobs(directory: Path, blobs: BlobFiles, keys: SubjectKeys, origin: str) -> int:
    """Put the blobs of a backup back that some key still opens; return how many. Raises StoreError."""
    opened: set[str] = set()
    for path in sorted((directory / BLOB_FOLDER).glob("*")):
        match = _BLOB_FILE.fullmatch(path.name)
        if match is None:
            raise StoreError(f"{path} is no blob of a backup")
        sha256, key = match[1], keys.by_id([int(match[2])])
        if sha256 in opened or not key:
            continue
        content = path.read_bytes()
        nonce, sealed = content[:NONCE_BYTES], content[NONCE_BYTES:]
        try:
            clear = AESGCM(key[int(match[2])]).decrypt(nonce, sealed, _bound(origin, sha256))
        except InvalidTag as error:
            raise StoreError(f"{path} is not what was sealed") from error
        blobs.put(sha256, clear)
        opened.add(sha256)
    return len(opened)


def _write(store: Store, archive: Archive, partial: Path, now_us: int) -> Backup:
    with archive.writing:
        with store.paused():
            store.archiver.run_now(also_open=True)
            size, groups = archive.size, archive.last_group
            newest = store.checkpoint_held()
            ledger = store.ledger.path.read_bytes() if store.ledger.path.exists() else b""
        shutil.copytree(archive.folder, partial / ARCHIVE_FOLDER)
        named = _named_blobs(store, archive.keys, size)
        _copy_sets(store.directory / SETS_FOLDER, partial / SETS_FOLDER)
    if size != store.size and size == 0:
        raise StoreError("nothing is archived yet")
    left = _write_blobs(store.blobs, archive.keys, named, partial / BLOB_FOLDER, store.origin)
    (partial / LEDGER_NAME).write_bytes(ledger)
    (partial / CHECKPOINT_FILE).write_text(newest.note if newest else "", encoding="utf-8")
    if store.evidence is not None:
        (partial / EVIDENCE_NAME).write_text(f"{store.evidence}\n", encoding="utf-8")
    files = {name: _digest(path) for name, path in _files(partial)}
    backup = Backup(store.origin, size, groups, now_us, left, files)
    content = orjson.dumps({"format": FORMAT, **asdict(backup)}, option=orjson.OPT_INDENT_2)
    (partial / BACKUP_FILE).write_bytes(content)
    return backup


def _copy_sets(folder: Path, target: Path) -> None:
    """Copy which entries each request for a deletion is about: the log has their digests alone."""
    target.mkdir(mode=0o700)
    for path in folder.glob("*.set"):
        with contextlib.suppress(FileNotFoundError):  # its request is over meanwhile
            shutil.copyfile(path, target / path.name)


def _named_blobs(store: Store, keys: SubjectKeys, size: int) -> dict[str, frozenset[int]]:
    """Return the blobs that the first `size` records name, each with the keys of those whose value it is.

    What was erased has none. Keys are looked up here, while none is destroyed, and never made.
    """
    erased = store.ledger.erased
    whose: dict[str, set[Subject]] = defaultdict(set)
    for sha256, log_index, *about in store.database.rows(_NAMED, [size]):
        subjects = whose[sha256]
        if not erased.covers(log_index):
            subjects.add(subject_of(*about))
    found = keys.keys_of(set().union(*whose.values()))
    return {
        sha256: frozenset(found[one].id for one in subjects if one in found)
        for sha256, subjects in whose.items()
    }


def _write_blobs(
    blobs: BlobFiles,
    keys: SubjectKeys,
    named: Mapping[str, frozenset[int]],
    folder: Path,
    origin: str,
) -> int:
    """Write each blob under each of its keys that is there still; return how many no record names."""
    folder.mkdir(mode=0o700)
    left = 0
    for sha256 in blobs.names():
        content = b"".join(blobs.blocks(sha256) or ())
        if blob_digest(content) != sha256:
            continue  # swept or damaged meanwhile: `tallystick verify` names it
        left += sha256 not in named
        for number, key in keys.by_id(named.get(sha256, ())).items():
            nonce = secrets.token_bytes(NONCE_BYTES)
            sealed = AESGCM(key).encrypt(nonce, content, _bound(origin, sha256))
            (folder / f"{sha256}.{number}").write_bytes(nonce + sealed)
    return left


def _bound(origin: str, sha256: str) -> bytes:
    return f"{FORMAT}\n{origin}\n{sha256}".encode()


def _files(directory: Path) -> Iterator[tuple[str, Path]]:
    for folder, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            yield path.relative_to(directory).as_posix(), path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Erasable values apart from what they belong to: one encrypted block for each subject of a part.

A block is AES-256-GCM over zstd over a JSON list of [table, log index, position, text]. The key is that of the
subject, the nonce is random, and the names of part and subject are bound to it, so that no block can stand for another.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

import orjson
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tallystick.errors import StoreError
from tallystick_store.archive.subject_keys import Subject, SubjectKey, SubjectKeys

NONCE_BYTES: Final = 12
"""NIST SP 800-38D: 96 bits; drawn at random, a key may see 2^32 blocks."""
MAX_BLOCK_BYTES: Final = 1 << 30
"""No block is inflated beyond this."""

ValueTable = Literal["events", "spans", "late_disclosures"]

BLOCKS: Final = pa.schema(
    [
        ("key_id", pa.int64()),
        ("principal", pa.string()),
        ("context", pa.string()),
        ("size_bytes", pa.int64()),
        ("nonce", pa.binary(NONCE_BYTES)),
        ("sealed", pa.binary()),
    ]
)
"""`values.parquet`: whose block it is (the pseudonyms that the statements hold too), and the block."""


class Value(NamedTuple):
    """One erasable text: disclosure lines of an event, a span record, or a line that came late."""

    table: ValueTable
    log_index: int
    position: int
    text: str


FindKeys = Callable[[Iterable[Subject]], Mapping[Subject, SubjectKey]]
"""`SubjectKeys.keys_for` or `SubjectKeys.keys_of`."""


def seal_values(
    values: Iterable[tuple[Subject, Value]], find: FindKeys, bound_to: bytes
) -> pa.Table:
    """Return the values as blocks, one for each subject that has a key. Raises StoreError."""
    grouped: dict[Subject, list[tuple[object, ...]]] = defaultdict(list)
    for subject, value in values:
        grouped[subject].append(tuple(value))
    found = find(grouped) if grouped else {}
    rows = []
    for subject, key in found.items():
        clear = orjson.dumps(grouped[subject])
        packed = pa.compress(clear, codec="zstd", asbytes=True)
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(key.key).encrypt(nonce, packed, _bound(bound_to, subject))
        rows.append((key.id, *subject, len(clear), nonce, sealed))
    columns = zip(*rows, strict=True) if rows else [[] for _ in BLOCKS]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, BLOCKS, strict=True)], BLOCKS)


def open_values(
    blocks: pa.Table, keys: SubjectKeys, bound_to: bytes
) -> list[tuple[Subject, list[Value]]]:
    """Return the values by subject; those whose key was destroyed are absent.

    Raises StoreError for a block that is not what was sealed.
    """
    rows = blocks.to_pylist()
    found = keys.by_id(row["key_id"] for row in rows) if rows else {}
    opened = []
    for row in rows:
        subject = Subject(row["principal"], row["context"])
        if row["key_id"] in found:
            key = found[row["key_id"]]
            opened.append((subject, _open(row, key, _bound(bound_to, subject))))
    return opened


def _bound(part: bytes, subject: Subject) -> bytes:
    """Return what is authenticated with a block: the name of its part, and whose it is."""
    return b"\n".join((part, subject.principal.encode(), subject.context.encode()))


def _open(row: dict[str, Any], key: bytes, bound_to: bytes) -> list[Value]:
    size = row["size_bytes"]
    try:
        packed = AESGCM(key).decrypt(row["nonce"], row["sealed"], bound_to)
        if not isinstance(size, int) or not 0 <= size <= MAX_BLOCK_BYTES:
            raise StoreError(f"a block of the archive states {size} bytes")
        listed = orjson.loads(pa.decompress(packed, size, codec="zstd", asbytes=True))
    except (InvalidTag, ValueError, pa.ArrowException, OSError) as error:
        raise StoreError(
            f"a block of the archive is not what was sealed under key {row['key_id']}"
        ) from error
    return [Value(*one) for one in listed]

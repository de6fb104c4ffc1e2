"""Erasable values apart from what they belong to: one encrypted block for each subject of a part.

A block is AES-256-GCM over the salts of its lines, 16 bytes each, and what is left of them, compressed. The key is that
of the subject, the nonce is drawn anew whenever a part is written, where no key seals two blocks, and the names of part
and subject are bound to it, so that no block can stand for another. What is compressed begins with a line of places:
`e120.2 s3.0.1` is an event's text of two lines under log index 120, then a span's, at place 0 of the batch three
entries on.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
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
SMALL_BYTES: Final = 4096
"""Up to here Brotli takes the time of zstd and gives 15 % less: its dictionary is there from the start."""

ValueTable = Literal["events", "spans", "late_disclosures"]

VALUES: Final = "values"
"""The table of blocks in a part."""
BLOCKS: Final = pa.schema(
    [
        ("key_id", pa.int64()),
        ("principal", pa.string()),
        ("context", pa.string()),
        ("log_index", pa.int64()),
        ("codec", pa.string()),
        ("size_bytes", pa.int64()),
        ("salts", pa.int64()),
        ("nonce", pa.binary()),
        ("sealed", pa.binary()),
    ]
)
"""`values.parquet`: whose block it is (the pseudonyms that the statements hold too), the log index of its first value,
and the block. `size_bytes` is the size of what was compressed. A block of format v1 has none of `log_index`, `codec`
and `salts`: it is zstd over JSON of its values."""

_SALT_BYTES: Final = 16
_SALT: Final = slice(2, 34)
"""Where the salt stands in a disclosure line: `["<32 hex digits>","<field>",...`."""
_HEX_DIGITS: Final = "0123456789abcdef"
_LETTERS: Final[Mapping[ValueTable, str]] = {"events": "e", "spans": "s", "late_disclosures": "l"}
_TABLES: Final = {letter: name for name, letter in _LETTERS.items()}
_CODECS: Final = {"zstd": pa.Codec("zstd", 3), "brotli": pa.Codec("brotli", 5)}


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
    grouped: dict[Subject, list[Value]] = defaultdict(list)
    for subject, value in values:
        grouped[subject].append(value)
    found = find(grouped) if grouped else {}
    nonce = secrets.token_bytes(NONCE_BYTES)
    rows = []
    for subject, key in found.items():
        salts, rest = _printed(grouped[subject])
        codec = "brotli" if len(rest) <= SMALL_BYTES else "zstd"
        clear = salts + _CODECS[codec].compress(rest, asbytes=True)
        sealed = AESGCM(key.key).encrypt(nonce, clear, _bound(bound_to, subject))
        first, count = grouped[subject][0].log_index, len(salts) // _SALT_BYTES
        rows.append((key.id, *subject, first, codec, len(rest), count, nonce, sealed))
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


def _open(row: Mapping[str, Any], key: bytes, bound_to: bytes) -> list[Value]:
    size = row["size_bytes"]
    try:
        clear = AESGCM(key).decrypt(row["nonce"], row["sealed"], bound_to)
        if not isinstance(size, int) or not 0 <= size <= MAX_BLOCK_BYTES:
            raise StoreError(f"a block of the archive states {size} bytes")
        if "codec" not in row:
            packed = pa.decompress(clear, size, codec="zstd", asbytes=True)
            return [Value(*one) for one in orjson.loads(packed)]
        end = row["salts"] * _SALT_BYTES
        rest = _CODECS[row["codec"]].decompress(clear[end:], size, asbytes=True)
        return _read(clear[:end], rest.decode())
    except (InvalidTag, ValueError, KeyError, IndexError, pa.ArrowException, OSError) as error:
        raise StoreError(
            f"a block of the archive is not what was sealed under key {row['key_id']}"
        ) from error


def _printed(values: Sequence[Value]) -> tuple[bytes, bytes]:
    """Return the salts of all lines, joined, and what is compressed: the line of places, and the lines."""
    places, lines, before = [], [], 0
    for table, log_index, position, text in values:
        said = text.split("\n")
        lines += said
        at = f".{position}" if position else ""
        places.append(f"{_LETTERS[table]}{log_index - before}{at}.{len(said)}")
        before = log_index
    salts = "".join([line[_SALT] for line in lines if _is_salted(line)])
    if salts.strip(_HEX_DIGITS) or any(line[:1] == '"' for line in lines):
        salts = ""
    if salts:
        lines = [line[36:] if _is_salted(line) else line for line in lines]
    return bytes.fromhex(salts), "\n".join((" ".join(places), *lines)).encode()


def _is_salted(line: str) -> bool:
    return line[:2] == '["' and line[34:37] == '","'


def _read(salts: bytes, printed: str) -> list[Value]:
    head, *lines = printed.split("\n")
    lines = _salted(salts, lines)
    values, log_index, at = [], 0, 0
    for place in head.split(" "):
        index, *position, count = place[1:].split(".")
        log_index, end = log_index + int(index), at + int(count)
        text = "\n".join(lines[at:end])
        values.append(Value(_TABLES[place[0]], log_index, int(*position), text))
        at = end
    return values


def _salted(salts: bytes, lines: list[str]) -> list[str]:
    """Give each line its salt back: those that lost one begin with a field's name, and no other does."""
    if not salts:
        return lines
    texts = iter([salts[at : at + _SALT_BYTES].hex() for at in range(0, len(salts), _SALT_BYTES)])
    return [f'["{next(texts)}",{line}' if line[:1] == '"' else line for line in lines]

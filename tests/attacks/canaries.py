"""Canaries: made-up personal data and secrets that a test lets loose, and the sweep that looks for them.

A canary is found in any spelling: as it is, in upper and lower case, URL-encoded, in hex, and in
base64 at each of the three alignments; in zip and gzip files, and in the rows of a database.
"""

import base64
import gzip
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import quote

import duckdb

LEAST_CHARS: Final = 9
"""A shorter piece of base64 or hex could occur by chance."""


@dataclass(frozen=True, slots=True)
class Canary:
    """One piece of data that nothing of ours may keep.

    `sentence` says it in a way that any reader understands. `pieces` are the parts of it that give it
    away. `is_plain` tells whether it is known for what it is when it stands alone.
    """

    name: str
    value: str
    sentence: str
    pieces: tuple[str, ...]
    is_plain: bool = True

    @property
    def forms(self) -> tuple[str, ...]:
        """The texts in which it is let loose."""
        return (self.sentence, self.value) if self.is_plain else (self.sentence,)


def _segment(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


_JWT: Final = ".".join(
    [
        _segment('{"alg":"EdDSA","typ":"JWT"}'),
        _segment('{"sub":"canary-subject","nonce":"w7Yp0Qx"}'),
        "Zk3vT9mWq2LxR8cYb5NdJ7hGf4Ks1PaVu6EoXi0TzQw",
    ]
)

CANARIES: Final = (
    Canary(
        "email",
        "zebulon.quirk@canary-mail.example",
        "please write to zebulon.quirk@canary-mail.example today",
        ("zebulon.quirk", "canary-mail.example"),
    ),
    Canary(
        "phone",
        "+442079460958",
        "call +44 20 7946 0958 after six",
        ("20 7946 0958", "2079460958"),
    ),
    Canary("nino", "JG482913B", "her NI number is JG482913B", ("JG482913B", "JG 48 29 13 B")),
    Canary(
        "iban",
        "DE89370400440532013000",
        "pay into DE89370400440532013000 please",
        ("89370400440532", "0532013000"),
    ),
    Canary(
        "card",
        "4539 5787 6362 1486",
        "the card is 4539 5787 6362 1486, expiring soon",
        ("4539 5787 6362", "453957876362"),
    ),
    Canary("jwt", _JWT, f"the token is {_JWT}", tuple(_JWT.split(".")[1:])),
    Canary(
        "api_key",
        "sk-proj-9fQz7Lk2Xw8Rt5Vb3Nc6Mj1H",
        "use sk-proj-9fQz7Lk2Xw8Rt5Vb3Nc6Mj1H for that",
        ("9fQz7Lk2Xw8Rt5Vb3",),
    ),
    Canary(
        "bearer",
        "qT7wZ9xR2vLk5Nm8Jc4HbY6d",
        "curl -H 'Authorization: Bearer qT7wZ9xR2vLk5Nm8Jc4HbY6d'",
        ("qT7wZ9xR2vLk", "5Nm8Jc4HbY6d"),
        is_plain=False,
    ),
    Canary(
        "password",
        "Tr0ub4dor-Xylophon3",
        "log in with password=Tr0ub4dor-Xylophon3",
        ("Tr0ub4dor", "Xylophon3"),
        is_plain=False,
    ),
)


def spellings(piece: str) -> Iterator[bytes]:
    """Give the bytes that betray a piece of text."""
    for text in dict.fromkeys((piece, piece.upper(), piece.lower())):
        yield text.encode()
        yield quote(text, safe="").encode()
        yield quote(text, safe="").replace("%20", "+").encode()
    if len(piece) >= LEAST_CHARS:
        yield from spellings_of_bytes(piece.encode())


def spellings_of_bytes(piece: bytes) -> Iterator[bytes]:
    """Give the bytes that betray a piece of anything: as it is, in hex, in base64."""
    yield piece
    yield piece.hex().encode()
    for skipped in range(3):
        yield from _in_base64(piece, skipped)


def _in_base64(piece: bytes, skipped: int) -> Iterator[bytes]:
    """Give what stands in base64 of any text with `piece` after 3n + `skipped` bytes, both alphabets."""
    whole = base64.b64encode(bytes(skipped) + piece)
    first = -(-skipped * 8 // 6)
    last = (skipped + len(piece)) * 8 // 6
    core = whole[first:last]
    yield core
    yield core.translate(bytes.maketrans(b"+/", b"-_"))


def needles() -> dict[bytes, str]:
    """Give every spelling of every canary, with the name of what it betrays."""
    return {
        spelling: one.name
        for one in CANARIES
        for piece in one.pieces
        for spelling in spellings(piece)
    }


def find(content: bytes, wanted: Mapping[bytes, str]) -> set[str]:
    """Give what occurs in `content`, compressed or not."""
    return {name for layer in _layers(content) for one, name in wanted.items() if one in layer}


def sweep(places: Iterable[Path], wanted: Mapping[bytes, str]) -> dict[str, set[str]]:
    """Look through files, and folders with all below them; give what was found, by file."""
    found = {str(path): find(path.read_bytes(), wanted) for path in _files(places)}
    return {path: names for path, names in found.items() if names}


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        yield from (path for path in (place, *place.rglob("*")) if path.is_file())


def _layers(content: bytes) -> Iterator[bytes]:
    yield content
    if content.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from _layers(archive.read(name))
    elif content.startswith(b"\x1f\x8b"):
        try:
            yield from _layers(gzip.decompress(content))
        except (OSError, EOFError, zlib.error):
            return


def rows_of(database: Path) -> bytes:
    """Give every value of every table of a DuckDB file, uncompressed, as text and as bytes."""
    values: list[bytes] = []
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"').fetchall():  # noqa: S608 - names of its own
                values += [one if isinstance(one, bytes) else str(one).encode() for one in row]
    return b"\n".join(values)

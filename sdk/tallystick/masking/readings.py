"""Other readings of a text: what it says once look-alikes, escapes and base64 are undone.

Each reading remembers where in the original each of its characters came from, so that what is found in
it is replaced in the original and the rest stays as it was.
"""

import base64
import binascii
import html
import re
import sys
import unicodedata
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.masking.subject import Runs
from tallystick.masking.tokens import TOKEN


@dataclass(frozen=True, slots=True)
class Reading:
    """A text derived from another one."""

    text: str
    origins: Sequence[int]
    """For each character, and for the end, its place in the original."""

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the original of `text[start:end]`."""
        return self.origins[start], self.origins[end]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A run of base64 or hexadecimal in a text, and what it decodes to."""

    start: int
    end: int
    content: bytes
    is_url_safe: bool
    is_padded: bool
    is_hex: bool = False
    is_packed: bool = False
    """The content was compressed; it is not packed again."""

    def encode(self, content: bytes) -> str:
        """Return `content` in the alphabet and with the padding of this run."""
        if self.is_hex:
            return content.hex()
        encode = base64.urlsafe_b64encode if self.is_url_safe else base64.b64encode
        text = encode(content).decode("ascii")
        return text if self.is_padded else text.rstrip("=")


# Spaces, dashes and format characters; full-width and other digits and letters; homoglyphs.
_FOLDABLE: Final = re.compile(
    "[\u0000-\u0008\u00a0\u00ad\u00b7\u0300-\u036f\u0370-\u058f\u061c\u0660-\u0669\u06f0-\u06f9\u07c0-\u0fff\u1000-\u109f"
    "\u115f\u1160\u1680\u17b4-\u17e9\u180b-\u1819\u1946-\u1a99\u1b50-\u1c59\u2000-\u206f\u2070-\u209f\u2100-\u218f"
    "\u2212\u2460-\u24ff\u3000\u3164\ua620-\uabff\ufe00-\ufe0f\ufe50-\ufe6f\ufeff\uff00-\uffef"
    "\U000104a0-\U00011fff\U00016a60-\U00016b59\U0001d400-\U0001d7ff\U0001e140-\U0001e959\U0001fbf0-\U0001fbf9"
    "\U000e0000-\U000e01ef]"
)
_HOMOGLYPHS: Final = dict(
    zip(
        "АВЕКМНОРСТУХаеорсухіјѕԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",  # noqa: RUF001  # Cyrillic and Greek on purpose
        "ABEKMHOPCTYXaeopcyxijsdhqwABEZHIKMNOPTYXo",
        strict=True,
    )
)
_INVISIBLE: Final = frozenset(
    "\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\u034f\u115f\u1160\u3164"
)
_DASHES: Final = frozenset(
    "\u00b7\u2022\u2027\u22c5\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
)

_ESCAPE: Final = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|\\u[0-9A-Fa-f]{4}|\\u\{[0-9A-Fa-f]{1,6}\}|\\U[0-9A-Fa-f]{8}|\\x[0-9A-Fa-f]{2}"
    r"|\\[01][0-7]{2}|&#(?:[0-9]{1,7}(?![0-9])|[xX][0-9A-Fa-f]{1,6}(?![0-9A-Fa-f]));?|(?<=[0-9A-Za-z])\+|&(?:commat|period|nbsp|plus|hyphen|dash|colon|sol|lowbar|num|Tab|NewLine);"
)
_HAS_ESCAPE: Final = re.compile(
    r"%[0-9A-Fa-f]{2}|\\u\{?[0-9A-Fa-f]|\\U0|\\x[0-9A-Fa-f]{2}|\\[01][0-7]{2}|&#[0-9xX]|=[0-9A-Za-z]+\+[0-9A-Za-z]|&[A-Za-z]{3,7};"
)

_BASE64: Final = re.compile(
    r"(?:[0-9A-Za-z+/]{76}\r?\n|[0-9A-Za-z+/]{64}\r?\n)*[0-9A-Za-z+/_-]{11,}={0,2}"
)
_BASE64_PIECE: Final = re.compile(r"[0-9A-Za-z]{11,}={0,2}")
_WHOLE_PIECE: Final = re.compile(r"[0-9A-Za-z]{11,}")
_NAMES: Final = re.compile(
    r"(?:(?:[A-Z]?[a-z]{0,20}+[0-9]{0,10}+|[A-Z]{1,10}+|[0-9]{1,20}+|(?=[0-9]*[a-f])[0-9a-f]{7,64}+)[./_-])*+"
    r"(?:[A-Z]?[a-z]{0,20}+[0-9]{0,10}+|[A-Z]{1,10}+|[0-9]{1,20}+|(?=[0-9]*[a-f])[0-9a-f]{7,64}+)"
)
"""Paths, names, numbers and hashes: what looks like base64 and is written by people or by git."""
_HEX_TEXT: Final = re.compile(r"(?:0x)?(?:(?:[2-7][0-9A-Fa-f]|0[9AaDd]){8,})")
"""Hexadecimal of readable characters; no hash looks like it."""
_HEX_SHAPE: Final = re.compile(r"(?:0x)?(?:[0-9][0-9A-Fa-f]){8,}")
_PACKED: Final = (b"\x1f\x8b\x08", b"\x78\x01", b"\x78\x9c", b"\x78\xda")
"""How gzip and zlib begin."""
_PRINTABLE: Final = re.compile(rb"[\x20-\x7e]{8,}")
_KINDS_OF_BYTES: Final = bytes(
    ord("p")
    if one in range(0x20, 0x7F)
    else ord("x")
    if one in {0xC0, 0xC1, *range(0xF5, 0x100)}
    else 0
    for one in range(256)
)
"""`p` for a byte that is printed, `x` for one that never stands in UTF-8."""
_PIECE: Final = b"p" * 8
_UNPACKED_BYTES: Final = 65_536
_AUTOMATIC: Final = 47
"""Of zlib: either header."""
_URL_SAFE: Final = re.compile(r"[_-]")
_PADDING: Final = ("", "===", "==", "=")
"""By what is left of a length that is divided by four."""
_SMALLEST_CONTENT: Final = 8
"""The shortest thing worth finding is longer than seven characters."""


def folded(text: str) -> Reading | None:
    """Read full-width forms, foreign digits, homoglyphs, odd spaces and dashes as ASCII.

    Invisible characters are left out. None where nothing is to be folded.
    """
    if not _FOLDABLE.search(text):
        return None
    plain = text.translate(_PLAIN)
    if len(plain) == len(text):
        return Reading(plain, range(len(text) + 1))
    kept = array("I", (place for place, character in enumerate(text) if _PLAIN[ord(character)]))
    kept.append(len(text))
    return Reading(plain, kept)


def may_have_escapes(text: str) -> bool:
    """Whether a character stands in the text that begins an escape."""
    return "%" in text or "\\" in text or "&" in text or ("+" in text and "=" in text)


def unescaped(text: str) -> Reading | None:
    """Read URL, JSON, Python and HTML escapes as what they stand for; None where there are none."""
    if not _HAS_ESCAPE.search(text):
        return None
    characters: list[str] = []
    origins = array("I")
    last = 0
    for escape in _ESCAPE.finditer(text):
        characters.append(text[last : escape.start()])
        origins.extend(range(last, escape.start()))
        for character, place in _meaning(escape):
            characters.append(character)
            origins.append(place)
        last = escape.end()
    characters.append(text[last:])
    origins.extend(range(last, len(text) + 1))
    return Reading("".join(characters), origins)


def encoded_runs(text: str, runs: Runs) -> Iterator[Encoded]:
    """Find base64 and hexadecimal text of more than a few bytes; names, hashes and tokens are passed over."""
    end = 0
    for run in runs:
        if run.start() < end:
            continue
        if _HEX_TEXT.fullmatch(run[0]):
            digits = run[0].removeprefix("0x")
            start = run.end() - len(digits)
            yield Encoded(start, run.end(), bytes.fromhex(digits), False, False, is_hex=True)
            continue
        if _NAMES.fullmatch(run[0]):
            continue
        for body in _BASE64.finditer(text, run.start(), _reach(text, run)):
            end = body.end()
            if not TOKEN.fullmatch(body[0]):
                yield from _readable(text, body)


def is_encoded(text: str, run: str) -> bool:
    """Whether `encoded_runs` may find something in a text that is nothing but one run and its padding."""
    if _HEX_TEXT.fullmatch(run):
        return True
    if _NAMES.fullmatch(run):
        return False
    if _is_content(text.rstrip("=")):
        return True
    is_divided = "/" in run or "_" in run or "-" in run
    return is_divided and any(_is_content(piece) for piece in _WHOLE_PIECE.findall(run))


def is_name(run: str) -> bool:
    """Whether a run is a path, a name, a number or a hash, whatever its digits are."""
    return _NAMES.fullmatch(run) is not None and not _HEX_SHAPE.fullmatch(run)


def printable_parts(content: bytes) -> str:
    """Return the readable parts of binary content, one a line."""
    return "\n".join(part.decode("ascii") for part in _PRINTABLE.findall(content))


class _Plain(dict[int, str]):
    """Each code point's plain form, one character or none, worked out when first asked for."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = _plain(chr(code))
        return plain


_PLAIN: Final = _Plain()


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if character in _INVISIBLE:
        return ""
    if character.isascii():
        return character
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category in ("Cf", "Mn"):
        return ""
    if character.isspace():
        return " "
    form = unicodedata.normalize("NFKC", character)
    plain = _HOMOGLYPHS.get(form, form) if len(form) == 1 else character
    return "-" if plain in _DASHES else plain


def _meaning(escape: re.Match[str]) -> Iterator[tuple[str, int]]:
    """Give the characters that an escape stands for, each with its place."""
    text, start = escape[0], escape.start()
    if text[0] == "%":
        yield from _percent(text, start)
    elif text == "+":
        yield " ", start
    elif text[0] == "&" and text[1] != "#":
        yield html.unescape(text), start
    elif text[0] == "&":
        number = text[2:].rstrip(";")
        yield _character(int(number[1:], 16) if number[0] in "xX" else int(number)), start
    elif text[1].isdigit():
        yield chr(int(text[1:], 8)), start
    else:
        yield _character(int(text[2:].strip("{}"), 16)), start


def _character(code: int) -> str:
    return chr(min(code, sys.maxunicode))


def _percent(text: str, start: int) -> Iterator[tuple[str, int]]:
    content = bytes.fromhex(text.replace("%", ""))
    try:
        decoded = content.decode()
    except UnicodeDecodeError:
        decoded = content.decode("latin-1")
        yield from ((character, start + 3 * index) for index, character in enumerate(decoded))
        return
    place = start
    for character in decoded:
        yield character, place
        place += 3 * len(character.encode())


def _decoded(run: re.Match[str]) -> Encoded | None:
    body = run[0].rstrip("=")
    content = _content(body)
    if content is None:
        return None
    unpacked = _unpacked(content) if content.startswith(_PACKED) else None
    if unpacked is None and not _is_readable(content):
        return None
    return Encoded(
        *run.span(),
        content if unpacked is None else unpacked,
        is_url_safe=_URL_SAFE.search(body) is not None,
        is_padded="=" in run[0],
        is_packed=unpacked is not None,
    )


def _content(body: str) -> bytes | None:
    """Return what base64 without its padding holds; None where it is none, or too short for a find."""
    if "\n" in body:
        body = body.replace("\r\n", "").replace("\n", "")
    if len(body) % 4 == 1:  # no base64 has this length: a letter too many stands at the end
        return None
    standard = body.replace("-", "+").replace("_", "/")
    try:
        content = binascii.a2b_base64(standard + _PADDING[len(standard) % 4])
    except binascii.Error:
        return None
    return None if len(content) < _SMALLEST_CONTENT else content


def _is_content(body: str) -> bool:
    """Whether base64 without its padding holds something to be read, or compressed."""
    content = _content(body)
    return content is not None and (content.startswith(_PACKED) or _is_readable(content))


def _is_readable(content: bytes) -> bool:
    """Whether bytes are text, or hold a piece of it: see `printable_parts`."""
    kinds = content.translate(_KINDS_OF_BYTES)
    if _PIECE in kinds:
        return True
    if b"x" in kinds:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unpacked(content: bytes) -> bytes | None:
    try:
        return zlib.decompressobj(_AUTOMATIC).decompress(content, _UNPACKED_BYTES)
    except zlib.error:
        return None


def _reach(text: str, run: re.Match[str]) -> int:
    """Return where the base64 that begins with this run ends at most: padding, or further lines."""
    if text[run.end() : run.end() + 1] not in "\r\n":
        return run.end() + 2
    lines = _BASE64.match(text, run.start())
    return lines.end() if lines else run.end()


def _readable(text: str, body: re.Match[str]) -> Iterator[Encoded]:
    """Decode the whole, and again what stands between dashes, slashes and underscores."""
    whole = _decoded(body)
    if whole is not None:
        yield whole
    if _URL_SAFE.search(body[0]) or "/" in body[0]:
        for piece in _BASE64_PIECE.finditer(text, *body.span()):
            found = _decoded(piece)
            if found is not None:
                yield found

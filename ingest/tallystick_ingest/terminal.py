"""Text for a terminal: whatever was recorded is shown, and nothing of it can act on the screen.

Recorded texts come from models, tools and strangers. Control characters, escape sequences, marks that
turn the direction of writing, and characters that cannot be seen are spelled out.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ELLIPSIS: Final = "…"
MAX_MARKS: Final = 2
"""Combining marks that may stand on one character; more would paint over other lines."""
MAX_SCANNED_CHARS: Final = 20_000
"""Nothing shows more on one line; the rest of a text is not even looked at."""

_UNSEEN: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_MARKS: Final = frozenset(("Mn", "Me"))
_BLANKS: Final = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that look like nothing."""
_ASCII_END: Final = 0x80
_BMP_END: Final = 0x10000
_LATIN_END: Final = 0x100


def inert(text: str) -> str:
    """Return `text` on one line, with everything spelled out that would not be seen as itself."""
    if text.isascii() and text.isprintable() and len(text) <= MAX_SCANNED_CHARS:
        return text
    shown: list[str] = []
    marks = 0
    for char in text[:MAX_SCANNED_CHARS]:
        category = unicodedata.category(char)
        marks = marks + 1 if category in _MARKS else 0
        is_plain = category not in _UNSEEN and char not in _BLANKS and marks <= MAX_MARKS
        shown.append(_plain(char, category) if is_plain else spelled(char))
    if len(text) > MAX_SCANNED_CHARS:
        shown.append(ELLIPSIS)
    return "".join(shown)


def spelled(char: str) -> str:
    r"""Spell a character out, as \n, \x1b or \u202e."""
    if char in "\n\r\t":
        return {"\n": r"\n", "\r": r"\r", "\t": r"\t"}[char]
    code = ord(char)
    if code < _LATIN_END:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _BMP_END else f"\\U{code:08x}"


def columns(text: str) -> int:
    """Return how many columns an inert text takes: wide East Asian characters take two."""
    if text.isascii():
        return len(text)
    return sum(_char_columns(char) for char in text)


def cut(text: str, width: int) -> str:
    """Return an inert text in at most `width` columns, with an ellipsis where it was cut."""
    if columns(text) <= width:
        return text
    kept: list[str] = []
    left = width - 1
    for char in text:
        left -= _char_columns(char)
        if left < 0:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS if width > 0 else ""


def padded(text: str, width: int) -> str:
    """Return an inert text in exactly `width` columns."""
    shown = cut(text, width)
    return shown + " " * (width - columns(shown))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: it is never wider than `widest`, and gives way down to `narrowest`."""

    title: str
    narrowest: int
    widest: int
    is_number: bool = False


def table(head: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the lines of a table of at most `width` columns; every cell is made inert.

    Columns give way from the right: what stands first is what has to be seen.
    """
    cells = [[inert(cell) for cell in row] for row in rows]
    widths = [
        min(one.widest, max([columns(one.title), *(columns(row[at]) for row in cells)]))
        for at, one in enumerate(head)
    ]
    for at in reversed(range(len(head))):
        excess = sum(widths) + 2 * (len(head) - 1) - width
        if excess > 0:
            widths[at] = max(min(widths[at], head[at].narrowest), widths[at] - excess)
    titles = [one.title for one in head]
    return [cut(_line(head, row, widths), max(width, 1)).rstrip() for row in [titles, *cells]]


def _line(head: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for one, text, width in zip(head, row, widths, strict=True):
        shown = padded(text, width)
        if one.is_number:
            shown = " " * (len(shown) - len(shown.rstrip())) + shown.rstrip()
        parts.append(shown)
    return "  ".join(parts)


def _plain(char: str, category: str) -> str:
    return " " if category == "Zs" else char


def _char_columns(char: str) -> int:
    if unicodedata.category(char) in _MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1

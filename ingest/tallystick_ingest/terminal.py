"""Text for a terminal: recorded texts, inert, in columns and tables of a given width."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from tallystick import inert as inert_text
from tallystick.inert import ELLIPSIS, MARKS


def inert(text: str) -> str:
    """Return `text` on one line, inert; a blank of whatever kind is a space."""
    shown = inert_text.inert(text)
    if shown.isascii():
        return shown
    return "".join(" " if unicodedata.category(char) == "Zs" else char for char in shown)


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


def _char_columns(char: str) -> int:
    if unicodedata.category(char) in MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1

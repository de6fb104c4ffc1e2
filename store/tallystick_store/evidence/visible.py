"""Texts that agents and operators chose, made harmless to read: nothing acts, hides or reverses.

Control, format, bidirectional and zero-width characters, blanks that look like nothing and piles of
combining marks are printed as escapes. What remains is for the template to escape as HTML.
"""

import re
import unicodedata
from typing import Final

MAX_CHARS: Final = 240
"""Of a text in a table; longer ones are cut, and say how long they are."""

_BLANKS: Final = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u2800\u3164\uffa0"
)
"""Characters that Python counts as printable, or nearly, and that show as nothing."""
_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_MAX_MARKS: Final = 2
"""Combining marks in a row that writing systems need; more of them cover other lines."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell of a formula begins with, in the full width of East Asian input too (OWASP, CSV injection)."""
_WITHIN: Final = re.compile("([;|\t][\\s\"']*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")
"""A formula behind what separates cells where a comma is the decimal point: quotes do not hold there."""


def visible(text: str) -> str:
    """Return a text with every character that could deceive printed as an escape."""
    if text.isascii() and text.isprintable():
        return text
    shown, marks = [], 0
    for one in text:
        marks = marks + 1 if unicodedata.category(one) in ("Mn", "Me") else 0
        shown.append(_escape(one) if _deceives(one) or marks > _MAX_MARKS else one)
    return "".join(shown)


def clipped(text: str, limit: int = MAX_CHARS) -> str:
    """Return a text of at most `limit` characters, which says what it leaves out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} ... ({len(text)} characters)"


def csv_cell(text: str) -> str:
    """Return a text as a CSV cell that no spreadsheet takes for a formula."""
    shown = visible(_WITHIN.sub(r"\1'", text))
    guarded = f"'{shown}" if text.startswith(_FORMULA) else shown
    return '"' + guarded.replace('"', '""') + '"'


def _deceives(one: str) -> bool:
    return not one.isprintable() or one in _BLANKS or any(ord(one) in some for some in _SELECTORS)


def _escape(one: str) -> str:
    code = ord(one)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - end of the first plane

"""Recorded text for a reader: all of it is shown, and nothing of it can act where it is shown.

Recorded texts come from models, tools and strangers. What would not be seen as itself is spelled out:
control characters, escape sequences, marks that turn the direction of writing, characters of no width.
"""

import unicodedata
from typing import Final

ELLIPSIS: Final = "…"
MAX_MARKS: Final = 2
"""Combining marks that may stand on one character; more would paint over other lines."""
MAX_CHARS: Final = 20_000
"""More of one text is not shown; the rest of it is not even looked at."""
MARKS: Final = frozenset(("Mn", "Me"))

_UNSEEN: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that look like nothing."""
_LATIN_END: Final = 0x100
_BMP_END: Final = 0x10000


def inert(text: str, limit: int = MAX_CHARS) -> str:
    """Return `text` on one line, with everything spelled out that would not be seen as itself.

    Of a text of more than `limit` characters so many are looked at, and an ellipsis says so.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for char in text[:limit]:
        category = unicodedata.category(char)
        marks = marks + 1 if category in MARKS else 0
        is_seen = category not in _UNSEEN and char not in _BLANKS and marks <= MAX_MARKS
        shown.append(char if is_seen else spelled(char))
    return "".join(shown) + (ELLIPSIS if len(text) > limit else "")


def spelled(char: str) -> str:
    r"""Spell a character out, as \n, \x1b or \u202e."""
    if char in "\n\r\t":
        return {"\n": r"\n", "\r": r"\r", "\t": r"\t"}[char]
    code = ord(char)
    if code < _LATIN_END:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _BMP_END else f"\\U{code:08x}"

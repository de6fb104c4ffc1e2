"""Text for a screen: whatever was recorded is shown, and nothing of it can act on its reader.

Recorded texts come from models, tools and strangers. What would not be seen as itself is spelled out:
control characters, marks that turn the direction of writing, characters of no width. The rules are
those of the components (`components/assets/text.js`); one table of examples tests both.
"""

import unicodedata
from typing import Final

ELLIPSIS: Final = "…"
MAX_MARKS: Final = 2
"""Combining marks that may stand on one character; more would paint over other lines."""
MAX_CHARS: Final = 20_000
"""More of one text is not shown; the rest of it is not even looked at."""
SHORT_ID_CHARS: Final = 8

_UNSEEN: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_MARKS: Final = frozenset(("Mn", "Me"))
_BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that look like nothing."""
_LATIN_END: Final = 0x100
_BMP_END: Final = 0x10000


def safe(text: object, limit: int = MAX_CHARS) -> str:
    """Return `text` on one line, inert, cut at `limit` characters."""
    value = "" if text is None else str(text)
    if len(value) <= limit and value.isascii() and value.isprintable():
        return value
    shown: list[str] = []
    marks = 0
    for char in value[:limit]:
        category = unicodedata.category(char)
        marks = marks + 1 if category in _MARKS else 0
        is_seen = category not in _UNSEEN and char not in _BLANKS and marks <= MAX_MARKS
        shown.append(char if is_seen else spelled(char))
    return "".join(shown) + (ELLIPSIS if len(value) > limit else "")


def spelled(char: str) -> str:
    r"""Spell a character out, as \n, \x1b or \u202e."""
    if char in "\n\r\t":
        return {"\n": r"\n", "\r": r"\r", "\t": r"\t"}[char]
    code = ord(char)
    if code < _LATIN_END:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _BMP_END else f"\\U{code:08x}"


def short(identifier: str) -> str:
    """Return the first characters of an id; whoever needs all of it finds it behind the link."""
    return safe(identifier, SHORT_ID_CHARS).removesuffix(ELLIPSIS)

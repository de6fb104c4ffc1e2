"""Text for a screen: whatever was recorded is shown, and nothing of it can act on its reader.

The rules are those of `tallystick.inert` and of the components (`components/assets/text.js`); one table
of examples tests both.
"""

from typing import Final

from tallystick.inert import ELLIPSIS, MAX_CHARS, inert

SHORT_ID_CHARS: Final = 8


def safe(text: object, limit: int = MAX_CHARS) -> str:
    """Return `text` on one line, inert, cut at `limit` characters; None is nothing."""
    return "" if text is None else inert(str(text), limit)


def short(identifier: str) -> str:
    """Return the first characters of an id; whoever needs all of it finds it behind the link."""
    return safe(identifier, SHORT_ID_CHARS).removesuffix(ELLIPSIS)

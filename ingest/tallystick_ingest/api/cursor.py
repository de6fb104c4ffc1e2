"""Cursors: where a list goes on, as one opaque word that holds for the question that gave it.

A cursor is a place, never a right: what a caller may read is looked at again with each page. One that was
made up, cut, or taken from another question is refused.
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias, TypeVar

from fastapi import Query
from pydantic import TypeAdapter

from tallystick_ingest.api.guard import BadRequestError

MAX_CURSOR_CHARS: Final = 16_384
"""The longest place, of a tool: six texts of at most 256 characters, each of them escaped, in base64."""
_DIGEST_CHARS: Final = 16

CursorText = Annotated[
    str | None,
    Query(
        max_length=MAX_CURSOR_CHARS,
        pattern="^[A-Za-z0-9_=-]+$",
        description="Where the page before this one ended: as that answer gave it, with the same filters.",
    ),
]

Filters: TypeAlias = Mapping[str, object]
"""Name -> text as it was sent; None: not given."""
Place = TypeVar("Place")


def print_cursor(question: str, filters: Filters, place: object) -> str:
    """Return the cursor of a place in the answers to a question; `place` is plain JSON."""
    text = json.dumps([_digest(question, filters), place], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode()


def read_cursor(question: str, filters: Filters, cursor: str, kind: TypeAdapter[Place]) -> Place:
    """Return the place of a cursor; raise BadRequestError for one that this question did not give."""
    try:
        digest, place = json.loads(urlsafe_b64decode(cursor))
        found = kind.validate_python(place) if digest == _digest(question, filters) else None
    except (ValueError, TypeError, RecursionError):
        found = None
    if found is None:
        raise BadRequestError(
            "this cursor was not given by this list with these filters: "
            "ask for the first page, without a cursor"
        )
    return found


def _digest(question: str, filters: Filters) -> str:
    given = {name: value for name, value in sorted(filters.items()) if value is not None}
    text = json.dumps([question, given], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]

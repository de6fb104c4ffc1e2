"""JSON documents inside texts: read as values, and written again once they are masked."""

import json
from typing import Final

from tallystick.profile import JsonValue


def json_document(text: str) -> object:
    """Return the JSON document that a text is; None where it is none, or not plainly one."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def dumped(document: JsonValue) -> str:
    """Return a document as JSON text."""
    return _ENCODER.encode(document)


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build a dict; a key that stands twice would hide the first value, so that is no document."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_without_duplicates)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)

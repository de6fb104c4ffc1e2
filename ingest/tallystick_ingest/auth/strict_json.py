"""JSON objects as identity needs them: a name that stands twice is refused, since two readers would differ."""

import json
from typing import Any


def json_object(body: bytes) -> dict[str, Any]:
    """Return a JSON object; raise ValueError for anything else, a name given twice, and NaN."""
    try:
        found = json.loads(body, object_pairs_hook=_pairs, parse_constant=_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("expected an object")  # noqa: TRY004 - a value of the wrong kind in a text
    return found


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number")

"""Lists of JSON values as columns, each value that repeats said once: what makes a long answer short.

{"words": ["ok", "denied"], "at": [0, 0, 1, -1]}     ok, ok, denied, nothing
{"words": [17, 4, 9], "at": null}                    17, 4, 9: one for each row
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

NOTHING: Final = -1
"""Stands for null where values are told by their places among the words."""
_FEW: Final = 2
"""Words are told by their places where there is at most one for so many rows."""


def packed(values: Sequence[Any]) -> dict[str, Any]:
    """Return one column; values are plain JSON, null for none."""
    places: dict[Any, int] = {}
    words: list[Any] = []
    at: list[int] = []
    for value in values:
        if value is None:
            at.append(NOTHING)
            continue
        key = orjson.dumps(value) if isinstance(value, dict | list) else (type(value), value)
        place = places.get(key)
        if place is None:
            place = places[key] = len(words)
            words.append(value)
        at.append(place)
    if len(words) * _FEW > len(values):
        return {"words": list(values), "at": None}
    return {"words": words, "at": at}


def packed_columns(
    names: Iterable[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the columns of these names in which any row says something."""
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if any(value is not None for value in values):
            columns[name] = packed(values)
    return columns

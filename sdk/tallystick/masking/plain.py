"""Objects of the host as plain Python values: what masking can walk through.

Nothing is consumed: iterators and generators are named by `str`, not drained.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from typing import Final

_LONGEST_SEQUENCE: Final = 100_000
"""A lazy sequence such as a range can be longer than memory; a longer one is named, not listed."""


def as_plain(value: object) -> object:
    """Return `value` as exactly one of None, bool, int, float, str, bytes, dict, list, set.

    Raises whatever the object's own methods raise.
    """
    if isinstance(value, enum.Enum):
        return as_plain(value.value)
    return _scalar(value) if _is_scalar(value) else _structure(value)


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(
        value, str | int | float | bytes | bytearray | memoryview | BaseException
    )


def _scalar(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return f"{type(value).__name__}: {value}"


def _structure(value: object) -> object:
    named = _named(value)
    if named is not None:
        return named
    if isinstance(value, AbstractSet):
        return set(value)
    if isinstance(value, Sequence | ValuesView) and len(value) <= _LONGEST_SEQUENCE:
        return list(value)
    return str.__str__(str(value))


def _named(value: object) -> dict[object, object] | None:
    """Give what has named parts as a dict: dataclasses, pydantic's models, mappings, named tuples."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value.items())
    for method in ("model_dump", "_asdict"):
        dump = getattr(type(value), method, None)
        if callable(dump):
            return dict(dump(value))
    return None

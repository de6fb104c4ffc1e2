"""The JSON profile of everything that is signed: one value, one spelling.

Compact JSON in UTF-8 with sorted ASCII keys, no floats, integers below 2^53 in size, no lone surrogates,
at most `MAX_DEPTH` levels. `decode` accepts only what `encode` prints, so two readers can never see two
meanings in one signed line (duplicate keys, 1.0 against 1, escapes). On this profile the bytes equal
RFC 8785. Standard library only; orjson is used where it is installed and gives the same bytes.
"""

import contextlib
import json
from collections.abc import Collection
from typing import Any, Final

from tallystick.errors import RecordError

try:
    import orjson as _profile_orjson
except ImportError:  # the single-file verifier runs without it
    _profile_orjson = None  # type: ignore[assignment]

MAX_INTEGER: Final = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""
MAX_DEPTH: Final = 8
"""Deepest nesting in a signed line; the deepest that we print is 2."""

_PROFILE_PLAIN: Final = (str, bool, type(None))

JsonValue = Any
"""str, int, bool, None, or lists and string-keyed dicts of these."""


def encode(value: JsonValue) -> bytes:
    """Return the one spelling of `value`.

    The caller answers for the profile (`check` tests it); a float would be printed here.
    Raises RecordError for what JSON cannot say, such as a lone surrogate.
    """
    try:
        if _profile_orjson is not None:
            return _profile_orjson.dumps(value, option=_profile_orjson.OPT_SORT_KEYS)
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordError(
            f"not encodable as JSON: {error}; pass plain strings, integers, lists, dicts"
        ) from None


def check(value: JsonValue, depth: int = 0) -> None:
    """Raise RecordError unless `value` is inside the profile."""
    if depth > MAX_DEPTH:
        raise RecordError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, _PROFILE_PLAIN):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise RecordError(f"integer beyond 2^53-1: {str(value)[:24]}; write it as a string")
    elif isinstance(value, (list, tuple)):
        _profile_check_items(value, depth + 1)
    elif isinstance(value, dict):
        _profile_check_keys(value)
        _profile_check_items(value.values(), depth + 1)
    else:
        raise RecordError(
            f"{type(value).__name__} is not allowed in signed bytes; write it as a string"
        )


def _profile_check_keys(value: dict[JsonValue, JsonValue]) -> None:
    with contextlib.suppress(TypeError):  # a key that is no text
        if "".join(value).isascii():
            return
    for key in value:
        if not isinstance(key, str) or not key.isascii():
            raise RecordError(f"key is not an ASCII string: {str(key)[:64]!r}")


def _profile_check_items(items: Collection[JsonValue], depth: int) -> None:
    """Check what stands in a container; texts, which are nearly all of it, need no look."""
    if depth > MAX_DEPTH and items:
        raise RecordError(f"nested deeper than {MAX_DEPTH} levels")
    for item in [item for item in items if type(item) is not str]:
        if type(item) is not int or abs(item) > MAX_INTEGER:
            check(item, depth)


def decode(data: bytes) -> JsonValue:
    """Read one value from the exact bytes that `encode` prints for it.

    Raises RecordError for anything else: syntax, duplicate keys, floats, other spellings.
    """
    value = decode_spelling(data)
    check(value)
    return value


def decode_spelling(data: bytes) -> JsonValue:
    """Read one value whose bytes are those that `encode` prints for it.

    For readers that look at every type themselves: floats and integers of any size pass here.
    Raises RecordError for bad syntax, duplicate keys and other spellings.
    """
    try:
        if _profile_orjson is not None:
            value = _profile_orjson.loads(data)
        else:
            value = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON: {error}") from None
    if encode(value) != data:
        raise RecordError(
            "not the one spelling: keys sorted and distinct, no spaces, no needless escapes"
        )
    return value


def _refuse_constant(name: str) -> JsonValue:
    raise RecordError(f"{name} is not JSON")

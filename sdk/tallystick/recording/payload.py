"""A tool's arguments or result, measured before masking and cut to what a record may hold.

The digest covers profile JSON of the whole value, floats as their shortest decimal strings, so equal
values have equal digests wherever they were seen. A value that is too large stands in the record as a
*preview*: its beginning, in its own structure.
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from tallystick.masking.plain import as_plain
from tallystick.profile import MAX_INTEGER, JsonValue

PREVIEW_CHARS: Final = 16_384
"""What is kept of a value that is too large."""
CUT: Final = "[cut]"
MAX_DEPTH: Final = 64
"""As the masking engine's."""

_OPTIONS: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_NON_STR_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS  # orjson would not sort their fields
)
_PLAIN: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_FLOAT: Final = re.compile(rb"[0-9](?:\.[0-9]|e[-+0-9])")
_POINT: Final = re.compile(rb"\.[0-9]")
_EXPONENT: Final = re.compile(rb"e[-+0-9]")
"""In every float that orjson prints stands one of both; to search for a letter or a point is cheap."""
_LAST_WORD: Final = re.compile(r"\S*$")
_LAST_NUMBER: Final = re.compile(r"[0-9A-Z ().+\-/]{0,64}$")
"""What a cut may have left of a card, an account or a telephone number."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A value before masking: its canonical bytes, which only a keyed digest may leave behind."""

    canonical: bytes
    size_bytes: int
    is_plain: bool = False
    """Of JSON's own types, without floats and null: what has these bytes differs in the order of keys alone."""


def measure(value: object) -> Measured | None:
    """Measure a value; None when the host's own objects cannot be read. Never raises, changes nothing."""
    try:
        return _measure(value)
    except Exception:  # noqa: BLE001 - a host's object may raise anything; the value has no digest then
        return None


def _measure(value: object) -> Measured:
    try:
        text = orjson.dumps(value, option=_PLAIN)
        if not _may_hold_floats(text):
            return Measured(text, len(text), b"null" not in text)  # a NaN is printed so, too
    except TypeError:  # what `_speakable` makes sayable
        pass
    try:
        text = orjson.dumps(value, default=_speakable, option=_OPTIONS)
    except TypeError:  # a lone surrogate, an integer of 2^53 or more, a cycle
        text = orjson.dumps(_inside_profile(value, 0), option=_OPTIONS)
        return Measured(text, len(text))
    if not _may_hold_floats(text):
        return Measured(text, len(text))
    inside = _inside_profile(orjson.loads(text), 0)
    return Measured(orjson.dumps(inside, option=_OPTIONS), len(text))


def _may_hold_floats(text: bytes) -> bool:
    """Tell whether a float may stand in JSON text; a text that looks like one counts."""
    has_sign = _POINT.search(text) is not None or _EXPONENT.search(text) is not None
    return has_sign and _FLOAT.search(text) is not None


def fit(value: object, size_bytes: int, max_value_bytes: int) -> tuple[object, bool]:
    """Return what of `value` goes into the record, before masking, and whether it is only a preview."""
    if size_bytes <= max_value_bytes:
        return value, False
    budget = _Budget(PREVIEW_CHARS)
    try:
        kept = _prune(value, budget, 0)
    except Exception:  # noqa: BLE001 - a host's object may raise anything; nothing of it is shown then
        return CUT, True
    return kept, budget.is_cut


def cut_text(text: str, limit: int) -> str:
    """Return the beginning of a text that is longer than `limit`, before masking, and say that it was cut.

    The last word and a last number go too: masking would not know the half of an address or of a card.
    """
    return _LAST_NUMBER.sub("", _LAST_WORD.sub("", text[:limit])) + f" {CUT}"


def _speakable(value: object) -> object:
    plain = as_plain(value)
    if isinstance(plain, bytes):
        return base64.b64encode(plain).decode()
    return sorted(plain, key=repr) if isinstance(plain, set) else plain


def _inside_profile(value: object, depth: int) -> JsonValue:
    if depth > MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH}"
    convert = _CONVERT.get(type(value))
    return convert(value, depth) if convert else _inside_profile(_speakable(value), depth + 1)


def _text(text: str, _: int = 0) -> str:
    return text.encode("utf-8", "replace").decode()


_CONVERT: Final[dict[type, Callable[[Any, int], JsonValue]]] = {
    type(None): lambda value, _: value,
    bool: lambda value, _: value,
    str: _text,
    int: lambda value, _: value if abs(value) <= MAX_INTEGER else hex(value),
    float: lambda value, _: repr(value),
    list: lambda value, depth: [_inside_profile(item, depth + 1) for item in value],
    tuple: lambda value, depth: [_inside_profile(item, depth + 1) for item in value],
    dict: lambda value, depth: {
        _text(str(key)): _inside_profile(item, depth + 1) for key, item in value.items()
    },
}


class _Budget:
    """Characters that may still be kept."""

    __slots__ = ("is_cut", "left")

    def __init__(self, chars: int) -> None:
        self.left = chars
        self.is_cut = False

    def spend(self, chars: int) -> bool:
        self.left -= chars
        self.is_cut = self.is_cut or self.left < 0
        return self.left >= 0


def _prune(value: object, budget: _Budget, depth: int) -> object:
    if isinstance(value, str):
        return _prune_text(value, budget)
    if isinstance(value, dict) and depth < MAX_DEPTH:
        return dict(_prune_items(value, budget, depth))
    if isinstance(value, list | tuple) and depth < MAX_DEPTH:
        return list(_prune_sequence(value, budget, depth))
    if value is None or isinstance(value, int | float):
        return value if budget.spend(_digits(value)) else CUT
    return _prune_other(value, budget, depth)


def _digits(number: object) -> int:
    return number.bit_length() // 3 + 2 if isinstance(number, int) else len(str(number))


def _prune_items(
    mapping: dict[object, object], budget: _Budget, depth: int
) -> Iterator[tuple[object, object]]:
    for key, item in mapping.items():
        if not budget.spend(len(str(key)) + 4):
            yield CUT, f"{len(mapping)} keys in all"
            return
        yield key, _prune(item, budget, depth + 1)


def _prune_sequence(
    items: list[object] | tuple[object, ...], budget: _Budget, depth: int
) -> Iterator[object]:
    for item in items:
        if not budget.spend(1):
            yield f"{CUT} {len(items)} items in all"
            return
        yield _prune(item, budget, depth + 1)


def _prune_text(text: str, budget: _Budget) -> str:
    limit = max(0, budget.left)
    if len(text) <= limit:
        budget.spend(len(text) + 2)
        return text
    budget.is_cut = True
    kept = cut_text(text, limit)
    budget.spend(len(kept))
    return kept


def _prune_other(value: object, budget: _Budget, depth: int) -> object:
    return CUT if depth > MAX_DEPTH else _prune(_speakable(value), budget, depth + 1)

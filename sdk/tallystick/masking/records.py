"""Records: a list of mappings with the same keys and nothing but single values, as a query returns it.

What most of their columns hold is seen to be plain for the whole column at once, and the rest is masked
value by value, as in any mapping.
"""

from collections.abc import Sequence
from itertools import chain, cycle
from operator import is_
from typing import Any, Final, NamedTuple

from tallystick.masking.names import Keys
from tallystick.masking.texts import Structure, TextMasker
from tallystick.profile import JsonValue

FEWEST: Final = 3
"""Fewer are masked one by one in less time."""
SMALL: Final = 1_000_000
"""Numbers of fewer than seven digits identify nobody by themselves."""
_SINGLE: Final = frozenset((str, int, float, bool, type(None)))
_LITERAL: Final = frozenset((bool, type(None)))
_INTEGER: Final = frozenset((int,))
_TEXT: Final = frozenset((str,))

Record = dict[str, Any]


class Column(NamedTuple):
    """What the records hold below one key."""

    values: tuple[Any, ...]
    types: set[type]


def columns_of(items: Sequence[Any]) -> list[Column] | None:
    """Return the columns of dicts with the very keys of the first; None where a value is not single."""
    names = tuple(items[0])
    if {*map(type, items)} != {dict} or {*map(len, items)} != {len(names)}:
        return None
    if {*map(type, names)} != _TEXT or not all(map(is_, chain.from_iterable(items), cycle(names))):
        return None
    columns: list[Column] = []
    for values in zip(*map(dict.values, items), strict=True):
        types = {*map(type, values)}
        if not types <= _SINGLE:
            return None
        columns.append(Column(values, types))
    return columns


def masked_records(
    records: Sequence[Record],
    columns: Sequence[Column],
    keys: Keys,
    texts: TextMasker,
    within: Structure,
    depth: int,
) -> list[JsonValue]:
    """Return copies of records with every value masked; `depth` is that of their values."""
    masked: list[JsonValue] = [*map(dict.copy, records)]
    for (name, rule, is_open), (values, types) in zip(keys.each, columns, strict=True):
        if types == _TEXT:
            if all((rule, text) in texts.clean for text in {*values}):
                continue
        elif rule.kind is None and _are_plain(values, types):
            continue
        for record, value in zip(masked, values, strict=True):
            if is_open and type(value) is str:
                record[name] = texts.mask(value, rule, within, depth)
            else:
                record[name] = within.value(value, rule, depth)
    return masked


def _are_plain(values: tuple[Any, ...], types: set[type]) -> bool:
    """Whether what stands below a key that names no kind are small numbers, or true, false and null."""
    if types == _INTEGER:
        return bool(min(values) > -SMALL and max(values) < SMALL)
    return types <= _LITERAL

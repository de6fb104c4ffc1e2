"""The keys of mappings: masked, judged alone and side by side, and remembered where they come back."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from tallystick.masking.context import are_steady, rules_in_context
from tallystick.masking.grids import HEADS
from tallystick.masking.keys import PLAIN, KeyRule, key_rule
from tallystick.masking.texts import Structure, TextMasker

_MOST_SHAPES: Final = 1024
_LARGEST_SHAPE: Final = 64
_LITERALS: Final = {None: "null", True: "true", False: "false"}

Key = tuple[str, KeyRule, bool]
"""A masked key, what it says about its value, and whether it leaves the value's form to decide."""


class Keys(NamedTuple):
    """The keys of a mapping, in its order."""

    each: tuple[Key, ...]
    may_hold_grid: bool
    """One of them is a name under which the head of a table stands."""

    @classmethod
    def of(cls, mapping: Iterable[object], rules: Mapping[str, KeyRule]) -> "Keys":
        """Return the keys of `mapping` by their masked names and what these say."""
        each = [
            (name, own, not own.is_certain and own.shape is None) for name, own in rules.items()
        ]
        return cls(tuple(each), not HEADS.isdisjoint(mapping))


class Shapes(dict[tuple[object, ...], Keys]):
    """Keys that were read before, by the keys as they stood; only clean ones without a context.

    Safe to share between threads: a lost entry is read again.
    """

    def read(
        self,
        mapping: Mapping[object, object],
        rule: KeyRule,
        texts: TextMasker,
        within: Structure,
        depth: int,
    ) -> Keys:
        """Mask the keys of a mapping below a key of this rule and judge them."""
        keys = tuple(mapping)
        named: dict[str, object] = {}
        for key, item in mapping.items():
            named[_name(key, named, texts, within, depth)] = item
        rules = {name: key_rule(name) for name in named}
        is_repeatable = len(keys) <= _LARGEST_SHAPE and keys == tuple(named)
        is_open = not (rule.reaches_inside or rule.is_certain)
        if rule.reaches_inside or any(own.is_contextual for own in rules.values()):
            is_repeatable = is_repeatable and is_open and are_steady(rules.values())
            rules = rules_in_context(named, rules, rule)
        found = Keys.of(mapping, rules)
        if is_repeatable:
            if len(self) >= _MOST_SHAPES:
                self.clear()
            self[keys] = found
        return found


def _name(
    key: object, taken: Mapping[str, object], texts: TextMasker, within: Structure, depth: int
) -> str:
    """Mask a key; number it where it then looks like another one of the same mapping."""
    if type(key) is str:
        name = texts.mask(key, PLAIN, within, depth)
    elif key is None or isinstance(key, bool):
        name = _LITERALS[key]
    else:
        name = str(within.value(key, PLAIN, depth + 1))
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}#{number}"
    return candidate

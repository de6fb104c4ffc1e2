"""Walking through any Python object: JSON comes out, each text masked, each key's name heeded.

What JSON cannot say is made sayable: lone surrogates, NaN, integers beyond 2^53, bytes, sets, objects.
Cycles, depth and size end at the policy's limits.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeGuard

from tallystick.masking import kinds
from tallystick.masking.keys import (
    ADDRESS,
    PERSONAL,
    PLAIN,
    SCHEMAS,
    KeyRule,
    are_of_a_person,
    are_of_a_thing,
    is_safe_value,
    key_rule,
    schema_rule,
)
from tallystick.masking.ledger import Ledger
from tallystick.masking.plain import as_plain
from tallystick.masking.texts import TextMasker
from tallystick.masking.tokens import Marker, is_marker
from tallystick.masking.vocabulary import SCHEMA_NAMES, SCHEMA_WORDS
from tallystick.profile import MAX_INTEGER, JsonValue

_SMALL: Final = 1_000_000
"""Numbers of fewer than seven digits identify nobody by themselves."""
_DECIMAL_BITS: Final = 256
"""Integers beyond are written in hexadecimal: decimal takes quadratic time."""
_PAIR: Final = 2
_LONGEST_NAME: Final = 96
_MOST_NAMES: Final = 4096
"""How many clean key names are remembered between calls."""
_LITERALS: Final = {None: "null", True: "true", False: "false"}


class Walk:
    """One call of `mask`. Implements `texts.Structure`. `names` are keys known to be clean."""

    __slots__ = ("_marker", "_names", "_path", "_texts", "ledger")

    def __init__(self, texts: TextMasker, marker: Marker, names: set[str], ledger: Ledger) -> None:
        self.ledger = ledger
        self._names = names
        self._texts = texts
        self._marker = marker
        self._path: set[int] = set()

    def value(self, value: object, rule: KeyRule, depth: int) -> JsonValue:
        """Return `value` as masked JSON; `rule` is what the key above it says."""
        if value is None or value is True or value is False:
            return value
        if rule.is_certain and rule.kind == kinds.SECRET:
            return self._secret(value, rule, depth)
        walk = _BY_TYPE.get(type(value))
        return walk(self, value, rule, depth) if walk else self._other(value, rule, depth)

    def text(self, text: str, rule: KeyRule, depth: int) -> str:
        """Return a text masked, or the whole of it as a marker where its key says so."""
        if rule.shape is not None:
            rule = PERSONAL if rule.shape.fullmatch(text) else PLAIN
        if not rule.is_certain or rule.kind is None or self._marker.keeps(rule.kind):
            return self._texts.mask(text, rule, self, depth)
        if not text or is_marker(text):
            return text
        self.ledger.count(rule.kind)
        return self._marker.mark(rule.kind, text)

    def integer(self, number: int, rule: KeyRule, depth: int) -> JsonValue:
        """Return a number, its marker, or its digits where JSON would lose some."""
        size = abs(number)
        if size < _SMALL and rule.kind is None:
            return number
        text = str(size) if size.bit_length() < _DECIMAL_BITS else hex(size)
        masked = self.text(text, rule, depth)
        if masked != text:
            return masked
        return number if size <= MAX_INTEGER else text.rjust(len(text) + (number < 0), "-")

    def real(self, number: float, rule: KeyRule, depth: int) -> JsonValue:
        """Return a number, its marker, or its name where it is none."""
        if not math.isfinite(number):
            return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
        if not rule.is_certain and (abs(number) < _SMALL or not number.is_integer()):
            return number
        text = repr(abs(int(number)) if number.is_integer() else abs(number))
        masked = self.text(text, rule, depth)
        return number if masked == text else masked

    def binary(self, content: bytes, rule: KeyRule, depth: int) -> JsonValue:
        """Mask bytes as the text they hold; what is no text is named by its size, never shown."""
        try:
            return self.text(content.decode(), rule, depth)
        except UnicodeDecodeError:
            return f"[binary, {len(content)} bytes]"

    def mapping(self, mapping: dict[object, object], rule: KeyRule, depth: int) -> JsonValue:
        """Mask keys, then values by what their keys say, alone and side by side."""
        if not self._enter(mapping, len(mapping), depth):
            return self.ledger.withhold()
        named: dict[str, object] = {}
        rules: dict[str, KeyRule] = {}
        is_contextual = rule.reaches_inside
        for key, item in list(mapping.items()):
            name = key if type(key) is str and key in self._names else self._name(key, named, depth)
            named[name] = item
            rules[name] = own = key_rule(name)
            is_contextual = is_contextual or own.is_contextual
        if is_contextual:
            rules = _decided(named, rules, rule)
        masked = {name: self.value(item, rules[name], depth + 1) for name, item in named.items()}
        self._path.discard(id(mapping))
        return masked

    def sequence(self, sequence: Iterable[object], rule: KeyRule, depth: int) -> JsonValue:
        """Mask the items; one after `--password`, or beside `authorization` in a pair, is dropped."""
        items = list(sequence)
        if not self._enter(sequence, len(items), depth):
            return self.ledger.withhold()
        masked: list[JsonValue] = []
        own = rule
        for item in items:
            masked.append(
                self._pair(item, depth + 1)
                if _is_secret_pair(item)
                else self.value(item, own, depth + 1)
            )
            own = (
                key_rule(item)
                if isinstance(item, str) and item[:1] == "-" and _names_secret(item)
                else rule
            )
        self._path.discard(id(sequence))
        return masked

    def unordered(self, items: Iterable[object], rule: KeyRule, depth: int) -> JsonValue:
        """Mask a set in an order that does not depend on the process."""
        return self.sequence(sorted(items, key=repr), rule, depth)

    def _secret(self, value: object, rule: KeyRule, depth: int) -> JsonValue:
        """Drop a secret unseen; nothing at all, a marker, or an identifier in its place may stay."""
        is_simple = isinstance(value, str | int | float)
        is_kept = self._marker.keeps(kinds.SECRET) or (
            is_simple and rule.exempts and is_safe_value(str(value))
        )
        is_empty = isinstance(value, str | bytes | int | float | list | tuple | dict) and not value
        if is_kept or is_empty or (isinstance(value, str) and is_marker(value)):
            return self.value(value, PLAIN, depth)
        self.ledger.count(kinds.SECRET)
        return self._marker.mark(kinds.SECRET, "")

    def _pair(self, pair: Sequence[object], depth: int) -> JsonValue:
        name, item = pair
        return [
            self.value(name, PLAIN, depth + 1),
            self.value(item, key_rule(_as_name(name)), depth + 1),
        ]

    def _name(self, key: object, taken: Mapping[str, object], depth: int) -> str:
        """Mask a key; number it where it then looks like another one of the same mapping."""
        if type(key) is str:
            name = self._texts.mask(key, PLAIN, self, depth)
            if name == key and len(key) <= _LONGEST_NAME:
                self._remember(key)
        elif key is None or isinstance(key, bool):
            name = _LITERALS[key]
        else:
            name = str(self.value(key, PLAIN, depth + 1))
        number, candidate = 1, name
        while candidate in taken:
            number += 1
            candidate = f"{name}#{number}"
        return candidate

    def _remember(self, name: str) -> None:
        if len(self._names) >= _MOST_NAMES:
            self._names.clear()
        self._names.add(name)

    def _other(self, value: object, rule: KeyRule, depth: int) -> JsonValue:
        """Walk through a host's object; what cannot be read is withheld."""
        try:
            plain = as_plain(value)
        except Exception:  # noqa: BLE001  # a host's object may raise anything; its value is withheld
            return self.ledger.withhold()
        return self.value(plain, rule, depth)

    def _enter(self, container: object, items: int, depth: int) -> bool:
        """Spend the container; False at a limit, and where a cycle has come back to it."""
        if id(container) in self._path or not self.ledger.may_visit(items, depth):
            return False
        self._path.add(id(container))
        return True


_BY_TYPE: Final[dict[type, Callable[..., JsonValue]]] = {
    str: Walk.text,
    int: Walk.integer,
    float: Walk.real,
    bytes: Walk.binary,
    dict: Walk.mapping,
    list: Walk.sequence,
    tuple: Walk.sequence,
    set: Walk.unordered,
    frozenset: Walk.unordered,
}


def _decided(
    named: Mapping[str, object], rules: Mapping[str, KeyRule], above: KeyRule
) -> dict[str, KeyRule]:
    """Return the rules of a mapping's keys in the light of each other and of the key above."""
    is_person = above.is_person or are_of_a_person(rules.values())
    is_thing = not is_person and are_of_a_thing(named)
    decided: dict[str, KeyRule] = {}
    for name, rule in rules.items():
        found = _of_schema(name, rule, named[name], above) or _inherited(name, rule, named, above)
        if found.shape is not None:
            is_personal = is_person or (found is ADDRESS and isinstance(named[name], dict))
            found = PERSONAL if is_personal else PLAIN if is_thing else found
        decided[name] = found
    return decided


def _of_schema(name: str, rule: KeyRule, item: object, above: KeyRule) -> KeyRule | None:
    if above is SCHEMAS:
        return schema_rule(rule)
    if name in SCHEMA_NAMES and _are_schemas(item):
        return SCHEMAS
    if above.schema_of is not None and name not in SCHEMA_WORDS:
        return above.schema_of
    return None


def _inherited(name: str, rule: KeyRule, named: Mapping[str, object], above: KeyRule) -> KeyRule:
    """Return the rule above where it covers what is inside; of `{"key": K, "value": V}`, the rule of K."""
    if rule.is_certain and rule.kind == kinds.SECRET:
        return rule
    if above.is_certain:
        return above
    key = named.get("key", named.get("name")) if name == "value" else None
    return key_rule(key) if isinstance(key, str) else rule


def _are_schemas(item: object) -> bool:
    return (
        isinstance(item, dict)
        and bool(item)
        and all(
            isinstance(one, bool) or (isinstance(one, dict) and not SCHEMA_WORDS.isdisjoint(one))
            for one in item.values()
        )
    )


def _as_name(item: object) -> str:
    return item.decode("latin-1") if isinstance(item, bytes) else str(item)


def _names_secret(item: object) -> bool:
    if not isinstance(item, str | bytes):
        return False
    rule = key_rule(_as_name(item))
    return rule.is_certain and rule.kind == kinds.SECRET


def _is_secret_pair(item: object) -> TypeGuard[Sequence[object]]:
    return isinstance(item, list | tuple) and len(item) == _PAIR and _names_secret(item[0])

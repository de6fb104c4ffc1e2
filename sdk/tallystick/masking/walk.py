"""Walking through any Python object: JSON comes out, each text masked, each key's name heeded.

What JSON cannot say is made sayable: lone surrogates, NaN, integers beyond 2^53, bytes, sets, objects.
Cycles, depth and size end at the policy's limits.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, Final

from tallystick.masking import kinds
from tallystick.masking.context import is_secret_pair, names_secret
from tallystick.masking.documents import dumped
from tallystick.masking.grids import Grid, Row, grid_below, grids_in, is_row
from tallystick.masking.keys import PERSONAL, PLAIN, KeyRule, decreed, is_safe_value, key_rule
from tallystick.masking.ledger import Ledger
from tallystick.masking.mode import Mode
from tallystick.masking.names import Keys, Shapes
from tallystick.masking.numerals import may_tell
from tallystick.masking.plain import as_plain
from tallystick.masking.records import FEWEST, SMALL, columns_of, masked_records
from tallystick.masking.rules import Document, FieldRule, Ruled
from tallystick.masking.texts import TextMasker
from tallystick.masking.tokens import Marker, is_marker
from tallystick.profile import MAX_INTEGER, JsonValue

_DECIMAL_BITS: Final = 256
"""Integers beyond are written in hexadecimal: decimal takes quadratic time."""
_FEWEST_PIECES: Final = 4
_MOST_PIECES: Final = 64
_LONGEST_PIECE: Final = 6
_SHORTEST_SPLIT: Final = 12
"""A list of words, years or flags is not read as one value; a card in groups of four is."""
_WRAPPERS: Final = frozenset(
    f"{kind}{value}"
    for kind in ("string", "int", "double", "bytes")
    for value in ("Value", "_value")
)
"""OTLP names the type of a value around it; the key above speaks of what is inside."""


@dataclass(frozen=True, slots=True)
class Lens:
    """What values are masked with, and the shapes of mappings that were seen through it."""

    texts: TextMasker
    marker: Marker
    shapes: Shapes = field(default_factory=Shapes)


class Walk:
    """One call of `mask`. Implements `texts.Structure`; the lenses outlive the call."""

    __slots__ = ("_lenses", "_marker", "_path", "_shapes", "_texts", "ledger")

    def __init__(self, lens: Lens, ledger: Ledger, lenses: Mapping[FieldRule, Lens]) -> None:
        """Mask with `lens`, and what a rule has decided with its own of `lenses`."""
        self.ledger = ledger
        self._lenses = lenses
        self._texts = lens.texts
        self._marker = lens.marker
        self._shapes = lens.shapes
        self._path: set[int] = set()

    def value(self, value: object, rule: KeyRule, depth: int) -> JsonValue:
        """Return `value` as masked JSON; `rule` is what the key above it says."""
        walk = _BY_TYPE.get(type(value))
        if walk is None:
            return self._other(value, rule, depth)
        if rule.is_certain and rule.kind == kinds.SECRET and type(value) is not Ruled:
            return self._secret(value, rule, depth)
        return walk(self, value, rule, depth)

    def literal(self, literal: bool | None, rule: KeyRule, _depth: int) -> JsonValue:  # a value
        """Return true, false or null: they identify nobody, unless a rule says otherwise."""
        if literal is None or not rule.is_decreed or rule.kind is None:
            return literal
        self.ledger.count(rule.kind)
        return self._marker.mark(rule.kind, str(literal))

    def ruled(self, ruled: Ruled, named: KeyRule, depth: int) -> JsonValue:
        """Do with a value what the rule for its place says; only a rule for secrets keeps a secret."""
        rule = ruled.rule
        if rule is None or rule.mode is Mode.WITHHOLD:
            return self.ledger.withhold()
        inner = Walk(self._lenses[rule], self.ledger, self._lenses)
        if rule.mode is Mode.KEEP:
            self.ledger.count(kinds.KEPT)
            is_secret = named.is_certain and named.kind == kinds.SECRET != rule.kind
            return inner.value(ruled.value, named if is_secret else PLAIN, depth)
        return inner.value(ruled.value, decreed(rule.kind), depth)

    def document(self, document: Document, rule: KeyRule, depth: int) -> JsonValue:
        """Return a document with ruled values inside as the JSON text that it was."""
        return dumped(self.value(document.value, rule, depth + 1))

    def text(self, text: str, rule: KeyRule, depth: int) -> str:
        """Return a text masked, or the whole of it as a marker where its key says so."""
        if rule.shape is not None:
            rule = PERSONAL if rule.shape.fullmatch(text) else PLAIN
        if not rule.is_certain or rule.kind is None or self._marker.keeps(rule.kind):
            return self._texts.mask(text, rule, self, depth)
        if not text or is_marker(text):
            return text
        return self._texts.mark(text, rule.kind, self.ledger)

    def integer(self, number: int, rule: KeyRule, depth: int) -> JsonValue:
        """Return a number, its marker, or its digits where JSON would lose some."""
        if -SMALL < number < SMALL and rule.kind is None:
            return number
        size = abs(number)
        text = str(size) if size.bit_length() < _DECIMAL_BITS else hex(size)
        is_plain = rule.kind is None and rule.shape is None and size <= MAX_INTEGER
        if is_plain and not may_tell(text):
            return number
        masked = self.text(text, rule, depth)
        if masked != text:
            return masked
        return number if size <= MAX_INTEGER else text.rjust(len(text) + (number < 0), "-")

    def real(self, number: float, rule: KeyRule, depth: int) -> JsonValue:
        """Return a number, its marker, or its name where it is none."""
        if not math.isfinite(number):
            return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
        if not rule.is_certain and (-SMALL < number < SMALL or not number.is_integer()):
            return number
        text = repr(abs(int(number)) if number.is_integer() else abs(number))
        masked = self.text(text, rule, depth)
        return number if masked == text else masked

    def binary(self, content: bytes, rule: KeyRule, depth: int) -> JsonValue:
        """Mask bytes as the text they hold; what is no text is named by its size, never shown."""
        try:
            return self.text(content.decode(), rule, depth)
        except UnicodeDecodeError:
            return self.text(f"[binary, {len(content)} bytes]", rule, depth)

    def mapping(self, mapping: dict[object, object], rule: KeyRule, depth: int) -> JsonValue:
        """Mask keys, then values by what their keys say, alone and side by side."""
        place = id(mapping)
        items: list[Any] = [*mapping.values()]
        if place in self._path or not self.ledger.may_visit(len(items), depth):
            return self.ledger.withhold()
        is_free = rule.kind is None and not rule.reaches_inside
        known = self._shapes.get(tuple(mapping)) if is_free else None
        keys = known or self._keys(mapping, rule, depth)
        if keys.may_hold_grid:
            grids = grids_in(mapping)
            items = [grids.get(key, item) for key, item in mapping.items()]
        if len(items) != len(keys.each):  # changed by another thread
            return self.ledger.withhold()
        clean, mask, inside = self._texts.clean, self._texts.mask, depth + 1
        masked: dict[str, JsonValue] = {}
        for (name, own, is_open), item in zip(keys.each, items):  # noqa: B905  # as long as each other
            kind = type(item)
            if kind is str and (own, item) in clean:
                masked[name] = item
            elif kind is str and is_open:
                masked[name] = mask(item, own, self, inside)
            elif kind is int and own.kind is None and -SMALL < item < SMALL:
                masked[name] = item
            else:
                self._path.add(place)
                masked[name] = self.value(item, own, inside)
        self._path.discard(place)
        return masked

    def _keys(self, mapping: dict[object, object], rule: KeyRule, depth: int) -> Keys:
        """Return the keys of a mapping below one of this rule, as far as they were not known."""
        if rule.kind is not None and len(mapping) == 1 and _WRAPPERS.issuperset(mapping):
            return Keys.of(mapping, {str(*mapping): rule})
        is_open = not (rule.reaches_inside or rule.is_certain)
        known = self._shapes.get(tuple(mapping)) if is_open else None
        if known is not None:
            return known
        self._path.add(id(mapping))  # a key can hold the mapping itself
        return self._shapes.read(mapping, rule, self._texts, self, depth)

    def sequence(self, sequence: Iterable[object], rule: KeyRule, depth: int) -> JsonValue:
        """Mask the items; one after `--password`, or beside `authorization` in a pair, is dropped."""
        items: list[Any] = list(sequence)
        if not self._enter(sequence, len(items), depth):
            return self.ledger.withhold()
        whole = self._in_pieces(items, depth)
        if whole is not None:
            items = [whole] * len(items)
        is_open = bool(items) and not rule.is_certain and is_row(items[0])
        grid = grid_below(items) if is_open else None
        if grid is not None:
            head = self.value(items[0], PLAIN, depth + 1)
            self._path.discard(id(sequence))
            return [head, *self._rows(grid, depth + 1)]
        is_free = rule.kind is None and not rule.reaches_inside
        if is_free and len(items) >= FEWEST and type(items[0]) is dict:
            records = self._records(items, depth + 1)
            if records is not None:
                self._path.discard(id(sequence))
                return records
        masked: list[JsonValue] = []
        own, inside = rule, depth + 1
        is_open = not rule.is_certain and rule.shape is None
        for item in items:
            kind = type(item)
            if kind is dict and not own.is_certain:  # neither a pair nor a flag
                masked.append(self.mapping(item, own, inside))
                own = rule
                continue
            if kind is str and is_open and own is rule:
                masked.append(self._texts.mask(item, own, self, inside))
            elif is_secret_pair(item):
                masked.append(self._pair(item, inside))
            else:
                masked.append(self.value(item, own, inside))
            is_flag = isinstance(item, str) and item[:1] == "-" and names_secret(item)
            own = key_rule(str(masked[-1])) if is_flag else rule
        self._path.discard(id(sequence))
        return masked

    def _records(self, items: list[Any], depth: int) -> list[JsonValue] | None:
        """Mask the items as records of one known shape; None where they are none."""
        keys = self._shapes.get(tuple(items[0]))
        columns = columns_of(items) if keys and keys.each else None
        if keys is None or columns is None:
            return None
        if not self.ledger.may_visit_each(len(items), len(columns), depth):
            return None
        return masked_records(items, columns, keys, self._texts, self, depth + 1)

    def grid(self, grid: Grid, rule: KeyRule, depth: int) -> JsonValue:
        """Mask rows of cells by the names of their columns, unless what is above them covers them all."""
        if rule.is_certain:
            return self.sequence(grid.rows, rule, depth)
        if not self.ledger.may_visit(len(grid.rows), depth):
            return self.ledger.withhold()
        return self._rows(grid, depth)

    def _rows(self, grid: Grid, depth: int) -> list[JsonValue]:
        return [
            self._cells(row, grid.rules, depth + 1)
            if is_row(row)
            else self.value(row, PLAIN, depth + 1)
            for row in grid.rows
        ]

    def _cells(self, row: Row, rules: tuple[KeyRule, ...], depth: int) -> JsonValue:
        if not self._enter(row, len(row), depth):
            return self.ledger.withhold()
        named = chain(rules, repeat(PLAIN))
        masked = [self.value(cell, rule, depth + 1) for cell, rule in zip(row, named, strict=False)]
        self._path.discard(id(row))
        return masked

    def _in_pieces(self, items: list[object], depth: int) -> str | None:
        """Return the marker of the one value that a list of short texts spells, if it does."""
        if not _FEWEST_PIECES <= len(items) <= _MOST_PIECES:
            return None
        if not all(type(item) is str and len(item) <= _LONGEST_PIECE for item in items):
            return None
        joined = "".join(map(str, items))
        if joined.isalpha() or len(joined) < _SHORTEST_SPLIT:
            return None
        masked, counts = self.ledger.aside(lambda: self._texts.mask(joined, PLAIN, self, depth))
        if not counts or not is_marker(masked):
            return None
        for kind, times in counts:
            self.ledger.count(kind, times)
        return masked

    def unordered(self, items: Iterable[object], rule: KeyRule, depth: int) -> JsonValue:
        """Mask a set in an order that does not depend on the process."""
        return self.sequence(sorted(items, key=repr), rule, depth)

    def _secret(self, value: object, rule: KeyRule, depth: int) -> JsonValue:
        """Drop a secret unseen; nothing at all, a marker, or an identifier in its place may stay."""
        is_simple = isinstance(value, str | int | float)
        is_safe = is_simple and rule.exempts and is_safe_value(str(value))
        is_nothing = not value or value is True or (isinstance(value, str) and is_marker(value))
        if is_safe or is_nothing or self._marker.keeps(kinds.SECRET):
            return self.value(value, PLAIN, depth)
        self.ledger.count(kinds.SECRET)
        return self._marker.mark(kinds.SECRET, "")

    def _pair(self, pair: Sequence[str | bytes], depth: int) -> JsonValue:
        name = self.value(pair[0], PLAIN, depth + 1)
        return [name, self.value(pair[1], key_rule(str(name)), depth + 1)]

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
    bool: Walk.literal,
    type(None): Walk.literal,
    float: Walk.real,
    bytes: Walk.binary,
    dict: Walk.mapping,
    list: Walk.sequence,
    tuple: Walk.sequence,
    set: Walk.unordered,
    frozenset: Walk.unordered,
    Ruled: Walk.ruled,
    Grid: Walk.grid,
    Document: Walk.document,
}

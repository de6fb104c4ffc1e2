"""Tables in a value: `{"columns": [...], "rows": [[...]]}`, and a list of rows whose first one is the head.

What a database tool returns. The names of the columns are judged as the keys of a dict are.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from tallystick.masking.context import rules_in_context
from tallystick.masking.keys import PLAIN, KeyRule, key_rule

_HEADS: Final = ("columns", "fields", "header", "headers", "cols", "column_names")
HEADS: Final[frozenset[object]] = frozenset(_HEADS)
"""Keys without which a mapping holds no table; most hold none of them."""
_BODIES: Final = ("rows", "data", "values", "records", "result", "results")
_NAME: Final = re.compile(r"[^\W\d][\w.-]{0,63}")
_FEWEST_COLUMNS: Final = 3
"""Of a list whose first row is the head: a list of pairs is more often names with their values."""
_MOST_COLUMNS: Final = 512

Row = list[object] | tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of cells, with what the head says about each column."""

    rows: Sequence[object]
    rules: tuple[KeyRule, ...]


def grids_in(mapping: Mapping[object, object]) -> dict[object, Grid]:
    """Return what of a mapping is rows under telling columns, by its key."""
    for head in filter(mapping.__contains__, _HEADS):
        rules = _rules(mapping[head])
        bodies: dict[object, Grid] = {
            key: Grid(rows, rules)
            for key in _BODIES
            if rules
            and isinstance(rows := mapping.get(key), list | tuple)
            and any(map(is_row, rows))
        }
        if bodies:
            return bodies
    return {}


def grid_below(items: Sequence[object]) -> Grid | None:
    """Return the rows below the first item, where that is their head."""
    head = items[0]
    if not is_row(head) or not all(is_row(row) and len(row) == len(head) for row in items):
        return None
    if len(items) < 2 or len(head) < _FEWEST_COLUMNS:  # noqa: PLR2004 - a head and a row
        return None
    are_names = all(isinstance(name, str) and _NAME.fullmatch(name) for name in head)
    rules = _rules(head) if are_names else ()
    return Grid(items[1:], rules) if rules else None


def is_row(item: object) -> TypeGuard[Row]:
    """Whether an item is a row of cells."""
    return type(item) in (list, tuple)


def _rules(head: object) -> tuple[KeyRule, ...]:
    """Return what the names of columns say; nothing where none of them tells."""
    if not is_row(head) or len(head) > _MOST_COLUMNS:
        return ()
    names = [str(one.get("name", "")) if isinstance(one, dict) else str(one) for one in head]
    rules = {name: key_rule(name) for name in names}
    if all(rule.kind is None for rule in rules.values()):
        return ()
    decided = rules_in_context(dict.fromkeys(names, ""), rules, PLAIN)
    return tuple(decided[name] for name in names)

"""Paths into a value: `$.customer.email`, `$.items[*].sku`, `$..password`, `$['a b'][0]`.

A small part of JSONPath (RFC 9535): names, indices, wildcards and descendants; no slices, no filters.
A path goes through JSON that stands as text in a value as if it stood there itself.
"""

import re
from dataclasses import dataclass
from typing import Final

_STEP: Final = re.compile(
    r"(?P<deep>\.\.)(?P<name_below>[\w-]+|\*)|\.(?P<name>[\w-]+|\*)"
    r"|\[(?:(?P<index>[0-9]{1,6})|(?P<any>\*)|'(?P<single>[^'\\]*)'|\"(?P<double>[^\"\\]*)\")\]"
)
_MOST_STEPS: Final = 32

Key = str | int
"""A name in a mapping, or a place in a list."""
Positions = frozenset[int]
"""How many steps of a path may have been taken; empty: it leads nowhere from here."""
START: Final = frozenset({0})


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path."""

    key: Key | None
    """None: any."""
    is_deep: bool
    """The key may lie at any depth from here."""


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. Build it with `parse_path`."""

    text: str
    steps: tuple[Step, ...]

    def advance(self, positions: Positions, key: Key) -> Positions:
        """Return the positions after `key` was entered."""
        after: set[int] = set()
        for position in positions:
            if position < len(self.steps):
                step = self.steps[position]
                if step.is_deep:
                    after.add(position)
                if step.key is None or step.key == key:
                    after.add(position + 1)
        return frozenset(after)

    def is_reached(self, positions: Positions) -> bool:
        """Whether the path ends here."""
        return len(self.steps) in positions


def parse_path(text: str) -> Path:
    """Parse a path. Raises ValueError that says what is expected."""
    if not text.startswith("$"):
        raise ValueError("a path that begins with $, such as $.customer.email")
    steps: list[Step] = []
    place = 1
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None or len(steps) == _MOST_STEPS:
            raise ValueError(
                f"at character {place + 1} one of .name ..name .* [0] [*] ['name'], {_MOST_STEPS} steps at most"
            )
        steps.append(_step(match))
        place = match.end()
    return Path(text, tuple(steps))


def _step(match: re.Match[str]) -> Step:
    if match["index"] is not None:
        return Step(int(match["index"]), is_deep=False)
    if match["any"] is not None:
        return Step(None, is_deep=False)
    quoted = match["single"] if match["single"] is not None else match["double"]
    if quoted is not None:
        return Step(quoted, is_deep=False)
    name = match["name_below"] or match["name"]
    return Step(None if name == "*" else name, is_deep=match["deep"] is not None)

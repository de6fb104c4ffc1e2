"""The order of a trace's rows: a forest, depth first, whatever the parents say.

Parents are the word of strangers. A row whose parent is not there stands at the root; of a loop one
link is cut. Every row comes out exactly once, and no depth of nesting is too deep.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ROOT: Final = -1
"""The parent of a row that has none."""

_UNSEEN, _OPEN, _DONE = range(3)


@dataclass(frozen=True, slots=True)
class Forest:
    """Rows in the order in which they are shown."""

    order: tuple[int, ...]
    """Indexes of the rows, depth first, siblings in the order of their keys."""
    depths: tuple[int, ...]
    """Depth of each of them, 0 at a root, in the same order."""
    cut: frozenset[int]
    """Rows whose link to their parent closed a loop; they stand at the root."""


def grow(parents: Sequence[int], keys: Sequence[tuple[int, int]]) -> Forest:
    """Order rows; `parents` holds an index or ROOT, `keys` sorts siblings. Takes O(n log n)."""
    cut = frozenset(_loops(parents, keys))
    children: dict[int, list[int]] = {}
    for index, parent in enumerate(parents):
        children.setdefault(ROOT if index in cut else parent, []).append(index)
    for siblings in children.values():
        siblings.sort(key=lambda index: keys[index])
    order: list[int] = []
    depths: list[int] = []
    waiting = [(index, 0) for index in reversed(children.get(ROOT, []))]
    while waiting:
        index, depth = waiting.pop()
        order.append(index)
        depths.append(depth)
        waiting += [(child, depth + 1) for child in reversed(children.get(index, []))]
    return Forest(tuple(order), tuple(depths), cut)


def _loops(parents: Sequence[int], keys: Sequence[tuple[int, int]]) -> list[int]:
    """Name one row of each loop: the one that sorts first."""
    states = [_UNSEEN] * len(parents)
    cut: list[int] = []
    for start in range(len(parents)):
        path: list[int] = []
        index = start
        while index != ROOT and states[index] == _UNSEEN:
            states[index] = _OPEN
            path.append(index)
            index = parents[index]
        if index != ROOT and states[index] == _OPEN:
            loop = path[path.index(index) :]
            cut.append(min(loop, key=lambda member: keys[member]))
        for member in path:
            states[member] = _DONE
    return cut

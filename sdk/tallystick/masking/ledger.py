"""The account of one call of `mask`: what was masked, and how much may still be looked at."""

from collections.abc import Callable

from tallystick.masking import kinds
from tallystick.masking.policy import Limits
from tallystick.masking.tokens import WITHHELD_MARKER


class Ledger:
    """Counts hits by kind and spends the limits; used by one thread, for one call."""

    __slots__ = ("_chars_left", "_nodes_left", "hits", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.hits: dict[str, int] = {}
        self._chars_left = limits.value_chars
        self._nodes_left = limits.nodes

    def count(self, kind: str, times: int = 1) -> None:
        """Add to the hits of a kind."""
        self.hits[kind] = self.hits.get(kind, 0) + times

    def withhold(self) -> str:
        """Count a value that could not be masked, and give what stands in its place."""
        self.count(kinds.WITHHELD)
        return WITHHELD_MARKER

    def may_visit(self, items: int, depth: int) -> bool:
        """Spend a container and its items; False where they are too many, or lie too deep."""
        self._nodes_left -= items + 1
        return self._nodes_left >= 0 and depth <= self.limits.depth

    def may_visit_each(self, containers: int, items: int, depth: int) -> bool:
        """Spend as many containers of so many items; False, and nothing spent, where they are too many."""
        nodes = containers * (items + 1)
        if nodes > self._nodes_left or depth > self.limits.depth:
            return False
        self._nodes_left -= nodes
        return True

    def may_scan(self, chars: int) -> bool:
        """Spend the characters of one text; False, and nothing spent, where it is too long."""
        if chars > self.limits.text_chars or chars > self._chars_left:
            return False
        self._chars_left -= chars
        return True

    def spend(self, chars: int) -> None:
        """Spend characters by which a text grew, so that masking twice spends no more than once."""
        self._chars_left -= chars

    def aside(self, work: Callable[[], str]) -> tuple[str, tuple[tuple[str, int], ...]]:
        """Do work whose hits count only if its result is used; return the result and those hits."""
        before = self.hits
        self.hits = {}
        try:
            return work(), tuple(self.hits.items())
        finally:
            self.hits = before

"""The account of one call of `mask`: what was masked, and how much may still be looked at."""

from collections.abc import Callable
from typing import TypeVar

from tallystick.masking import kinds
from tallystick.masking.policy import Limits
from tallystick.masking.sitting import Known, Sitting
from tallystick.masking.tokens import WITHHELD_MARKER

Result = TypeVar("Result")


class Ledger:
    """Counts hits by kind and spends the limits; used by one thread, for one call."""

    __slots__ = ("_chars_left", "_nodes_left", "hits", "limits", "sitting")

    def __init__(self, limits: Limits, sitting: Sitting | None = None) -> None:
        self.limits = limits
        self.sitting = sitting
        """What else was masked of the same request; None where a value stands alone."""
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

    @property
    def left(self) -> tuple[int, int]:
        """How many values and characters may still be looked at."""
        return self._nodes_left, self._chars_left

    def may_repeat(self, known: Known, depth: int) -> bool:
        """Spend and count what a text took before; False, and nothing spent, where that is too much here."""
        is_within = known.nodes <= self._nodes_left and known.chars <= self._chars_left
        if not is_within or depth > known.depth:
            return False
        self._nodes_left -= known.nodes
        self._chars_left -= known.chars
        for kind, times in known.counts:
            self.count(kind, times)
        return True

    def aside(self, work: Callable[[], Result]) -> tuple[Result, tuple[tuple[str, int], ...]]:
        """Do work whose hits count only if its result is used; return the result and those hits."""
        before = self.hits
        self.hits = {}
        try:
            return work(), tuple(self.hits.items())
        finally:
            self.hits = before

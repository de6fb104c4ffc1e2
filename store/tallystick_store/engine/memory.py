"""What readers of one database file found out and need not look for again, since it stays so.

It holds while the file is not written anew. Safe for several threads: each value is put there whole.
"""

from dataclasses import dataclass, field
from typing import Final

MAX_KEYS: Final = 200_000
"""Of one table; then it begins anew: 20 MB."""


@dataclass(slots=True)
class Memory:
    """Of the projections: what they do not hold, by table, and which calls overrule others among them."""

    absent: dict[str, dict[int, int]] = field(default_factory=dict)
    """Table -> key -> the log index up to which no window holds it."""
    overruling: tuple[int, frozenset[int], frozenset[int]] = (0, frozenset(), frozenset())
    """Log index up to which it was found out, keys of actions and keys of spans."""

    def absent_from(self, table: str) -> dict[int, int]:
        """Return the keys that were not found in a table, to be read and added to."""
        found = self.absent.get(table, {})
        if len(found) > MAX_KEYS:
            found = {}
        self.absent[table] = found
        return found

"""What readers of one database file found out and need not look for again, since it stays so.

It holds while the file is not written anew. Safe for several threads: each value is put there whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

MAX_KEYS: Final = 200_000
"""Of one table; then it begins anew: 20 MB."""


@dataclass(slots=True)
class Memory:
    """Of the projections: what they do not hold, and which calls overrule others among them; of the rows, counts."""

    absent: dict[str, dict[int, int]] = field(default_factory=dict)
    """Table -> key -> the log index up to which no window holds it."""
    overruling: tuple[int, frozenset[int], frozenset[int]] = (0, frozenset(), frozenset())
    """Log index up to which it was found out, keys of actions and keys of spans."""

    types: tuple[int, Mapping[str, int]] = (0, MappingProxyType({}))
    """Log index up to which events were counted, and how many there are of each type."""

    empty_columns: frozenset[str] = frozenset()
    """Columns of `events` that hold nothing; kept up with what is inserted, before anybody sees that."""

    def absent_from(self, table: str) -> dict[int, int]:
        """Return the keys that were not found in a table, to be read and added to."""
        found = self.absent.get(table, {})
        if len(found) > MAX_KEYS:
            found = {}
        self.absent[table] = found
        return found

"""Findings in one tool's definition: where, of which kind, how many. Never what stands there.

The counts by kind go into the signed statement; paths go into a disclosure, and the text itself stays in the
masked disclosure of the definition. A finding is a reason to read the definition, no verdict.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tallystick.profile import JsonValue
from tallystick.tooldef.hidden import LOOKALIKE, hidden_in, lookalikes_in
from tallystick.tooldef.instructions import instructions_in
from tallystick.tooldef.members import Text, Walk

MAX_SCANNED_CHARS: Final = 200_000
"""Of all strings of a definition; a longer one is a finding by itself."""
MAX_FINDINGS: Final = 100
"""Findings that are listed; the counts hold all."""
OVERSIZED: Final = "oversized"
UNREADABLE: Final = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing in one member of a definition."""

    path: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was found in one definition."""

    listed: tuple[Finding, ...]
    counts: Mapping[str, int]
    """Kind -> how often."""

    def shape(self) -> list[dict[str, JsonValue]]:
        """Return what a disclosure lists."""
        return [{"path": f.path, "kind": f.kind, "count": f.count} for f in self.listed]


def inspect(definition: Mapping[str, object]) -> Findings:
    """Inspect a definition in the form in which it was offered. Raises nothing, whatever stands in it."""
    walk, left, listed = Walk(), MAX_SCANNED_CHARS, list[Finding]()
    counts: Counter[str] = Counter()
    for one in walk.texts(definition):
        kinds = _kinds(one, one.text[: max(left, 0)])
        left -= len(one.text)
        counts.update(kinds)
        listed += [Finding(one.path, kind, count) for kind, count in sorted(kinds.items())]
    if left < 0:
        counts[OVERSIZED] += 1
    if walk.is_cut:
        counts[UNREADABLE] += 1
    return Findings(tuple(listed[:MAX_FINDINGS]), dict(sorted(counts.items())))


def _kinds(found: Text, text: str) -> Counter[str]:
    kinds = hidden_in(text) + instructions_in(text)
    if found.role == "name" and (lookalikes := lookalikes_in(text)):
        kinds[LOOKALIKE] += lookalikes
    return kinds

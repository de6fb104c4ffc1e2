"""Findings of the verifier: what is wrong, what could not be checked, what is worth knowing.

Each finding belongs to a numbered step of `docs/spec/package.md` and names its place. Counts of
what was checked stand beside them, so that a step that looked at nothing cannot look like a pass.
"""

from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

STEP_NAMES: Final = {
    1: "files",
    2: "statements",
    3: "columns",
    4: "disclosures",
    5: "keys",
    6: "seals",
    7: "sessions",
    8: "entries",
    9: "root",
    10: "checkpoints",
    11: "entanglement",
    12: "spans",
    13: "receipts",
    14: "deletions",
}

Severity: TypeAlias = Literal["fault", "not_checked", "notice"]
"""fault: exit 1. not_checked: the step could not be finished, exit 2 at best. notice: no effect."""

MAX_LISTED: Final = 100
"""Findings kept for each step and severity; the others are counted."""

MAX_MESSAGE: Final = 500
"""Characters of a message that are kept: what is quoted may be of any length."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is: any of file, row (table and log index), column, session and leaf."""

    file: str = ""
    table: str = ""
    log_index: int | None = None
    column: str = ""
    session: str = ""
    seq: int | None = None

    def __str__(self) -> str:
        parts = [
            self.file,
            self.table,
            f"log index {self.log_index}" if self.log_index is not None else "",
            f"column {self.column}" if self.column else "",
            f"session {self.session}" if self.session else "",
            f"leaf {self.seq}" if self.seq is not None else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of one step."""

    step: int
    severity: Severity
    message: str
    place: Place = Place()


@dataclass(slots=True)
class Findings:
    """What the steps found and counted; several of them add up by `merge`."""

    listed: list[Finding] = field(default_factory=list)
    totals: dict[tuple[int, Severity], int] = field(default_factory=dict)
    checked: dict[tuple[int, str], int] = field(default_factory=dict)
    """(step, what) -> how many were checked, in the order of first mention."""

    def fault(self, step: int, message: str, place: Place = Place()) -> None:
        """Add that something is wrong."""
        self._add(Finding(step, "fault", message, place))

    def not_checked(self, step: int, message: str, place: Place = Place()) -> None:
        """Add that a part of the step could not be done."""
        self._add(Finding(step, "not_checked", message, place))

    def notice(self, step: int, message: str, place: Place = Place()) -> None:
        """Add what is worth knowing and no fault."""
        self._add(Finding(step, "notice", message, place))

    def count(self, step: int, what: str, number: int = 1) -> None:
        """Add to the number of things that a step has checked."""
        self.checked[step, what] = self.checked.get((step, what), 0) + number

    def total(self, step: int, severity: Severity) -> int:
        """Return how many findings there are, listed or not."""
        return self.totals.get((step, severity), 0)

    def merge(self, other: "Findings") -> None:
        """Add the findings and counts of another part of the work."""
        before = dict(self.totals)
        for finding in other.listed:
            self._add(finding)
        for key, number in other.totals.items():
            self.totals[key] = before.get(key, 0) + number
        for (step, what), number in other.checked.items():
            self.count(step, what, number)

    def _add(self, finding: Finding) -> None:
        if len(finding.message) > MAX_MESSAGE:
            finding = replace(finding, message=finding.message[:MAX_MESSAGE] + "...")
        key = (finding.step, finding.severity)
        self.totals[key] = self.totals.get(key, 0) + 1
        if self.totals[key] <= MAX_LISTED:
            self.listed.append(finding)

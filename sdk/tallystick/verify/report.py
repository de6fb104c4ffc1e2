"""The report of a verification: per step what was checked, found and not checked; the verdict."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from tallystick.verify.finding import STEP_NAMES, Finding, Findings, Severity

VERIFIED: Final = 0
WRONG: Final = 1
ONLY_CONSISTENT: Final = 2

_VERDICTS: Final = {
    VERIFIED: "verified under the trust policy",
    WRONG: "WRONG: something does not hold, see each fault",
    ONLY_CONSISTENT: "consistent in itself only: not verified, see what was not checked",
}
_NOTHING_VERIFIED: Final = "it could not be read to its end, so nothing is verified: see the fault"
_MARKS: Final[dict[Severity, str]] = {
    "fault": "FAULT",
    "not_checked": "not checked",
    "notice": "notice",
}
LIMITS: Final = (
    "What no verification can show: calls that never reached an emitter, lies told by an emitter "
    "about its own calls, and the tail of the log behind the newest checkpoint that anybody else "
    "holds."
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found, and of what."""

    name: str
    kind: str
    origin: str
    tree_size: int
    start: int
    stop: int
    findings: Findings
    has_policy: bool
    is_complete: bool = True
    """Whether every step was reached; else what stopped it is a fault of step 1."""

    @property
    def exit_code(self) -> int:
        """0 verified, 1 wrong, 2 consistent in itself only."""
        severities = {severity for _, severity in self.findings.totals}
        if "fault" in severities:
            return WRONG
        return VERIFIED if self.has_policy and "not_checked" not in severities else ONLY_CONSISTENT

    @property
    def verdict(self) -> str:
        """The exit code in words."""
        return _VERDICTS[self.exit_code] if self.is_complete else _NOTHING_VERIFIED

    @property
    def text(self) -> str:
        """The report as a person reads it."""
        return "\n".join(map(_plain_line, self._lines())) + "\n"

    @property
    def json(self) -> str:
        """The report as a program reads it."""
        return json.dumps(self._value(), indent=2) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"{self.kind} {self.name}"
        yield f"log {self.origin}, entries {self.start} to {self.stop} of {self.tree_size}"
        for step in STEP_NAMES:
            yield from self._step_lines(step)
        yield ""
        yield f"verdict {self.exit_code}: {self.verdict}"
        yield LIMITS

    def _step_lines(self, step: int) -> Iterator[str]:
        yield f"{step:>2}  {STEP_NAMES[step]:<13} {self._state(step)}"
        for severity, mark in _MARKS.items():
            listed = [one for one in self._of_step(step) if one.severity == severity]
            for one, times in Counter(listed).items():
                place = f"{one.place}: " if str(one.place) else ""
                again = f"   ({times} times)" if times > 1 else ""
                yield f"      {mark}  {place}{one.message}{again}"
            hidden = self.findings.total(step, severity) - len(listed)
            if hidden:
                yield f"      {mark}  and {hidden} more"

    def _state(self, step: int) -> str:
        checked = ", ".join(f"{number:,} {what}" for what, number in self._checked(step).items())
        faults = self.findings.total(step, "fault")
        state = f"{faults} wrong" if faults else "holds"
        if not checked:
            nothing = "nothing to check here" if self.is_complete else "not reached"
            return state if faults else nothing
        return f"{checked}: {state}"

    def _checked(self, step: int) -> dict[str, int]:
        return {what: number for (of, what), number in self.findings.checked.items() if of == step}

    def _of_step(self, step: int) -> list[Finding]:
        return [one for one in self.findings.listed if one.step == step]

    def _value(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "origin": self.origin,
            "tree_size": self.tree_size,
            "from_index": self.start,
            "to_index": self.stop,
            "exit": self.exit_code,
            "verdict": self.verdict,
            "complete": self.is_complete,
            "steps": [self._step_value(step) for step in STEP_NAMES],
            "limits": LIMITS,
        }

    def _step_value(self, step: int) -> dict[str, Any]:
        return {
            "number": step,
            "name": STEP_NAMES[step],
            "checked": self._checked(step),
            "totals": {severity: self.findings.total(step, severity) for severity in _MARKS},
            "findings": [_finding_value(one) for one in self._of_step(step)],
        }


def _finding_value(finding: Finding) -> dict[str, Any]:
    place = {
        name: value for name, value in asdict(finding.place).items() if value not in ("", None)
    }
    return {"severity": finding.severity, "message": finding.message, "place": place}


def _plain_line(line: str) -> str:
    """Return a line without orders to a terminal and without verdicts of somebody else's.

    Names come from what is being checked.
    """
    if line.isprintable():
        return line
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in line
    )

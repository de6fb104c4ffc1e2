"""The report of an evidence package: one HTML file that needs nothing else and does nothing.

No script, no outside resource, a policy that allows none; every text that an agent or an operator
chose goes through `visible` and the template's escaping. The same exported files, card and regime give
the same bytes. It states evidence and what is missing of it, never a verdict.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from tallystick.verify.manifest import REPORT_FILES
from tallystick.verify.report import LIMITS
from tallystick.verify.report import Report as Verification
from tallystick_store.evidence.card import CARD, SystemCard
from tallystick_store.evidence.checks import MAX_EXCEPTIONS, Answer, Result, verification_lines
from tallystick_store.evidence.listings import MAX_ROWS, Listed
from tallystick_store.evidence.parameters import Period
from tallystick_store.evidence.regime import GATE, STATES, Regime, State
from tallystick_store.evidence.visible import clipped, visible

MAX_TOP: Final = 10
"""Exceptions on the first page."""

STATE_WORDS: Final[dict[State, str]] = {
    "supports": "supports",
    "partial": "partial",
    "does_not_support": "does not support",
    "no_activity": "no activity",
    "operator_input": "operator input",
    "not_applicable": "not applicable",
    "outside_logs": "outside logs",
}
STATE_MEANINGS: Final[dict[State, str]] = {
    "supports": "the records of this period fulfil the criterion as it is printed",
    "partial": "they fulfil a part of it, or all of it with a stated reservation",
    "does_not_support": "they do not fulfil it, or integrity does not hold; each exception is listed",
    "no_activity": "nothing of this kind happened in the period: neither for nor against",
    "operator_input": "a person has to state or show it; records cannot",
    "not_applicable": "a named person, or the class of system in the card, says so",
    "outside_logs": "records of this version carry nothing about it",
}
_MARKS: Final[dict[State, str]] = {
    "supports": "●",
    "partial": "◐",
    "does_not_support": "✕",
    "no_activity": "○",
    "operator_input": "✎",
    "not_applicable": "∅",
    "outside_logs": "◌",
}
_SECTIONS: Final = ("integrity", "coverage", "changes", "oversight", "access")


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that a report tells."""

    report_id: str
    period: Period
    card: SystemCard
    regime: Regime
    results: Sequence[Result]
    closed: Sequence[str]
    """Checks that hold the gate shut."""
    listed: Sequence[Listed]
    verification: Verification
    key_fingerprint: str
    """SHA-256 of the log's public key in DER, in hex."""
    log_key: str
    counts: dict[str, int]
    software: str
    has_pinned_keys: bool


def render_report(data: ReportData) -> str:
    """Return the HTML."""
    source = resources.files("tallystick_store.evidence").joinpath("templates")
    style = source.joinpath("report.css").read_text(encoding="utf-8").strip()
    template = _environment().from_string(
        source.joinpath("report.html.j2").read_text(encoding="utf-8")
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    html: str = template.render(
        **_context(data),
        style=Markup(style),  # noqa: S704 - a file of this package
        style_source=f"'sha256-{digest}'",
    )
    return html


def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(
        moment=moment,
        cell=_cell,
        state_word=STATE_WORDS.__getitem__,
        state_mark=_MARKS.__getitem__,
        number=_number,
    )
    return environment


def _shown(value: object) -> object:
    """Make every text that is printed harmless to read; markup is the template's own."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(map(visible, value.split("\n")))
    return value


def moment(time_us: int) -> str:
    """Return a time as a reader reads it, in UTC."""
    try:
        when = datetime.fromtimestamp(time_us / 1_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{time_us} µs"
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def _cell(value: object) -> str:
    """Return what stands in a cell of a table."""
    if value is None:
        return ""
    return _number(value) if isinstance(value, int) else clipped(visible(str(value)))


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        return str(value)
    return f"{value:,}"


def _context(data: ReportData) -> dict[str, Any]:
    by_id = {result.check.id: result for result in data.results}
    totals = Counter(result.state for result in data.results)
    return {
        "data": data,
        "card_blocks": list(CARD),
        "gate": [by_id[name] for name in GATE],
        "integrity": [r for r in data.results if r.check.id.startswith("INT-")],
        "limits": LIMITS,
        "listings": {
            name: [one for one in data.listed if one.listing.section == name] for name in _SECTIONS
        },
        "max_exceptions": MAX_EXCEPTIONS,
        "max_rows": MAX_ROWS,
        "meanings": [(state, STATE_MEANINGS[state], totals[state]) for state in STATES],
        "open_inputs": [r for r in data.results if r.state in ("operator_input", "outside_logs")],
        "provisions": [
            (one, [r for r in data.results if one.id in r.check.provisions])
            for one in data.regime.provisions
        ],
        "queries": _answers(data),
        "report_files": REPORT_FILES,
        "steps": list(verification_lines(data.verification)),
        "top": _top(data.results),
        "with_exceptions": [r for r in data.results if r.exceptions],
    }


def _answers(data: ReportData) -> list[Answer]:
    checks = [answer for result in data.results for answer in result.answers]
    return [*checks, *(one.answer for one in data.listed)]


def _top(results: Sequence[Result]) -> list[tuple[Result, int | None, str]]:
    """Return the exceptions of the first page: those of checks that do not support come first."""
    wanted: tuple[State, ...] = ("does_not_support", "partial")
    found = [
        (result, index, what)
        for state in wanted
        for result in results
        if result.state == state
        for index, what in result.exceptions[:3]
    ]
    return found[:MAX_TOP]

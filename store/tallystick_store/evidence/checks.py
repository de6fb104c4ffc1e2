"""Run the checks of a regime over the exported files and say what each of them shows.

A state never comes from a count alone: it says what was looked at, how many of it hold, which do not,
by which query, and what the answer hashes to. While the records themselves do not hold (INT-1 to
INT-3), nothing that rests on them may say more than `does_not_support`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from tallystick.profile import JsonValue
from tallystick.verify.finding import STEP_NAMES
from tallystick.verify.report import Report
from tallystick_store.engine.analysis import Analysis
from tallystick_store.evidence.card import SystemCard
from tallystick_store.evidence.files import file_digest
from tallystick_store.evidence.regime import GATE, PERMILLE, Check, Regime, State
from tallystick_store.evidence.tables import compose

MAX_EXCEPTIONS: Final = 100
"""Exceptions that are listed for each check; the others are counted."""
MAX_WHAT_CHARS: Final = 400
CSV: Final = "FORMAT csv, HEADER true"
RERUN: Final = "21-1"
"""The check that compares a second run of every query with the first ends in this."""

_COUNT: Final = """\
SELECT count(*) FILTER (WHERE ok) AS numerator, count(*) AS denominator
FROM (
{}
)"""
_EXCEPTIONS: Final = f"""\
SELECT log_index, left(what, {MAX_WHAT_CHARS}) AS what
FROM (
{{}}
)
WHERE NOT ok ORDER BY log_index NULLS FIRST, what LIMIT {MAX_EXCEPTIONS}"""  # noqa: S608 - two numbers


class NamedQuery(NamedTuple):
    """A query as it is printed, and where its result would go."""

    name: str
    sql: str


class Answer(NamedTuple):
    """What came out of a query: the rows, and the SHA-256 of them as CSV."""

    query: NamedQuery
    columns: list[str]
    rows: list[tuple[object, ...]]
    sha256: str


@dataclass(frozen=True, slots=True)
class Result:
    """What one check shows."""

    check: Check
    state: State
    because: str
    numerator: int | None = None
    denominator: int | None = None
    exceptions: tuple[tuple[int | None, str], ...] = ()
    """Log index and text of at most MAX_EXCEPTIONS of those that do not hold."""
    count: Answer | None = None
    listed: Answer | None = None
    person: str = ""
    """Who says so, where a person does."""
    due: str = ""

    @property
    def exception_count(self) -> int:
        """How many do not hold, listed or not."""
        return (self.denominator or 0) - (self.numerator or 0)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The queries behind it."""
        return tuple(answer for answer in (self.count, self.listed) if answer is not None)


def check_queries(check: Check) -> tuple[NamedQuery, NamedQuery]:
    """Return the query that counts and the one that lists what does not hold."""
    counted = compose(_COUNT.format(_indented(check.sql)))
    listed = compose(_EXCEPTIONS.format(_indented(check.sql)))
    return NamedQuery(check.id, counted), NamedQuery(f"{check.id}-exceptions", listed)


def ask(analysis: Analysis, query: NamedQuery) -> Answer:
    """Run a query; its hash is that of the CSV file that queries.sql writes. Raises StoreError."""
    columns, rows = analysis.table(query.sql)
    return Answer(query, columns, rows, digest_of(analysis, query))


def digest_of(analysis: Analysis, query: NamedQuery) -> str:
    """Return the SHA-256 of a query's result as a CSV file with a header."""
    file = analysis.copy(query.sql, f"{query.name}.csv.part", CSV)
    try:
        return file_digest(file)
    finally:
        file.unlink(missing_ok=True)


def run_check(analysis: Analysis, check: Check) -> tuple[Answer, Answer | None]:
    """Count, and list what does not hold where something does not."""
    counts, exceptions = check_queries(check)
    counted = ask(analysis, counts)
    numerator, denominator = counted.rows[0]
    return counted, ask(analysis, exceptions) if numerator != denominator else None


def decide(
    check: Check,
    answers: tuple[Answer, Answer | None] | None,
    card: SystemCard,
    verification: Report,
) -> Result:
    """Return what a check shows, before the gate."""
    if (declared := _declared_away(check, card)) is not None:
        return declared
    if check.fixed is not None or answers is None:
        return _owned(_fixed(check, card), card)
    result = _counted(check, *answers)
    state, because = _state(check, result, card, verification)
    return _owned(replace(result, state=state, because=because), card)


def gated(results: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """Lower what rests on records that do not hold; return the results and the checks that gate."""
    closed = [r.check.id for r in results if r.check.id in GATE and r.state == "does_not_support"]
    if not closed:
        return list(results), []
    because = (
        f"{', '.join(closed)} does not hold for this period: nothing that rests on it can support"
    )
    return [
        replace(result, state="does_not_support", because=because)
        if result.state in ("supports", "partial")
        else result
        for result in results
    ], closed


def verification_lines(report: Report) -> Iterator[dict[str, JsonValue]]:
    """Yield the lines of verification.ndjson: one for each step of the verifier."""
    for step, name in STEP_NAMES.items():
        findings = [one for one in report.findings.listed if one.step == step]
        checked = {what: n for (of, what), n in report.findings.checked.items() if of == step}
        yield {
            "checked": checked,
            "faults": report.findings.total(step, "fault"),
            "findings": [
                {
                    "message": one.message,
                    "place": str(one.place),
                    "session": one.place.session or None,
                    "severity": one.severity,
                }
                for one in findings
            ],
            "name": name,
            "not_checked": report.findings.total(step, "not_checked"),
            "notices": report.findings.total(step, "notice"),
            "step": step,
        }


def run_regime(
    analysis: Analysis,
    regime: Regime,
    card: SystemCard,
    verification: Report,
    progress: Callable[[int, int], None],
    before_rerun: Callable[[Mapping[str, str]], None],
) -> list[Result]:
    """Run every check. `before_rerun` gets the hashes so far, before the check that compares them."""
    answers: dict[str, tuple[Answer, Answer | None]] = {}
    queries = sorted(regime.queries, key=lambda check: check.id.endswith(RERUN))
    for number, check in enumerate(queries):
        progress(number, len(queries))
        if check.id.endswith(RERUN):
            before_rerun({a.query.name: a.sha256 for pair in answers.values() for a in pair if a})
        answers[check.id] = run_check(analysis, check)
    return [decide(check, answers.get(check.id), card, verification) for check in regime.checks]


def _indented(sql: str) -> str:
    return "\n".join(f"  {line}" for line in sql.strip().split("\n"))


def _counted(check: Check, counted: Answer, listed: Answer | None) -> Result:
    numerator, denominator = counted.rows[0]
    exceptions = tuple(
        (None if index is None else int(str(index)), str(what))
        for index, what in (listed.rows if listed else ())
    )
    return Result(
        check,
        "no_activity",
        "",
        int(str(numerator)),
        int(str(denominator)),
        exceptions,
        counted,
        listed,
    )


def _state(
    check: Check, result: Result, card: SystemCard, verification: Report
) -> tuple[State, str]:
    numerator, denominator = result.numerator or 0, result.denominator or 0
    missing = _missing(check, card)
    if missing and (denominator or check.population == "card"):
        return "operator_input", _needs_text(missing)
    if not denominator:
        return "no_activity", f"nothing to look at in this period: no {check.unit}"
    if numerator * PERMILLE < check.threshold_permille * denominator:
        return check.otherwise, check.because_otherwise
    unchecked = [step for step in check.steps if verification.findings.total(step, "not_checked")]
    if unchecked and check.best == "supports":
        return "partial", _unchecked_text(unchecked, verification)
    return check.best, check.because


def _declared_away(check: Check, card: SystemCard) -> Result | None:
    """Return `not_applicable` where a named person says so, or the card's class of system does."""
    for one in card.get("not_applicable.checks") or ():
        if one["check"] == check.id:
            return Result(
                check, "not_applicable", one["reason"], person=f"{one['person']}, {one['date']}"
            )
    if not check.not_applicable_unless or card.get("classification.class") is None:
        return None
    if all(card.get(path) == value for path, value in check.not_applicable_unless):
        return None
    by = ", ".join(
        str(card.get(path))
        for path in ("classification.decided_by", "classification.date")
        if card.get(path)
    )
    stated = card.get("classification.annex_iii_point") or card.get("classification.class")
    return Result(
        check, "not_applicable", f"the card states another class of system: {stated}", person=by
    )


def _fixed(check: Check, card: SystemCard) -> Result:
    """Return the state that no record can change, or that the card is silent about it."""
    missing = _missing(check, card)
    if missing:
        return Result(check, "operator_input", _needs_text(missing))
    return Result(check, check.fixed or "outside_logs", check.because)


def _owned(result: Result, card: SystemCard) -> Result:
    """Name who is to give an input that is open, where the card does."""
    for one in card.get("open_inputs.checks") or ():
        if one["check"] == result.check.id and result.state == "operator_input":
            return replace(result, person=one["owner"], due=one.get("due") or "")
    return result


def _missing(check: Check, card: SystemCard) -> list[str]:
    return [path for path in check.needs if card.get(path) is None]


def _needs_text(missing: Sequence[str]) -> str:
    return f"the system card does not state {', '.join(missing)}"


def _unchecked_text(steps: Sequence[int], verification: Report) -> str:
    messages = [
        one.message
        for one in verification.findings.listed
        if one.step in steps and one.severity == "not_checked"
    ]
    more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
    return f"the verifier could not check everything: {messages[0]}{more}"

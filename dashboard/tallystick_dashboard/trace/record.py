"""One record as the service keeps it, read again on the reader's side from its exact lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tallystick.errors import RecordError
from tallystick.event import Record, match_disclosures, parse_statement
from tallystick_dashboard.amounts import moment
from tallystick_dashboard.trace.action import Shape, number_of, text_of

WITHHELD: Final = "withheld or erased"
NOT_KEPT: Final = "not kept here: left out at its source, or removed with nobody's decision"
_DATE: Final = len("2026-11-22")
_ID: Final = 8
"""Digits of a decision's id that tell it from others of one list."""


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record; `fault` says why its lines are not one, and then it states nothing."""

    log_index: int
    line: str
    disclosure_lines: tuple[str, ...]
    proof: str
    """sealed, recovered, unsealed or derived, as the service says."""
    record: Record | None
    fault: str
    absence: str = WITHHELD
    """Why values that line 1 binds are not here, as the service says it."""

    @property
    def statement(self) -> Mapping[str, Any]:
        """What line 1 states."""
        return self.record.statement if self.record else {}

    @property
    def is_end(self) -> bool:
        """Whether it ends its action."""
        return self.statement.get("type") != "tool.started"

    def disclosed(self, name: str) -> str | None:
        """Return a disclosed text; None where it is withheld, erased or was never there."""
        found = self.record.disclosures if self.record else ()
        return next((one.value for one in found if one.field == name), None)

    @property
    def withheld(self) -> int:
        """How many disclosures line 1 binds that are not here."""
        return len(self.statement.get("sd", ())) - len(self.disclosure_lines)


@dataclass(frozen=True, slots=True)
class Action:
    """The records of one row, the one that stands for it first."""

    views: tuple[RecordView, ...]

    def said(self, name: str) -> Any:  # noqa: ANN401 - the value of any field
        """Return what the records state of a field, the first that does."""
        return next((one.statement[name] for one in self.views if name in one.statement), None)

    def text(self, name: str) -> str:
        """Return the same as text, empty where nobody states it."""
        return text_of(self.said(name))

    def absence(self, name: str) -> str:
        """Say why a value is not here that a record states, by the first record that states this field."""
        stating = (one for one in self.views if name in one.statement)
        return next(stating, self.views[0]).absence

    def disclosed(self, name: str) -> str | None:
        """Return a disclosed text of the first record that has it."""
        texts = (one.disclosed(name) for one in self.views)
        return next((one for one in texts if one is not None), None)


def view_of(event: Shape) -> RecordView:
    """Read an answer of `/api/v1/events/{log_index}`; lines that are no record are a fault, no error."""
    line, lines = text_of(event["line"]), tuple(map(text_of, event["disclosures"] or ()))
    record, fault = None, "" if line else "the row was removed from the database"
    try:
        exact = line.encode()
        statement = parse_statement(exact)
        record = Record(exact, statement, match_disclosures(statement, lines))
    except (RecordError, UnicodeEncodeError) as error:
        fault = fault or str(error)
    return RecordView(
        int(event["log_index"]),
        line,
        lines,
        text_of(event["sealing"]),
        record,
        fault,
        absence_of(event),
    )


def absence_of(shape: Shape) -> str:
    """Say why values are not in an answer on a record or a span; whatever it holds, nothing is guessed."""
    absent = shape.get("absent")
    absent = absent if isinstance(absent, dict) else {}
    why, erasure = absent.get("why"), absent.get("erasure")
    if why == "erased" and isinstance(erasure, dict):
        return erased_by(text_of(erasure.get("request")), number_of(erasure.get("stated_us")))
    if why == "withheld":
        needs = text_of(absent.get("needs"))
        more = ", with a reason" if needs == "reveal" else ""
        return f"withheld: needs the right `{needs}`{more}"
    return NOT_KEPT if why == "not kept" else WITHHELD


def erased_by(request: str, at_us: int | None) -> str:
    """Say by which decision something was erased, and when, where the log says so."""
    when = "" if at_us is None else f" on {moment(at_us)[:_DATE]}"
    return f"erased{when} by decision {request[:_ID]}"

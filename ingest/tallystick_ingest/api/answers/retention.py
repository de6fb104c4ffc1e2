"""Answers on retention: what is due, what is held, what was asked for and decided."""

from typing import Literal

from tallystick_ingest.api.answers.form import (
    AbsentShape,
    Answer,
    AsOf,
    Count,
    Index,
    Microseconds,
)
from tallystick_ingest.standing import RequestStanding


class WordsShape(Answer):
    """What somebody said with a decision, and when. Texts are shown to who may reveal names and says why."""

    by: str
    """Id of the account."""
    by_name: str | None
    name: str | None
    """What people call the hold; of a hold alone."""
    reason: str | None
    at_us: Microseconds
    log_index: Index
    absent: AbsentShape | None
    """Why texts are not here; null: those that were said are."""


class DoneShape(Answer):
    """What the log says of a decision that was carried out (access.delete)."""

    at_us: Microseconds
    log_index: Index
    entries: Count
    """Entries of the log that it touched."""
    events: Count | None
    """Of an erasure: events of which every value went."""
    spans: Count | None
    """Of an erasure: span records that went."""


class ClassShape(Answer):
    """One retention class, and what of it could be asked for now."""

    name: str
    keep: str | None
    """ISO 8601 duration; null: for ever."""
    records: Count
    due: Count
    """Entries of the log whose time is over, those on hold left out."""
    on_hold: Count
    before_us: Microseconds | None
    """Entries that were received before this are due."""
    exceptions: list[str]
    """Ids of the exceptions in force by which it may go below six calendar months."""


class PlanAnswer(Answer):
    """The classes in their order; what matches none is kept for ever."""

    classes: list[ClassShape]
    digest: str
    """SHA-256, hex, of the file that states them; empty: there is none."""
    as_of: AsOf


class ExceptionShape(Answer):
    """An exception from the floor of six calendar months, and what became of it."""

    id: str
    state: Literal["waiting", "expired", "withdrawn", "in force", "over", "revoked"]
    digest: str
    """What a confirmation has to repeat."""
    class_name: str | None
    """The class whose deletions may go by it; null: every deletion."""
    keep: str
    """ISO 8601 duration: the floor while it is in force."""
    until_us: Microseconds
    requested_by: str
    requested_us: Microseconds
    expires_us: Microseconds
    """From when on it cannot be confirmed."""
    confirmed_by: str | None
    confirmed_index: Index | None
    """Log index of the confirmation, from which on it is in force."""
    revoked_index: Index | None
    asked: WordsShape | None
    confirmed: WordsShape | None
    revoked: WordsShape | None


class ExceptionsAnswer(Answer):
    """Every exception, the newest first."""

    exceptions: list[ExceptionShape]


class HoldShape(Answer):
    """A legal hold."""

    id: str
    filter: dict[str, str]
    placed_by: str
    placed_us: Microseconds
    log_index: Index
    released_index: Index | None
    """Log index of its release; null while it is in force."""
    placed: WordsShape | None
    released: WordsShape | None


class HoldsAnswer(Answer):
    """Every hold, the newest first."""

    holds: list[HoldShape]


class DeletionShape(Answer):
    """A request, and what became of it."""

    id: str
    kind: Literal["records", "values", "policy"]
    state: RequestStanding
    digest: str
    """What a confirmation has to repeat: SHA-256, hex, of exactly what is to go."""
    count: Count
    filter: dict[str, str]
    requested_by: str
    requested_us: Microseconds
    expires_us: Microseconds
    confirmed_by: str | None
    confirmed_index: Index | None
    """Log index of the confirmation: tombstones name it."""
    left: Count
    """Entries whose content is there still though the deletion is confirmed: a hold, or an erasure that comes first."""
    done: DoneShape | None
    """Null until it is carried out, and the log says so."""
    asked: WordsShape | None
    confirmed: WordsShape | None
    withdrawn: WordsShape | None


class DeletionsAnswer(Answer):
    """Every request, the newest first."""

    deletions: list[DeletionShape]

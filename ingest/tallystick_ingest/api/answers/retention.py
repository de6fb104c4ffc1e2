"""Answers on retention: what is due, what is held, what was asked for and decided."""

from typing import Literal

from tallystick_ingest.api.answers.form import Answer, AsOf, Count, Index, Microseconds


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


class HoldsAnswer(Answer):
    """Every hold, the newest first."""

    holds: list[HoldShape]


class DeletionShape(Answer):
    """A request, and what became of it."""

    id: str
    kind: Literal["records", "values", "policy"]
    state: Literal["waiting", "confirmed", "withdrawn", "expired"]
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


class DeletionsAnswer(Answer):
    """Every request, the newest first."""

    deletions: list[DeletionShape]

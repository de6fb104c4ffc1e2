"""Answers on single records: status, actions, events and their proofs, sessions."""

from typing import Any, Literal

from pydantic import Field

from tallystick_ingest.api.answers.form import (
    AbsentShape,
    Answer,
    Count,
    FaultShape,
    Index,
    Listing,
    Microseconds,
)

Sealing = Literal["sealed", "recovered", "unsealed", "derived"]


class LogState(Answer):
    """How far the log is, and how far it is signed."""

    size: Count
    signed_size: Count
    signing_stopped: str | None
    """Why no checkpoint is signed any more."""


class StatusLog(LogState):
    """How the log fares."""

    publishing_failure: str | None


class JournalState(Answer):
    """What was accepted and waits for the database."""

    waiting_bytes: Count
    failure: str | None


class SinceStart(Answer):
    """What senders brought since the service started."""

    requests: Count
    events: Count
    spans: Count
    metric_points: Count
    duplicates: Count
    conflicts: Count
    refused: dict[str, Count]
    """By reason."""


class StatusAnswer(Answer):
    """What the service holds and how it fares: counts, no content."""

    tenant: str
    version: str
    started_us: Microseconds
    now_us: Microseconds
    log: StatusLog
    journal: JournalState
    counts: dict[str, Count]
    """Rows by kind, and events by type (`event:tool.completed`)."""
    since_start: SinceStart
    emitters: list[str]
    """Verification keys of the emitters that are enrolled, as C2SP vkeys."""
    notices: list[str]
    """What the start found and put right."""


class EventShape(Answer):
    """One event as it is kept."""

    log_index: int
    rx_us: int
    """When the service received it."""
    sender: str
    """Id of the credential that brought it."""
    leaf_hash: str
    """Base64."""
    sealing: Sealing
    type: str
    time_us: int
    """By the emitter's clock."""
    origin: str
    """native: signed where it happened; derived: the service read it out of a foreign span."""
    action_id: str | None
    trace_id: str | None
    span_id: str | None
    statement: dict[str, Any] | None
    """Line 1 (docs/spec/record.md); null where the row was changed and it cannot be read."""
    disclosures: dict[str, str]
    """Values that may be erased, masked at the source: arguments, results, names of people."""
    absent: AbsentShape | None
    """Disclosures that the statement binds and that are not here; null: all are."""
    faults: list[FaultShape]


class ActionShape(EventShape):
    """One action: the event that ended it, or that began it while there is no end."""

    outcome: str


class ActionsAnswer(Listing):
    """One page of actions, newest first."""

    actions: list[ActionShape]
    before: str | None
    """Cursor of the next page; null: this is the last one."""


class ActionAnswer(Listing):
    """Every record of one action, in log order."""

    events: list[EventShape]


class SessionShape(Answer):
    """One session of an emitter."""

    session: str | None
    sender: str | None
    emitter: str
    service: str
    first_us: int
    last_us: int
    event_count: Count
    max_seq: int | None
    sealed_size: Count
    """Records of the session that a seal covers."""
    is_closed: bool | None
    """False for one that runs and for one that ended in silence."""
    heard_us: int


class SessionsAnswer(Listing):
    """One page of sessions, the one that was heard of last first."""

    sessions: list[SessionShape]
    before: str | None
    """Cursor of the next page; null: this is the last one."""


class SealPlaceShape(Answer):
    """A stored seal."""

    log_index: Index
    body: str


class InclusionShape(Answer):
    """The proof that an entry stands in a tree (RFC 9162, 2.1.3)."""

    index: Index
    size: Count
    proof: list[str] = Field(examples=[["kWs8LT2PbBGmHSXhS6tA9Q4e6x+1v3aKfUuxJZ4M2yQ="]])


class EventProofAnswer(Answer):
    """One event with what proves it, for the reader to check again."""

    log_index: int
    line: str | None
    """Line 1, exactly as it was signed."""
    disclosures: list[str]
    """Disclosure lines, exactly."""
    absent: AbsentShape | None
    """Disclosures that line 1 binds and that are not here; null: all are."""
    entry: str | None
    """The log's entry, base64."""
    leaf_hash: str | None
    sealing: Sealing
    origin: str
    seal: SealPlaceShape | None
    """The first seal over it."""
    session_open: str | None
    """Line 1 of the session.open of its session."""
    recovered_by: int | None
    """Place of the session.recovered that adopted it."""
    checkpoint: str | None
    """The newest signed checkpoint."""
    inclusion: InclusionShape | None
    faults: list[FaultShape]

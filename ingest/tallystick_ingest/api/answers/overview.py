"""Answers of the first look: counts over a period, integrity, verification, credentials."""

from typing import Literal

from tallystick_ingest.api.answers.form import Answer, Count, Listing, Microseconds
from tallystick_ingest.api.answers.records import SessionShape


class StepShape(Answer):
    """One numbered step of the verifier."""

    number: int
    name: str
    checked: dict[str, Count]
    """How many of what."""
    found: Count
    not_checked: Count
    findings: list[str]


class VerificationShape(Answer):
    """What the last verification of the own log found."""

    state: Literal["never", "running", "done", "failed"]
    checkpoint: int | None
    """Size of the tree that was checked."""
    at_us: int | None
    exit_code: int | None
    """That of `tallystick verify`: 0 verified, 1 something does not hold, 2 consistent alone."""
    steps: list[StepShape]
    error: str | None
    by: str


class VerificationAnswer(Answer):
    """How the verification of the own log stands."""

    verification: VerificationShape


class CountsShape(Answer):
    """Actions, and how many of them failed or were refused."""

    actions: Count
    failed: Count
    denied: Count


class HourShape(CountsShape):
    """One hour in which there were actions."""

    hour_us: Microseconds


class ToolCountsShape(CountsShape):
    """One tool or prompt of a server."""

    tool: str
    server: str | None


class AgentCountsShape(CountsShape):
    """One agent; an empty name: nobody said."""

    agent: str | None


class TotalsShape(CountsShape):
    """Counts of the whole period; the first six are numbers of actions."""

    unsealed: Count
    recovered: Count
    derived: Count
    unmasked_at_source: Count
    refusals: Count
    gaps: Count
    drops: Count
    masked: Count


class PeriodShape(Answer):
    """The period [from_us, to_us)."""

    from_us: Microseconds
    to_us: Microseconds


class SignedLog(Answer):
    """How far the log is signed, and since when."""

    size: Count
    signed_size: Count
    signed_us: int | None
    signing_stopped: str | None


class OverviewAnswer(Listing):
    """What happened in a period; `incomplete`: there are tools or agents that are not listed."""

    verification: VerificationShape
    log: SignedLog
    period: PeriodShape
    totals: TotalsShape
    hours: list[HourShape]
    tools: list[ToolCountsShape]
    agents: list[AgentCountsShape]


class CheckpointShape(Answer):
    """A signed checkpoint as it is stored."""

    size: int
    root: str
    note: str
    signed_us: int | None


class GapShape(Answer):
    """Sequence numbers of a session that are missing, first and last."""

    from_seq: int
    to_seq: int


class SessionIntegrityShape(SessionShape):
    """One session, how it stands, and what is missing of it."""

    state: Literal["open", "closed", "silent"]
    gap: list[GapShape]


class IntegrityAnswer(Listing):
    """What proves the log; `incomplete`: one of the lists is cut."""

    verification: VerificationShape
    log: SignedLog
    checkpoints: list[CheckpointShape]
    checkpoints_cut: bool
    """Whether older checkpoints are left out."""
    sessions: list[SessionIntegrityShape]
    sessions_cut: bool
    """Whether sessions that were heard of earlier are left out."""
    log_vkey: str
    service_vkey: str
    notices: list[str]


class PassedOnShape(Answer):
    """A credential that one server received and, inside of that call, sent to another."""

    credential_ref: str
    kind: str
    received_by: str
    passed_on_to: str
    calls: Count
    first_us: int
    last_us: int
    trace_id: str


class SharedShape(Answer):
    """A credential that several principals, clients, agents or servers use."""

    credential_ref: str
    kind: str
    principals: Count
    clients: list[str]
    agents: list[str]
    servers: list[str]
    has_more_names: bool
    calls: Count
    first_us: int
    last_us: int
    trace_id: str


class CredentialsAnswer(Listing):
    """Credentials that ask a question, newest first."""

    passed_on: list[PassedOnShape]
    shared: list[SharedShape]

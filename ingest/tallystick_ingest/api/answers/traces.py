"""Answers on traces: the list, and one with its calls stage by stage."""

from typing import Any, Literal

from tallystick_ingest.api.answers.form import AbsentShape, Answer, Count, FaultShape, Listing
from tallystick_ingest.api.answers.records import EventShape


class TraceShape(Answer):
    """One trace of the list; texts that nobody stated are empty."""

    trace_id: str
    from_us: int
    to_us: int
    agent: str
    principal: str
    actions: Count
    failed: Count
    denied: Count
    spans: Count


class TracesAnswer(Listing):
    """One page of traces, newest first."""

    traces: list[TraceShape]
    before: str | None
    """Cursor of the next page; null: this is the last one."""


class SpanShape(Answer):
    """One span of somebody else's instrumentation, masked (docs/spec/log.md)."""

    log_index: int
    position: int
    """Its place in the batch, from 0."""
    rx_us: int
    sender: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: str
    end_ns: str
    status: int
    status_message: str
    service: str
    scope: str
    scope_version: str
    attributes: dict[str, Any]
    events: list[Any]
    links: list[Any]
    resource: dict[str, Any]
    absent: AbsentShape | None
    """Why attributes, events, links and resource are not here; null: they are."""
    hits: dict[str, Count]
    """What the service had to mask in it, by kind."""
    faults: list[FaultShape]


class StageShape(Answer):
    """One stage of a call; times are null where nobody measured them."""

    name: str
    observer: str | None
    start_us: int | None
    end_us: int | None
    detail: str


class JoinShape(Answer):
    """How the two ends of a call were joined."""

    state: str
    told: str


class InForce(Answer):
    """Under which definition of its tool a call ran."""

    state: Literal["listed", "superseded", "unseen", "unlisted"]
    told: str


class CallShape(Answer):
    """One call of a trace."""

    action_id: str
    action_ids: list[str]
    """What each end calls it."""
    outcome: str
    parent: str | None
    """Action id of the call inside of which it happened."""
    join: JoinShape | None
    stages: list[StageShape]
    definitions: dict[str, InForce]
    """By action id."""


class PackedColumn(Answer):
    """One column: each value once, and of each row the place of its own."""

    words: list[Any]
    at: list[int] | None
    """Place of each row's value among the words, -1: none; null: one word for each row, which may be null."""


class PackedRows(Answer):
    """Rows as packed columns, by the names of their members; a column that says nothing of any row is left out."""

    count: Count
    columns: dict[str, PackedColumn]


class SkeletonAnswer(Listing):
    """What the rows of a trace's waterfall need of its records and spans in log order, and of its calls."""

    events: PackedRows
    """`time_us` stands where `span.start_us` does not; `masked` counts values, `faults` names columns, and
    `is_unread` says of a statement that it cannot be read. The rest are fields of the statement."""
    spans: PackedRows
    """`attributes` are those that say what a span is."""
    calls: PackedRows
    """`definitions` are the states, by action id, of those alone that ran under another one than was listed."""


class TraceCallsAnswer(Listing):
    """Calls of one trace."""

    calls: list[CallShape]


class TraceAnswer(Listing):
    """The events and spans of one trace in log order, and its calls."""

    events: list[EventShape]
    spans: list[SpanShape]
    calls: list[CallShape]

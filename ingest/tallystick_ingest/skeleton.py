"""The skeleton of a trace: of each record, span and call what the row of a waterfall needs, and nothing else.

What a row says when it is looked at (payload, identities, stages, proof) is asked for then, for the rows on the screen.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tallystick.tlog.encoding import to_base64
from tallystick_ingest.in_force import ALARMS
from tallystick_ingest.packed import packed_columns
from tallystick_store.events import StoredEvent
from tallystick_store.spans import StoredSpan

Shape = dict[str, Any]
Columns = dict[str, dict[str, Any]]

STATED: Final = (
    "action.parent_id",
    "agent.id",
    "agent.name",
    "approval.decision",
    "decision.effect",
    "mcp.method",
    "observer",
    "otlp.event_name",
    "outcome",
    "prompt.name",
    "server.name",
    "service.name",
    "session",
    "span.end_us",
    "span.kind",
    "span.parent_id",
    "span.start_us",
    "tool.name",
)
"""Fields of a statement by which a row is named, placed and coloured."""
EVENT_COLUMNS: Final = (
    "log_index",
    "type",
    "time_us",
    "origin",
    "sealing",
    "action_id",
    "span_id",
    "masked",
    "is_unread",
    "faults",
    *STATED,
)
SPAN_COLUMNS: Final = (
    "log_index",
    "position",
    "span_id",
    "parent_id",
    "name",
    "kind",
    "start_ns",
    "end_ns",
    "status",
    "service",
    "attributes",
    "masked",
    "faults",
)
CALL_COLUMNS: Final = ("action_ids", "outcome", "parent", "join", "definitions")


def event_columns(events: Iterable[StoredEvent]) -> Columns:
    """Return the columns of the events, in their order."""
    return packed_columns(EVENT_COLUMNS, [_event_row(one) for one in events])


def span_columns(shapes: Iterable[Mapping[str, Any]]) -> Columns:
    """Return the columns of spans without their payload."""
    return packed_columns(SPAN_COLUMNS, [_span_row(one) for one in shapes])


def call_columns(calls: Iterable[Mapping[str, Any]]) -> Columns:
    """Return the columns of calls: no stages, and of definitions those alone that somebody should look at."""
    return packed_columns(CALL_COLUMNS, [_call_row(one) for one in calls])


def call_event(event: StoredEvent) -> Shape:
    """Return of an event what tells which records make one call."""
    return {
        "log_index": event.log_index,
        "type": event.said("type") or "",
        "time_us": event.said("time_us") or 0,
        "origin": event.said("origin") or "",
        "action_id": event.said("action.id"),
        "span_id": event.said("span.id"),
        "statement": event.statement or None,
        "leaf_hash": to_base64(event.leaf_hash),
        "faults": event.faults,
    }


def call_span(stored: StoredSpan) -> Shape:
    """Return of a span what tells inside of which call it happened."""
    return {**stored.span, **stored.values}


def _event_row(event: StoredEvent) -> Shape:
    said = event.statement
    row = {name: said.get(name) for name in STATED}
    return {
        **row,
        "log_index": event.log_index,
        "type": event.said("type") or "",
        "time_us": event.said("time_us") if row["span.start_us"] is None else None,
        "origin": event.said("origin") or "",
        "sealing": event.proof,
        "action_id": event.said("action.id"),
        "span_id": event.said("span.id"),
        "masked": _count(said.get("mask.hits")),
        "is_unread": None if said else True,
        "faults": [one.column for one in event.faults] or None,
    }


def _span_row(span: Mapping[str, Any]) -> Shape:
    return {
        **{name: span.get(name) for name in SPAN_COLUMNS},
        "attributes": span["attributes"] or None,
        "masked": _count(span["hits"]),
        "faults": [one["column"] for one in span["faults"]] or None,
    }


def _call_row(call: Mapping[str, Any]) -> Shape:
    odd = {
        action: one["state"]
        for action, one in call["definitions"].items()
        if one["state"] in ALARMS
    }
    return {**{name: call[name] for name in CALL_COLUMNS}, "definitions": odd or None}


def _count(hits: object) -> int | None:
    if not isinstance(hits, dict):
        return None
    return sum(one for one in hits.values() if isinstance(one, int)) or None

"""Stored things as JSON: what the API answers, one place for each shape."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from tallystick.tlog.encoding import to_base64
from tallystick_ingest.api.absence import Absences
from tallystick_store.actions import Action
from tallystick_store.events import StoredEvent
from tallystick_store.faults import Fault
from tallystick_store.spans import StoredSpan

TELLING_ATTRIBUTES: Final = frozenset(
    (
        "db.system",
        "db.system.name",
        "error.type",
        "gen_ai.agent.name",
        "gen_ai.operation.name",
        "gen_ai.request.model",
        "gen_ai.tool.name",
        "http.method",
        "http.request.method",
        "mcp.method.name",
        "openinference.span.kind",
        "traceloop.span.kind",
    )
)
"""Attributes that say what a span is; the others are payload."""
TELLING_CHARS: Final = 256


def event_shape(event: StoredEvent, absences: Absences) -> dict[str, Any]:
    """Return one event: what is needed to list it, then its statement and disclosures as kept.

    `absences` says why values are not in it. A statement that cannot be read is null, and the columns say
    what is needed to list it.
    """
    return {
        "log_index": event.log_index,
        "rx_us": event.rx_us,
        "sender": event.sender,
        "leaf_hash": to_base64(event.leaf_hash),
        "sealing": event.proof,
        "type": event.said("type") or "",
        "time_us": event.said("time_us") or 0,
        "origin": event.said("origin") or "",
        "action_id": event.said("action.id"),
        "trace_id": event.said("trace.id"),
        "span_id": event.said("span.id"),
        "statement": event.statement or None,
        "disclosures": event.disclosures,
        "absent": absences.of_event(event),
        "faults": faults_shape(event.faults),
    }


def action_shape(action: Action, absences: Absences) -> dict[str, Any]:
    """Return one action: the event that stands for it, and its outcome."""
    return {**event_shape(action.event, absences), "outcome": action.outcome}


def span_shape(stored: StoredSpan, absences: Absences) -> dict[str, Any]:
    """Return one span, its JSON texts as values."""
    return {
        "log_index": stored.log_index,
        "position": stored.position,
        "rx_us": stored.rx_us,
        "sender": stored.sender,
        **stored.span,
        **stored.values,
        "absent": absences.of_span(stored),
        "faults": faults_shape(stored.faults),
    }


def without_payload(shape: dict[str, Any]) -> dict[str, Any]:
    """Return an event or a span without what was given and found; of a span, what says what it is."""
    if "statement" in shape:
        return {**shape, "disclosures": {}}
    left_out: dict[str, Any] = {"events": [], "links": [], "resource": {}}
    return {**shape, **left_out, "attributes": _telling(shape["attributes"])}


def faults_shape(faults: Sequence[Fault]) -> list[dict[str, str]]:
    """Return what is wrong with a row."""
    return [asdict(fault) for fault in faults] if faults else []


def _telling(attributes: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON object
    return {
        name: str(value)[:TELLING_CHARS]
        for name, value in attributes.items()
        if name in TELLING_ATTRIBUTES
    }

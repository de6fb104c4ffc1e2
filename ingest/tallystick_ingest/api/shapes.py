"""Stored things as JSON: what the API answers, one place for each shape."""

from typing import Any

import orjson

from tallystick.tlog.encoding import to_base64
from tallystick_store.actions import Action
from tallystick_store.events import StoredEvent, StoredSpan

_SPAN_TEXTS = ("attributes", "events", "links", "resource")


def event_shape(event: StoredEvent) -> dict[str, Any]:
    """Return one event: what is needed to list it, then its statement and disclosures as kept."""
    statement = event.statement
    return {
        "log_index": event.log_index,
        "rx_us": event.rx_us,
        "sender": event.sender,
        "leaf_hash": to_base64(event.leaf_hash),
        "sealing": event.sealing,
        "type": statement["type"],
        "time_us": statement["time_us"],
        "origin": statement["origin"],
        "action_id": statement.get("action.id"),
        "trace_id": statement.get("trace.id"),
        "span_id": statement.get("span.id"),
        "statement": statement,
        "disclosures": event.disclosures,
    }


def action_shape(action: Action) -> dict[str, Any]:
    """Return one action: the event that stands for it, and its outcome."""
    return {**event_shape(action.event), "outcome": action.outcome}


def span_shape(stored: StoredSpan) -> dict[str, Any]:
    """Return one span, its JSON texts as values."""
    values = {name: orjson.loads(stored.span[name]) for name in _SPAN_TEXTS}
    return {
        "log_index": stored.log_index,
        "position": stored.position,
        "rx_us": stored.rx_us,
        "sender": stored.sender,
        **stored.span,
        **values,
    }

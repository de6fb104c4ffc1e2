"""Answers of `/api/v1/traces/{id}` for tests, made of a few facts."""

from collections.abc import Mapping
from typing import Any

TRACE = "a" * 32
START_US = 1_795_364_695_000_000


def event(log_index: int, **stated: Any) -> dict[str, Any]:
    """One event; statement fields by name with `__` for a dot, sealed and native unless said."""
    sealing = stated.pop("sealing", "sealed")
    faults = stated.pop("faults", [])
    disclosures: Mapping[str, str] = stated.pop("disclosures", {})
    said = {name.replace("__", "."): value for name, value in stated.items()}
    said = {"type": "tool.completed", "origin": "native", "time_us": START_US, **said}
    if said["type"] == "tool.completed":
        said = {"outcome": "success", **said}
    return {
        "log_index": log_index,
        "leaf_hash": "",
        "sealing": "derived" if said["origin"] == "derived" else sealing,
        "type": said["type"],
        "time_us": said["time_us"],
        "origin": said["origin"],
        "action_id": said.get("action.id"),
        "trace_id": TRACE,
        "span_id": said.get("span.id"),
        "statement": said,
        "disclosures": disclosures,
        "masked": sum(said.get("mask.hits", {}).values()),
        "faults": faults,
    }


def call(log_index: int, action: str, span: str, parent: str = "", **stated: Any) -> dict[str, Any]:
    """One record of a call with a span of 10 ms."""
    times = {"span__start_us": START_US, "span__end_us": START_US + 10_000}
    if stated.get("type") == "tool.started":
        times = {}
    parents = {"span__parent_id": parent} if parent else {}
    return event(log_index, action__id=action, span__id=span, **{**parents, **times, **stated})


def span(span_id: str, parent: str = "", start_us: int = START_US, **stated: Any) -> dict[str, Any]:
    """One span of 5 ms."""
    return {
        "span_id": span_id,
        "parent_id": parent,
        "name": f"span {span_id}",
        "kind": 1,
        "start_ns": str(start_us * 1_000),
        "end_ns": str((start_us + 5_000) * 1_000),
        "status": 0,
        "service": "svc",
        "attributes": {},
        "masked": 0,
        **stated,
    }


def answer(
    events: list[dict[str, Any]] | None = None,
    spans: list[dict[str, Any]] | None = None,
    calls: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """A whole answer."""
    return {"events": events or [], "spans": spans or [], "calls": calls or []}


def called(
    *actions: str, outcome: str = "success", state: str = "by_id", told: str = "by id only: why"
) -> dict[str, Any]:
    """One call as the service tells it, without stages; `state` empty: a call without another end."""
    return {
        "action_id": actions[0],
        "action_ids": list(actions),
        "outcome": outcome,
        "parent": None,
        "stages": [],
        "join": {"state": state, "told": told} if state else None,
    }

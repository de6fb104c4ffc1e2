"""The skeleton of a trace as the service gives it, packed in columns, read back into one shape for each row.

What a row does not need stands in no skeleton; it is asked for when the row is looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tallystick_dashboard.client import ServiceAwayError
from tallystick_dashboard.trace.action import Shape

_OF_EVENT: Final = (
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
)
"""Columns that are no fields of a statement."""
_NOTHING: Final = -1


def unpacked(answer: Shape) -> dict[str, Any]:
    """Return events, spans and calls as a trace is made of them; raise ServiceAwayError for any other answer."""
    try:
        return {
            "events": [_event(row) for row in _rows(answer["events"])],
            "spans": [_span(row) for row in _rows(answer["spans"])],
            "calls": [_call(row) for row in _rows(answer["calls"])],
            "incomplete": bool(answer["incomplete"]),
        }
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ServiceAwayError(
            "The service gives no skeleton of a trace; is it of this dashboard's version?"
        ) from error


def _rows(packed: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    names = list(packed["columns"])
    columns = [_values(column, packed["count"]) for column in packed["columns"].values()]
    for values in zip(*columns, strict=True) if names else ():
        yield dict(zip(names, values, strict=True))


def _values(column: Mapping[str, Any], count: int) -> list[Any]:
    words, at = column["words"], column["at"]
    if len(words if at is None else at) != count:
        raise ValueError("a column has another length than its rows")
    if at is None:
        return list(words)
    return [None if place == _NOTHING else words[place] for place in at]


def _event(row: dict[str, Any]) -> dict[str, Any]:
    event = {name: row.pop(name, None) for name in _OF_EVENT}
    said = {name: value for name, value in row.items() if value is not None}
    if event["span_id"] is not None:
        said["span.id"] = event["span_id"]
    time_us = said.get("span.start_us", 0) if event["time_us"] is None else event["time_us"]
    return {
        **event,
        "time_us": time_us,
        "statement": None if event["is_unread"] else said,
        "faults": _faults(event["faults"]),
    }


def _span(row: dict[str, Any]) -> dict[str, Any]:
    texts = {name: row.get(name) or "" for name in ("span_id", "parent_id", "name", "service")}
    numbers = {name: row.get(name) for name in ("kind", "status", "start_ns", "end_ns")}
    return {
        **row,
        **texts,
        **numbers,
        "attributes": row.get("attributes") or {},
        "faults": _faults(row.get("faults")),
    }


def _call(row: dict[str, Any]) -> dict[str, Any]:
    odd = row.get("definitions") or {}
    return {
        "action_id": row["action_ids"][0],
        "action_ids": row["action_ids"],
        "outcome": row["outcome"],
        "parent": row.get("parent"),
        "join": row.get("join"),
        "definitions": {action: {"state": state} for action, state in odd.items()},
    }


def _faults(columns: Iterable[str] | None) -> list[dict[str, str]]:
    return [{"column": column} for column in columns or ()]

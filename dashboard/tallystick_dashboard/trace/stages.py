"""The five stages of a call as cards: what each came to, who saw it, and when; or that nobody did."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tallystick_dashboard.trace.action import STATUSES, Shape
from tallystick_dashboard.trace.model import Row, Trace

NOT_OBSERVED: Final = "not observed"
_SAID: Final[Mapping[str, str]] = {
    "ok": "ran",
    "failed": "failed",
    "denied": "did not run",
    "timeout": "timed out",
    "cancelled": "cancelled",
    "unknown": "no end recorded",
}


def call_of(trace: Trace, row: Row) -> Shape | None:
    """Return the call that a row belongs to: its own, else that of the nearest row above it."""
    for one in _at_or_above(trace, row):
        for call in trace.calls:
            if one.draft.action_id and one.draft.action_id in call["action_ids"]:
                return call
    return None


def _at_or_above(trace: Trace, row: Row) -> list[Row]:
    """Return a row and the rows that it stands below, the nearest first."""
    found = [row]
    for one in reversed(trace.rows[: trace.rows.index(row)]):
        if one.depth < found[-1].depth:
            found.append(one)
    return found


def cards_of(trace: Trace, call: Shape) -> list[dict[str, Any]]:
    """Return the stages of a call as the component takes them."""
    return [_card(trace, call, stage) for stage in call["stages"]]


def name_of_call(trace: Trace, call: Shape) -> str:
    """Name a call by its outer record."""
    row = trace.by_action.get(call["action_id"])
    return " ".join(filter(None, row.draft.name)) if row else str(call["action_id"])


def _card(trace: Trace, call: Shape, stage: Shape) -> dict[str, Any]:
    start, end = stage["start_us"], stage["end_us"]
    state, outcome = _outcome(trace, call, stage)
    return {
        "name": stage["name"],
        "state": state,
        "outcome": outcome,
        "observer": stage["observer"],
        "start": None if start is None else max(0, start - trace.start_us),
        "length": None if start is None or end is None or end < start else end - start,
    }


def _outcome(trace: Trace, call: Shape, stage: Shape) -> tuple[str, str]:
    if stage["observer"] is None:
        return "unseen", NOT_OBSERVED
    detail = str(stage["detail"])
    if stage["name"] == "validation":
        return ("denied" if detail.startswith("den") else "ok"), detail
    if stage["name"] == "tool execution":
        state = _execution(trace, call["action_ids"], detail)
        return state, _SAID[state]
    if stage["name"] == "response":
        word = detail.partition(",")[0]
        return STATUSES.get(word, "unknown"), detail
    return "ok", detail


def _execution(trace: Trace, action_ids: Sequence[str], detail: str) -> str:
    if detail == _SAID["denied"]:
        return "denied"
    inner = trace.actions.get(action_ids[-1])
    return inner.status if inner else "unknown"

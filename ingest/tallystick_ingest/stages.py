"""The stages of a call: client request, validation, tool execution, data retrieval, response.

Each stage says who observed it, or that nobody did. A duration is what one observer measured; it is
never split between stages and never guessed from what lies around it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tallystick_ingest.action import Action, Shape, actions_of
from tallystick_ingest.ends import Call, ancestors, joined
from tallystick_store.query import CHECKS

StageName = Literal["client request", "validation", "tool execution", "data retrieval", "response"]

_SPAN_CLIENT: Final = 3
_RETRIEVAL_KEYS: Final = ("db.system", "db.system.name", "http.request.method", "http.method")
_RETRIEVAL_KINDS: Final = ("retrieval", "RETRIEVER", "embeddings", "EMBEDDING")
_KIND_KEYS: Final = ("gen_ai.operation.name", "openinference.span.kind")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one call. Times are None where nobody measured them."""

    name: StageName
    observer: str | None
    """Who observed it; None: not observed."""
    start_us: int | None = None
    end_us: int | None = None
    detail: str = ""

    @property
    def shape(self) -> Shape:
        """The stage as JSON."""
        return {
            "name": self.name,
            "observer": self.observer,
            "start_us": self.start_us,
            "end_us": self.end_us,
            "detail": self.detail,
        }


def calls_of(
    events: Sequence[Shape],
    spans: Sequence[Shape],
    above: Mapping[str, str] | None = None,
    *,
    has_stages: bool = True,
) -> list[dict[str, Any]]:
    """Return the calls of one trace, in order of their start, each with five stages.

    Where these are not all rows of the trace, `above` names the parents of its spans. `parent` is the
    action id of the call inside which it happened, `join` how its two ends were joined. Takes and gives
    plain JSON; an event whose statement cannot be read belongs to no call.
    """
    events = [one for one in events if one["statement"]]
    parents = {**(above or {}), **_parents(events, spans)}
    calls = sorted(joined(actions_of(events), parents), key=lambda one: one.outer.start_us)
    owners = {
        action.span_id: call.outer.id for call in calls for action in call.actions if action.span_id
    }
    beside = _Beside.of(events, spans)
    return [
        {
            "action_id": call.outer.id,
            "action_ids": [action.id for action in call.actions],
            "outcome": call.outcome,
            "parent": _owner(call, parents, owners),
            "join": call.join.shape if call.join else None,
            **({"stages": [one.shape for one in _stages(call, beside)]} if has_stages else {}),
        }
        for call in calls
    ]


def _parents(events: Iterable[Shape], spans: Iterable[Shape]) -> dict[str, str]:
    found = {str(one["span_id"]): str(one["parent_id"]) for one in spans}
    for one in events:
        parent = one["statement"].get("span.parent_id")
        if one["span_id"] and parent:
            found[one["span_id"]] = parent
    return found


def _owner(call: Call, parents: Mapping[str, str], owners: Mapping[str, str]) -> str | None:
    for span_id in ancestors(call.outer.span_id, parents):
        owner = owners.get(span_id)
        if owner is not None and owner != call.outer.id:
            return owner
    return None


@dataclass(frozen=True, slots=True)
class _Beside:
    """What stands beside calls, found by what it names, so that each call need not look at it all."""

    checks: Mapping[tuple[str, str], tuple[int, Shape]]
    """The first check that names a span or an action, with its place among the checks."""
    retrievals: Mapping[str, Sequence[Shape]]
    """Look-ups by the id of the span above them."""

    @classmethod
    def of(cls, events: Iterable[Shape], spans: Iterable[Shape]) -> "_Beside":
        checks: dict[tuple[str, str], tuple[int, Shape]] = {}
        found = [one for one in events if one["type"] in CHECKS]
        for place, one in enumerate(sorted(found, key=_is_question)):
            for span_id in (one["statement"].get("span.parent_id"), one["span_id"]):
                checks.setdefault(("span", span_id or ""), (place, one))
            for action in (one["action_id"], one["statement"].get("action.parent_id")):
                checks.setdefault(("action", action or ""), (place, one))
        retrievals: dict[str, list[Shape]] = {}
        for one in spans:
            if _is_retrieval(one):
                retrievals.setdefault(one["parent_id"], []).append(one)
        return cls(checks, retrievals)

    def check_of(self, call: "Call") -> Shape | None:
        """Return the first check that names the call, or a span of it; an answer before a question."""
        named = [("span", action.span_id) for action in call.actions if action.span_id]
        named += [("action", action.id) for action in call.actions]
        found = [self.checks[name] for name in named if name in self.checks]
        return min(found, key=lambda one: one[0])[1] if found else None


def _stages(call: Call, beside: _Beside) -> list[Stage]:
    return [
        _client_request(call),
        _validation(call, beside),
        _tool_execution(call),
        _data_retrieval(call, beside),
        _response(call),
    ]


def _client_request(call: Call) -> Stage:
    if call.client is None:
        return Stage("client request", None)
    said = call.client.statement
    detail = " ".join(str(said[name]) for name in ("mcp.method", "mcp.transport") if name in said)
    return _timed("client request", call.client, detail)


def _validation(call: Call, beside: _Beside) -> Stage:
    """Tell what was decided about the call: by its own record, or by a decision beside it."""
    one = beside.check_of(call)
    for action in reversed(call.actions):
        said = action.statement
        if "decision.effect" in said:
            rule = said.get("decision.rule", "")
            parts = [f"{said['decision.effect']} {rule}".strip(), *_approval(one)]
            return Stage("validation", _observer(action), detail=", ".join(parts))
        if action.last["type"] == "tool.denied":
            return Stage("validation", _observer(action), detail="denied")
    if one is None:
        return Stage("validation", None)
    said = one["statement"]
    [detail] = _approval(one) or [str(said.get("decision.effect") or one["type"])]
    return Stage("validation", str(said.get("observer", one["type"])), detail=detail)


def _approval(check: Shape | None) -> list[str]:
    """Say what came of an approval; nothing where the check is none."""
    if check is None or not check["type"].startswith("approval."):
        return []
    return [f"approval {check['statement'].get('approval.decision', 'requested')}"]


def _is_question(check: Shape) -> bool:
    return bool(check["type"] == "approval.requested")


def _tool_execution(call: Call) -> Stage:
    if call.server is None:
        return Stage("tool execution", None)
    if call.server.last["type"] == "tool.denied":
        return Stage("tool execution", _observer(call.server), detail="did not run")
    return _timed("tool execution", call.server, "")


def _data_retrieval(call: Call, beside: _Beside) -> Stage:
    """Count the look-ups that spans show directly below the tool's own span."""
    inside = call.server or call.client
    found = beside.retrievals.get(inside.span_id, ()) if inside and inside.span_id else ()
    if not found:
        return Stage("data retrieval", None)
    names = ", ".join(dict.fromkeys(str(one["name"]) for one in found))
    if len(found) > 1:
        return Stage("data retrieval", "span", detail=f"{len(found)} look-ups: {names}")
    [one] = found
    return Stage("data retrieval", "span", _us(one["start_ns"]), _us(one["end_ns"]), names)


def _is_retrieval(span: Shape) -> bool:
    attributes = span["attributes"]
    if not isinstance(attributes, dict):
        return False
    is_kind = any(attributes.get(key) in _RETRIEVAL_KINDS for key in _KIND_KEYS)
    is_peer = span["kind"] == _SPAN_CLIENT and any(key in attributes for key in _RETRIEVAL_KEYS)
    return is_kind or is_peer


def _response(call: Call) -> Stage:
    action = call.outer
    if action.last["type"] == "tool.started":
        return Stage("response", None)
    said = action.statement
    size = said.get("result.size_bytes")
    parts = [str(said.get("outcome", "")), "" if size is None else f"{size} bytes"]
    detail = ", ".join(part for part in parts if part)
    return Stage("response", _observer(action), detail=detail)


def _timed(name: StageName, action: Action, detail: str) -> Stage:
    said = action.statement
    return Stage(
        name, _observer(action), said.get("span.start_us"), said.get("span.end_us"), detail
    )


def _observer(action: Action) -> str:
    return str(action.statement.get("observer", "unknown"))


def _us(nanoseconds: str) -> int:
    return int(nanoseconds) // 1_000

"""What policies and people decided: `decide()` for a policy's answer, `record()` for any other event.

A decision made inside a call becomes part of that call's record: a call that fails after an enforced
`deny` is recorded as `tool.denied`. Outside of any call, and where a call has several answers, it is an
event of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tallystick import runtime
from tallystick.capture.call import Call, Observer, current_call
from tallystick.capture.context import current_caller, said_agent, stated_identity
from tallystick.capture.decision import EFFECTS, Decision, Effect
from tallystick.capture.identity import Identity, text
from tallystick.errors import RecordError
from tallystick.event import Draft
from tallystick.fields import FIELDS, Field
from tallystick.profile import JsonValue
from tallystick.tracing.spans import current_ids

RECORDABLE: Final = (
    "authz.decision",
    "approval.requested",
    "approval.decided",
    "agent.handoff",
    "oversight.stop",
    "config.changed",
    "incident.opened",
    "incident.updated",
    "risk.flagged",
)
"""Types that a program may record by itself; the others are made by what they describe."""
TOKEN_KINDS: Final = {"approval.presented_digest": "presented"}
_OWN_PREFIXES: Final = (
    *("action.", "access.", "credential.", "delegation", "drop.", "emitter.", "gap.", "key."),
    *("log.", "mask.", "params", "principal.", "recovered.", "reject.", "result", "session."),
    *("source.", "span.", "trace."),
)
_OWN: Final = frozenset({"v", "n", "sd", "type", "session", "seq", "time_us", "origin", "signed"})
_BY_ARGUMENT: Final = {
    field.column_name: field
    for field in FIELDS
    if field.name not in _OWN and not field.name.startswith(_OWN_PREFIXES)
}
"""`approval_id` -> the field approval.id; identity and ids come from the context instead."""
_TYPES: Final = {"str": str, "int": int, "bool": bool, "strs": list, "counts": dict, "map": dict}


@dataclass(frozen=True, slots=True)
class Setting:
    """Who saw an event, and what the context does not say of it: the call around it, and who acts."""

    observer: Observer = "agent"
    call: Call | None = None
    identity: Identity | None = None


_HERE: Final = Setting()


def decide(
    effect: Effect,
    *,
    policy_id: str | None = None,
    policy_version: str | None = None,
    rule: str | None = None,
    reason: str | None = None,
    enforced: bool = True,
) -> None:
    """State what a policy answered, for the call in progress, else as an event `authz.decision`.

    This states and does not enforce: raise whatever error the caller is to see. With `enforced` False
    (shadow mode) a refusal does not make the call a denied one. An enforced refusal stays the call's answer
    whatever is said later; the answers that it replaces are events of their own.

    Raises RecordError for an effect that is not allow, deny or not_evaluated.
    """
    if effect not in EFFECTS:
        raise RecordError(f"effect is {str(effect)[:64]!r}, expected {', '.join(EFFECTS)}")
    decision = Decision(
        effect, _said(policy_id), _said(policy_version), _said(rule), _said(reason), enforced
    )
    call = current_call()
    beside = decision if call is None else call.add_decision(decision)
    if beside is not None:
        record_decision(beside)


def record_decision(decision: Decision) -> None:
    """Record a policy's answer as an event `authz.decision` of its own."""
    running = runtime.current()
    if running is not None:
        outcome = "denied" if decision.denies else "success"
        statement = decision.statement() | {"outcome": outcome}
        running.recorder.record(
            draft_in_context("authz.decision", statement, decision.disclosures())
        )


def record(type: str, **attributes: object) -> None:  # noqa: A002 - the record's word
    """Record an event: an approval, a hand-over, an incident, whatever RECORDABLE names.

    An attribute whose name is that of a field with underscores (`approval_id`, `decision_reason`) fills
    that field; every other one stands, masked, in the disclosure `attributes`. Who acts, the trace and
    the action around it come from the context. Does nothing while nothing is recorded.

    Raises RecordError for a type that is not RECORDABLE and for a field of the wrong type.
    """
    if type not in RECORDABLE:
        raise RecordError(f"type {type!r} cannot be recorded; expected {', '.join(RECORDABLE)}")
    statement: dict[str, JsonValue] = {}
    disclosures: dict[str, object] = {}
    tokens: dict[str, tuple[str, str]] = {}
    others: dict[str, object] = {}
    for name, value in attributes.items():
        field = _BY_ARGUMENT.get(name)
        if field is None:
            others[name] = value
        elif field.home == "statement":
            statement[field.name] = _typed(field, value)
        elif field.home == "token":
            tokens[field.name] = (TOKEN_KINDS.get(field.name, "query"), str(value))
        else:
            disclosures[field.name] = value if field.type == "json" else str(value)
    if others:
        disclosures["attributes"] = others
    running = runtime.current()
    if running is not None:
        running.recorder.record(draft_in_context(type, statement, disclosures, tokens))


def _typed(field: Field, value: object) -> JsonValue:
    if isinstance(value, tuple):
        value = list(value)
    if type(value) is not _TYPES[field.type]:
        raise RecordError(
            f"{field.column_name} is {type(value).__name__}, expected {_TYPES[field.type].__name__}"
        )
    return value


def _said(value: object) -> str | None:
    """Return a policy's word as text, whatever object it is: a number or a UUID is no reason to lose it."""
    return None if value is None else text(value)


def draft_in_context(
    type_: str,
    statement: Mapping[str, JsonValue],
    disclosures: Mapping[str, object],
    tokens: Mapping[str, tuple[str, str]] | None = None,
    setting: Setting = _HERE,
) -> Draft:
    """Return the draft of an event that is no call: who acts, the trace and the action around it are added."""
    call = setting.call
    around_it = call or current_call()
    ids = call.span.ids if call is not None and call.span is not None else current_ids()
    around: dict[str, JsonValue] = {"observer": setting.observer}
    if ids is not None:
        around["trace.id"] = ids.trace_id  # the span is that of something else
    if around_it is not None:
        around["action.parent_id"] = around_it.action_id
    parts = (setting.identity or _who(around_it)).draft_parts()
    return Draft(
        type=type_,
        statement={**around, **parts.statement, **statement},
        disclosures={**parts.disclosures, **disclosures},
        tokens={**parts.tokens, **(tokens or {})},
    )


def _who(call: Call | None) -> Identity:
    """Return what `caller()` says, else who makes the call around."""
    if call is None or current_caller() is not None:
        return stated_identity()
    known = call.sighting.identity
    return replace(known, agent=said_agent() or known.agent)

"""A finished span of somebody else's instrumentation, read as the call of a tool, resource or prompt.

By the conventions of `tallystick.tracing.conventions`; the record that it becomes has the observer `span`. It
is signed like any other: that this process ended such a span is a fact, and what the span says of the call is
the word of the instrumentation named in `source.scope`.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, format_span_id, format_trace_id

from tallystick.capture.call import MAX_MESSAGE
from tallystick.capture.context import stated_identity
from tallystick.capture.identity import Agent, Identity, Principal
from tallystick.event import Draft
from tallystick.profile import JsonValue
from tallystick.tracing import conventions, semconv
from tallystick.tracing.conventions import MAX_TEXT_CHARS, SpanFacts
from tallystick.tracing.spans import SCOPE

OBSERVER: Final = "span"
_NS_PER_US: Final = 1000
_KINDS: Final = {SpanKind.CLIENT: "client", SpanKind.SERVER: "server"}
_TARGETS: Final = {"tool.completed": "tool", "resource.read": "resource", "prompt.get": "prompt"}
_AGENT_FIELDS: Final = ("agent.id", "agent.name", "agent.version", "agent.basis")


@dataclass(frozen=True, slots=True)
class SpanCall:
    """What a span says of a call. `kind` is client, server or internal; `time_us` is when it ended."""

    target: str
    name: str
    """Of the tool or prompt, or the address of the resource; empty where the span names none."""
    kind: str
    draft: Draft
    time_us: int


def is_own(span: ReadableSpan) -> bool:
    """Tell whether a span belongs to a call that a hook records: one of ours, or one that it borrowed."""
    scope = span.instrumentation_scope
    name = scope.name if scope else ""
    is_ours = name == SCOPE or name.startswith(f"{SCOPE}.")
    return is_ours or semconv.ACTION_ID in (span.attributes or {})


def read_span(span: ReadableSpan, agent_above: str | None = None) -> SpanCall | None:
    """Return the call that a finished span of somebody else stands for, None when it stands for none.

    `agent_above` is the agent whose span surrounds it, for a span that names none. What `caller()` and
    `agent()` say in the context of the caller counts before what the span says of a user.
    """
    context, type_ = span.get_span_context(), conventions.event_type(span.attributes or {})
    if context is None or type_ is None or is_own(span):
        return None
    facts = _facts(span)
    said = conventions.texts(facts)
    parts = _identity(facts, said, agent_above).draft_parts()
    statement: dict[str, JsonValue] = {
        **{name: value for name, value in said.items() if name not in _AGENT_FIELDS},
        **parts.statement,
        **_client(facts),
        **_place(span, context, facts),
    }
    disclosures = {**parts.disclosures, **_values(facts)}
    failure = conventions.failure(facts)
    statement["outcome"] = "success" if failure is None else "failure"
    if failure is not None and failure.type:
        statement["error.type"] = failure.type
    if failure is not None and failure.message:
        disclosures["error.message"] = failure.message[:MAX_MESSAGE]
    draft = Draft(type_, statement, disclosures, parts.tokens)
    return SpanCall(
        _TARGETS[type_], _name(type_, facts, said), facts.kind, draft, _us(span.end_time)
    )


def _facts(span: ReadableSpan) -> SpanFacts:
    scope = span.instrumentation_scope
    return SpanFacts(
        attributes=span.attributes or {},
        events=tuple((one.name, one.attributes or {}) for one in span.events),
        kind=_KINDS.get(span.kind, "internal"),
        is_error=span.status.status_code is StatusCode.ERROR,
        status_message=span.status.description or "",
        scope=scope.name if scope else "",
        service=str(span.resource.attributes.get("service.name", "")),
    )


def _place(span: ReadableSpan, context: SpanContext, facts: SpanFacts) -> dict[str, JsonValue]:
    trace_id, span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
    placed: dict[str, JsonValue] = {
        "observer": OBSERVER,
        "action.id": conventions.action_id(trace_id, span_id),
        "trace.id": trace_id,
        "span.id": span_id,
        "span.kind": facts.kind,
        "span.start_us": _us(span.start_time),
        "span.end_us": _us(span.end_time),
        "source.scope": facts.scope[:MAX_TEXT_CHARS],
    }
    if span.parent is not None and span.parent.span_id:
        placed["span.parent_id"] = format_span_id(span.parent.span_id)
    return placed


def _identity(facts: SpanFacts, said: dict[str, str], agent_above: str | None) -> Identity:
    identity = stated_identity()
    name = said.get("agent.name") or agent_above
    if name or "agent.id" in said:
        acting = Agent(name, said.get("agent.id"), said.get("agent.version"))
        identity = replace(identity, agent=acting)
    user = conventions.text(facts.attributes, *conventions.user_keys(facts.scope))
    if user is not None and identity.principal.id is None:
        identity = replace(identity, principal=Principal(user, basis="asserted"))
    return identity


def _client(facts: SpanFacts) -> dict[str, JsonValue]:
    return dict(conventions.client(facts))


def _values(facts: SpanFacts) -> dict[str, object]:
    found: dict[str, Any] = {}
    for name, value in (
        ("params", conventions.params(facts)),
        ("result", conventions.result(facts)),
    ):
        if value is not None:
            found[name] = conventions.loaded(value)
    uri = conventions.text(facts.attributes, "mcp.resource.uri")
    return found | ({"resource.uri": uri} if uri else {})


def _name(type_: str, facts: SpanFacts, said: dict[str, str]) -> str:
    if type_ == "resource.read":
        return conventions.text(facts.attributes, "mcp.resource.uri") or ""
    return said.get("prompt.name" if type_ == "prompt.get" else "tool.name", "")


def _us(time_ns: int | None) -> int:
    return (time_ns or 0) // _NS_PER_US

"""What a row of a trace is, by the names that the conventions give it. The kind decides its hue."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from tallystick_dashboard.trace.action import Action, Shape, text_of

Kind = Literal[
    "request", "agent", "model", "tool", "mcp", "policy", "execute", "data", "mask", "record"
]

GLYPHS: Final[Mapping[Kind, str]] = {
    "request": "S",
    "agent": "A",
    "model": "L",
    "tool": "T",
    "mcp": "M",
    "policy": "P",
    "execute": "X",
    "data": "D",
    "mask": "K",
    "record": "R",
}
"""The letter that stands for a kind, beside its hue."""

_SPAN_SERVER: Final = 2
_SPAN_CLIENT: Final = 3
_BY_OPERATION: Final[Mapping[str, Kind]] = {
    "invoke_agent": "agent",
    "create_agent": "agent",
    "agent": "agent",
    "chat": "model",
    "text_completion": "model",
    "generate_content": "model",
    "llm": "model",
    "execute_tool": "tool",
    "tool": "tool",
    "embeddings": "data",
    "embedding": "data",
    "retrieval": "data",
    "retriever": "data",
    "guardrail": "policy",
}
_OPERATION_KEYS: Final = (
    "gen_ai.operation.name",
    "openinference.span.kind",
    "traceloop.span.kind",
)
_PEER_KEYS: Final = ("db.system", "db.system.name", "http.request.method", "http.method")
_EVENT_KINDS: Final[Mapping[str, Kind]] = {
    "authz": "policy",
    "approval": "policy",
    "oversight": "policy",
    "risk": "policy",
    "incident": "policy",
    "agent": "agent",
}


class Name(NamedTuple):
    """A row's name in two parts, so that the part that tells rows apart can stand out."""

    verb: str
    noun: str


def kind_of_action(action: Action) -> Kind:
    """Tell a tool from its MCP request, and the request from what the server ran."""
    if action.said("mcp.method") is None:
        return "tool"
    return "mcp" if action.side == "client" else "execute"


def name_of_action(action: Action) -> Name:
    """Name a call as its span is named: `<mcp.method> <tool>` or `execute_tool <tool>`."""
    noun = (
        text_of(action.said("tool.name"))
        or text_of(action.said("prompt.name"))
        or text_of(action.disclosed("resource.uri"))
        or text_of(action.last["type"])
    )
    return Name(text_of(action.said("mcp.method")) or "execute_tool", noun)


def kind_of_span(span: Shape) -> Kind:
    """Tell what a span is by its attributes, else by its OTLP kind."""
    attributes = attributes_of(span)
    if "mcp.method.name" in attributes:
        return "execute" if span["kind"] == _SPAN_SERVER else "mcp"
    for key in _OPERATION_KEYS:
        kind = _BY_OPERATION.get(text_of(attributes.get(key)).lower())
        if kind is not None:
            return kind
    if span["kind"] == _SPAN_CLIENT and any(key in attributes for key in _PEER_KEYS):
        return "data"
    return "request"


def name_of_span(span: Shape) -> Name:
    """Split a span's name where the convention puts the operation before the noun."""
    name = text_of(span["name"])
    verb, _, noun = name.partition(" ")
    operation = text_of(attributes_of(span).get("gen_ai.operation.name"))
    return Name(verb, noun) if noun and verb == operation else Name("", name)


def kind_of_event(event: Shape) -> Kind:
    """Tell decisions and approvals from other records."""
    return _EVENT_KINDS.get(text_of(event["type"]).partition(".")[0], "record")


def attributes_of(span: Shape) -> Mapping[str, object]:
    """Return a span's attributes, empty where they are withheld."""
    attributes = span.get("attributes")
    return attributes if isinstance(attributes, dict) else {}

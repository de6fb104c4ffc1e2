"""Spans of other people's instrumentation, read by the names that each convention uses.

OpenTelemetry GenAI and MCP, OpenInference and Traceloop, with the quirks of single frameworks. One mapping
for both who read such spans: the service, what arrives (origin `derived`), and the SDK's processor, what
ends in its own process. What no attribute gives is absent, never guessed. Pure: no OpenTelemetry in here.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import orjson

from tallystick.masking import kinds
from tallystick.masking.tokens import WITHHELD_MARKER

MAX_TEXT_CHARS: Final = 256
"""Longest text that a foreign attribute puts into a statement, which holds 64 KiB in all."""
MAX_SCOPES: Final = 32

Attributes = Mapping[str, Any]

SPAN_KINDS: Final = {2: "server", 3: "client"}
"""OTLP's number of a span's kind -> the record's word; all others are internal."""
PARAM_KEYS: Final = (
    "gen_ai.tool.call.arguments",
    "input.value",
    "traceloop.entity.input",
    "mcp.request.argument",
    "gcp.vertex.agent.tool_call_args",
    "tool.parameters",
)
"""In order of trust: OpenInference's tool.parameters may be the schema, so it comes last."""
RESULT_KEYS: Final = (
    "gen_ai.tool.call.result",
    "output.value",
    "traceloop.entity.output",
    "mcp.response.value",
    "gcp.vertex.agent.tool_response",
)
PARAM_EVENT: Final = ("gen_ai.tool.message", "content")
RESULT_EVENT: Final = ("gen_ai.choice", "message")
"""Strands writes arguments and results as span events by default."""
TOOL_NAME_KEYS: Final = ("gen_ai.tool.name", "tool.name", "traceloop.entity.name")

_SAYS_NOTHING: Final = ("", f"[{kinds.SECRET}]", WITHHELD_MARKER, "<not specified>")
"""The last is what Google's ADK writes in place of an id."""
_TRANSPORTS: Final = {"pipe": "stdio", "tcp": "http", "quic": "http"}
_AGENT_KINDS: Final = ("AGENT", "agent", "invoke_agent")
_KIND_KEYS: Final = ("openinference.span.kind", "traceloop.span.kind", "gen_ai.operation.name")
_TEXT_SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "tool.name": TOOL_NAME_KEYS,
    "tool.call_id": ("gen_ai.tool.call.id", "tool.id", "tool_call.id"),
    "agent.id": ("gen_ai.agent.id",),
    "agent.name": ("gen_ai.agent.name", "agent.name"),
    "agent.version": ("gen_ai.agent.version",),
    "conversation.id": (
        "gen_ai.conversation.id",
        "session.id",
        "traceloop.association.properties.session_id",
        "traceloop.association.properties.thread_id",
    ),
    "error.type": ("error.type",),
    "prompt.name": ("gen_ai.prompt.name",),
    "mcp.method": ("mcp.method.name",),
    "mcp.protocol_version": ("mcp.protocol.version",),
    "mcp.session_id": ("mcp.session.id",),
    "jsonrpc.request_id": ("jsonrpc.request.id", "mcp.request.id"),
}
_TEXT_OF_KEY: Final = {key: name for name, keys in _TEXT_SOURCES.items() for key in keys}
_USER_KEYS: Final = ("user.id", "enduser.id", "traceloop.association.properties.user_id")
_ADK_WITHHOLDS: Final = ("gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.tool_response")
"""Google's ADK writes `{}` where it withholds the value."""
_MERGED_TOOLS: Final = "(merged tools)"
"""Google's ADK emits this phantom beside the real tool spans."""
_FASTMCP: Final = re.compile(r"fastmcp(\.|$)")


@dataclass(frozen=True, slots=True)
class SpanFacts:
    """What a span says, in plain values; `kind` is client, server or internal."""

    attributes: Attributes
    events: Sequence[tuple[str, Attributes]]
    kind: str
    is_error: bool
    """Its status is an error."""
    status_message: str
    scope: str
    service: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What a span says of an error; empty where it says nothing."""

    type: str
    message: str


def event_type(attributes: Attributes) -> str | None:
    """Return the type of event that a span amounts to; None for a span that is no action."""
    method = attributes.get("mcp.method.name")
    if method == "resources/read":
        return "resource.read"
    if method == "prompts/get":
        return "prompt.get"
    is_tool = (
        method == "tools/call"
        or attributes.get("gen_ai.operation.name") == "execute_tool"
        or attributes.get("openinference.span.kind") == "TOOL"
        or attributes.get("traceloop.span.kind") == "tool"
    )
    if not is_tool or attributes.get("gen_ai.tool.name") == _MERGED_TOOLS:
        return None
    return "tool.completed"


def text(attributes: Attributes, *keys: str) -> str | None:
    """Return the first of these attributes that holds a text or a number, cut to size.

    A value of which masking left nothing counts as absent: it would make equals of strangers.
    """
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool):
            found = str(value)[:MAX_TEXT_CHARS]
            if found not in _SAYS_NOTHING:
                return found
    return None


def action_id(trace_id: str, span_id: str) -> str:
    """Return the action id of a span, 32 hex digits: the same for everybody who reads it. Ids are hex."""
    return hashlib.sha256(f"{trace_id}/{span_id}".encode()).hexdigest()[:32]


def agent_name(attributes: Attributes) -> str | None:
    """Return the name of the agent whose work a span is; None for any other span."""
    if not any(attributes.get(key) in _AGENT_KINDS for key in _KIND_KEYS):
        return None
    return text(attributes, "gen_ai.agent.name", "agent.name", "traceloop.entity.name")


def texts(facts: SpanFacts) -> dict[str, str]:
    """Return the fields of a statement that attributes give as they stand."""
    attributes = facts.attributes
    present = {_TEXT_OF_KEY[key] for key in _TEXT_OF_KEY.keys() & attributes.keys()}
    found = {name: text(attributes, *_TEXT_SOURCES[name]) for name in present}
    found["mcp.transport"] = _TRANSPORTS.get(str(attributes.get("network.transport")))
    found["server.name"] = _server(facts)
    return {name: value for name, value in found.items() if value}


def failure(facts: SpanFacts) -> Failure | None:
    """Return what went wrong, None for a call that went well."""
    stated = text(facts.attributes, "error.type")
    has_failed = (
        facts.is_error
        or stated is not None
        or facts.attributes.get("gen_ai.tool.status") == "error"
    )
    if not has_failed:
        return None
    message = _of_exception(facts, "exception.message") or facts.status_message
    return Failure(stated or _of_exception(facts, "exception.type")[:MAX_TEXT_CHARS], message)


def user_keys(scope: str) -> tuple[str, ...]:
    """Return the attributes that name a user; FastMCP writes the OAuth client into one of them."""
    is_fastmcp = _FASTMCP.match(scope) is not None
    return tuple(key for key in _USER_KEYS if not (is_fastmcp and key == "enduser.id"))


def client(facts: SpanFacts) -> dict[str, str | list[str]]:
    """Return what FastMCP says of the client: its id in enduser.id, scopes in enduser.scope."""
    if not _FASTMCP.match(facts.scope):
        return {}
    found: dict[str, str | list[str]] = {}
    name, scopes = text(facts.attributes, "enduser.id"), text(facts.attributes, "enduser.scope")
    if name is not None:
        found |= {"client.id": name, "client.basis": "asserted"}
    if scopes is not None:
        found["credential.scopes"] = scopes.split()[:MAX_SCOPES]
    return found


def params(facts: SpanFacts) -> Any:  # noqa: ANN401 - any JSON value
    """Return the arguments of the call as they stand, None where the span does not hold them."""
    value = _first(facts.attributes, PARAM_KEYS)
    if value is None:
        value = _of_event(facts.events, *PARAM_EVENT)
    if "traceloop.span.kind" not in facts.attributes:
        return value
    wrapper = loaded(value)
    return wrapper["arguments"] if is_wrapper(wrapper) else value


def result(facts: SpanFacts) -> Any:  # noqa: ANN401 - any JSON value
    """Return the result of the call as it stands, None where the span does not hold it."""
    value = _first(facts.attributes, RESULT_KEYS)
    return _of_event(facts.events, *RESULT_EVENT) if value is None else value


def is_wrapper(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether a value is what Traceloop puts around arguments: `{"tool_name": ..., "arguments": ...}`."""
    return isinstance(value, dict) and "arguments" in value


def loaded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Read JSON that travels as a text; any other text is itself."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _server(facts: SpanFacts) -> str | None:
    """Name the tool's host: the peer of a client's span, else the service that made the span."""
    if facts.kind == "client":
        return text(facts.attributes, "server.address")
    return facts.service[:MAX_TEXT_CHARS] or None


def _of_exception(facts: SpanFacts, key: str) -> str:
    for name, attributes in facts.events:
        said = attributes.get(key) if name == "exception" else None
        if isinstance(said, str) and said:
            return said
    return ""


def _first(attributes: Attributes, keys: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON value
    """Return the first of these attributes; what ADK withholds counts as absent."""
    for key in keys:
        value = attributes.get(key)
        is_withheld = key in _ADK_WITHHOLDS and value in ("{}", {})
        if value is not None and value != "" and not is_withheld:
            return value
    return None


def _of_event(events: Iterable[tuple[str, Attributes]], event: str, key: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return an attribute of the first event of this name that has it."""
    for name, attributes in events:
        if name == event and attributes.get(key) is not None:
            return attributes[key]
    return None

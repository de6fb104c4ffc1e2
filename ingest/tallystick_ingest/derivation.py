"""Derivation: a foreign span read as an audit event, by the names that each convention uses.

OpenTelemetry GenAI and MCP, OpenInference and Traceloop, with the quirks of single frameworks. What
comes out is marked `origin=derived, signed=false`: the service's reading of somebody else's word. A
value that no attribute gives is absent, never guessed.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from tallystick.event import Statement
from tallystick.masking import Masker, kinds
from tallystick.masking.tokens import WITHHELD_MARKER
from tallystick.payload import fit, measure
from tallystick.printer import Masking
from tallystick.tlog.encoding import to_base64
from tallystick.tlog.tree import leaf_hash
from tallystick_ingest.otlp.signals import Attributes, SpanItem
from tallystick_ingest.prepared import DERIVED, Prepared

MAX_TEXT_CHARS: Final = 256
"""Longest text that a foreign attribute puts into a statement, which holds 64 KiB in all."""
MAX_VALUE_BYTES: Final = 262_144
"""As the SDK's default: larger arguments and results are kept as a preview."""
MAX_MESSAGE_CHARS: Final = 4_096
MAX_SCOPES: Final = 32
MAX_ANCESTORS: Final = 64

_SAYS_NOTHING: Final = ("", f"[{kinds.SECRET}]", WITHHELD_MARKER, "<not specified>")
"""The last is what Google's ADK writes in place of an id."""
_STATUS_ERROR: Final = 2
_NS_PER_US: Final = 1_000
_SPAN_KINDS: Final = {2: "server", 3: "client"}
_TRANSPORTS: Final = {"pipe": "stdio", "tcp": "http", "quic": "http"}
_AGENT_KINDS: Final = ("AGENT", "agent", "invoke_agent")
_KIND_KEYS: Final = ("openinference.span.kind", "traceloop.span.kind", "gen_ai.operation.name")

_TEXT_SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "tool.name": ("gen_ai.tool.name", "tool.name", "traceloop.entity.name"),
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
_USER_KEYS: Final = ("user.id", "enduser.id", "traceloop.association.properties.user_id")
_PARAM_KEYS: Final = (
    "gen_ai.tool.call.arguments",
    "input.value",
    "traceloop.entity.input",
    "mcp.request.argument",
    "gcp.vertex.agent.tool_call_args",
    "tool.parameters",
)
"""In order of trust: OpenInference's tool.parameters may be the schema, so it comes last."""
_RESULT_KEYS: Final = (
    "gen_ai.tool.call.result",
    "output.value",
    "traceloop.entity.output",
    "mcp.response.value",
    "gcp.vertex.agent.tool_response",
)
_ADK_WITHHOLDS: Final = ("gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.tool_response")
"""Google's ADK writes `{}` where it withholds the value."""
_PARAM_EVENT: Final = ("gen_ai.tool.message", "content")
_RESULT_EVENT: Final = ("gen_ai.choice", "message")
"""Strands writes arguments and results as span events by default."""
_MERGED_TOOLS: Final = "(merged tools)"
"""Google's ADK emits this phantom beside the real tool spans."""
_FASTMCP: Final = re.compile(r"fastmcp(\.|$)")


@dataclass(frozen=True, slots=True)
class SpanReading:
    """One foreign span: raw in `span`, masked in everything else."""

    span: SpanItem
    name: str
    status_message: str
    attributes: Attributes
    events: tuple[dict[str, Any], ...]
    links: tuple[dict[str, Any], ...]
    service: str
    scope: str
    hits: Mapping[str, int]

    @property
    def parent_id(self) -> str:
        """The parent's id, empty at a root."""
        return self.span.parent_id if self.span.parent_id.strip("0") else ""

    def text(self, *keys: str) -> str | None:
        """Return the first of these attributes that holds a text or a number, cut to size.

        A value of which masking left nothing counts as absent: it would make equals of strangers.
        """
        for key in keys:
            value = self.attributes.get(key)
            if isinstance(value, str | int) and not isinstance(value, bool):
                text = str(value)[:MAX_TEXT_CHARS]
                if text not in _SAYS_NOTHING:
                    return text
        return None


@dataclass(slots=True)
class Agents:
    """The agents among the spans of one request, for spans that name none themselves."""

    _parents: dict[tuple[str, str], str] = field(default_factory=dict)
    _names: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, reading: SpanReading) -> None:
        """Remember whose child a span is, and whether it is an agent's."""
        place = (reading.span.trace_id, reading.span.span_id)
        self._parents[place] = reading.parent_id
        if any(reading.attributes.get(key) in _AGENT_KINDS for key in _KIND_KEYS):
            name = reading.text("gen_ai.agent.name", "agent.name", "traceloop.entity.name")
            if name:
                self._names[place] = name

    def above(self, reading: SpanReading) -> str | None:
        """Return the name of the nearest agent above a span."""
        trace, parent = reading.span.trace_id, reading.parent_id
        for _ in range(MAX_ANCESTORS):
            if (trace, parent) in self._names:
                return self._names[trace, parent]
            parent = self._parents.get((trace, parent), "")
        return None


def event_type(reading: SpanReading) -> str | None:
    """Return the type of event that a span amounts to; None for a span that is no action."""
    attributes = reading.attributes
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


def derive(
    reading: SpanReading, record: bytes, masking: Masking, agents: Agents
) -> Prepared | None:
    """Return the event that a span amounts to, None when it is no action.

    `record` is the span record, which the event names by its leaf hash.
    """
    kind, masker = event_type(reading), masking.masker
    if kind is None:
        return None
    disclosures: dict[str, str] = {}
    statement: Statement = {
        "type": kind,
        "time_us": reading.span.end_ns // _NS_PER_US,
        "origin": DERIVED,
        "signed": False,
        "observer": "span",
        **_span_fields(reading),
        **_texts(reading, agents),
        "mask.policy": masking.policy_digest,
        "mask.key_id": masking.key_id,
        "source.scope": reading.scope[:MAX_TEXT_CHARS],
        "source.span_hash": to_base64(leaf_hash(record)),
    }
    if reading.hits:
        statement["mask.hits"] = {f"attributes:{kind}": n for kind, n in reading.hits.items()}
    _add_outcome(reading, statement, disclosures)
    _add_identity(reading, masker, statement, disclosures)
    _add_value("params", _params(reading), masker, statement, disclosures)
    _add_value("result", _result(reading), masker, statement, disclosures)
    uri = reading.text("mcp.resource.uri")
    if uri:
        disclosures["resource.uri"] = uri
    return Prepared(statement, disclosures)


def _span_fields(reading: SpanReading) -> Statement:
    span = reading.span
    identity = f"{span.trace_id}/{span.span_id}".encode()
    fields: Statement = {
        "action.id": hashlib.sha256(identity).hexdigest()[:32],
        "trace.id": span.trace_id,
        "span.id": span.span_id,
        "span.kind": _SPAN_KINDS.get(span.kind, "internal"),
        "span.start_us": span.start_ns // _NS_PER_US,
        "span.end_us": span.end_ns // _NS_PER_US,
    }
    if reading.parent_id:
        fields["span.parent_id"] = reading.parent_id
    return fields


def _texts(reading: SpanReading, agents: Agents) -> Statement:
    found: Statement = {}
    for name, keys in _TEXT_SOURCES.items():
        text = reading.text(*keys)
        if text is not None:
            found[name] = text
    if "agent.name" not in found and (agent := agents.above(reading)):
        found["agent.name"] = agent
    if "agent.name" in found:
        found["agent.basis"] = "asserted"
    transport = reading.attributes.get("network.transport")
    if transport in _TRANSPORTS:
        found["mcp.transport"] = _TRANSPORTS[transport]
    server = _server(reading)
    return {**found, "server.name": server} if server else found


def _server(reading: SpanReading) -> str | None:
    """Name the tool's host: the peer of a client's span, else the service that made the span."""
    if _SPAN_KINDS.get(reading.span.kind) == "client":
        return reading.text("server.address")
    return reading.service[:MAX_TEXT_CHARS] or None


def _add_outcome(reading: SpanReading, statement: Statement, disclosures: dict[str, str]) -> None:
    failed = (
        reading.span.status == _STATUS_ERROR
        or "error.type" in statement
        or reading.attributes.get("gen_ai.tool.status") == "error"
    )
    statement["outcome"] = "failure" if failed else "success"
    if not failed:
        return
    said = _masked_of_event(reading, "exception", "exception.message") or reading.status_message
    if said:
        disclosures["error.message"] = said[:MAX_MESSAGE_CHARS]
    kind = _masked_of_event(reading, "exception", "exception.type")
    if kind:
        statement.setdefault("error.type", kind[:MAX_TEXT_CHARS])


def _add_identity(
    reading: SpanReading, masker: Masker, statement: Statement, disclosures: dict[str, str]
) -> None:
    if _FASTMCP.match(reading.scope):
        _add_fastmcp_client(reading, statement)
        keys = tuple(key for key in _USER_KEYS if key != "enduser.id")
    else:
        keys = _USER_KEYS
    user = reading.text(*keys)
    if user is None:
        return
    raw = next(reading.span.attributes[key] for key in keys if reading.text(key) is not None)
    disclosures["principal.id"] = user
    statement["principal.basis"] = "asserted"
    digest = masker.digest("principal", f"\x1f{raw}".encode())
    if digest is not None:
        statement["principal.ref"] = digest


def _add_fastmcp_client(reading: SpanReading, statement: Statement) -> None:
    """FastMCP writes the OAuth client id into enduser.id, and scopes into enduser.scope."""
    client, scopes = reading.text("enduser.id"), reading.text("enduser.scope")
    if client is not None:
        statement["client.id"] = client
        statement["client.basis"] = "asserted"
    if scopes is not None:
        statement["credential.scopes"] = scopes.split()[:MAX_SCOPES]


def _params(reading: SpanReading) -> Any:  # noqa: ANN401 - any JSON value
    value = _first(reading, _PARAM_KEYS)
    if value is None:
        value = _of_event(reading, *_PARAM_EVENT)
    if "traceloop.span.kind" in reading.span.attributes:
        return _arguments(value)
    return value


def _result(reading: SpanReading) -> Any:  # noqa: ANN401 - any JSON value
    value = _first(reading, _RESULT_KEYS)
    return _of_event(reading, *_RESULT_EVENT) if value is None else value


def _first(reading: SpanReading, keys: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON value
    """Return the first of these attributes as received; what ADK withholds counts as absent."""
    for key in keys:
        value = reading.span.attributes.get(key)
        is_withheld = key in _ADK_WITHHOLDS and value in ("{}", {})
        if value is not None and value != "" and not is_withheld:
            return value
    return None


def _of_event(reading: SpanReading, event: str, key: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return an attribute of the first event of this name that has it, as received."""
    for one in reading.span.events:
        if one.name == event and one.attributes.get(key) is not None:
            return one.attributes[key]
    return None


def _masked_of_event(reading: SpanReading, event: str, key: str) -> str:
    """Return the same, masked, when it is a text."""
    for one, masked in zip(reading.span.events, reading.events, strict=True):
        if one.name == event and isinstance(masked["attributes"], dict):
            said = masked["attributes"].get(key)
            if isinstance(said, str) and said:
                return said
    return ""


def _arguments(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Unwrap the arguments that Traceloop wraps: `{"tool_name": ..., "arguments": ...}`."""
    loaded = _loaded(value)
    is_wrapped = isinstance(loaded, dict) and "arguments" in loaded
    return loaded["arguments"] if is_wrapped else value


def _add_value(
    name: str, received: object, masker: Masker, statement: Statement, disclosures: dict[str, str]
) -> None:
    """State size and keyed digest of a value before masking; disclose it masked, or its preview."""
    if received is None:
        return
    value = _loaded(received)
    measured = measure(value)
    if measured is None:
        return
    statement[f"{name}.size_bytes"] = measured.size_bytes
    digest = masker.digest(name, measured.canonical)
    if digest is not None:
        statement[f"{name}.digest"] = digest
    shown, is_preview = fit(value, measured.size_bytes, MAX_VALUE_BYTES)
    if is_preview:
        statement[f"{name}.truncated"] = True
    masked = masker.mask(shown)
    if masked.hits:
        hits = statement.setdefault("mask.hits", {})
        hits.update({f"{name}:{kind}": count for kind, count in masked.hits.items()})
    disclosures[name] = orjson.dumps(masked.value).decode()


def _loaded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Read JSON that travels as a text; any other text is itself."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value

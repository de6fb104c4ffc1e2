"""The one table of fields: every name that may stand in a record, and where its value lives.

`docs/spec/record.md` prints this table; a test holds the two together. Another implementation needs
nothing but that page. A field's *home* decides what happens to personal data:

* ``statement``  stands in line 1, is signed for ever, and never holds personal data;
* ``disclosure`` stands in a line of its own that line 1 commits to, and can be erased;
* ``token``      stands in line 1 as a keyed pseudonym or digest: equal values stay equal, and
  nobody without the tenant's key can go back.
"""

from dataclasses import dataclass
from typing import Final, Literal

FieldType = Literal["str", "int", "bool", "strs", "counts", "map", "json"]
Home = Literal["statement", "disclosure", "token"]

EVENT_TYPES: Final = (
    "session.open",
    "session.close",
    "session.heartbeat",
    "session.recovered",
    "tool.started",
    "tool.completed",
    "tool.denied",
    "resource.read",
    "prompt.get",
    "tooldef.observed",
    "authz.decision",
    "approval.requested",
    "approval.decided",
    "agent.handoff",
    "oversight.stop",
    "config.changed",
    "incident.opened",
    "incident.updated",
    "risk.flagged",
    "log.gap",
    "log.drop",
    "log.pause",
    "log.reject",
    "log.hold",
    "log.release",
    "log.delete.requested",
    "log.delete.confirmed",
    "log.delete.withdrawn",
    "key.added",
    "key.revoked",
    "access.read",
    "access.search",
    "access.reveal",
    "access.export",
    "access.delete",
    "access.login",
    "otlp.log",
)
"""Every event type, in the order of the specification."""

CALLS: Final = "tool.*, resource.read, prompt.get"
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Field:
    """One row of the table.

    `events` names the event types that may carry the field (prose for readers, not enforced);
    `column` is False for the few fields that the store keeps only inside the exact bytes.
    """

    name: str
    type: FieldType
    home: Home
    events: str
    source: str
    meaning: str
    column: bool = True

    @property
    def column_name(self) -> str:
        """Name of the store's column: the field's name with underscores."""
        return self.name.replace(".", "_")


def _statement(
    name: str, type_: FieldType, events: str, source: str, meaning: str, *, column: bool = True
) -> Field:
    return Field(name, type_, "statement", events, source, meaning, column)


def _token(name: str, events: str, source: str, meaning: str) -> Field:
    return Field(name, "str", "token", events, source, meaning)


def _hidden_token(name: str, events: str, source: str, meaning: str) -> Field:
    return Field(name, "str", "token", events, source, meaning, column=False)


def _disclosure(
    name: str, type_: FieldType, events: str, source: str, meaning: str, *, column: bool = False
) -> Field:
    return Field(name, type_, "disclosure", events, source, meaning, column)


# fmt: off
_ENVELOPE: Final = (
    _statement("v", "int", ALL, "Tallystick", "version of this format: 1", column=False),
    _statement("n", "str", ALL, "Tallystick", "nonce, 128 bit, 32 hex digits", column=False),
    _statement("sd", "strs", ALL, "RFC 9901", "sorted base64 SHA-256 of each disclosure line", column=False),
    _statement("type", "str", ALL, "OTel event_name", "event type"),
    _statement("session", "str", ALL, "OTel audit.sequence", "session id, 128 bit, 32 hex digits"),
    _statement("seq", "int", ALL, "OTel audit.sequence", "position in the session, from 0: the leaf index"),
    _statement("time_us", "int", ALL, "OTel time_unix_nano", "when it happened, µs since 1970 UTC"),
    _statement("origin", "str", ALL, "Tallystick", "native, or derived from somebody else's span or log"),
    _statement("signed", "bool", "derived", "Tallystick", "false: not signed at its source"),
)

_ACTION: Final = (
    _statement("action.id", "str", CALLS, "OCSF activity", "same for every record of one action; 32 hex digits"),
    _statement("action.parent_id", "str", CALLS, "OCSF", "the action inside which this one happened"),
    _statement("observer", "str", CALLS, "Tallystick", "mcp_client, mcp_server, agent, function, service or span"),
    _statement("outcome", "str", CALLS, "OTel audit.outcome", "success, failure, denied, timeout, cancelled or unknown"),
    _statement("error.type", "str", CALLS, "OTel error.type", "class of the error; tool_error when the tool said so"),
    _disclosure("error.message", "str", CALLS, "OTel exception.message", "masked text of the error"),
    _statement("trace.id", "str", ALL, "W3C trace context", "32 hex digits"),
    _statement("span.id", "str", ALL, "W3C trace context", "16 hex digits"),
    _statement("span.parent_id", "str", CALLS, "W3C trace context", "16 hex digits"),
    _statement("span.kind", "str", CALLS, "OTel SpanKind", "client, server or internal"),
    _statement("span.start_us", "int", CALLS, "OTel Span", "start of the call, µs since 1970 UTC"),
    _statement("span.end_us", "int", CALLS, "OTel Span", "end of the call, µs since 1970 UTC"),
    _statement("model.name", "str", "tool.*, agent.handoff", "OTel gen_ai.request.model", "model behind the agent, as its framework names it", column=False),
    _statement("conversation.id", "str", CALLS, "OTel gen_ai.conversation.id", "conversation or thread"),
)

_IDENTITY: Final = (
    _disclosure("principal.id", "str", CALLS, "RFC 7519 sub", "the human or service on whose behalf, masked", column=True),
    _token("principal.ref", CALLS, "Tallystick", "keyed pseudonym of issuer and subject"),
    _statement("principal.type", "str", CALLS, "OCSF user.type", "human, service or unknown"),
    _statement("principal.issuer", "str", CALLS, "RFC 7519 iss", "who vouches for the principal"),
    _statement("principal.basis", "str", CALLS, "CoSAI", "authenticated, asserted, inferred or unknown"),
    _statement("principal.auth_method", "str", CALLS, "OCSF auth_protocol", "bearer_jwt, bearer, basic, api_key, server, stdio, context or framework"),
    _statement("client.id", "str", CALLS, "RFC 6749", "OAuth client id"),
    _statement("client.id_kind", "str", CALLS, "OAuth client-id-metadata-document", "how the client id is known: metadata_document, registered or unknown", column=False),
    _statement("client.name", "str", CALLS, "MCP clientInfo", "self-reported name"),
    _statement("client.version", "str", CALLS, "MCP clientInfo", "self-reported version"),
    _statement("client.basis", "str", CALLS, "CoSAI", "basis of the client's claims"),
    _statement("agent.id", "str", CALLS, "OTel gen_ai.agent.id", "id of the acting agent"),
    _statement("agent.name", "str", CALLS, "OTel gen_ai.agent.name", "name of the acting agent"),
    _statement("agent.version", "str", CALLS, "OTel gen_ai.agent.version", "version of the acting agent"),
    _statement("agent.basis", "str", CALLS, "CoSAI", "basis of the agent's claims"),
    _statement("agent.parent_name", "str", CALLS, "Tallystick", "the agent that called this one"),
    _disclosure("delegation", "json", CALLS, "RFC 8693 act", "the actor chain, outermost first, masked"),
    _statement("delegation.depth", "int", CALLS, "RFC 8693 act", "length of the actor chain"),
    _statement("credential.kind", "str", CALLS, "OCSF", "jwt, opaque, api_key, basic or none"),
    _token("credential.ref", CALLS, "Tallystick", "keyed digest of the credential that came with the call, or that this client sends; never the credential"),
    _hidden_token("credential.id", CALLS, "RFC 7519 jti", "keyed digest of issuer and token id"),
    _statement("credential.scopes", "strs", CALLS, "RFC 6749", "granted scopes"),
    _statement("credential.audience", "str", CALLS, "RFC 8707", "audience of the token"),
    _disclosure("credential.evidence", "json", CALLS, "RFC 9700", "claims that are malformed or that nobody verified, masked; never trusted"),
    _statement("roles", "strs", CALLS, "OTel user.roles", "roles in force"),
)

_TOOL: Final = (
    _statement("server.name", "str", CALLS, "MCP serverInfo", "MCP server or host of the tool"),
    _statement("server.version", "str", CALLS, "MCP serverInfo", "its version"),
    _statement("tool.name", "str", f"{CALLS}, approval.*, agent.handoff", "OTel gen_ai.tool.name", "name of the tool"),
    _statement("tool.call_id", "str", f"{CALLS}, approval.*, agent.handoff", "OTel gen_ai.tool.call.id", "id given by the model or framework"),
    _statement("tool.definition_digest", "str", "tool.*, tooldef.observed", "CoSAI", "SHA-256, hex, of the tool's definition in force"),
    _statement("tool.read_only", "bool", "tool.*", "MCP annotations", "claimed by the server; absent: not annotated"),
    _statement("tool.destructive", "bool", "tool.*", "MCP annotations", "claimed by the server; absent: not annotated"),
    _statement("tool.required", "bool", "tool.*", "Tallystick", "the record had to be durable before the tool ran"),
    _disclosure("tool.description", "str", "tooldef.observed", "MCP", "description as offered, masked"),
    _disclosure("tool.definition", "json", "tooldef.observed", "MCP", "definition as offered, masked"),
    _statement("tool.previous_digest", "str", "tooldef.observed", "Tallystick", "digest under which this process knew the tool before", column=False),
    _statement("tool.changed", "strs", "tooldef.observed", "Tallystick", "members that differ from the definition known before", column=False),
    _statement("tool.flags", "counts", "tooldef.observed", "OWASP MCP03", "what in the definition a person would not see, or talks to the model: kind -> count", column=False),
    _disclosure("tool.findings", "json", "tooldef.observed", "Tallystick", "members in which the flags stand: path, kind, count"),
    _hidden_token("server.ref", "tooldef.observed", "Tallystick", "keyed pseudonym of the server's address: URL, command, or main module; of a function its module and name"),
    _disclosure("resource.uri", "str", "resource.read", "OTel mcp.resource.uri", "resource read, masked", column=True),
    _statement("prompt.name", "str", "prompt.get", "OTel gen_ai.prompt.name", "prompt fetched"),
    _statement("mcp.method", "str", CALLS, "OTel mcp.method.name", "JSON-RPC method"),
    _statement("mcp.protocol_version", "str", CALLS, "OTel mcp.protocol.version", "negotiated protocol version"),
    _statement("mcp.result_type", "str", CALLS, "MCP resultType", "input_required: the server asked for input instead of answering", column=False),
    _statement("mcp.session_id", "str", CALLS, "OTel mcp.session.id", "HTTP session, never a key to group by"),
    _statement("mcp.transport", "str", CALLS, "OTel network.transport", "stdio, http or memory"),
    _statement("jsonrpc.request_id", "str", CALLS, "OTel jsonrpc.request.id", "request id as text"),
    _disclosure("params", "json", CALLS, "OTel gen_ai.tool.call.arguments", "masked arguments, JSON text"),
    _token("params.digest", CALLS, "Tallystick", "keyed digest of the arguments before masking"),
    _statement("params.size_bytes", "int", CALLS, "Tallystick", "size of the arguments' JSON text before masking"),
    _statement("params.truncated", "bool", CALLS, "Tallystick", "true: a preview stands in place of the value"),
    _disclosure("params.blob", "json", CALLS, "Tallystick", "the blob that holds the whole masked value (digest, media_type, size_bytes), or why there is none (absent)"),
    _statement("receipt.digest", "str", "tool.*", "Tallystick", "SHA-256, hex, of the receipt's nonce and the arguments as sent (receipt.md)", column=False),
    _statement("receipt.record", "str", "tool.*", "Tallystick", "leaf hash, base64, of the client's record, as its receipt names it to the server", column=False),
    _disclosure("result", "json", CALLS, "OTel gen_ai.tool.call.result", "masked result, JSON text"),
    _token("result.digest", CALLS, "Tallystick", "keyed digest of the result before masking"),
    _statement("result.size_bytes", "int", CALLS, "ToolHive ResponseSize", "size of the result's JSON text before masking"),
    _statement("result.truncated", "bool", CALLS, "Tallystick", "true: a preview stands in place of the value"),
    _disclosure("result.blob", "json", CALLS, "Tallystick", "the blob that holds the whole masked value (digest, media_type, size_bytes), or why there is none (absent)"),
    _statement("mask.policy", "str", ALL, "CoSAI", "digest of the masking rules in force"),
    _statement("mask.key_id", "str", ALL, "Tallystick", "id of the token key in force"),
    _statement("mask.hits", "counts", ALL, "CoSAI", "what was masked: field:type -> count"),
)

_GOVERNANCE: Final = (
    _statement("decision.effect", "str", "tool.*, authz.decision", "AuthZEN", "allow, deny or not_evaluated"),
    _statement("decision.policy_id", "str", "tool.*, authz.decision", "AuthZEN", "policy that decided"),
    _statement("decision.policy_version", "str", "tool.*, authz.decision", "AuthZEN", "its version"),
    _statement("decision.rule", "str", "tool.*, authz.decision", "AuthZEN", "rule or missing scope"),
    _statement("decision.enforced", "bool", "tool.*, authz.decision", "CoSAI", "false: shadow mode"),
    _disclosure("decision.reason", "str", "tool.*, authz.decision", "AuthZEN", "masked reason given"),
    _statement("approval.id", "str", "approval.*", "OTel genai 95", "request and decision share it"),
    _statement("approval.decision", "str", "approval.decided", "OTel genai 95", "approved, denied, modified, expired or cancelled"),
    _statement("approval.mode", "str", "approval.*", "OTel genai 95", "human, rule, standing or bypass"),
    _statement("approval.channel", "str", "approval.*", "Tallystick", "how it was asked: elicitation.form, elicitation.url, openai_agents, langgraph.interrupt, pydantic_ai or the program's word", column=False),
    _token("approval.presented_digest", "approval.*", "Tallystick", "keyed digest of what was shown"),
    _disclosure("approval.presented", "json", "approval.*", "Tallystick", "what was shown, masked"),
    _disclosure("approval.answer", "json", "approval.decided", "MCP ElicitResult", "choices of the answer, masked; its free text is withheld"),
    _disclosure("approval.reason", "str", "approval.decided", "Tallystick", "masked reason given"),
    _disclosure("attributes", "json", ALL, "OTel attributes", "whatever else the caller of record() gave, masked"),
)

_LOG: Final = (
    _statement("log.origin", "str", ALL, "C2SP checkpoint", "newest tenant log checkpoint the emitter has seen: origin"),
    _statement("log.size", "int", ALL, "C2SP checkpoint", "its tree size"),
    _statement("log.root", "str", ALL, "C2SP checkpoint", "its root, base64"),
)

_SESSION: Final = (
    _statement("session.key", "str", "session.open", "C2SP vkey", "verification key of the session", column=False),
    _statement("session.delegation", "str", "session.open", "DSSE", "envelope by which the emitter's identity key names the session key", column=False),
    _statement("session.size", "int", "session.close, session.heartbeat", "OTel audit.sequence.end", "leaves before this one"),
    _statement("session.reason", "str", "session.close", "Tallystick", "why the session ended"),
    _statement("emitter.name", "str", "session.open", "C2SP vkey", "name of the emitter's identity key"),
    _statement("emitter.key_id", "str", "session.open", "C2SP vkey", "its key id, 8 hex digits"),
    _statement("service.name", "str", "session.open, otlp.log", "OTel resource", "service"),
    _statement("service.version", "str", "session.open", "OTel resource", "its version"),
    _statement("service.instance_id", "str", "session.open", "OTel resource", "its instance"),
    _statement("deployment.environment", "str", "session.open", "OTel deployment.environment.name", "production, staging, ..."),
    _statement("sdk.name", "str", "session.open", "OTel telemetry.sdk", "emitting library"),
    _statement("sdk.version", "str", "session.open", "OTel telemetry.sdk", "its version"),
    _statement("process.pid", "int", "session.open", "OTel process.pid", "process id"),
    _statement("process.runtime", "str", "session.open", "OTel process.runtime", "name and version of the runtime"),
    _disclosure("host.name", "str", "session.open", "OTel host.name", "machine"),
    _statement("instrumentation", "map", "session.open, session.heartbeat", "CoSAI", "framework -> active, skipped or failed, and why"),
    _statement("recovered.session", "str", "session.recovered", "Tallystick", "the dead session whose unsealed tail is adopted"),
    _statement("recovered.first_seq", "int", "session.recovered", "Tallystick", "sequence number of the first adopted leaf"),
    _statement("recovered.leaves", "strs", "session.recovered", "RFC 9162", "adopted leaf hashes, base64, in order", column=False),
)

_SERVICE: Final = (
    _statement("gap.session", "str", "log.gap", "Tallystick", "session with a hole"),
    _statement("gap.first_seq", "int", "log.gap", "Tallystick", "first missing sequence number"),
    _statement("gap.last_seq", "int", "log.gap", "Tallystick", "last missing sequence number"),
    _statement("drop.count", "int", "log.drop", "Tallystick", "records lost, exactly"),
    _statement("drop.reason", "str", "log.drop, log.pause", "Tallystick", "why"),
    _statement("drop.session", "str", "log.drop", "Tallystick", "the dead session that lost them, where its adopter states it", column=False),
    _statement("reject.counts", "counts", "log.reject", "OTLP partial success", "reason -> number of records refused"),
    _statement("reject.path", "str", "log.reject", "OTLP", "endpoint"),
    _statement("reject.sender", "str", "log.reject", "Tallystick", "authenticated sender, or anonymous"),
    _statement("reject.body_digest", "str", "log.reject", "Tallystick", "SHA-256, hex, of the request body"),
    _statement("key.name", "str", "key.*", "C2SP vkey", "name of the key"),
    _statement("key.vkey", "str", "key.*", "C2SP vkey", "the key"),
    _statement("key.purpose", "str", "key.*", "Tallystick", "emitter, log or api"),
    _statement("key.scopes", "strs", "key.added", "RFC 6749", "what an API key may do", column=False),
    _statement("key.reach", "map", "key.added", "Tallystick", "environments, agents, tools and resources that an API key may read: patterns; absent: all", column=False),
    _statement("key.expires_us", "int", "key.added", "RFC 7519 exp", "when an API key ends, µs since 1970 UTC; absent: never", column=False),
    _statement("key.limits", "counts", "key.added", "RFC 6585 section 4", "requests and questions a second of an API key; absent: as the service's settings say", column=False),
    _statement("config.name", "str", "config.changed", "Tallystick", "what was set up or changed, such as tenant", column=False),
    _statement("config.value", "str", "config.changed", "Tallystick", "its name or value now", column=False),
    _statement("access.target", "str", "access.*", "AuthZEN", "what was read: actions, trace, records, export, ..."),
    _token("access.query_digest", "access.*", "Tallystick", "keyed digest of the query"),
    _disclosure("access.reason", "str", "access.reveal", "Tallystick", "reason given, masked"),
    _statement("access.rows", "int", "access.*", "GCP num_response_items", "rows given out"),
    _statement("access.count", "int", "access.*", "Tallystick", "identical accesses folded into this record"),
    _statement("source.scope", "str", "derived, observer span", "OTel scope", "instrumentation scope of the foreign span or log"),
    _statement("source.span_hash", "str", "derived", "RFC 9162", "leaf hash, base64, of the stored span record"),
)

_FOREIGN: Final = (
    _statement("otlp.event_name", "str", "otlp.log", "OTel event_name", "name of the event, masked"),
    _statement("otlp.severity", "int", "otlp.log", "OTel severity_number", "1 (trace) to 24 (fatal); absent: not stated"),
    _statement("otlp.severity_text", "str", "otlp.log", "OTel severity_text", "the severity in the source's own word, masked", column=False),
    _statement("otlp.truncated", "bool", "otlp.log", "Tallystick", "true: a preview stands in place of the body, of the attributes or of the resource", column=False),
    _statement("otlp.ids_invalid", "bool", "otlp.log", "Tallystick", "true: the trace id or span id that it was sent with is none, and is left out", column=False),
    _token("otlp.digest", "otlp.log", "Tallystick", "keyed digest of all that the record said: equal for a repetition"),
    _disclosure("otlp.body", "json", "otlp.log", "OTel body", "masked body, JSON text"),
    _disclosure("otlp.resource", "json", "otlp.log", "OTel resource", "masked attributes of the resource, JSON text"),
)

_RETENTION: Final = (
    _statement("hold.id", "str", "log.hold, log.release", "Tallystick", "id of the hold, 32 hex digits", column=False),
    _statement("hold.filter", "map", "log.hold", "Tallystick", "which records are held: name -> value; empty: every record", column=False),
    _disclosure("hold.name", "str", "log.hold", "Tallystick", "what people call the hold, masked"),
    _disclosure("hold.reason", "str", "log.hold, log.release", "Tallystick", "why it was placed or released, masked"),
    _statement("request.id", "str", "log.delete.*, access.delete", "Tallystick", "the request and what is decided of it share it; 32 hex digits", column=False),
    _statement("request.kind", "str", "log.delete.requested", "Tallystick", "records, values or policy", column=False),
    _statement("request.filter", "map", "log.delete.requested", "Tallystick", "what was asked for: name -> value", column=False),
    _statement("request.digest", "str", "log.delete.requested, log.delete.confirmed, access.delete", "Tallystick", "SHA-256, hex, of exactly what is to go", column=False),
    _statement("request.count", "int", "log.delete.requested", "Tallystick", "how many entries of the log it touches", column=False),
    _statement("request.expires_us", "int", "log.delete.requested", "Tallystick", "from when on it cannot be confirmed, µs since 1970 UTC", column=False),
    _statement("request.holds", "strs", "log.delete.confirmed", "Tallystick", "ids of the holds in force, sorted: none covers anything that goes", column=False),
    _statement("erasure.values", "str", "access.delete", "Tallystick", "which values were erased: log indexes of events; places of spans", column=False),
    _statement("erasure.part", "int", "access.delete", "Tallystick", "which part of a long list this is, from 1", column=False),
    _statement("erasure.parts", "int", "access.delete", "Tallystick", "how many parts the list has", column=False),
    _disclosure("request.reason", "str", "log.delete.*", "Tallystick", "why, masked"),
)

# fmt: on
FIELDS: Final = (
    *_ENVELOPE,
    *_ACTION,
    *_IDENTITY,
    *_TOOL,
    *_GOVERNANCE,
    *_LOG,
    *_SESSION,
    *_SERVICE,
    *_RETENTION,
    *_FOREIGN,
)
"""The table. The order is that of the specification and of the store's columns."""

BY_NAME: Final = {field.name: field for field in FIELDS}
REQUIRED: Final = ("v", "n", "sd", "type", "session", "seq", "time_us", "origin")
"""Fields without which a statement is refused."""


def table() -> str:
    """Return the table as the Markdown that stands in `docs/spec/record.md`."""
    head = "| Field | Type | Home | Events | Source | Meaning |\n|---|---|---|---|---|---|\n"
    rows = (
        f"| `{f.name}` | {f.type} | {f.home} | {f.events} | {f.source} | {f.meaning} |\n"
        for f in FIELDS
    )
    return head + "".join(rows)

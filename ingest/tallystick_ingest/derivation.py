"""Derivation: a foreign span read as an audit event, by the names that each convention uses.

What those names mean is `tallystick.tracing.conventions`, for the service as for the SDK. What comes out is
marked `origin=derived, signed=false`: the service's reading of somebody else's word. A value that
no attribute gives is absent, never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from tallystick.event import Statement
from tallystick.masking import Masked, Masker, Sitting
from tallystick.recording.masked import Masking
from tallystick.recording.payload import fit, measure
from tallystick.tlog.encoding import to_base64
from tallystick.tracing import conventions
from tallystick.tracing.conventions import MAX_TEXT_CHARS, SPAN_KINDS, SpanFacts
from tallystick_ingest.otlp.signals import Attributes, SpanItem
from tallystick_ingest.prepared import DERIVED, Prepared

MAX_VALUE_BYTES: Final = 262_144
"""As the SDK's default: larger arguments and results are kept as a preview."""
MAX_MESSAGE_CHARS: Final = 4_096
MAX_ANCESTORS: Final = 64

_STATUS_ERROR: Final = 2
_NS_PER_US: Final = 1_000


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

    @property
    def kind(self) -> str:
        """client, server or internal."""
        return SPAN_KINDS.get(self.span.kind, "internal")

    @property
    def shown(self) -> SpanFacts:
        """What the span says, masked."""
        events = tuple(
            (str(one["name"]), one["attributes"])
            for one in self.events
            if isinstance(one["attributes"], dict)
        )
        return self._facts(self.attributes, events, self.status_message)

    @property
    def received(self) -> SpanFacts:
        """What the span says, as it came: to be measured and masked as a whole."""
        span = self.span
        events = tuple((one.name, one.attributes) for one in span.events)
        return self._facts(span.attributes, events, span.status_message)

    def _facts(
        self, attributes: Attributes, events: tuple[tuple[str, Attributes], ...], message: str
    ) -> SpanFacts:
        is_error = self.span.status == _STATUS_ERROR
        return SpanFacts(attributes, events, self.kind, is_error, message, self.scope, self.service)


@dataclass(slots=True)
class Agents:
    """The agents among the spans of one request, for spans that name none themselves."""

    _parents: dict[tuple[str, str], str] = field(default_factory=dict)
    _names: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, reading: SpanReading) -> None:
        """Remember whose child a span is, and whether it is an agent's."""
        place = (reading.span.trace_id, reading.span.span_id)
        self._parents[place] = reading.parent_id
        name = conventions.agent_name(reading.attributes)
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


def derive(
    reading: SpanReading, span_hash: bytes, masking: Masking, agents: Agents, sitting: Sitting
) -> Prepared | None:
    """Return the event that a span amounts to, None when it is no action.

    `span_hash` is the leaf hash of the span record; `sitting` knows what of the span was masked for that.
    """
    kind, masker = conventions.event_type(reading.attributes), masking.masker
    if kind is None:
        return None
    shown, received = reading.shown, reading.received
    disclosures: dict[str, str] = {}
    statement: Statement = {
        "type": kind,
        "time_us": reading.span.end_ns // _NS_PER_US,
        "origin": DERIVED,
        "signed": False,
        "observer": "span",
        **_span_fields(reading),
        **_texts(reading, shown, agents),
        "mask.policy": masking.policy_digest,
        "mask.key_id": masking.key_id,
        "source.scope": reading.scope[:MAX_TEXT_CHARS],
        "source.span_hash": to_base64(span_hash),
    }
    if reading.hits:
        statement["mask.hits"] = {f"attributes:{kind}": n for kind, n in reading.hits.items()}
    _add_outcome(shown, statement, disclosures)
    _add_identity(reading, shown, masker, statement, disclosures)
    values = _Values(masker, sitting, statement, disclosures)
    values.add("params", conventions.params(received))
    values.add("result", conventions.result(received))
    uri = conventions.text(shown.attributes, "mcp.resource.uri")
    if uri:
        disclosures["resource.uri"] = uri
    return Prepared(statement, disclosures)


def _span_fields(reading: SpanReading) -> Statement:
    span = reading.span
    fields: Statement = {
        "action.id": conventions.action_id(span.trace_id, span.span_id),
        "trace.id": span.trace_id,
        "span.id": span.span_id,
        "span.kind": reading.kind,
        "span.start_us": span.start_ns // _NS_PER_US,
        "span.end_us": span.end_ns // _NS_PER_US,
    }
    if reading.parent_id:
        fields["span.parent_id"] = reading.parent_id
    return fields


def _texts(reading: SpanReading, shown: SpanFacts, agents: Agents) -> Statement:
    found: Statement = dict(conventions.texts(shown))
    if "agent.name" not in found and (agent := agents.above(reading)):
        found["agent.name"] = agent
    return {**found, "agent.basis": "asserted"} if "agent.name" in found else found


def _add_outcome(shown: SpanFacts, statement: Statement, disclosures: dict[str, str]) -> None:
    failure = conventions.failure(shown)
    statement["outcome"] = "success" if failure is None else "failure"
    if failure is None:
        return
    if failure.message:
        disclosures["error.message"] = failure.message[:MAX_MESSAGE_CHARS]
    if failure.type:
        statement["error.type"] = failure.type


def _add_identity(
    reading: SpanReading,
    shown: SpanFacts,
    masker: Masker,
    statement: Statement,
    disclosures: dict[str, str],
) -> None:
    statement.update(conventions.client(shown))
    keys = conventions.user_keys(shown.scope)
    user = conventions.text(shown.attributes, *keys)
    if user is None:
        return
    named = (key for key in keys if conventions.text(shown.attributes, key) is not None)
    raw = reading.span.attributes[next(named)]
    disclosures["principal.id"] = user
    statement["principal.basis"] = "asserted"
    digest = masker.digest("principal", f"\x1f{raw}".encode())
    if digest is not None:
        statement["principal.ref"] = digest


@dataclass(frozen=True, slots=True)
class _Values:
    """Puts arguments and result into an event."""

    masker: Masker
    sitting: Sitting
    statement: Statement
    disclosures: dict[str, str]

    def add(self, name: str, received: object) -> None:
        """State size and keyed digest of a value before masking; disclose it masked, or its preview."""
        if received is None:
            return
        value = conventions.loaded(received)
        measured = measure(value)
        if measured is None:
            return
        self.statement[f"{name}.size_bytes"] = measured.size_bytes
        digest = self.masker.digest(name, measured.canonical)
        if digest is not None:
            self.statement[f"{name}.digest"] = digest
        shown, is_preview = fit(value, measured.size_bytes, MAX_VALUE_BYTES)
        if is_preview:
            self.statement[f"{name}.truncated"] = True
        masked = self._masked_before(received, value) if shown is value else None
        masked = masked or self.masker.mask(shown, sitting=self.sitting)
        if masked.hits:
            hits = self.statement.setdefault("mask.hits", {})
            hits.update({f"{name}:{kind}": count for kind, count in masked.hits.items()})
        self.disclosures[name] = orjson.dumps(masked.value).decode()

    def _masked_before(self, received: object, value: object) -> Masked | None:
        """Return what was made of the same document where it stood in the span as a text."""
        if not isinstance(received, str) or value is received:
            return None
        return self.masker.masked_document(received, self.sitting)

"""Foreign spans: everything in them that is text is masked, then stored, and read as an event if it is one.

A foreign span is the word of somebody who signs nothing. Names, attributes, events, links, resource
and status message pass the masking engine before anything is kept; ids, times and numbers of OTLP
itself stay. One bad span never costs another.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from tallystick.masking import Masked, Sitting
from tallystick.profile import MAX_INTEGER, encode
from tallystick.recording.masked import Masking
from tallystick.tlog.tree import leaf_hash
from tallystick_ingest import verdict
from tallystick_ingest.derivation import Agents, SpanReading, derive
from tallystick_ingest.masked import MaskedSpan
from tallystick_ingest.otlp.signals import Attributes, SpanGroup, SpanItem
from tallystick_ingest.verdict import Refusal
from tallystick_store.rows import SpanRow

OWN_SCOPE: Final = "tallystick"
"""Spans of our own SDK accompany records that say more: they are stored and not read as events."""

_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"(?!0{16})[0-9a-f]{16}")
_NO_PARENT: Final = ("", "0" * 16)
_MAX_TIME_NS: Final = MAX_INTEGER * 1_000
"""Times stand in signed bytes as microseconds below 2^53."""


@dataclass(frozen=True, slots=True)
class _Group:
    """What the spans of one resource and scope share, masked."""

    resource: str
    service: str
    scope: str
    scope_version: str
    hits: Mapping[str, int]


@dataclass(slots=True)
class Values:
    """Masks the values of one request: what comes back is masked once."""

    masking: Masking
    sitting: Sitting = field(default_factory=Sitting)
    _texts: dict[str, Masked] = field(default_factory=dict)

    def mask(self, value: Any, hits: Counter[str]) -> Any:  # noqa: ANN401 - any JSON value
        """Return a value masked, and count what was found."""
        if not value:
            return value
        masked = self.masking.masker.mask(value, sitting=self.sitting)
        if masked.hits:
            hits.update(masked.hits)
        return masked.value

    def text(self, text: str, hits: Counter[str]) -> str:
        """Return a text masked, and count what was found; the names of spans come back."""
        if not text:
            return ""
        known = self._texts.get(text)
        if known is None:
            known = self._texts[text] = self.masking.masker.mask_text(text)
        if known.hits:
            hits.update(known.hits)
        return str(known.value)

    def attributes(self, attributes: Attributes, hits: Counter[str]) -> Attributes:
        """Return attributes masked, and count what was found; withheld ones say so."""
        masked = self.mask(attributes, hits)
        return masked if isinstance(masked, dict) else {"withheld": masked}


def mask_spans(
    groups: Sequence[SpanGroup], masking: Masking
) -> tuple[tuple[MaskedSpan, ...], tuple[Refusal, ...]]:
    """Mask every span of a request; about 100 µs for each KiB of text."""
    agents, refusals, values = Agents(), list[Refusal](), Values(masking)
    readings = list(_readings(groups, values, agents, refusals))
    return tuple(_masked_span(*one, values, agents) for one in readings), tuple(refusals)


def _readings(
    groups: Sequence[SpanGroup], values: Values, agents: Agents, refusals: list[Refusal]
) -> Iterator[tuple[SpanReading, _Group]]:
    for group in groups:
        shared = _mask_group(group, values)
        for span in group.spans:
            fault = _fault(span)
            if fault:
                refusals.append(Refusal(verdict.SPAN_INVALID, fault))
                continue
            reading = _mask_span(span, shared, values)
            agents.add(reading)
            yield reading, shared


def _masked_span(reading: SpanReading, group: _Group, values: Values, agents: Agents) -> MaskedSpan:
    row = _row(reading, group)
    is_own = reading.scope == OWN_SCOPE or reading.scope.startswith(f"{OWN_SCOPE}.")
    if is_own:
        return MaskedSpan(row, None)
    return MaskedSpan(row, derive(reading, row.leaf_hash, values.masking, agents, values.sitting))


def _fault(span: SpanItem) -> str:
    """Say what is wrong with a span; empty when nothing is."""
    if not _TRACE_ID.fullmatch(span.trace_id):
        return "a trace_id is not 16 bytes, or all zero"
    if not _SPAN_ID.fullmatch(span.span_id):
        return "a span_id is not 8 bytes, or all zero"
    if span.parent_id not in _NO_PARENT and not _SPAN_ID.fullmatch(span.parent_id):
        return "a parent_span_id is not 8 bytes"
    if max(span.start_ns, span.end_ns) > _MAX_TIME_NS:
        return "a time lies beyond the year 2255"
    return ""


def _mask_group(group: SpanGroup, values: Values) -> _Group:
    hits: Counter[str] = Counter()
    resource = values.mask(group.resource, hits)
    service = resource.get("service.name", "") if isinstance(resource, dict) else ""
    return _Group(
        resource=_json_text(resource),
        service=service if isinstance(service, str) else "",
        scope=values.text(group.scope, hits),
        scope_version=values.text(group.scope_version, hits),
        hits=hits,
    )


def _mask_span(span: SpanItem, group: _Group, values: Values) -> SpanReading:
    hits: Counter[str] = Counter(group.hits)
    return SpanReading(
        span=span,
        name=values.text(span.name, hits),
        status_message=values.text(span.status_message, hits),
        attributes=values.attributes(span.attributes, hits),
        events=tuple(
            {
                "attributes": values.mask(one.attributes, hits),
                "name": values.text(one.name, hits),
                "time_ns": str(one.time_ns),
            }
            for one in span.events
        ),
        links=tuple(
            {
                "attributes": values.mask(one.attributes, hits),
                "span_id": one.span_id if _SPAN_ID.fullmatch(one.span_id) else "",
                "trace_id": one.trace_id if _TRACE_ID.fullmatch(one.trace_id) else "",
            }
            for one in span.links
        ),
        service=group.service,
        scope=group.scope,
        hits=dict(sorted(hits.items())),
    )


def _row(reading: SpanReading, group: _Group) -> SpanRow:
    """Print the span record (docs/spec/log.md) beside what its columns hold."""
    span = reading.span
    columns: dict[str, str | int] = {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": reading.parent_id,
        "name": reading.name,
        "kind": span.kind,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "status": span.status,
        "service": group.service,
        "scope": group.scope,
    }
    record = encode(
        {
            **columns,
            "attributes": _json_text(reading.attributes),
            "end_ns": str(span.end_ns),
            "events": _json_text(reading.events),
            "hits": dict(reading.hits),
            "links": _json_text(reading.links),
            "resource": group.resource,
            "scope_version": group.scope_version,
            "start_ns": str(span.start_ns),
            "status_message": reading.status_message,
        }
    )
    return SpanRow(record, leaf_hash(record), columns)


def _json_text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()

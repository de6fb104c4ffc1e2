"""Foreign spans: everything in them that is text is masked, then stored, and read as an event if it is one.

A foreign span is the word of somebody who signs nothing. Names, attributes, events, links, resource
and status message pass the masking engine before anything is kept; ids, times and numbers of OTLP
itself stay. One bad span never costs another.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from tallystick.masking import Masker
from tallystick.profile import MAX_INTEGER, encode
from tallystick.recording.masked import Masking
from tallystick_ingest import verdict
from tallystick_ingest.admission import MaskedSpan
from tallystick_ingest.derivation import Agents, SpanReading, derive
from tallystick_ingest.otlp.signals import SpanGroup, SpanItem
from tallystick_ingest.verdict import Refusal

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


def mask_spans(
    groups: Sequence[SpanGroup], masking: Masking
) -> tuple[tuple[MaskedSpan, ...], tuple[Refusal, ...]]:
    """Mask every span of a request; about 100 µs for each KiB of text."""
    agents, refusals = Agents(), list[Refusal]()
    readings = list(_readings(groups, masking.masker, agents, refusals))
    return tuple(_masked_span(*one, masking, agents) for one in readings), tuple(refusals)


def _readings(
    groups: Sequence[SpanGroup], masker: Masker, agents: Agents, refusals: list[Refusal]
) -> Iterator[tuple[SpanReading, _Group]]:
    for group in groups:
        shared = _mask_group(group, masker)
        for span in group.spans:
            fault = _fault(span)
            if fault:
                refusals.append(Refusal(verdict.SPAN_INVALID, fault))
                continue
            reading = _mask_span(span, shared, masker)
            agents.add(reading)
            yield reading, shared


def _masked_span(
    reading: SpanReading, group: _Group, masking: Masking, agents: Agents
) -> MaskedSpan:
    record = _record(reading, group)
    is_own = reading.scope == OWN_SCOPE or reading.scope.startswith(f"{OWN_SCOPE}.")
    derived = None if is_own else derive(reading, record, masking, agents)
    return MaskedSpan(record, reading.span.trace_id, reading.span.span_id, derived)


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


def _mask_group(group: SpanGroup, masker: Masker) -> _Group:
    hits: Counter[str] = Counter()
    resource = _mask(group.resource, masker, hits)
    service = resource.get("service.name", "") if isinstance(resource, dict) else ""
    return _Group(
        resource=_json_text(resource),
        service=service if isinstance(service, str) else "",
        scope=_mask_text(group.scope, masker, hits),
        scope_version=_mask_text(group.scope_version, masker, hits),
        hits=hits,
    )


def _mask_span(span: SpanItem, group: _Group, masker: Masker) -> SpanReading:
    hits: Counter[str] = Counter()
    attributes = _mask(span.attributes, masker, hits)
    return SpanReading(
        span=span,
        name=_mask_text(span.name, masker, hits),
        status_message=_mask_text(span.status_message, masker, hits),
        attributes=attributes if isinstance(attributes, dict) else {"withheld": attributes},
        events=tuple(
            {
                "attributes": _mask(one.attributes, masker, hits),
                "name": _mask_text(one.name, masker, hits),
                "time_ns": str(one.time_ns),
            }
            for one in span.events
        ),
        links=tuple(
            {
                "attributes": _mask(one.attributes, masker, hits),
                "span_id": one.span_id if _SPAN_ID.fullmatch(one.span_id) else "",
                "trace_id": one.trace_id if _TRACE_ID.fullmatch(one.trace_id) else "",
            }
            for one in span.links
        ),
        service=group.service,
        scope=group.scope,
        hits=dict(sorted((hits + Counter(group.hits)).items())),
    )


def _record(reading: SpanReading, group: _Group) -> bytes:
    """Print the span record (docs/spec/log.md)."""
    span = reading.span
    return encode(
        {
            "attributes": _json_text(reading.attributes),
            "end_ns": str(span.end_ns),
            "events": _json_text(reading.events),
            "hits": dict(reading.hits),
            "kind": span.kind,
            "links": _json_text(reading.links),
            "name": reading.name,
            "parent_id": reading.parent_id,
            "resource": group.resource,
            "scope": group.scope,
            "scope_version": group.scope_version,
            "service": group.service,
            "span_id": span.span_id,
            "start_ns": str(span.start_ns),
            "status": span.status,
            "status_message": reading.status_message,
            "trace_id": span.trace_id,
        }
    )


def _mask(value: Any, masker: Masker, hits: Counter[str]) -> Any:  # noqa: ANN401 - any JSON value
    if not value:
        return value
    masked = masker.mask(value)
    hits.update(masked.hits)
    return masked.value


def _mask_text(text: str, masker: Masker, hits: Counter[str]) -> str:
    return str(_mask(text, masker, hits)) if text else ""


def _json_text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()

"""Foreign logs: OTLP log records of others, masked and kept as events of the service's own session.

Like a span, a log record is the word of somebody who signs nothing (`origin` derived, `signed` false). Its body,
attributes and resource stand in disclosures, where they can be erased; ids, time, severity and the name of
the event stand in the statement. Events of OpenTelemetry's `gen_ai.*` are such records. One bad record
never costs another.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson

from tallystick.event import Statement
from tallystick.profile import MAX_INTEGER
from tallystick.recording.masked import MAX_DISCLOSURE_TEXT_BYTES, Masking
from tallystick.recording.payload import fit, measure
from tallystick.tracing import conventions
from tallystick.tracing.conventions import MAX_TEXT_CHARS
from tallystick_ingest import verdict
from tallystick_ingest.derivation import MAX_VALUE_BYTES
from tallystick_ingest.foreign import Values
from tallystick_ingest.masked import MaskedLog
from tallystick_ingest.otlp.signals import LogDetails, LogItem
from tallystick_ingest.prepared import DERIVED, Prepared
from tallystick_ingest.verdict import Refusal

LOG_TYPE: Final = "otlp.log"
MAX_SEVERITY: Final = 24
"""FATAL4, the largest of OTLP."""
_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"(?!0{16})[0-9a-f]{16}")
_NO_TRACE: Final = ("", "0" * 32)
_NO_SPAN: Final = ("", "0" * 16)
_NS_PER_US: Final = 1_000
_TEXTS: Final = {
    "agent.name": ("gen_ai.agent.name",),
    "conversation.id": ("gen_ai.conversation.id", "session.id"),
}
"""What of the attributes a reader asks by -> where it stands."""


def mask_logs(
    items: Sequence[LogItem], masking: Masking, now_us: int
) -> tuple[tuple[MaskedLog, ...], tuple[Refusal, ...]]:
    """Mask the records of others among `items`; a record that states no time is of `now_us`."""
    values, refusals, kept = Values(masking), list[Refusal](), list[MaskedLog]()
    for item in items:
        if item.details is None:
            continue
        fault = _fault(item.details)
        if fault:
            refusals.append(Refusal(verdict.LOG_INVALID, fault))
        else:
            kept.append(_masked_log(item, item.details, values, now_us))
    return tuple(kept), tuple(refusals)


def _fault(log: LogDetails) -> str:
    """Say what is wrong with a log record; empty when nothing is."""
    if not 0 <= log.severity <= MAX_SEVERITY:
        return f"a severity number is beyond {MAX_SEVERITY}"
    if log.time_ns > MAX_INTEGER * _NS_PER_US:
        return "a time lies beyond the year 2255"
    return ""


def _masked_log(item: LogItem, log: LogDetails, values: Values, now_us: int) -> MaskedLog:
    hits: dict[str, int] = {}
    said = _said(item, log, values, hits)
    disclosures = {
        name: text
        for name, value in (
            ("otlp.body", log.body),
            ("attributes", log.attributes),
            ("otlp.resource", log.resource),
        )
        if value not in (None, "", {}) and (text := _disclosed(name, value, values, said, hits))
    }
    masking, digest = values.masking, _digest(item, log, values)
    statement: Statement = {
        "type": LOG_TYPE,
        "time_us": log.time_ns // _NS_PER_US or now_us,
        "origin": DERIVED,
        "signed": False,
        **said,
        "mask.policy": masking.policy_digest,
        "mask.key_id": masking.key_id,
        "otlp.digest": digest,
    }
    if hits:
        statement["mask.hits"] = dict(sorted(hits.items()))
    return MaskedLog(digest, Prepared(statement, disclosures))


def _said(item: LogItem, log: LogDetails, values: Values, hits: dict[str, int]) -> Statement:
    """Return what stands in the statement, masked; what nobody said is absent."""
    service = log.resource.get("service.name")
    texts = {
        "otlp.event_name": item.event_name,
        "otlp.severity_text": log.severity_text,
        "source.scope": log.scope,
        "service.name": service if isinstance(service, str) else "",
        **{name: conventions.text(log.attributes, *keys) for name, keys in _TEXTS.items()},
    }
    said: Statement = {
        name: _masked(name, text, values, hits)[:MAX_TEXT_CHARS]
        for name, text in texts.items()
        if text
    }
    if "agent.name" in said:
        said["agent.basis"] = "asserted"
    if log.severity:
        said["otlp.severity"] = log.severity
    said.update(_place(log))
    return said


def _place(log: LogDetails) -> Statement:
    """Return trace and span; an id that is none places the record nowhere, as logs.proto asks of receivers."""
    has_trace = _TRACE_ID.fullmatch(log.trace_id) is not None
    has_span = _SPAN_ID.fullmatch(log.span_id) is not None
    place: Statement = {"trace.id": log.trace_id} if has_trace else {}
    if has_trace and has_span:
        place["span.id"] = log.span_id
    is_trace_wrong = not has_trace and log.trace_id not in _NO_TRACE
    if is_trace_wrong or (not has_span and log.span_id not in _NO_SPAN):
        place["otlp.ids_invalid"] = True
    return place


def _disclosed(
    name: str,
    value: Any,  # noqa: ANN401 - any JSON value
    values: Values,
    said: Statement,
    hits: dict[str, int],
) -> str:
    """Return a value as the masked JSON text of a disclosure; a preview of one that is too large."""
    measured = measure(value)
    if measured is None:
        return ""
    shown, is_preview = fit(value, measured.size_bytes, MAX_VALUE_BYTES)
    text = orjson.dumps(_masked(name, shown, values, hits))
    if is_preview or len(text) > MAX_DISCLOSURE_TEXT_BYTES:
        said["otlp.truncated"] = True
    return text.decode() if len(text) <= MAX_DISCLOSURE_TEXT_BYTES else ""


def _masked(name: str, value: Any, values: Values, hits: dict[str, int]) -> Any:  # noqa: ANN401 - any JSON value
    found: Counter[str] = Counter()
    masked = values.mask(value, found)
    for kind, times in found.items():
        hits[f"{name}:{kind}"] = hits.get(f"{name}:{kind}", 0) + times
    return masked


def _digest(item: LogItem, log: LogDetails, values: Values) -> str:
    """Return the keyed digest of everything that the record said: equal for a repetition alone."""
    measured = measure({"event_name": item.event_name, **asdict(log)})
    canonical = measured.canonical if measured else repr((item, log)).encode()
    return values.masking.masker.digest(LOG_TYPE, canonical) or ""

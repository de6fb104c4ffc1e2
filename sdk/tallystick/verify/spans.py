"""Step 12: OTLP spans that contradict what signed events say about the same span.

A signed event that ends a call states its span's times, outcome and, through tool and method, its
name (`docs/spec/record.md`). A span record with the same ids and other values is listed; spans are
a best-effort signal, so it is worth knowing and no fault of the log.
"""

import hashlib
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from tallystick.event import Statement
from tallystick.profile import JsonValue
from tallystick.verify.finding import Findings, Place

_SPAN_PACK: Final = struct.Struct(">q24s8sqqq")
_SPAN_ID_BYTES: Final = 24
_NS_PER_US: Final = 1000
_STATUS_UNKNOWN: Final = -1
_STATUS_GOOD: Final = 0
_STATUS_ERROR: Final = 2
"""OTLP status code; 0 and 1 both mean that nothing failed."""
_SPAN_FIELDS: Final = frozenset(
    ("trace.id", "span.id", "span.start_us", "span.end_us", "tool.name")
)
_STATUS_OF_OUTCOME: Final = {
    "success": _STATUS_GOOD,
    "failure": _STATUS_ERROR,
    "timeout": _STATUS_ERROR,
}


class PackedSpan(NamedTuple):
    """What is compared of one span; the name as the start of its SHA-256."""

    log_index: int
    ids: bytes
    name: bytes
    start_us: int
    end_us: int
    status: int


def span_name(statement: Statement) -> str:
    """Return the name of the span that a statement describes."""
    return f"{statement.get('mcp.method', 'execute_tool')} {statement.get('tool.name', '')}"


def pack_signed_span(log_index: int, statement: Statement) -> bytes:
    """Return what an event says about its span; nothing when it does not state the whole span."""
    if statement["origin"] != "native" or not statement.keys() >= _SPAN_FIELDS:
        return b""
    ids = _span_ids(statement["trace.id"], statement["span.id"])
    return _SPAN_PACK.pack(
        log_index,
        ids,
        _span_name_hash(span_name(statement)),
        statement["span.start_us"],
        statement["span.end_us"],
        _STATUS_OF_OUTCOME.get(statement.get("outcome", ""), _STATUS_UNKNOWN),
    )


def pack_span_record(log_index: int, span: dict[str, JsonValue]) -> bytes:
    """Return what a span record says about itself."""
    return _SPAN_PACK.pack(
        log_index,
        _span_ids(span["trace_id"], span["span_id"]),
        _span_name_hash(span["name"]),
        int(span["start_ns"]) // _NS_PER_US,
        int(span["end_ns"]) // _NS_PER_US,
        _STATUS_ERROR if span["status"] == _STATUS_ERROR else _STATUS_GOOD,
    )


def check_spans(signed_spans: bytearray, span_records: bytearray, findings: Findings) -> None:
    """List every span record that contradicts a signed event."""
    received: dict[bytes, list[PackedSpan]] = {}
    for span in _unpack_spans(span_records):
        received.setdefault(span.ids, []).append(span)
    findings.count(12, "span records", len(span_records) // _SPAN_PACK.size)
    for signed in _unpack_spans(signed_spans):
        for span in received.get(signed.ids, ()):
            findings.count(12, "compared with signed events")
            _compare_spans(signed, span, findings)


def _compare_spans(signed: PackedSpan, span: PackedSpan, findings: Findings) -> None:
    differing = [
        what
        for what, differs in (
            ("start", signed.start_us != span.start_us),
            ("end", signed.end_us != span.end_us),
            ("name", signed.name != span.name),
            ("status", signed.status not in (_STATUS_UNKNOWN, span.status)),
        )
        if differs
    ]
    if differing:
        findings.notice(
            12,
            f"a span contradicts the signed event at log index {signed.log_index}: "
            f"another {', '.join(differing)}",
            Place(log_index=span.log_index),
        )


def _unpack_spans(packed: bytearray) -> Iterator[PackedSpan]:
    return map(PackedSpan._make, _SPAN_PACK.iter_unpack(packed))


def _span_ids(trace_id: str, span_id: str) -> bytes:
    """Return both ids as 24 bytes; a hash of them where they are not 16 and 8 bytes in hex."""
    try:
        ids = bytes.fromhex(trace_id + span_id)
    except ValueError:
        ids = b""
    if len(ids) != _SPAN_ID_BYTES:
        return hashlib.sha256(f"{trace_id} {span_id}".encode()).digest()[:_SPAN_ID_BYTES]
    return ids


@lru_cache(maxsize=1024)
def _span_name_hash(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:8]

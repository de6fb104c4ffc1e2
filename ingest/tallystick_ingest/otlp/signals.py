"""What an OTLP request says, in plain values: the same whether it came as protobuf or as JSON."""

from dataclasses import dataclass
from typing import Any

Attributes = dict[str, Any]
"""Attribute values as JSON knows them: str, int, float, bool, None, and lists and dicts of these.

Bytes that are UTF-8 text become that text, so that it is masked like any other; other bytes become
`[<n> bytes]`: what cannot be masked is withheld.
"""


@dataclass(frozen=True, slots=True)
class LogItem:
    """One LogRecord; `body` is None when the body is anything but a string."""

    event_name: str
    body: str | None


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """One event of a span."""

    name: str
    time_ns: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class SpanLink:
    """One link of a span; the ids are hex."""

    trace_id: str
    span_id: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class SpanItem:
    """One span; ids are lower-case hex as they came, not yet checked for length."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    status_message: str
    attributes: Attributes
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]


@dataclass(frozen=True, slots=True)
class SpanGroup:
    """The spans of one resource and one instrumentation scope."""

    resource: Attributes
    scope: str
    scope_version: str
    spans: tuple[SpanItem, ...]


def bytes_value(data: bytes) -> str:
    """Return a bytes attribute as text, or only its size when it is no text."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return f"[{len(data)} bytes]"

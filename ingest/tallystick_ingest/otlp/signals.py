"""What an OTLP request says, in plain values: the same whether it came as protobuf or as JSON."""

import re
from dataclasses import dataclass
from typing import Any, Final

from tallystick.tlog.seal import SEAL_HEADER

Attributes = dict[str, Any]
"""Attribute values as JSON knows them: str, int, float, bool, None, and lists and dicts of these.

Bytes that are UTF-8 text become that text, so that it is masked like any other; other bytes become
`[<n> bytes]`: what cannot be masked is withheld.
"""


OUR_NAME: Final = "tallystick"
"""The scope in which an emitter of ours sends, and the beginning of its events' names."""


_OUR_BODY: Final = re.compile(rf"{re.escape(SEAL_HEADER)}\n|\{{\"[^\n]*\"v\":1\}}(?:\n|$)")
"""How a seal begins, and how the first line of a record ends (docs/spec)."""


@dataclass(frozen=True, slots=True)
class LogDetails:
    """What a LogRecord of somebody else says; ids are lower-case hex as they came, not yet checked."""

    time_ns: int
    """When it happened, else when it was observed, else 0."""
    severity: int
    severity_text: str
    body: Any
    """As JSON knows it; None where there is none."""
    attributes: Attributes
    trace_id: str
    span_id: str
    resource: Attributes
    scope: str


@dataclass(frozen=True, slots=True)
class LogItem:
    """One LogRecord; `body` is None when the body is anything but a string."""

    event_name: str
    body: str | None
    details: LogDetails | None = None
    """All else that it says; None for one that claims to be a record of ours."""


def claims_to_be_ours(scope: str, event_name: str, body: str | None) -> bool:
    """Whether a LogRecord is to be read as a record of Tallystick: whatever it is then, it is no other log.

    A record of ours that lost scope and name on its way is told by its body: its sender is to hear that it was
    not kept, and sends it again.
    """
    if scope == OUR_NAME or event_name.startswith(f"{OUR_NAME}."):
        return True
    return body is not None and _OUR_BODY.match(body) is not None


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

"""The span record: somebody else's span as the service stores it, and what its columns follow from.

A span is a best-effort signal. Its record is profile JSON with the keys of SPAN_KEYS
(`docs/spec/log.md`); its leaf hash shows that the service has not changed it since, and nothing
about its source. Standard library only: the offline verifier reads span records too.
"""

from typing import Final

from tallystick.errors import RecordError, VerificationError
from tallystick.profile import JsonValue, decode
from tallystick.tlog.encoding import from_decimal

SPAN_KEYS: Final = {
    "attributes": str,
    "end_ns": str,
    "events": str,
    "hits": dict,
    "kind": int,
    "links": str,
    "name": str,
    "parent_id": str,
    "resource": str,
    "scope": str,
    "scope_version": str,
    "service": str,
    "span_id": str,
    "start_ns": str,
    "status": int,
    "status_message": str,
    "trace_id": str,
}
"""Every key of a span record with its type; none may be missing."""

SPAN_COLUMNS: Final = (
    "trace_id",
    "span_id",
    "parent_id",
    "name",
    "kind",
    "start_ns",
    "end_ns",
    "status",
    "service",
    "scope",
)
"""The keys that are columns of the store, in its order."""

_SPAN_TIMES: Final = ("start_ns", "end_ns")


def parse_span(record: bytes) -> dict[str, JsonValue]:
    """Read a span record strictly; raise RecordError for other bytes than its one spelling."""
    value = decode(record)
    if not isinstance(value, dict) or {k: type(v) for k, v in value.items()} != SPAN_KEYS:
        raise RecordError(
            f"this is not a span record: expected an object with the keys {', '.join(SPAN_KEYS)}"
        )
    for name in _SPAN_TIMES:
        _span_time(value[name])
    return value


def span_columns(span: dict[str, JsonValue]) -> dict[str, str | int]:
    """Return every store column as a function of a span record that parse_span read."""
    return {
        name: _span_time(span[name]) if name in _SPAN_TIMES else span[name] for name in SPAN_COLUMNS
    }


def _span_time(text: str) -> int:
    try:
        return from_decimal(text, "the time of a span")
    except VerificationError as error:
        raise RecordError(str(error)) from error

"""The span record: somebody else's span as the service stores it, and what its columns follow from.

A span is a best-effort signal. Its record is profile JSON with the keys of SPAN_KEYS
(`docs/spec/log.md`); its leaf hash shows that the service has not changed it since, and nothing
about its source. Standard library only: the offline verifier reads span records too.
"""

from typing import Final

from tallystick.errors import RecordError, VerificationError
from tallystick.profile import JsonValue, decode
from tallystick.tlog.encoding import from_base64, from_decimal, to_base64
from tallystick.tlog.tree import leaf_hash, require_hash

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

SPAN_WORDS: Final = ("name", "service", "scope")
"""Columns that say something in words of the span's emitter; an erasure takes them too."""

_ERASED_RECORD: Final = "erased:"
"""No span record begins like this: it is a JSON object."""
_SPAN_TIMES: Final = ("start_ns", "end_ns")


def erased_record(leaf: bytes) -> str:
    """Return what stands for a span record that was erased: its leaf hash alone."""
    return _ERASED_RECORD + to_base64(leaf)


def leaf_of_record(text: str) -> bytes:
    """Return the leaf hash of a span record, or the one that stands for it."""
    return leaf_of_erased(text) or leaf_hash(text.encode())


def leaf_of_erased(text: str) -> bytes | None:
    """Return the leaf hash that stands for a span record that was erased; None for any other text."""
    if not text.startswith(_ERASED_RECORD):
        return None
    try:
        leaf = from_base64(text.removeprefix(_ERASED_RECORD), "the leaf hash of an erased span")
        require_hash(leaf, "the leaf hash of an erased span")
    except VerificationError:
        return None
    return leaf


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

"""One entry of the tenant log: what the service accepted, from whom and when, by hash alone.

    {"by":"key-7","h":"<base64>","k":"event","rx_us":1796213472000000}

Profile JSON of at most MAX_LOG_ENTRY_BYTES (`docs/spec/log.md`). An entry holds no personal data, so
that entries and tiles may be mirrored by anybody. The leaf of the tenant's tree is leaf(entry).
"""

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from tallystick.errors import RecordError, VerificationError
from tallystick.profile import decode, encode
from tallystick.tlog.encoding import from_base64, to_base64
from tallystick.tlog.tree import require_hash

EntryKind: TypeAlias = Literal["event", "seal", "spans"]

ENTRY_KINDS: tuple[EntryKind, ...] = get_args(EntryKind)

MAX_LOG_ENTRY_BYTES = 1024

_ENTRY_KEYS = {"by": str, "h": str, "k": str, "rx_us": int}
_ENTRY_SPANS_KEYS = {**_ENTRY_KEYS, "n": int}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: `content_hash` is leaf(statement), leaf(seal body) or the root of a span batch."""

    kind: EntryKind
    sender: str
    content_hash: bytes
    rx_us: int
    span_count: int | None = None
    """Number of span records; None for the other kinds."""

    @property
    def encoded(self) -> bytes:
        """The exact bytes of the entry."""
        return encode_entry(self)

    @property
    def leaf_hash(self) -> bytes:
        """The entry's leaf in the tenant's tree."""
        return hashlib.sha256(b"\x00" + encode_entry(self)).digest()


def encode_entry(entry: Entry) -> bytes:
    """Return the one spelling of an entry; raise VerificationError for one that nobody could read."""
    value = {
        "by": entry.sender,
        "h": to_base64(entry.content_hash),
        "k": entry.kind,
        "rx_us": entry.rx_us,
    }
    if entry.span_count is not None:
        value["n"] = entry.span_count
    _entry_check(entry)
    encoded = encode(value)
    if len(encoded) > MAX_LOG_ENTRY_BYTES:
        raise VerificationError(
            f"a log entry is too long: expected at most {MAX_LOG_ENTRY_BYTES} bytes, "
            f"got {len(encoded)}; shorten the sender's id"
        )
    return encoded


def parse_entry(data: bytes) -> Entry:
    """Read an entry from exactly the bytes that encode_entry prints; raise VerificationError."""
    if len(data) > MAX_LOG_ENTRY_BYTES:
        raise VerificationError(
            f"a log entry is too long: expected at most {MAX_LOG_ENTRY_BYTES} bytes, "
            f"got {len(data)}"
        )
    try:
        value = decode(data)
    except RecordError as error:
        raise VerificationError(f"a log entry is not profile JSON: {error}") from error
    keys = _ENTRY_SPANS_KEYS if isinstance(value, dict) and "n" in value else _ENTRY_KEYS
    if not isinstance(value, dict) or {name: type(item) for name, item in value.items()} != keys:
        raise VerificationError(
            "a log entry has other keys or types: expected by, h, k, rx_us, and n for spans"
        )
    content_hash = from_base64(value["h"], "the hash of a log entry")
    entry = Entry(value["k"], value["by"], content_hash, value["rx_us"], value.get("n"))
    _entry_check(entry)
    return entry


def _entry_check(entry: Entry) -> None:
    require_hash(entry.content_hash, "the hash of a log entry")
    if entry.kind not in ENTRY_KINDS:
        raise VerificationError(
            f"a log entry is of unknown kind {str(entry.kind)[:32]!r}: "
            f"expected one of {', '.join(ENTRY_KINDS)}"
        )
    if (entry.kind == "spans") != (entry.span_count is not None):
        raise VerificationError("a log entry counts spans: expected n for kind spans and no other")
    if entry.rx_us < 0 or (entry.span_count is not None and entry.span_count < 1):
        raise VerificationError(
            f"a log entry has a number out of range: rx_us {entry.rx_us}, n {entry.span_count}"
        )

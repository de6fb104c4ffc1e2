"""What came of a request: what was kept, what was refused and why, in words that do not change."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BODY_NOT_STRING: Final = "body_not_string"
NOT_A_TALLYSTICK_RECORD: Final = "not_a_tallystick_record"
STATEMENT_INVALID: Final = "statement_invalid"
DISCLOSURE_MISMATCH: Final = "disclosure_mismatch"
UNKNOWN_SESSION: Final = "unknown_session"
UNKNOWN_KEY: Final = "unknown_key"
DELEGATION_INVALID: Final = "delegation_invalid"
WRONG_SENDER: Final = "wrong_sender"
SEAL_INVALID: Final = "seal_invalid"
SEAL_SIGNATURE: Final = "seal_signature"
SEAL_MISMATCH: Final = "seal_mismatch"
TOO_LARGE: Final = "too_large"
SPAN_INVALID: Final = "span_invalid"
LOG_INVALID: Final = "log_invalid"
UNDECODABLE: Final = "undecodable"
UNSUPPORTED: Final = "unsupported_media_type"
ENROLMENT_INVALID: Final = "enrolment_invalid"
UNAUTHENTICATED: Final = "unauthenticated"
FORBIDDEN: Final = "forbidden"
TOO_OFTEN: Final = "too_often"

MAX_DETAIL_CHARS: Final = 240


@dataclass(frozen=True, slots=True)
class Refusal:
    """One record that was not kept. `detail` is for its sender alone and is stored nowhere."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one request; everything in it is durable when this is read."""

    kept: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refusals: tuple[Refusal, ...] = ()
    service_size: int = 0
    """Size of the service's own session with what this request made it say."""
    warning: str = ""
    """What the sender should know although nothing was refused."""
    opened: tuple[tuple[str, str], ...] = ()
    """Sessions that the request opened, each with the vkey that seals them."""


def counts(refusals: Sequence[Refusal]) -> dict[str, int]:
    """Count refusals by reason, in the order of the reasons' names."""
    return dict(sorted(Counter(refusal.reason for refusal in refusals).items()))


def message(refusals: Sequence[Refusal]) -> str:
    """Say in one line what was refused: `3 refused: seal_invalid x1, unknown_session x2 (first: ...)`."""
    if not refusals:
        return ""
    by_reason = ", ".join(f"{reason} x{count}" for reason, count in counts(refusals).items())
    first = refusals[0].detail[:MAX_DETAIL_CHARS]
    return f"{len(refusals)} refused: {by_reason} (first: {first})"

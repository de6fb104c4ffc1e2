"""A shipment: where a request goes, what stands around it, and what the answer to it means."""

import gzip
import re
from dataclasses import dataclass
from typing import Final

from tallystick.errors import ShipError
from tallystick.shipping.client import Answer

PATH: Final = "/v1/logs"
PROTOBUF: Final = "application/x-protobuf"
CHECKPOINT_HEADER: Final = "Tallystick-Checkpoint"
HEADERS: Final = {"Content-Type": PROTOBUF}
GZIP_HEADERS: Final = {**HEADERS, "Content-Encoding": "gzip"}
GZIP_LEVEL: Final = 1
"""Records of one process are much alike: level 1 finds nearly all of that, at a third of the cost."""
REASONS: Final = (
    "body_not_string",
    "not_a_tallystick_record",
    "statement_invalid",
    "disclosure_mismatch",
    "unknown_session",
    "unknown_key",
    "delegation_invalid",
    "wrong_sender",
    "seal_invalid",
    "seal_signature",
    "seal_mismatch",
    "too_large",
)
"""Words with which the service says why it refuses a record."""
OTHER_REASON: Final = "other"
MAX_RETRY_AFTER_S: Final = 600.0

_RETRY: Final = frozenset((408, 429, 500, 502, 503, 504))
"""What OTLP calls retryable, and what a proxy says when the service behind it died."""
_TOO_LARGE: Final = 413
_OK: Final = 200
_HINTS: Final = {
    401: "the API key is missing or unknown; set TALLYSTICK_API_KEY",
    403: "the API key may not send records",
}
_REASON: Final = re.compile("|".join(REASONS))


class RetryLaterError(ShipError):
    """The service is away or busy; `after_s` is what it asked for, None when it did not say."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class HeldError(ShipError):
    """The service refuses the request as such; somebody has to change something."""


class UnwelcomeError(ShipError):
    """The service refuses one session for what only somebody else can change; others may be welcome."""


class TooLargeError(ShipError):
    """The request is over the service's limit."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A 200: how many records of the request were refused, and the service's words about them."""

    rejected: int
    message: str

    @property
    def reason(self) -> str:
        """The first stable word in the message."""
        found = _REASON.search(self.message)
        return found[0] if found else OTHER_REASON

    def mentions(self, *reasons: str) -> bool:
        """Whether one of `reasons` stands in the message."""
        return any(reason in self.message for reason in reasons)


def compressed(request: bytes) -> bytes:
    """Return a request as gzip, for a service on another machine: a third of the cost of sending is this."""
    return gzip.compress(request, GZIP_LEVEL, mtime=0)


def read_answer(answer: Answer) -> Verdict:
    """Say what an answer means for the records sent.

    Only a 200 that is an OTLP response covers anything. Raises RetryLaterError, HeldError, TooLargeError.
    """
    if answer.status == _OK:
        return _read_partial_success(answer)
    raise refusal(answer)


def refusal(answer: Answer) -> ShipError:
    """Return the error that an answer other than 200 stands for."""
    said = f"the service answers {answer.status}"
    if answer.status in _RETRY:
        return RetryLaterError(said, _retry_after_s(answer))
    if answer.status == _TOO_LARGE:
        return TooLargeError(f"{said}: the request is over its limit")
    hint = _HINTS.get(answer.status, "is this the address of a Tallystick service?")
    return HeldError(f"{said}: {hint}")


def _read_partial_success(answer: Answer) -> Verdict:
    if not answer.headers.get("content-type", "").startswith(PROTOBUF):
        raise HeldError(
            "a 200 that is no OTLP response: is this the address of a Tallystick service?"
        )
    if not answer.body:  # how protobuf prints a response of which no field is set
        return Verdict(0, "")
    return _parsed(answer.body)


def _parsed(body: bytes) -> Verdict:
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - slow to import
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
        ExportLogsServiceResponse,
    )

    try:
        partial = ExportLogsServiceResponse.FromString(body).partial_success
    except DecodeError:
        raise HeldError(
            "a 200 whose body is no OTLP response; nothing is taken as acknowledged"
        ) from None
    return Verdict(partial.rejected_log_records, partial.error_message)


def _retry_after_s(answer: Answer) -> float | None:
    stated = answer.headers.get("retry-after", "")
    return min(float(stated), MAX_RETRY_AFTER_S) if stated.isdecimal() else None

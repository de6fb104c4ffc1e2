"""The OTLP addresses: POST /v1/logs, /v1/traces and /v1/metrics, as plain ASGI, with no framework inside.

A 200 goes out only after the future of the request has completed, which is after the commit. What a
sender can get wrong is a 4xx in its own media type; what we cannot do now is a 503 with Retry-After,
which every exporter repeats; nothing is a 500.
"""

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tallystick.errors import AuthenticationError, AuthorizationError
from tallystick_ingest import verdict as words
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.otlp.answer import Answer, Signal, failure, success
from tallystick_ingest.otlp.body import (
    JSON,
    BodyForm,
    MediaType,
    TooLargeError,
    UndecodableError,
    UnsupportedError,
    body_form,
    media_type,
)
from tallystick_ingest.verdict import Verdict, message

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

DRAIN_FACTOR: Final = 4
"""A body over the limit is read on for this many limits, so that its sender gets to see the 413."""

_LOG: Final = logging.getLogger("tallystick.otlp")


class BusyError(Exception):
    """The service cannot take this request now; the message says why. 503."""


class DisconnectedError(Exception):
    """The sender went away before its request was complete; nobody waits for an answer."""


@dataclass(frozen=True, slots=True)
class Received:
    """One authenticated request with its body as it came."""

    caller: Caller
    signal: Signal
    form: BodyForm
    body: bytes


class Intake(Protocol):
    """What the addresses need of the service."""

    max_body_bytes: int

    def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """Return who sends; raise AuthenticationError when nobody vouches for it."""

    def reserve(self, size_bytes: int) -> None:
        """Count bytes in progress; raise BusyError when there are too many, or at the end."""

    def release(self, size_bytes: int) -> None:
        """Give reserved bytes back."""

    async def take(self, received: Received) -> Verdict:
        """Decode, check and keep a request; return once it is durable.

        Raises UndecodableError, TooLargeError or BusyError.
        """

    async def note_refusal(self, refused: "RefusedWhole") -> None:
        """Record that a whole request was refused; raise BusyError when that cannot be kept."""


@dataclass(frozen=True, slots=True)
class RefusedWhole:
    """A request of which nothing was kept. `caller` None: nobody vouched for it."""

    path: str
    reason: str
    caller: Caller | None
    body: bytes | None = None


class OtlpAddress:
    """One OTLP address as an ASGI application."""

    def __init__(self, intake: Intake, signal: Signal) -> None:
        """Serve `signal` on behalf of `intake`."""
        self._intake = intake
        self._signal = signal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = header_map(scope)
        try:
            answer = await self._answer(scope, headers, receive)
        except DisconnectedError:
            return
        except BusyError as busy:
            answer = failure(_answer_type(headers), 503, str(busy))
        except Exception as fault:  # noqa: BLE001 - a 500 would make exporters drop their data
            report_fault(scope["path"], fault)
            answer = failure(_answer_type(headers), 503, "internal fault; send it again")
        await send_answer(send, answer)

    async def _answer(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Answer:
        answered = _answer_type(headers)
        if scope["method"] != "POST":
            return failure(answered, 405, "send OTLP with POST")
        caller, body = None, _Body(self._intake, headers)
        try:
            caller = self._intake.authenticate(headers)
            caller.require("ingest")
            form = body_form(headers.get("content-type", ""), headers.get("content-encoding", ""))
            data = await body.read(receive)
            outcome = await self._intake.take(Received(caller, self._signal, form, data))
        except tuple(_REFUSALS) as error:
            status, reason = _REFUSALS[type(error)]
            refused = RefusedWhole(scope["path"], reason, caller, body.data)
            await self._intake.note_refusal(refused)
            return failure(answered, status, str(error))
        finally:
            body.release()
        refusals = outcome.refusals
        return success(form.media_type, self._signal, len(refusals), message(refusals))


_REFUSALS: Final[dict[type[Exception], tuple[int, str]]] = {
    AuthenticationError: (401, words.UNAUTHENTICATED),
    AuthorizationError: (403, words.FORBIDDEN),
    UnsupportedError: (415, words.UNSUPPORTED),
    TooLargeError: (413, words.TOO_LARGE),
    UndecodableError: (400, words.UNDECODABLE),
}


class _Body:
    """Reads one body, counted against the service's budget as it grows."""

    def __init__(self, intake: Intake, headers: Mapping[str, str]) -> None:
        self._intake = intake
        self._limit = intake.max_body_bytes
        self._reserved = 0
        self.data: bytes | None = None
        """The whole body, once it was read."""
        length = headers.get("content-length", "")
        self._stated = int(length) if length.isascii() and length.isdecimal() else 0

    async def read(self, receive: Receive) -> bytes:
        """Return the whole body; raise TooLargeError over the limit, after reading it to its end."""
        if self._stated <= self._limit:
            self._reserve(self._stated)
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise DisconnectedError
            chunk, more = event.get("body", b""), event.get("more_body", False)
            size += len(chunk)
            if size > self._limit:
                chunks.clear()
                more = more and size < self._limit * DRAIN_FACTOR
            else:
                self._reserve(size - self._reserved)
                chunks.append(chunk)
        if size > self._limit:
            raise TooLargeError(f"the body is larger than {self._limit} bytes: send less at once")
        self.data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        return self.data

    def release(self) -> None:
        """Give back what was reserved."""
        self._intake.release(self._reserved)
        self._reserved = 0

    def _reserve(self, size_bytes: int) -> None:
        if size_bytes > 0:
            self._intake.reserve(size_bytes)
            self._reserved += size_bytes


def report_fault(path: str, fault: Exception) -> None:
    """Log where a fault happened, never its message: that may hold what somebody sent."""
    frames = "".join(traceback.format_tb(fault.__traceback__))
    _LOG.error("%s: %s, answered with 503\n%s", path, type(fault).__name__, frames)


def header_map(scope: Scope) -> dict[str, str]:
    """Return the headers of a request by lower-case name; bytes outside ASCII stay what they are."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer whole."""
    headers = {
        "content-type": answer.media_type,
        "content-length": str(len(answer.body)),
        **answer.headers,
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})


def _answer_type(headers: Mapping[str, str]) -> MediaType:
    """Give the media type of an error: the request's own, JSON when that is unknown."""
    try:
        return media_type(headers.get("content-type", ""))
    except UnsupportedError:
        return JSON

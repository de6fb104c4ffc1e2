"""The OTLP addresses: POST /v1/logs, /v1/traces and /v1/metrics, as plain ASGI, with no framework inside.

A 200 goes out only after the future of the request has completed, which is after the commit. What a
sender can get wrong is a 4xx in its own media type; what we cannot do now is a 503 with Retry-After,
which every exporter repeats; nothing is a 500.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tallystick.errors import AuthenticationError, AuthorizationError
from tallystick.log_lines import exception_shape
from tallystick_ingest import verdict as words
from tallystick_ingest.auth.gate import CERTIFICATE, Caller
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
from tallystick_ingest.otlp.incoming import (
    BusyError,
    Claim,
    DisconnectedError,
    IncomingBody,
    Receive,
)
from tallystick_ingest.otlp.limits import Limits
from tallystick_ingest.route import route_of
from tallystick_ingest.verdict import Verdict, message

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

WHERE_TO_LOOK: Final = "the service's log says where, under the time of this answer"
FAULT: Final = f"internal fault; send it again; {WHERE_TO_LOOK}"
_READ: Final = ":headers"
"""Where a scope holds its headers once they were read: each layer of the application asks for them."""
_LOG: Final = logging.getLogger("tallystick.otlp")


@dataclass(frozen=True, slots=True)
class Received:
    """One authenticated request with its body as it came."""

    caller: Caller
    signal: Signal
    form: BodyForm
    body: bytes
    claim: Claim
    """Holds room for the body already."""


class Intake(Protocol):
    """What the addresses need of the service."""

    limits: Limits
    body_timeout_s: float
    is_stopping: bool

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """Return who sends; raise AuthenticationError when nobody vouches for it, BusyError to ask again."""

    def claim(self, sender: str) -> Claim:
        """Return a claim on the room for bytes in progress, which holds nothing yet.

        Raises BusyError where nothing is taken.
        """

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
        """Answer one request; the connection is closed after it where a body was left unread."""
        headers = header_map(scope)
        body = IncomingBody(receive, headers)
        try:
            answer = await self._answered(scope, headers, body)
            is_read = body.is_read or await body.end()
        except DisconnectedError:
            return
        if not is_read or self._intake.is_stopping:
            answer.headers["connection"] = "close"
        await send_answer(send, answer)

    async def _answered(
        self, scope: Scope, headers: Mapping[str, str], body: IncomingBody
    ) -> Answer:
        try:
            return await self._answer(scope, headers, body)
        except DisconnectedError:
            raise
        except BusyError as busy:
            return failure(_answer_type(headers), 503, str(busy))
        except Exception as fault:  # noqa: BLE001 - a 500 would make exporters drop their data
            report_fault(route_of(scope), fault)
            return failure(_answer_type(headers), 503, FAULT)

    async def _answer(self, scope: Scope, headers: Mapping[str, str], body: IncomingBody) -> Answer:
        """Say who sends before a byte of the body is read."""
        answered = _answer_type(headers)
        if scope["method"] != "POST":
            return failure(answered, 405, "send OTLP with POST")
        caller, intake = None, self._intake
        if intake.is_stopping:
            raise BusyError("the service is stopping: send this request again")
        try:
            caller = await intake.authenticate(headers)
            caller.require("ingest")
            form = body_form(headers.get("content-type", ""), headers.get("content-encoding", ""))
            outcome = await self._take(caller, form, body)
        except tuple(REFUSALS) as error:
            status, reason = REFUSALS[type(error)]
            await intake.note_refusal(RefusedWhole(scope["path"], reason, caller, body.data))
            return failure(answered, status, str(error))
        refusals = outcome.refusals
        return success(
            form.media_type, self._signal, len(refusals), message(refusals) or outcome.warning
        )

    async def _take(self, caller: Caller, form: BodyForm, body: IncomingBody) -> Verdict:
        intake = self._intake
        claim = intake.claim(caller.id)
        try:
            data = await body.read(claim, intake.limits.body_bytes, intake.body_timeout_s)
            return await intake.take(Received(caller, self._signal, form, data, claim))
        finally:
            claim.release()


REFUSALS: Final[dict[type[Exception], tuple[int, str]]] = {
    AuthenticationError: (401, words.UNAUTHENTICATED),
    AuthorizationError: (403, words.FORBIDDEN),
    UnsupportedError: (415, words.UNSUPPORTED),
    TooLargeError: (413, words.TOO_LARGE),
    UndecodableError: (400, words.UNDECODABLE),
}
"""What refuses a whole request: its status and the word for the record."""


def report_fault(what: str, fault: Exception, outcome: str = "answered with 503") -> None:
    """Log where a fault happened, never its message: that may hold what somebody sent."""
    _LOG.error("%s: %s", what, outcome, extra={"fields": exception_shape(fault)})


def header_map(scope: Scope) -> dict[str, str]:
    """Return the headers of a request by lower-case name; bytes outside ASCII stay what they are.

    Those that came more than once are joined by commas (RFC 9110, section 5.3), so that none of them wins.
    """
    given, certificate = scope["headers"], scope.get(CERTIFICATE)
    known = scope.get(_READ)
    if known is not None and known[0] is given and known[1] == certificate:
        return dict(known[2])
    headers = joined((name.decode("latin-1"), value.decode("latin-1")) for name, value in given)
    headers.pop(CERTIFICATE, None)
    if certificate is not None:
        headers[CERTIFICATE] = str(certificate)
    scope[_READ] = given, certificate, headers
    return dict(headers)


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by lower-case name, the values of one name joined; cookies as RFC 6265 has them."""
    found: dict[str, str] = {}
    for given, value in pairs:
        name = given.lower()
        between = "; " if name == "cookie" else ", "
        found[name] = f"{found[name]}{between}{value}" if name in found else value
    return found


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


class _NoSuchAddress:
    """Answers 404 in the media type of the request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = header_map(scope)
        answer = failure(
            _answer_type(headers), 404, "OTLP goes to /v1/traces, /v1/logs and /v1/metrics"
        )
        if not await IncomingBody(receive, headers).end():
            answer.headers["connection"] = "close"
        await send_answer(send, answer)


no_such_address: Final = _NoSuchAddress()

"""What every route of the API shares: the service, the caller with a scope, and errors as answers."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from tallystick.errors import (
    AdmissionError,
    AuthenticationError,
    AuthorizationError,
    ConfigError,
    StoreError,
    VerificationError,
)
from tallystick_ingest import verdict as words
from tallystick_ingest.auth.api_keys import Scope
from tallystick_ingest.auth.gate import VERIFIER, Caller
from tallystick_ingest.auth.limits import TooManyRequestsError
from tallystick_ingest.auth.login import TooManyAttemptsError
from tallystick_ingest.drafts import Access, AccessType
from tallystick_ingest.otlp.answer import RETRY_AFTER_S
from tallystick_ingest.otlp.http import RefusedWhole, header_map
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.route import route_of
from tallystick_ingest.service import Service
from tallystick_ingest.tenants import Tenants
from tallystick_store.engine.duckdb import Reader
from tallystick_store.engine.limited import Limited
from tallystick_store.governance.requests import ConflictError
from tallystick_store.query import Query

MAX_SHOWN_FAULTS: Final = 3
REASON_HEADER: Final = "tallystick-reason"
"""Percent-encoded where it has other characters than those of a header."""
MIN_REASON_CHARS: Final = 8
MAX_REASON_CHARS: Final = 500
_SHOWN_CHARS: Final = 32
_SENDING: Final[frozenset[Scope]] = frozenset(("ingest", "enroll"))
_TO_REVEAL: Final[tuple[Scope, ...]] = ("payload", "reveal")


class BadRequestError(AdmissionError):
    """A parameter of the request makes no sense: 400."""


class NotFoundError(AdmissionError):
    """There is nothing under this name: 404."""


def service_of(request: Request) -> Service:
    """Return the service behind the application."""
    service = request.app.state.service
    assert isinstance(service, Service)  # noqa: S101 - set by create_app, tells the type checker
    return service


def tenants_of(request: Request) -> Tenants:
    """Return the tenants of the process; for those who have shown no credential yet, and for the operator."""
    tenants = request.app.state.tenants
    assert isinstance(tenants, Tenants)  # noqa: S101 - set by create_app, tells the type checker
    return tenants


def reader_of(request: Request, caller: Caller) -> Reader:
    """Return what the caller may read of the store: every route that answers with records asks this one."""
    reach = caller.reach_for(reason_of(request))
    withheld = {"payload": not reach.has_payload, "names": not reach.has_names}
    request.state.withheld = ", ".join(name for name, is_so in withheld.items() if is_so)
    service = service_of(request)
    return Limited(service.store.database.within(reach), service.config.store.query_timeout_s)


def reason_of(request: Request) -> str:
    """Return the reason that a caller who may reveal gave with the request; empty for none."""
    return str(getattr(request.state, "reason", ""))


def give_reason(request: Request, caller: Caller, reason: str) -> None:
    """Take a reason to reveal names; raise AuthorizationError or BadRequestError where that is not to be."""
    for scope in _TO_REVEAL:
        caller.require(scope)
    stated = reason.strip()
    if not MIN_REASON_CHARS <= len(stated) <= MAX_REASON_CHARS:
        raise BadRequestError(
            f"a reason has {MIN_REASON_CHARS} to {MAX_REASON_CHARS} characters, got {len(stated)}"
        )
    if not stated.isprintable():
        raise BadRequestError("a reason is one line of printable characters: take line breaks out")
    request.state.reason = stated


def record_access(
    request: Request,
    caller: Caller,
    kind: AccessType,
    target: str,
    query: dict[str, Any],
    rows: int,
) -> None:
    """Record a read, with the reason where names were revealed; raises BusyError, and then nothing may be answered."""
    reason = reason_of(request)
    if reason and kind != "access.export":
        kind = "access.reveal"
    service_of(request).accesses.record(Access(kind, target, caller, query, rows, reason))


def _reason_of_header(value: str) -> str:
    """Read a reason as a header carries it: ASCII, everything else as percent-encoded UTF-8."""
    try:
        if value.isascii():
            return unquote(value, errors="strict")
    except UnicodeDecodeError:
        pass
    raise BadRequestError(
        f"{REASON_HEADER} cannot be read: percent-encode every character that is not ASCII, as UTF-8"
    )


def query_of(request: Request, caller: Caller) -> Query:
    """Return the store's questions over what the caller may read of it."""
    return Query(reader_of(request, caller), service_of(request).store.published)


@dataclass(frozen=True, slots=True)
class CallerWith:
    """A dependency that gives the caller, or raises when they lack one of `scopes`; or all, where any is enough.

    What cannot be cut to a reach, such as the raw log, needs the whole of it.
    """

    scopes: tuple[Scope, ...]
    is_whole_reach_needed: bool = False
    is_any_enough: bool = False

    def __call__(self, request: Request) -> Caller:
        """Return the caller of a request."""
        service = service_of(request)
        try:
            caller = service.gate.caller(header_map(request.scope))
        except AuthenticationError:
            service.rates.require_guess(address_of(request))
            raise
        request.state.caller = caller
        _require_known(request)
        _require_pace(service, caller, is_sending=bool(_SENDING.intersection(self.scopes)))
        held = [scope for scope in self.scopes if scope in caller.scopes]
        for scope in held[:1] if held and self.is_any_enough else self.scopes:
            caller.require(scope)
        if self.is_whole_reach_needed:
            caller.require_whole_reach()
        reason = request.headers.get(REASON_HEADER)
        if reason is not None:
            give_reason(request, caller, _reason_of_header(reason))
        return caller


def caller_with(*scopes: Scope | None, is_whole_reach_needed: bool = False) -> CallerWith:
    """Return the dependency of a route that asks for scopes; the description of the API shows them."""
    return CallerWith(tuple(one for one in scopes if one), is_whole_reach_needed)


def caller_with_any(*scopes: Scope, is_whole_reach_needed: bool = False) -> CallerWith:
    """Return the dependency of a route for which any of these scopes is enough."""
    return CallerWith(scopes, is_whole_reach_needed, is_any_enough=True)


def address_of(request: Request) -> str:
    """Return the address that a request came from: that of a proxy, where there is one."""
    return request.client.host if request.client else ""


def _require_known(request: Request) -> None:
    """Raise BadRequestError for a parameter in the address that the route does not take."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = sorted(set(_names(route.dependant)))
    for name in request.query_params:
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise BadRequestError(
                f"this address takes no parameter {name[:_SHOWN_CHARS]!r}: {takes}"
            )


def _names(dependant: Dependant) -> Iterator[str]:
    for one in dependant.query_params:
        kind = one.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (field.alias or name for name, field in kind.model_fields.items())
        else:
            yield one.alias
    for further in dependant.dependencies:
        yield from _names(further)


def _require_pace(service: Service, caller: Caller, *, is_sending: bool) -> None:
    """Raise TooManyRequestsError when a caller asks too often; a sender gets the 503 that it repeats after."""
    if not is_sending:
        if caller != VERIFIER:
            service.rates.require_question(caller.id, caller.limits)
    elif not service.rates.is_request_due(caller.id, caller.limits):
        raise BusyError("more requests a second than one sender may send: send this one again")


def add_error_answers(app: FastAPI) -> None:
    """Answer each error of ours with its status and its message, and record refusals."""
    for kind, status in _STATUS.items():
        app.add_exception_handler(kind, _answer_with(status))
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http)


_STATUS: Final[dict[type[Exception], int]] = {
    BadRequestError: 400,
    NotFoundError: 404,
    AuthenticationError: 401,
    AuthorizationError: 403,
    TooManyAttemptsError: 429,
    ConflictError: 409,
    TooManyRequestsError: 429,
    AdmissionError: 400,
    ConfigError: 400,
    VerificationError: 400,
    StoreError: 503,
    BusyError: 503,
}
_ROUTER: Final = {
    404: "there is nothing at this address: OTLP goes to /v1/logs and /v1/traces, questions to /api/v1",
    405: "this address does not take this method",
}
_NO_SUCH_METHOD: Final = 405
_RECORDED: Final = {
    401: words.UNAUTHENTICATED,
    403: words.FORBIDDEN,
    429: words.TOO_OFTEN,
}


def _answer_with(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        reason = _RECORDED.get(status)
        if reason is not None:
            caller = getattr(request.state, "caller", None)
            refused = RefusedWhole(route_of(request.scope), reason, caller)
            try:
                await service_of(request).intake.note_refusal(refused)
            except BusyError as busy:
                return _error(503, str(busy))
        said = _error(status, str(error))
        if isinstance(error, TooManyAttemptsError | TooManyRequestsError):
            said.headers["retry-after"] = str(error.wait_s)
        return said

    return answer


async def _answer_validation(request: Request, error: Exception) -> JSONResponse:
    """Name the parameters at fault, and never repeat what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    if isinstance(error.body, bytes) and not _is_stated_as_json(request):
        return _error(
            400, "the body is not stated to be JSON: send `Content-Type: application/json`"
        )
    faults = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors()[:MAX_SHOWN_FAULTS]
    ]
    return _error(400, "; ".join(faults))


def _is_stated_as_json(request: Request) -> bool:
    stated = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return stated == "application/json" or (
        stated.startswith("application/") and stated.endswith("+json")
    )


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    """Answer what the router refuses, in the form of every other error."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    answer = _error(error.status_code, _ROUTER.get(error.status_code, error.detail))
    answer.headers.update(error.headers or {})
    if error.status_code == _NO_SUCH_METHOD:
        answer.headers["allow"] = request.app.state.allowed(request.url.path)
    return answer


def _error(status: int, message: str) -> JSONResponse:
    headers = {503: {"retry-after": str(RETRY_AFTER_S)}, 401: {"www-authenticate": "Bearer"}}
    return JSONResponse({"error": message}, status, headers.get(status))

"""Logging in and out: by name and password or by the one-time link; and who one is.

The token of a session stands in the answer of a login and nowhere else.
"""

import ipaddress
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from tallystick_ingest.api.answers.form import ErrorAnswer, Responses
from tallystick_ingest.api.answers.operations import CallerAnswer, Ended, SessionBegun
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.guard import (
    BadRequestError,
    address_of,
    caller_with,
    service_of,
    tenants_of,
)
from tallystick_ingest.auth.accounts import MAX_ACCOUNT_NAME_CHARS
from tallystick_ingest.auth.gate import ADMINISTRATOR, Caller, caller_of
from tallystick_ingest.auth.passwords import MAX_PASSWORD_CHARS
from tallystick_ingest.auth.shown import session_token
from tallystick_ingest.drafts import Access
from tallystick_ingest.otlp.http import header_map
from tallystick_ingest.service import Service

MAX_TOKEN_CHARS: Final = 256
WRONG: Final[Responses] = {
    401: {
        "model": ErrorAnswer,
        "description": "The name and the password, or the link, open nothing",
    },
    429: {"model": ErrorAnswer, "description": "Too many attempts: wait `Retry-After` seconds"},
}
_NO_STORE: Final = {"cache-control": "no-store"}

router = APIRouter(prefix="/api/v1")
_anybody = Depends(caller_with(None))


class PasswordBody(Body):
    """A name and its password."""

    name: str = Field(max_length=MAX_ACCOUNT_NAME_CHARS)
    password: str = Field(max_length=MAX_PASSWORD_CHARS)


class LinkBody(Body):
    """The token behind `#` in a one-time link."""

    token: str = Field(max_length=MAX_TOKEN_CHARS)


@router.post("/login", response_model=SessionBegun, responses=WRONG)
def login(body: PasswordBody, request: Request) -> JSONResponse:
    """Begin a session of an account; that of a tenant is called `TENANT/NAME`."""
    service, name = tenants_of(request).of_account(body.name)
    require_login(request, service)
    return begun(service, caller_of(service.login.account(name, body.password)), "account")


@router.post("/login/link", response_model=SessionBegun, responses=WRONG)
def login_by_link(body: LinkBody, request: Request) -> JSONResponse:
    """Use the one-time link up and begin a session of the administrator."""
    service, token = tenants_of(request).of_link(body.token)
    require_login(request, service)
    service.door.claim(token)
    return begun(service, ADMINISTRATOR, "link")


@router.post("/logout", response_model=Ended)
def logout(request: Request, _caller: Caller = _anybody) -> JSONResponse:
    """End the session that the request shows."""
    token = session_token(header_map(request.scope))
    if not token:
        raise BadRequestError("an API key has no session: nothing was ended")
    service_of(request).sessions.end(token)
    return JSONResponse({"status": "ended"})


@router.get("/me", response_model=CallerAnswer)
def me(caller: Caller = _anybody) -> JSONResponse:
    """Say who the caller is; `role` is null for an API key."""
    return JSONResponse(_shown(caller), headers=_NO_STORE)


def require_login(request: Request, service: Service) -> None:
    """Raise TooManyRequestsError when too many log-ins come from an address.

    This machine's own is left out: the dashboard logs in for everybody from there.
    """
    address = address_of(request)
    try:
        is_here = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        service.rates.require_login(address)


def begin_session(service: Service, caller: Caller, target: str) -> tuple[str, int]:
    """Record a login, begin its session, and return the token and when it ends (µs)."""
    service.accesses.record(Access("access.login", target, caller, {}, 0))
    token, session = service.sessions.start(caller.id)
    return token, session.end_us


def begun(service: Service, caller: Caller, target: str) -> JSONResponse:
    """Begin a session and answer with it; `target` says by what somebody logged in."""
    token, end_us = begin_session(service, caller, target)
    shown = {**_shown(caller), "session": token, "ends_us": end_us}
    return JSONResponse(shown, headers=_NO_STORE)


def _shown(caller: Caller) -> dict[str, Any]:
    return {"id": caller.id, "name": caller.name, "role": caller.role, "scopes": caller.scopes}

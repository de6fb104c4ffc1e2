"""Logging in at the issuer: the dashboard begins it for a browser, and brings back what came of it."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from tallystick_ingest.api.answers.form import NOTHING_THERE, ErrorAnswer, Responses
from tallystick_ingest.api.answers.operations import SessionBegun, SignOnBegun, SignOnIssuer
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.guard import NotFoundError, service_of, tenants_of
from tallystick_ingest.api.login import WRONG, begun, require_login
from tallystick_ingest.auth.oidc import Returned, SignOn

MAX_BINDING_CHARS: Final = 128
MAX_CODE_CHARS: Final = 4_096
MAX_TEXT_CHARS: Final = 512
_NO_STORE: Final = {"cache-control": "no-store"}

_ANSWERS: Final[Responses] = {
    **NOTHING_THERE,
    **WRONG,
    401: {"model": ErrorAnswer, "description": "What came back is not believed"},
    403: {"model": ErrorAnswer, "description": "Nothing is granted to whoever logged in"},
}
_MAY_BEGIN: Final[Responses] = {**NOTHING_THERE, 429: WRONG[429]}

router = APIRouter(prefix="/api/v1/login/oidc")


class ReturnedBody(Body):
    """What came back with a browser; empty: did not come."""

    binding: str = Field(max_length=MAX_BINDING_CHARS)
    state: str = Field(max_length=MAX_TEXT_CHARS)
    code: str = Field(default="", max_length=MAX_CODE_CHARS)
    iss: str = Field(default="", max_length=MAX_TEXT_CHARS)
    error: str = Field(default="", max_length=MAX_TEXT_CHARS)


@router.get("", response_model=SignOnIssuer)
def sign_on(request: Request) -> JSONResponse:
    """Say at which issuer people log in; null: at none."""
    found = service_of(request).sign_on
    shown = {"issuer": None if found is None else found.issuer}
    return JSONResponse(shown, headers=_NO_STORE)


@router.post("", response_model=SignOnBegun, responses=_MAY_BEGIN)
def begin(request: Request) -> JSONResponse:
    """Begin a log-in: where to send the browser, and the binding that it has to bring back."""
    require_login(request, service_of(request))
    made = _sign_on(request).begin()
    shown = {"url": made.url, "binding": made.binding, "is_secure": made.is_secure}
    return JSONResponse(shown, headers=_NO_STORE)


@router.post("/callback", response_model=SessionBegun, responses=_ANSWERS)
def finish(body: ReturnedBody, request: Request) -> JSONResponse:
    """Begin a session of whoever logged in, with the tenant to which the rules lead them."""
    require_login(request, service_of(request))
    returned = Returned(body.binding, body.state, body.code, body.iss, body.error)
    token = _sign_on(request).finish(returned)
    service, caller = tenants_of(request).arrive(token)
    return begun(service, caller, "oidc")


def _sign_on(request: Request) -> SignOn:
    found = service_of(request).sign_on
    if found is None:
        raise NotFoundError("people log in by name and password here: no issuer is set up for it")
    return found

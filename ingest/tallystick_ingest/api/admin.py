"""The administrator: the page behind the one-time link.

The link's token stands behind `#`; the page posts it, and gets a session's cookie.
"""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from tallystick_ingest.api.admin_page import PAGE, PAGE_HEADERS
from tallystick_ingest.api.answers.operations import ClaimAnswer
from tallystick_ingest.api.guard import tenants_of
from tallystick_ingest.api.login import WRONG, LinkBody, begin_session, require_login
from tallystick_ingest.auth.admin import COOKIE
from tallystick_ingest.auth.gate import ADMINISTRATOR
from tallystick_ingest.auth.sessions import SESSION_LIFE_US

_US_PER_S: Final = 1_000_000

router = APIRouter()


@router.get("/admin", include_in_schema=False)
def claim_page() -> HTMLResponse:
    """Show the page that uses the link up."""
    return HTMLResponse(PAGE, headers=PAGE_HEADERS)


@router.post("/admin/claim", response_model=ClaimAnswer, responses=WRONG)
def claim(body: LinkBody, request: Request) -> JSONResponse:
    """Use the link up, record the login, and set the session's cookie."""
    service, token = tenants_of(request).of_link(body.token)
    require_login(request, service)
    service.door.claim(token)
    cookie, _ = begin_session(service, ADMINISTRATOR, "link")
    answer = JSONResponse({"tenant": service.keys.name, "role": "administrator"})
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=SESSION_LIFE_US // _US_PER_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer

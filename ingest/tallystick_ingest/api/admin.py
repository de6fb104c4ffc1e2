"""The administrator: the page behind the one-time link, and the API keys.

The link's token stands behind `#`; the page posts it, and gets a session's cookie.
"""

from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field

from tallystick_ingest.api.admin_page import PAGE, PAGE_HEADERS
from tallystick_ingest.api.guard import caller_with, service_of, tenants_of
from tallystick_ingest.api.login import LinkBody, begin_session
from tallystick_ingest.auth.admin import COOKIE
from tallystick_ingest.auth.api_keys import MAX_NAME_CHARS
from tallystick_ingest.auth.gate import ADMINISTRATOR, Caller
from tallystick_ingest.auth.sessions import SESSION_LIFE_US

_US_PER_S: Final = 1_000_000

router = APIRouter()
_is_admin = Depends(caller_with("admin"))


class KeyBody(BaseModel):
    """What a new API key is to be."""

    name: str = Field(max_length=MAX_NAME_CHARS)
    scopes: list[str]


@router.get("/admin")
def claim_page() -> HTMLResponse:
    """Show the page that uses the link up."""
    return HTMLResponse(PAGE, headers=PAGE_HEADERS)


@router.post("/admin/claim")
def claim(body: LinkBody, request: Request) -> JSONResponse:
    """Use the link up, record the login, and set the session's cookie."""
    service, token = tenants_of(request).of_link(body.token)
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


@router.get("/api/v1/keys")
def list_keys(request: Request, _caller: Caller = _is_admin) -> list[dict[str, object]]:
    """List the API keys: ids, names and scopes."""
    return [
        {"id": key.id, "name": key.name, "scopes": key.scopes, "created_us": key.created_us}
        for key in service_of(request).ring.keys
    ]


@router.post("/api/v1/keys")
def create_key(body: KeyBody, request: Request, _caller: Caller = _is_admin) -> dict[str, object]:
    """Make an API key; its text is in this answer and nowhere else."""
    key, text = service_of(request).create_api_key(body.name, body.scopes)
    return {"id": key.id, "name": key.name, "scopes": key.scopes, "api_key": text}

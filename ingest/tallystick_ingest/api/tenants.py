"""The tenants: whoever administers the operator's own lists them, and adds further ones.

What a tenant holds is not to be had here: its keys, accounts and records are asked for with its own credentials.
"""

from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from tallystick.errors import AuthorizationError
from tallystick_ingest.api.answers.operations import TenantAdded, TenantsAnswer
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.guard import caller_with, record_access, service_of, tenants_of
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.service import Service
from tallystick_ingest.tenants import Tenants, link_token

MAX_NAME_CHARS: Final = 64

router = APIRouter(prefix="/api/v1")
_is_admin = Depends(caller_with("admin", is_whole_reach_needed=True))
_NO_STORE: Final = {"cache-control": "no-store"}


class TenantBody(Body):
    """What a new tenant is to be called."""

    name: str = Field(max_length=MAX_NAME_CHARS)


@router.get("/tenants", response_model=TenantsAnswer)
def list_tenants(request: Request, caller: Caller = _is_admin) -> JSONResponse:
    """List the tenants, with the names and keys of their logs."""
    tenants = _operated_by(request)
    found = [(name, tenants.named(name)) for name in tenants.names]
    record_access(request, caller, "access.read", "tenants", {}, len(found))
    return JSONResponse({"tenants": [_shape(name, one) for name, one in found if one is not None]})


@router.post("/tenants", response_model=TenantAdded)
def add_tenant(body: TenantBody, request: Request, _caller: Caller = _is_admin) -> JSONResponse:
    """Add a tenant; the token of the one-time link of its administrator is in this answer and nowhere else."""
    added = _operated_by(request).add(body.name)
    token = link_token(body.name, added.door.new_link_token())
    return JSONResponse({**_shape(body.name, added), "admin_link_token": token}, headers=_NO_STORE)


def _operated_by(request: Request) -> Tenants:
    tenants = tenants_of(request)
    if service_of(request) is not tenants.operator:
        raise AuthorizationError("tenants are the business of the operator's administrators")
    return tenants


def _shape(name: str, service: Service) -> dict[str, str | int]:
    keys = service.keys
    return {
        "tenant": name,
        "log": keys.name,
        "log_vkey": keys.log.key.vkey,
        "size": service.store.size,
    }

"""What leaves the service: a snapshot of the store, for `tallystick verify --data`."""

import ipaddress
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from tallystick.errors import AuthorizationError, StoreError
from tallystick_ingest.api.guard import BadRequestError, caller_with, service_of
from tallystick_ingest.api.queries import record_access
from tallystick_ingest.auth.gate import Caller
from tallystick_store.snapshot import take_snapshot

_MAX_PATH_CHARS: Final = 4_096

router = APIRouter(prefix="/api/v1")
_may_export = Depends(caller_with("export"))


class SnapshotBody(BaseModel):
    """Where the snapshot goes: a directory on the service's machine."""

    directory: str = Field(max_length=_MAX_PATH_CHARS)


@router.post("/snapshot")
def snapshot(body: SnapshotBody, request: Request, caller: Caller = _may_export) -> dict[str, str]:
    """Copy the store, consistently, into a new directory on this machine, for a caller on it."""
    if not _is_local(request):
        raise AuthorizationError("a snapshot is written on the service's machine: ask for it there")
    target = Path(body.directory)
    if not target.is_absolute() or target.exists():
        raise BadRequestError("expected the absolute path of a directory that does not exist yet")
    service = service_of(request)
    record_access(request, caller, "access.export", "snapshot", {}, service.store.size)
    try:
        take_snapshot(service.store, target)
    except StoreError as error:
        raise BadRequestError(str(error)) from error
    return {"directory": str(target)}


def _is_local(request: Request) -> bool:
    host = request.client.host if request.client else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

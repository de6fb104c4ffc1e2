"""What the service says of itself before anybody has a token: OAuth protected-resource metadata, RFC 9728."""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from tallystick_ingest.api.answers.form import NOTHING_THERE
from tallystick_ingest.api.answers.operations import ResourceMetadata
from tallystick_ingest.api.guard import NotFoundError, service_of
from tallystick_ingest.auth.challenge import WELL_KNOWN

_CACHED: Final = {"cache-control": "public, max-age=300", "x-content-type-options": "nosniff"}

router = APIRouter()


@router.get(WELL_KNOWN, response_model=ResourceMetadata, responses=NOTHING_THERE)
@router.get(WELL_KNOWN + "/{path:path}", include_in_schema=False)
def protected_resource(request: Request) -> JSONResponse:
    """Say which issuer's tokens are taken here, and under which name of this service."""
    path = request.path_params.get("path", "")
    below = f"/{path}" if path else ""
    found: Any = service_of(request).challenges.metadata(below)
    if found is None:
        raise NotFoundError("there is no protected resource of this name")
    return JSONResponse(found, headers=_CACHED)

"""Whether the process lives, and whether it takes work: for service managers, without a key."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from tallystick_ingest.api.guard import service_of

router = APIRouter()


@router.get("/healthz")
def healthz() -> JSONResponse:
    """Say that the process answers."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """Say whether records are taken; 503 while the service closes, or cannot keep them."""
    service = service_of(request)
    if service.is_closing or service.intake.is_stopping:
        return JSONResponse({"status": "closing"}, 503, {"retry-after": "1"})
    if service.store.journal_failure is not None:
        return JSONResponse({"status": "failed"}, 503, {"retry-after": "1"})
    signing = "stopped" if service.store.signing_stopped else "signing"
    return JSONResponse({"status": "ready", "log": signing})

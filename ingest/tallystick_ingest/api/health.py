"""Whether the process lives, and whether it takes work: for service managers, without a key."""

from dataclasses import asdict
from typing import Final, Literal

from fastapi import APIRouter, Request, Response

from tallystick_ingest.api.answers.form import Answer, Responses
from tallystick_ingest.api.guard import service_of
from tallystick_ingest.operations import readiness as parts

_UNAVAILABLE: Final = 503

router = APIRouter()


class Alive(Answer):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(Answer):
    """Whether records are taken, and which part is not as it should be."""

    status: parts.Status
    journal: parts.Journal
    database: parts.Database
    log: parts.Log
    disk: parts.Disk


_NOT_READY: Final[Responses] = {
    _UNAVAILABLE: {"model": Ready, "description": "No records are taken now"}
}


@router.get("/healthz")
def healthz() -> Alive:
    """Say that the process answers."""
    return Alive()


@router.get("/readyz", responses=_NOT_READY)
def readyz(request: Request, response: Response) -> Ready:
    """Say whether records are taken; 503 while the service closes or cannot keep them, and of evidence always."""
    service = service_of(request)
    is_closing = service.is_closing or service.intake.is_stopping
    found = parts.readiness(service.store, is_closing=is_closing)
    if found.status != "ready":
        response.status_code = _UNAVAILABLE
        if found.status != "evidence":  # nothing is to be waited for
            response.headers["retry-after"] = "1"
    return Ready(**asdict(found))

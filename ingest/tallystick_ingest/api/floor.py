"""Exceptions from the floor of retention: stated by one person, confirmed by another, ended by either.

Each decision takes a person, and is a record before it is answered.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import Field

from tallystick.verify.authority import DeletionRequest
from tallystick.verify.floor import read_exception
from tallystick_ingest.api.answers.form import CONFLICT, NOTHING_THERE
from tallystick_ingest.api.answers.retention import ExceptionsAnswer, ExceptionShape
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.guard import NotFoundError, caller_with, record_access, service_of
from tallystick_ingest.api.listing import answer_json
from tallystick_ingest.api.words import Words, places_of
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.floor import MAX_MOMENT_US, FloorExceptions
from tallystick_ingest.two_people import MAX_REASON_CHARS
from tallystick_store.governance.classes import MAX_NAME_CHARS

_MAX_DURATION_CHARS: Final = 32

router = APIRouter(prefix="/api/v1/retention/exceptions")
_may_retain = Depends(caller_with("retain", is_whole_reach_needed=True))
_may_confirm = Depends(caller_with("delete.confirm", is_whole_reach_needed=True))
_Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


class ExceptionBody(Body):
    """A shorter time than six months, for one class or for every deletion, until a moment, and why."""

    class_name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)] | None = None
    keep: Annotated[str, Field(min_length=1, max_length=_MAX_DURATION_CHARS)]
    """ISO 8601 duration of years, months, weeks and days."""
    until_us: Annotated[int, Field(ge=0, le=MAX_MOMENT_US)]
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS)]


class ExceptionConfirmed(Body):
    """What a second person saw, and why they agree."""

    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARS)] = ""


class ExceptionRevoked(Body):
    """Why it is off."""

    reason: Annotated[str, Field(max_length=MAX_REASON_CHARS)]


@router.get("", response_model=ExceptionsAnswer)
def list_exceptions(request: Request, caller: Caller = _may_retain) -> Response:
    """List every exception from the floor, the newest first."""
    floor = service_of(request).floor_exceptions
    found = floor.requests()
    shapes = _shapes(request, caller, found)
    record_access(request, caller, "access.read", "exceptions", {}, len(found))
    return answer_json({"exceptions": shapes[::-1]})


@router.post("", response_model=ExceptionShape)
def ask_exception(body: ExceptionBody, request: Request, caller: Caller = _may_retain) -> Response:
    """Ask for an exception from the floor; it has no effect before another person has confirmed it."""
    floor = service_of(request).floor_exceptions
    asked = floor.ask(caller, body.class_name, body.keep, body.until_us, body.reason)
    return answer_json(_shapes(request, caller, [asked])[0])


@router.post(
    "/{id_}/confirm", response_model=ExceptionShape, responses={**NOTHING_THERE, **CONFLICT}
)
def confirm_exception(
    id_: _Id, body: ExceptionConfirmed, request: Request, caller: Caller = _may_confirm
) -> Response:
    """Confirm what another person asked for: it is in force from now on, until its end."""
    floor = _floor_with(request, id_)
    confirmed = floor.confirm(caller, id_, body.digest, body.reason)
    return answer_json(_shapes(request, caller, [confirmed])[0])


@router.post(
    "/{id_}/revoke", response_model=ExceptionShape, responses={**NOTHING_THERE, **CONFLICT}
)
def revoke_exception(
    id_: _Id, body: ExceptionRevoked, request: Request, caller: Caller = _may_retain
) -> Response:
    """End an exception, or turn it down; what was deleted by it stays deleted."""
    floor = _floor_with(request, id_)
    revoked = floor.revoke(caller, id_, body.reason)
    return answer_json(_shapes(request, caller, [revoked])[0])


def _floor_with(request: Request, id_: str) -> FloorExceptions:
    floor = service_of(request).floor_exceptions
    if id_ not in {one.id for one in floor.requests()}:
        raise NotFoundError("there is no exception of this id: list them and take its id")
    return floor


def _shapes(
    request: Request, caller: Caller, found: Sequence[DeletionRequest]
) -> list[dict[str, Any]]:
    words = Words(request, caller, (at for one in found for at in places_of(one)))
    floor = service_of(request).floor_exceptions
    return [_shape(one, floor, words) for one in found]


def _shape(request: DeletionRequest, floor: FloorExceptions, words: Words) -> dict[str, Any]:
    stated, confirmation = read_exception(request.filter), request.confirmation
    asked, confirmed, revoked = map(words.at, places_of(request))
    return {
        "id": request.id,
        "state": floor.state_of(request),
        "digest": request.digest,
        "class_name": stated.class_name,
        "keep": str(stated.keep),
        "until_us": stated.until_us,
        "requested_by": request.by,
        "requested_us": request.rx_us,
        "expires_us": request.expires_us,
        "confirmed_by": confirmation.by if confirmation else None,
        "confirmed_index": confirmation.log_index if confirmation else None,
        "revoked_index": request.withdrawn_index,
        "asked": asked,
        "confirmed": confirmed,
        "revoked": revoked,
    }

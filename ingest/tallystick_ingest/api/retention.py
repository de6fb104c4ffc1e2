"""Retention: what is due, holds, and deletions that one person asks for and another confirms.

Each decision takes a person, and is a record before it is answered.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import Field

from tallystick.verify.authority import DeletionRequest, Hold
from tallystick.verify.floor import EXCEPTION_KIND
from tallystick_ingest.api.answers.form import CONFLICT, NOTHING_THERE
from tallystick_ingest.api.answers.retention import (
    DeletionsAnswer,
    DeletionShape,
    HoldsAnswer,
    HoldShape,
    PlanAnswer,
)
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.guard import (
    NotFoundError,
    caller_with,
    caller_with_any,
    record_access,
    service_of,
)
from tallystick_ingest.api.listing import answer_json
from tallystick_ingest.api.words import Words, done_shape, places_of
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.standing import Standing, standings
from tallystick_ingest.two_people import MAX_REASON_CHARS
from tallystick_store.governance.classes import MAX_NAME_CHARS
from tallystick_store.reach import MAX_PATTERN_CHARS

_ID_CHARS: Final = 32
_DIGEST_CHARS: Final = 64
_MAX_FILTERS: Final = 16

router = APIRouter(prefix="/api/v1")


_may_retain = Depends(caller_with("retain", is_whole_reach_needed=True))
_may_ask = Depends(caller_with("delete.request", is_whole_reach_needed=True))
_may_ask_or_confirm = Depends(
    caller_with_any("delete.request", "delete.confirm", is_whole_reach_needed=True)
)
_may_confirm = Depends(caller_with("delete.confirm", is_whole_reach_needed=True))
_Reason = Annotated[str, Field(max_length=MAX_REASON_CHARS)]
_Filter = Annotated[
    dict[
        Annotated[str, Field(max_length=_ID_CHARS)],
        Annotated[str, Field(max_length=MAX_PATTERN_CHARS)],
    ],
    Field(max_length=_MAX_FILTERS),
]
_Id = Annotated[str, Path(min_length=_ID_CHARS, max_length=_ID_CHARS)]


class HoldBody(Body):
    """Which records must stay: by environment, agent, tool, type, session, principal, trace, from_us, to_us."""

    name: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    filter: _Filter
    reason: _Reason


class ReasonBody(Body):
    """Why."""

    reason: _Reason


class DeletionBody(Body):
    """What is to be deleted: what is due of a class, what a filter means, or both together."""

    class_name: Annotated[str, Field(max_length=MAX_NAME_CHARS)] | None = None
    filter: _Filter = Field(default_factory=dict)
    reason: _Reason


class ConfirmBody(Body):
    """That a second person agrees, and to what."""

    digest: str = Field(min_length=_DIGEST_CHARS, max_length=_DIGEST_CHARS)
    """As the request states it."""
    reason: _Reason = ""


@router.get("/retention", response_model=PlanAnswer)
def plan(request: Request, caller: Caller = _may_retain) -> Response:
    """Tell what each retention class holds, and what of it is due; deletes nothing."""
    service = service_of(request)
    retention, size = service.retention, service.store.size
    due = retention.plan()
    record_access(request, caller, "access.read", "retention", {}, len(due))
    classes = [{**asdict(one), "keep": None if one.keep is None else str(one.keep)} for one in due]
    return answer_json(
        {"classes": classes, "digest": retention.policy.digest, "as_of": {"log_size": size}}
    )


@router.get("/holds", response_model=HoldsAnswer)
def list_holds(request: Request, caller: Caller = _may_retain) -> Response:
    """List every hold, the newest first."""
    holds = list(service_of(request).two_people.authority().holds.values())
    shapes = _holds(request, caller, holds)
    record_access(request, caller, "access.read", "holds", {}, len(holds))
    return answer_json({"holds": shapes[::-1]})


@router.post("/holds", response_model=HoldShape, responses=CONFLICT)
def place_hold(body: HoldBody, request: Request, caller: Caller = _may_retain) -> Response:
    """Place a hold: what it covers stays, also what comes later, until somebody else releases it."""
    retention = service_of(request).retention
    held = retention.hold(caller, body.name, body.filter, body.reason)
    return answer_json(_holds(request, caller, [held])[0])


@router.post(
    "/holds/{id_}/release", response_model=HoldShape, responses={**NOTHING_THERE, **CONFLICT}
)
def release_hold(
    id_: _Id, body: ReasonBody, request: Request, caller: Caller = _may_retain
) -> Response:
    """Release a hold that another person placed, or as an administrator."""
    people = service_of(request).two_people
    if id_ not in people.authority().holds:
        raise NotFoundError("there is no hold of this id: list them and take its id")
    released = people.release(caller, id_, body.reason)
    return answer_json(_holds(request, caller, [released])[0])


@router.get("/deletions", response_model=DeletionsAnswer)
def list_deletions(request: Request, caller: Caller = _may_ask_or_confirm) -> Response:
    """List every request for a deletion, the newest first."""
    people = service_of(request).two_people
    asked = people.authority().requests.values()
    found = [one for one in asked if one.kind != EXCEPTION_KIND]
    shapes = _deletions(request, caller, found)
    record_access(request, caller, "access.read", "deletions", {}, len(found))
    return answer_json({"deletions": shapes[::-1]})


@router.post("/deletions", response_model=DeletionShape, responses=CONFLICT)
def ask_deletion(body: DeletionBody, request: Request, caller: Caller = _may_ask) -> Response:
    """Ask for a deletion; nothing goes before another person has confirmed it."""
    service = service_of(request)
    asked = service.retention.ask(caller, body.class_name, body.filter, body.reason)
    return answer_json(_deletions(request, caller, [asked])[0])


@router.post(
    "/deletions/{id_}/confirm",
    response_model=DeletionShape,
    responses={**NOTHING_THERE, **CONFLICT},
)
def confirm_deletion(
    id_: _Id, body: ConfirmBody, request: Request, caller: Caller = _may_confirm
) -> Response:
    """Confirm what another person asked for; the values are gone soon after this answer."""
    service = service_of(request)
    _require_there(service.two_people.authority().requests, id_)
    done = service.retention.confirm(caller, id_, body.digest, body.reason)
    shape = _deletions(request, caller, [done])[0]
    service.retention.carry_out_behind()
    return answer_json(shape)


@router.post(
    "/deletions/{id_}/withdraw",
    response_model=DeletionShape,
    responses={**NOTHING_THERE, **CONFLICT},
)
def withdraw_deletion(
    id_: _Id, body: ReasonBody, request: Request, caller: Caller = _may_ask_or_confirm
) -> Response:
    """Take a request back, or turn it down."""
    people = service_of(request).two_people
    _require_there(people.authority().requests, id_)
    withdrawn = people.withdraw(caller, id_, body.reason)
    return answer_json(_deletions(request, caller, [withdrawn])[0])


def _require_there(requests: dict[str, DeletionRequest], id_: str) -> None:
    if id_ not in requests:
        raise NotFoundError("there is no request of this id: list them and take its id")


def _holds(request: Request, caller: Caller, holds: Sequence[Hold]) -> list[dict[str, Any]]:
    words = Words(
        request, caller, (at for one in holds for at in (one.log_index, one.released_index))
    )
    return [_hold(one, words) for one in holds]


def _hold(hold: Hold, words: Words) -> dict[str, Any]:
    return {
        "id": hold.id,
        "filter": dict(hold.filter),
        "placed_by": hold.by,
        "placed_us": hold.rx_us,
        "log_index": hold.log_index,
        "released_index": hold.released_index,
        "placed": words.at(hold.log_index),
        "released": words.at(hold.released_index),
    }


def _deletions(
    request: Request, caller: Caller, asked: Sequence[DeletionRequest]
) -> list[dict[str, Any]]:
    service = service_of(request)
    stands = standings(service.store, asked, service.two_people.now_us())
    words = Words(request, caller, (at for one in asked for at in places_of(one)))
    ledger = service.store.ledger
    return [
        {
            **_deletion(one, stands[one.id], words),
            "done": done_shape(one, stands[one.id], ledger),
        }
        for one in asked
    ]


def _deletion(request: DeletionRequest, standing: Standing, words: Words) -> dict[str, Any]:
    confirmation = request.confirmation
    asked, confirmed, withdrawn = map(words.at, places_of(request))
    return {
        "id": request.id,
        "kind": request.kind,
        "state": standing.state,
        "digest": request.digest,
        "count": request.count,
        "filter": dict(request.filter),
        "requested_by": request.by,
        "requested_us": request.rx_us,
        "expires_us": request.expires_us,
        "confirmed_by": confirmation.by if confirmation else None,
        "confirmed_index": confirmation.log_index if confirmation else None,
        "left": standing.left,
        "asked": asked,
        "confirmed": confirmed,
        "withdrawn": withdrawn,
    }

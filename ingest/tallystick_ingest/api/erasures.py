"""Erasures: what would go, what one person asks for and another confirms, and how far it is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from tallystick.capture.identity import joined
from tallystick.verify.authority import DeletionRequest
from tallystick_ingest.api.answers.form import CONFLICT
from tallystick_ingest.api.answers.governance import ErasureCount, ErasureList, ErasureRequest
from tallystick_ingest.api.answers.retention import DoneShape, WordsShape
from tallystick_ingest.api.guard import (
    BadRequestError,
    caller_with,
    caller_with_any,
    record_access,
    service_of,
)
from tallystick_ingest.api.words import Words, done_shape, places_of
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.service import Service
from tallystick_ingest.standing import Standing
from tallystick_ingest.two_people import MAX_REASON_CHARS
from tallystick_store.governance.ledger import ErasureLedger
from tallystick_store.governance.subjects import BELOW

MAX_ID_CHARS = 256

router = APIRouter(prefix="/api/v1/erasures")
_may_ask = Depends(caller_with("delete.request", is_whole_reach_needed=True))
_may_ask_or_confirm = Depends(
    caller_with_any("delete.request", "delete.confirm", is_whole_reach_needed=True)
)
_may_confirm = Depends(caller_with("delete.confirm", is_whole_reach_needed=True))
_Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
_Text = Annotated[str | None, Field(max_length=MAX_ID_CHARS)]


class ErasureWish(BaseModel):
    """Whose values: exactly one of a person, a session, a trace or a record.

    A person is named by `principal`, the pseudonym in their records, or by `issuer` and `subject` as
    their token names them; `subject` alone where no issuer stands in the records.
    """

    model_config = ConfigDict(extra="forbid")

    principal: _Text = None
    issuer: _Text = None
    subject: _Text = None
    session: _Text = None
    trace: _Text = None
    log_index: Annotated[int | None, Field(ge=0, lt=2**53)] = None


class ErasureAsked(ErasureWish):
    """A wish, and why."""

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS)]


class ErasureConfirmed(BaseModel):
    """What a second person saw, and why they agree."""

    model_config = ConfigDict(extra="forbid")

    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS)]


class ErasureWithdrawn(BaseModel):
    """Why a request is off."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_CHARS)]


@router.post("/preview")
def preview_erasure(body: ErasureWish, request: Request, caller: Caller = _may_ask) -> ErasureCount:
    """Count what an erasure would take."""
    service = service_of(request)
    found = service.erasures.preview(_filter(body, service))
    record_access(
        request, caller, "access.search", "erasures", dict(found.filter), found.erased.count
    )
    return ErasureCount(
        filter=dict(found.filter),
        digest=found.erased.digest,
        entries=found.erased.count,
        events=sum(1 for _ in found.erased.events()),
        spans=sum(1 for _ in found.erased.spans()),
        blobs=found.blobs,
    )


@router.post("", responses=CONFLICT)
def ask_for_erasure(
    body: ErasureAsked, request: Request, caller: Caller = _may_ask
) -> ErasureRequest:
    """Ask for an erasure; another person has to confirm it within two weeks."""
    service = service_of(request)
    asked = service.erasures.ask(caller, _filter(body, service), body.reason)
    return _requested(request, caller, [(asked, Standing("waiting"))])[0]


@router.get("")
def list_erasures(request: Request, caller: Caller = _may_ask_or_confirm) -> ErasureList:
    """List the requests and how far each is."""
    service = service_of(request)
    found = service.erasures.requests()
    shapes = _requested(request, caller, found)
    record_access(request, caller, "access.read", "erasures", {}, len(found))
    return ErasureList(erasures=shapes, failure=service.erasures.failure)


@router.post("/{id_}/confirm", responses=CONFLICT)
def confirm_erasure(
    id_: _Id, body: ErasureConfirmed, request: Request, caller: Caller = _may_confirm
) -> ErasureRequest:
    """Agree to an erasure that somebody else asked for; it is carried out from now on."""
    service = service_of(request)
    confirmed = service.erasures.confirm(caller, id_, body.digest, body.reason)
    return _requested(request, caller, [(confirmed, Standing("being carried out"))])[0]


@router.post("/{id_}/withdraw", responses=CONFLICT)
def withdraw_erasure(
    id_: _Id, body: ErasureWithdrawn, request: Request, caller: Caller = _may_ask_or_confirm
) -> ErasureRequest:
    """Take a request back that nobody confirmed yet."""
    taken = service_of(request).two_people.withdraw(caller, id_, body.reason)
    return _requested(request, caller, [(taken, Standing("withdrawn"))])[0]


def _filter(wish: ErasureWish, service: Service) -> Mapping[str, str]:
    """Return what is meant; raise BadRequestError unless it is exactly one thing."""
    given = {
        name: str(value)
        for name in ("principal", "subject", "session", "trace", "log_index")
        if (value := getattr(wish, name)) is not None
    }
    if len(given) != 1 or BELOW in given or (wish.issuer and wish.subject is None):
        raise BadRequestError(
            "an erasure is of one person (principal, or issuer and subject), session, trace or log_index"
        )
    if wish.subject is not None:
        value = joined(wish.issuer, wish.subject).encode()
        return {"principal": service.masking.masker.digest("principal", value) or ""}
    return given


def _requested(
    request: Request, caller: Caller, found: Sequence[tuple[DeletionRequest, Standing]]
) -> list[ErasureRequest]:
    words = Words(request, caller, (at for one, _ in found for at in places_of(one)))
    ledger = service_of(request).store.ledger
    return [_shape(one, standing, words, ledger) for one, standing in found]


def _shape(
    request: DeletionRequest, standing: Standing, words: Words, ledger: ErasureLedger
) -> ErasureRequest:
    confirmation = request.confirmation
    asked, confirmed, withdrawn = map(_words(words), places_of(request))
    done = done_shape(request, standing, ledger)
    return ErasureRequest(
        id=request.id,
        state=standing.state,
        filter=dict(request.filter),
        digest=request.digest,
        entries=request.count,
        requested_by=request.by,
        requested_index=request.log_index,
        expires_us=request.expires_us,
        confirmed_by=confirmation.by if confirmation else None,
        confirmed_index=confirmation.log_index if confirmation else None,
        done=None if done is None else DoneShape(**done),
        asked=asked,
        confirmed=confirmed,
        withdrawn=withdrawn,
    )


def _words(words: Words) -> Callable[[int | None], WordsShape | None]:
    def at(log_index: int | None) -> WordsShape | None:
        said = words.at(log_index)
        return None if said is None else WordsShape(**said)

    return at

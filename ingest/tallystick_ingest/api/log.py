"""The tenant log: newest checkpoint and proofs. Hashes alone, so reading them is not recorded."""

import base64
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse, Response

from tallystick_ingest.api.answers.form import NOTHING_THERE, Index
from tallystick_ingest.api.answers.operations import ProofAnswer, RangeAnswer
from tallystick_ingest.api.guard import NotFoundError, caller_with, service_of
from tallystick_ingest.api.listing import answer_json

router = APIRouter(prefix="/api/v1/log", dependencies=[Depends(caller_with(None))])
Size = Annotated[Index, Query()]


@router.get("/checkpoint", response_class=PlainTextResponse, responses=NOTHING_THERE)
def checkpoint(request: Request) -> PlainTextResponse:
    """Return the newest signed checkpoint, exactly as it was signed."""
    note = service_of(request).newest_note()
    if note is None:
        raise NotFoundError("there is no checkpoint yet: the log is empty")
    return PlainTextResponse(note)


@router.get("/consistency", response_model=ProofAnswer)
def consistency(request: Request, old: Size, new: Size) -> Response:
    """Prove that the tree of `new` entries extends the tree of `old` (RFC 9162, 2.1.4)."""
    proof = service_of(request).store.consistency_proof(old, new)
    return answer_json({"proof": _base64(proof)})


@router.get("/inclusion", response_model=ProofAnswer)
def inclusion(request: Request, index: Size, size: Size) -> Response:
    """Prove that entry `index` is in the tree of `size` entries (RFC 9162, 2.1.3)."""
    proof = service_of(request).store.inclusion_proof(size, index)
    return answer_json({"proof": _base64(proof)})


@router.get("/range", response_model=RangeAnswer)
def range_proof(request: Request, start: Size, end: Size, size: Size) -> Response:
    """Give the hashes that prove entries [start, end) complete in the tree of `size` entries."""
    left, right = service_of(request).store.range_proof(size, start, end)
    return answer_json({"left": _base64(left), "right": _base64(right)})


def _base64(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(one).decode() for one in hashes]

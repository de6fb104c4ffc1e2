"""The tenant log: newest checkpoint and proofs. Hashes alone, so reading them is not recorded."""

import base64
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse

from tallystick_ingest.api.guard import NotFoundError, caller_with, service_of

_MAX_SIZE: Final = 2**63 - 1

router = APIRouter(prefix="/api/v1/log", dependencies=[Depends(caller_with(None))])
Size = Annotated[int, Query(ge=0, le=_MAX_SIZE)]


@router.get("/checkpoint")
def checkpoint(request: Request) -> PlainTextResponse:
    """Return the newest signed checkpoint, exactly as it was signed."""
    note = service_of(request).newest_note()
    if note is None:
        raise NotFoundError("there is no checkpoint yet: the log is empty")
    return PlainTextResponse(note)


@router.get("/consistency")
def consistency(request: Request, old: Size, new: Size) -> dict[str, list[str]]:
    """Prove that the tree of `new` entries extends the tree of `old` (RFC 9162, 2.1.4)."""
    return {"proof": _base64(service_of(request).store.consistency_proof(old, new))}


@router.get("/inclusion")
def inclusion(request: Request, index: Size, size: Size) -> dict[str, list[str]]:
    """Prove that entry `index` is in the tree of `size` entries (RFC 9162, 2.1.3)."""
    return {"proof": _base64(service_of(request).store.inclusion_proof(size, index))}


@router.get("/range")
def range_proof(request: Request, start: Size, end: Size, size: Size) -> dict[str, list[str]]:
    """Give the hashes that prove entries [start, end) complete in the tree of `size` entries."""
    left, right = service_of(request).store.range_proof(size, start, end)
    return {"left": _base64(left), "right": _base64(right)}


def _base64(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(one).decode() for one in hashes]

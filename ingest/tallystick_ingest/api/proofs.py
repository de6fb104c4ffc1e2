"""Inclusion proofs of many entries at once, for whoever checks a whole stretch of the log.

One proof is hashes that anybody with a credential may have unrecorded (`log`). A thousand are a question of a reader,
with what it costs: it takes the right to read, and is recorded.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field

from tallystick.tlog.encoding import to_base64
from tallystick_ingest.api.answers.form import NOTHING_THERE, Index
from tallystick_ingest.api.answers.operations import InclusionsAnswer
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.guard import NotFoundError, caller_with, record_access, service_of
from tallystick_ingest.api.listing import answer_json
from tallystick_ingest.auth.gate import Caller

MAX_PROOFS: Final = 1_000
"""Of one answer: about a megabyte."""

router = APIRouter(prefix="/api/v1/log")
_may_read = Depends(caller_with("read"))


class InclusionsBody(Body):
    """Of which entries, and in which tree: that of the newest checkpoint, unless another is named."""

    indexes: Annotated[list[Index], Field(min_length=1, max_length=MAX_PROOFS)]
    size: Index | None = None


@router.post("/inclusion", response_model=InclusionsAnswer, responses=NOTHING_THERE)
def inclusions(body: InclusionsBody, request: Request, caller: Caller = _may_read) -> Response:
    """Prove of up to 1,000 entries that each is in one tree, in the order in which they are named.

    The signed checkpoint of that tree comes with the proofs, where it is the newest: it is all that they need.
    """
    service = service_of(request)
    newest = service.store.checkpoint
    if newest is None:
        raise NotFoundError("there is no checkpoint yet: the log is empty")
    size = newest.size if body.size is None else body.size
    proofs = service.store.inclusion_proofs(size, body.indexes)
    query = {"size": size, "indexes": list(body.indexes)}
    record_access(request, caller, "access.read", "proofs", query, len(proofs))
    shapes = [
        {"index": index, "proof": [to_base64(one) for one in proof]}
        for index, proof in zip(body.indexes, proofs, strict=True)
    ]
    note = newest.note if size == newest.size else None
    return answer_json({"size": size, "checkpoint": note, "proofs": shapes})

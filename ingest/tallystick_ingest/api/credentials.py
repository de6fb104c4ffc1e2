"""Credentials that ask a question: passed on by a server, or used by several."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tallystick_ingest.api.answers.overview import (
    CredentialsAnswer,
    PassedOnShape,
    SharedShape,
)
from tallystick_ingest.api.guard import caller_with, reader_of, record_access, service_of
from tallystick_ingest.api.listing import Extent, Listed, Rows, answer_list
from tallystick_ingest.auth.gate import Caller
from tallystick_store.credential_use import MAX_FINDINGS, passed_on, shared

router = APIRouter(prefix="/api/v1/credentials")
_may_read = Depends(caller_with("read"))


@router.get("", response_model=CredentialsAnswer)
def credentials(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_FINDINGS)] = MAX_FINDINGS,
    rows: Literal["passed_on", "shared"] = "passed_on",
    caller: Caller = _may_read,
) -> Response:
    """List what was passed on and what is shared, newest first; at most `limit` of each.

    `rows` says which list an Arrow answer holds.
    """
    log_size = service_of(request).store.size
    database = reader_of(request, caller)
    passed, is_passed_cut = passed_on(database, limit=limit)
    common, is_common_cut = shared(database, limit=limit)
    record_access(request, caller, "access.search", "credentials", {}, len(passed) + len(common))
    lists = [
        Rows("passed_on", PassedOnShape, [asdict(one) for one in passed]),
        Rows("shared", SharedShape, [asdict(one) for one in common]),
    ]
    extent = Extent(log_size, is_passed_cut or is_common_cut)
    return answer_list(request, Listed(extent, lists), rows)

"""Credentials that ask a question: passed on by a server, or used by several."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tallystick_ingest.api.guard import caller_with, reader_of
from tallystick_ingest.api.queries import answer_json, record_access
from tallystick_ingest.auth.gate import Caller
from tallystick_store.credential_use import MAX_FINDINGS, passed_on, shared

router = APIRouter(prefix="/api/v1/credentials")
_may_read = Depends(caller_with("read"))


@router.get("")
def credentials(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_FINDINGS)] = MAX_FINDINGS,
    caller: Caller = _may_read,
) -> Response:
    """List what was passed on and what is shared, newest first; at most `limit` of each."""
    database = reader_of(request, caller)
    passed, is_passed_cut = passed_on(database, limit=limit)
    common, is_common_cut = shared(database, limit=limit)
    record_access(request, caller, "access.search", "credentials", {}, len(passed) + len(common))
    return answer_json(
        {
            "passed_on": [asdict(one) for one in passed],
            "shared": [asdict(one) for one in common],
            "is_cut": is_passed_cut or is_common_cut,
        }
    )

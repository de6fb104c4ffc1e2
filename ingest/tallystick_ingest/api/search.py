"""POST /api/v1/search: records of a period that hold a text, for those who may see payloads.

The text stands in the body, not in the address, and what is recorded of it is its keyed digest: it may hold
somebody's name.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field, TypeAdapter

from tallystick_ingest.api.absence import absences_of
from tallystick_ingest.api.answers.form import Listing
from tallystick_ingest.api.answers.records import EventShape
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.cursor import MAX_CURSOR_CHARS, print_cursor, read_cursor
from tallystick_ingest.api.guard import (
    BadRequestError,
    caller_with,
    reader_of,
    record_access,
    service_of,
)
from tallystick_ingest.api.listing import Extent, Listed, Rows, answer_list
from tallystick_ingest.api.parameters import SinceMoment, UntilMoment, moment
from tallystick_ingest.api.shapes import event_shape
from tallystick_ingest.auth.gate import Caller
from tallystick_store.search import MAX_CHARS, MAX_HITS, MIN_CHARS, search_text

_PLACE: Final = TypeAdapter(
    tuple[
        Annotated[int, Field(ge=0, lt=2**63)],
        Annotated[int, Field(ge=0, lt=2**63)],
        Annotated[int, Field(ge=0, lt=2**63)],
    ]
)
"""The period, as it was when the first page was asked for, and the log index to go on below."""

router = APIRouter(prefix="/api/v1")
_may_search = Depends(caller_with("read", "payload"))


class SearchBody(Body):
    """A text, the period to look through, and how many records are wanted."""

    q: Annotated[str, Field(min_length=MIN_CHARS, max_length=MAX_CHARS, examples=["invoice 4711"])]
    since: SinceMoment = "24h"
    until: UntilMoment = "now"
    limit: Annotated[int, Field(ge=1, le=MAX_HITS)] = 50
    before: Annotated[str | None, Field(max_length=MAX_CURSOR_CHARS)] = None


class SearchAnswer(Listing):
    """Records that hold the text, newest first; there may be none on a page that is not the last."""

    events: list[EventShape]
    before: str | None
    """Cursor of the next page; null: the whole period was looked through."""


@router.post("/search", response_model=SearchAnswer)
def search(body: SearchBody, request: Request, caller: Caller = _may_search) -> Response:
    """Find the records of a period whose statement or disclosures hold a text, whatever its case.

    Looks for 2 s; what was not looked through by then is behind `before`.
    """
    service = service_of(request)
    from_us, to_us = moment(body.since, service), moment(body.until, service)
    filters = {"q": body.q, "from": body.since, "to": body.until}
    before = None
    if body.before is not None:
        from_us, to_us, before = read_cursor("search", filters, body.before, _PLACE)
    if from_us >= to_us:
        raise BadRequestError("the period is empty: `from` must lie before `to`")
    log_size = service.store.size
    page = search_text(
        reader_of(request, caller),
        body.q,
        (from_us, to_us),
        limit=body.limit,
        before=before,
        published=service.store.published,
    )
    record_access(request, caller, "access.search", "text", filters, len(page.events))
    is_last = page.before is None
    place = [from_us, to_us, page.before]
    cursor = None if is_last else print_cursor("search", filters, place)
    absences = absences_of(request, caller)
    rows = Rows("events", EventShape, [event_shape(one, absences) for one in page.events])
    extent = Extent(log_size, is_incomplete=not is_last, cursor=("before", cursor))
    return answer_list(request, Listed(extent, [rows]))

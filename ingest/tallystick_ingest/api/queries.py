"""What happened: status, actions, one action, and the records as they are kept.

Each read is recorded before its answer goes out (`access_book`). Texts come out as they were masked.
"""

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field, TypeAdapter

from tallystick.verify.lines import ContentText, print_record_line
from tallystick.verify.source import EventText, SealText, SpansText
from tallystick_ingest import VERSION
from tallystick_ingest.api.absence import absences_of
from tallystick_ingest.api.action_table import action_table
from tallystick_ingest.api.answers.form import NOTHING_THERE, Index, bytes_of
from tallystick_ingest.api.answers.records import (
    ActionAnswer,
    ActionsAnswer,
    ActionShape,
    EventShape,
    SessionsAnswer,
    SessionShape,
    StatusAnswer,
)
from tallystick_ingest.api.cursor import CursorText, print_cursor, read_cursor
from tallystick_ingest.api.filters import Filters, Pseudonyms
from tallystick_ingest.api.guard import (
    NotFoundError,
    caller_with,
    query_of,
    reader_of,
    record_access,
    service_of,
)
from tallystick_ingest.api.listing import (
    AS_OF_HEADER,
    INCOMPLETE_HEADER,
    Extent,
    Listed,
    Rows,
    answer_json,
    answer_list,
)
from tallystick_ingest.api.parameters import ActionId
from tallystick_ingest.api.shapes import action_shape, event_shape
from tallystick_ingest.auth.gate import Caller
from tallystick_store.actions import MAX_PAGE
from tallystick_store.engine.duckdb import Reader
from tallystick_store.events import MAX_ROWS, Proof
from tallystick_store.records import LogRecord, log_records
from tallystick_store.sessions import MAX_SESSIONS

MAX_RECORDS: Final = 100_000
"""Entries in one answer of /records; ask again from where it ended."""
_PLACE: Final = TypeAdapter(Annotated[int, Field(ge=0, lt=2**63)])
_NDJSON: Final = "application/x-ndjson"

router = APIRouter(prefix="/api/v1")
_may_read = Depends(caller_with("read"))
_may_read_raw = Depends(caller_with("read", "payload", is_whole_reach_needed=True))


@router.get("/status", response_model=StatusAnswer)
def status(request: Request, caller: Caller = _may_read) -> Response:
    """Say what the service holds and how it fares: counts, no content."""
    service = service_of(request)
    newest = service.store.checkpoint
    shown = {
        "tenant": service.keys.name,
        "version": VERSION,
        "started_us": service.started_us,
        "now_us": service.clock.now_us(),
        "log": {
            "size": service.store.size,
            "signed_size": newest.size if newest else 0,
            "signing_stopped": service.store.signing_stopped,
            "publishing_failure": service.store.publisher.failure,
        },
        "journal": {
            "waiting_bytes": service.store.waiting_bytes,
            "failure": service.store.failure,
        },
        "counts": query_of(request, caller).counts(),
        "since_start": service.intake.counters.shown(),
        "emitters": [key.vkey for key in service.directory.emitters],
        "notices": list(service.store.notices),
    }
    return answer_json(shown)


@router.get("/actions", response_model=ActionsAnswer)
def actions(
    request: Request,
    filters: Filters,
    sealing: Proof | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    before: CursorText = None,
    caller: Caller = _may_read,
) -> Response:
    """List actions, newest first; `before` of the answer asks for the next page.

    As Arrow: one flat row for each action, without its payload.
    """
    service = service_of(request)
    query = filters.stated() | ({} if sealing is None else {"sealing": sealing})
    place = None if before is None else read_cursor("actions", query, before, _PLACE)
    log_size = service.store.size
    wanted = replace(filters.wanted(service), sealing=sealing)
    asked = Pseudonyms(request, caller).within(wanted)
    page = query_of(request, caller).actions(asked, limit=limit, before=place)
    record_access(request, caller, "access.search", "actions", query, len(page.actions))
    is_last = page.before is None
    cursor = None if is_last else print_cursor("actions", query, page.before)
    absences = absences_of(request, caller)
    shapes = [action_shape(one, absences) for one in page.actions]
    make_table = partial(action_table, page.actions)
    rows = Rows("actions", ActionShape, shapes, make_table)
    extent = Extent(log_size, is_incomplete=not is_last, cursor=("before", cursor))
    return answer_list(request, Listed(extent, [rows]))


@router.get("/actions/{action_id}", response_model=ActionAnswer, responses=NOTHING_THERE)
def action(action_id: ActionId, request: Request, caller: Caller = _may_read) -> Response:
    """Return every record of one action."""
    log_size = service_of(request).store.size
    events = query_of(request, caller).action(action_id)
    record_access(request, caller, "access.read", "action", {"action": action_id}, len(events))
    if not events:
        raise NotFoundError("no record has this action id")
    absences = absences_of(request, caller)
    rows = Rows("events", EventShape, [event_shape(event, absences) for event in events])
    extent = Extent(log_size, is_incomplete=len(events) >= MAX_ROWS)
    return answer_list(request, Listed(extent, [rows]))


@router.get("/sessions", response_model=SessionsAnswer)
def sessions(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_SESSIONS)] = MAX_SESSIONS,
    before: CursorText = None,
    caller: Caller = _may_read,
) -> Response:
    """List sessions, the one that was heard of last first; `before` of the answer asks for the next page."""
    log_size = service_of(request).store.size
    place = None if before is None else read_cursor("sessions", {}, before, _PLACE)
    page = query_of(request, caller).sessions(limit, place)
    record_access(request, caller, "access.read", "sessions", {}, len(page.sessions))
    is_last = page.before is None
    cursor = None if is_last else print_cursor("sessions", {}, page.before)
    rows = Rows("sessions", SessionShape, [asdict(one) for one in page.sessions])
    extent = Extent(log_size, is_incomplete=not is_last, cursor=("before", cursor))
    return answer_list(request, Listed(extent, [rows]))


@router.get(
    "/records",
    response_class=StreamingResponse,
    responses=bytes_of(_NDJSON, "One JSON object a line"),
)
def records(
    request: Request,
    start: Annotated[Index, Query(alias="from")],
    end: Annotated[Index, Query(alias="to")],
    caller: Caller = _may_read_raw,
) -> StreamingResponse:
    """Stream the log's entries [from, to) with what they commit to, one line each, exact bytes.

    At most 100,000 of them: `Tallystick-Incomplete: true` says that more of those asked for are there.
    Disclosures that name a person are left out unless a reason to reveal them is given.
    """
    service = service_of(request)
    log_size = service.store.size
    stop = min(end, log_size, start + MAX_RECORDS)
    is_incomplete = stop < min(end, log_size)
    query = {"from": start, "to": end}
    record_access(request, caller, "access.read", "records", query, max(0, stop - start))
    headers = {INCOMPLETE_HEADER: str(is_incomplete).lower(), AS_OF_HEADER: str(log_size)}
    return StreamingResponse(
        _lines(reader_of(request, caller), start, stop), media_type=_NDJSON, headers=headers
    )


def _lines(reader: Reader, start: int, stop: int) -> Iterator[bytes]:
    for record in log_records(reader, start, stop):
        yield print_record_line(record.entry, _content(record)) + b"\n"


def _content(record: LogRecord) -> ContentText:
    if record.deleted is not None:
        return record.deleted
    if record.kind == "event":
        return EventText(record.log_index, record.statement, record.disclosures)
    if record.kind == "seal":
        return SealText(record.log_index, record.seal)
    return SpansText(record.log_index, record.spans)

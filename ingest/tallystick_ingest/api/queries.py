"""What happened: status, actions, one action, and the records as they are kept.

Each read is recorded before its answer goes out (`access_book`). Texts come out as they were masked.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from tallystick.errors import ConfigError
from tallystick.verify.lines import ContentText, print_record_line
from tallystick.verify.source import EventText, SealText, SpansText
from tallystick_ingest import VERSION
from tallystick_ingest.api.action_table import ARROW_STREAM, action_stream
from tallystick_ingest.api.guard import (
    BadRequestError,
    NotFoundError,
    caller_with,
    query_of,
    service_of,
)
from tallystick_ingest.api.shapes import action_shape, event_shape
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.drafts import Access, AccessType
from tallystick_ingest.moment import parse_moment
from tallystick_ingest.service import Service
from tallystick_store.actions import MAX_PAGE, ActionFilter
from tallystick_store.events import Proof
from tallystick_store.records import LogRecord, log_records

MAX_RECORDS: Final = 100_000
"""Entries in one answer of /records; ask again from where it ended."""
BEFORE_HEADER: Final = "Tallystick-Before"
"""Where an Arrow answer says what its next page is behind."""
_MAX_CHARS: Final = 256
_NDJSON: Final = "application/x-ndjson"
_FILTERS: Final = (
    *("from", "to", "agent", "tool", "principal", "outcome", "type", "session"),
    "sealing",
)

router = APIRouter(prefix="/api/v1")
_may_read = Depends(caller_with("read"))
_may_read_all = Depends(caller_with("read", is_whole_reach_needed=True))
_Text = Annotated[str | None, Query(max_length=_MAX_CHARS)]
_Index = Annotated[int, Query(ge=0, lt=2**63)]


def record_access(
    request: Request,
    caller: Caller,
    kind: AccessType,
    target: str,
    query: dict[str, Any],
    rows: int,
) -> None:
    """Record a read; raises BusyError, and then nothing may be answered."""
    service_of(request).accesses.record(Access(kind, target, caller, query, rows))


def moment(text: str, service: Service) -> int:
    """Read a moment; raise BadRequestError for what is none."""
    try:
        return parse_moment(text, service.clock.now_us())
    except ConfigError as error:
        raise BadRequestError(str(error)) from None


@router.get("/status")
def status(request: Request, caller: Caller = _may_read) -> dict[str, Any]:
    """Say what the service holds and how it fares: counts, no content."""
    service = service_of(request)
    newest = service.store.checkpoint
    return {
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


@router.get("/actions")
def actions(  # noqa: PLR0913, PLR0917 - one parameter a filter
    request: Request,
    since: Annotated[str | None, Query(alias="from", max_length=_MAX_CHARS)] = None,
    until: Annotated[str | None, Query(alias="to", max_length=_MAX_CHARS)] = None,
    agent: _Text = None,
    tool: _Text = None,
    principal: _Text = None,
    outcome: _Text = None,
    type_: Annotated[str | None, Query(alias="type", max_length=_MAX_CHARS)] = None,
    session: _Text = None,
    sealing: Proof | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    caller: Caller = _may_read,
) -> Response:
    """List actions, newest first; `before` of the answer asks for the next page.

    As JSON, or as an Arrow stream with `before` in a header for whoever accepts that.
    """
    service = service_of(request)
    wanted = ActionFilter(
        from_us=None if since is None else moment(since, service),
        to_us=None if until is None else moment(until, service),
        agent=agent,
        tool=tool,
        principal=principal,
        outcome=outcome,
        type=type_,
        session=session,
        sealing=sealing,
    )
    page = query_of(request, caller).actions(wanted, limit=limit, before=before)
    query = {name: value for name, value in request.query_params.items() if name in _FILTERS}
    record_access(request, caller, "access.search", "actions", query, len(page.actions))
    if ARROW_STREAM in request.headers.get("accept", ""):
        headers = {} if page.before is None else {BEFORE_HEADER: str(page.before)}
        return Response(action_stream(page.actions), media_type=ARROW_STREAM, headers=headers)
    return answer_json(
        {"actions": [action_shape(one) for one in page.actions], "before": page.before}
    )


@router.get("/actions/{action_id}")
def action(action_id: str, request: Request, caller: Caller = _may_read) -> Response:
    """Return every record of one action."""
    events = query_of(request, caller).action(action_id[:_MAX_CHARS])
    record_access(request, caller, "access.read", "action", {"action": action_id}, len(events))
    if not events:
        raise NotFoundError("no record has this action id")
    return answer_json({"events": [event_shape(event) for event in events]})


@router.get("/sessions")
def sessions(request: Request, caller: Caller = _may_read) -> Response:
    """List every session, the one that was heard of last first."""
    found = query_of(request, caller).sessions()
    record_access(request, caller, "access.read", "sessions", {}, len(found))
    return answer_json({"sessions": list(found)})


@router.get("/records")
def records(
    request: Request,
    start: Annotated[int, Query(alias="from", ge=0, lt=2**63)],
    end: Annotated[int, Query(alias="to", ge=0, lt=2**63)],
    caller: Caller = _may_read_all,
) -> StreamingResponse:
    """Stream the log's entries [from, to) with what they commit to, one line each, exact bytes."""
    service = service_of(request)
    stop = min(end, service.store.size, start + MAX_RECORDS)
    query = {"from": start, "to": end}
    record_access(request, caller, "access.read", "records", query, max(0, stop - start))
    return StreamingResponse(_lines(service, start, stop), media_type=_NDJSON)


def _lines(service: Service, start: int, stop: int) -> Iterator[bytes]:
    for record in log_records(service.store.database, start, stop):
        yield print_record_line(record.entry, _content(record)) + b"\n"


def _content(record: LogRecord) -> ContentText:
    if record.kind == "event":
        return EventText(record.log_index, record.statement, record.disclosures)
    if record.kind == "seal":
        return SealText(record.log_index, record.seal)
    return SpansText(record.log_index, record.spans)


def answer_json(value: object) -> JSONResponse:
    """Answer with a value of plain types and dataclasses."""
    return _OrjsonResponse(value)


class _OrjsonResponse(JSONResponse):
    """JSON by orjson: what the store holds was checked when it came in."""

    def render(self, content: object) -> bytes:
        return orjson.dumps(content)

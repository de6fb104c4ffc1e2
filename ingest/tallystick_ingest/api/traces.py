"""Traces: the list of them, one with its calls stage by stage, and one event with its proofs.

A row that was changed from outside is listed all the same, with its faults.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field, TypeAdapter

from tallystick.tlog.encoding import to_base64
from tallystick_ingest.api.absence import Absences, absences_of
from tallystick_ingest.api.answers.form import NOTHING_THERE
from tallystick_ingest.api.answers.records import EventProofAnswer, EventShape
from tallystick_ingest.api.answers.traces import (
    CallShape,
    SpanShape,
    TraceAnswer,
    TracesAnswer,
    TraceShape,
)
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.cursor import CursorText, print_cursor, read_cursor
from tallystick_ingest.api.guard import (
    MAX_REASON_CHARS,
    NotFoundError,
    caller_with,
    give_reason,
    query_of,
    reader_of,
    record_access,
    service_of,
)
from tallystick_ingest.api.listing import Extent, Listed, Rows, answer_json, answer_list
from tallystick_ingest.api.parameters import (
    MAX_TEXT_CHARS,
    AnySince,
    AnyUntil,
    LogIndex,
    TraceId,
    moment,
)
from tallystick_ingest.api.shapes import event_shape, faults_shape, span_shape, without_payload
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.in_force import with_definitions
from tallystick_ingest.stages import calls_of
from tallystick_store.definition_states import definition_states
from tallystick_store.event_proof import EventProof, Inclusion, prove_event
from tallystick_store.query import Query as Questions
from tallystick_store.query import Trace
from tallystick_store.trace_index import TracePlace
from tallystick_store.traces import MAX_TRACES

_MAX_SPAN_CHARS: Final = 16
_SpanText = Annotated[str, Field(max_length=_MAX_SPAN_CHARS)]
MAX_SPANS: Final = 200
"""Spans whose details are asked for at once: more than a window shows."""
_PLACE: Final = TypeAdapter(
    tuple[Annotated[int, Field(ge=0, lt=2**63)], Annotated[str, Field(max_length=MAX_TEXT_CHARS)]]
)

router = APIRouter(prefix="/api/v1")
_may_read = Depends(caller_with("read"))
_may_reveal = Depends(caller_with("read", "payload", "reveal"))


@router.get("/traces", response_model=TracesAnswer)
def traces(
    request: Request,
    since: AnySince = None,
    until: AnyUntil = None,
    limit: Annotated[int, Query(ge=1, le=MAX_TRACES)] = 50,
    before: CursorText = None,
    caller: Caller = _may_read,
) -> Response:
    """List traces, newest first; `before` of the answer asks for the next page."""
    service = service_of(request)
    from_us = None if since is None else moment(since, service)
    to_us = None if until is None else moment(until, service)
    query = {name: value for name, value in request.query_params.items() if name in ("from", "to")}
    place = None if before is None else TracePlace(*read_cursor("traces", query, before, _PLACE))
    log_size = service.store.size
    page = query_of(request, caller).traces(from_us, to_us, limit, place)
    record_access(request, caller, "access.search", "traces", query, len(page.traces))
    is_last = page.before is None
    cursor = None if is_last else print_cursor("traces", query, page.before)
    rows = Rows("traces", TraceShape, [asdict(one) for one in page.traces])
    extent = Extent(log_size, is_incomplete=not is_last, cursor=("before", cursor))
    return answer_list(request, Listed(extent, [rows]))


@router.get("/traces/{trace_id}", response_model=TraceAnswer, responses=NOTHING_THERE)
def trace(
    trace_id: TraceId,
    request: Request,
    payload: Literal["all", "none"] = "all",
    span: Annotated[list[_SpanText] | None, Query(max_length=MAX_SPANS)] = None,
    rows: Literal["events", "spans", "calls"] = "events",
    caller: Caller = _may_read,
) -> Response:
    """Return the events and spans of one trace, and its calls stage by stage.

    `payload=none` leaves out disclosures, and of spans all attributes but those that say what a span
    is; `span` keeps the events and spans with that span id, may be given up to 200 times, and leaves
    out `calls`, which take the whole trace. `rows` says which list an Arrow answer holds.
    """
    log_size = service_of(request).store.size
    found = _found(query_of(request, caller), trace_id, span)
    absences = absences_of(request, caller)
    events = [event_shape(event, absences) for event in found.events]
    spans = [span_shape(one, absences) for one in found.spans]
    calls = []
    if span is not None:
        events = [one for one in events if one["span_id"] in span]
        spans = [one for one in spans if one["span_id"] in span]
    count = len(events) + len(spans)
    record_access(request, caller, "access.read", "trace", {"trace": trace_id}, count)
    if not (found.events or found.spans):
        raise NotFoundError("no record and no span has this trace id")
    if span is None:
        states = definition_states(reader_of(request, caller), found.events)
        calls = with_definitions(calls_of(events, spans), states)
    if payload == "none":
        events, spans = list(map(without_payload, events)), list(map(without_payload, spans))
    lists = [
        Rows("events", EventShape, events),
        Rows("spans", SpanShape, spans),
        Rows("calls", CallShape, calls),
    ]
    return answer_list(request, Listed(Extent(log_size, found.is_cut), lists), rows)


def _found(query: Questions, trace_id: str, span_ids: Sequence[str] | None) -> Trace:
    """Read a trace, or of it the rows of some spans alone.

    The whole of it where one of them is not found: its id may have been changed in a column, and
    then its record still says it.
    """
    if span_ids is not None:
        found = query.trace(trace_id, span_ids)
        known = {one.said("span.id") for one in found.events}
        known |= {one.span["span_id"] for one in found.spans}
        if known.issuperset(span_ids):
            return found
    return query.trace(trace_id)


@router.get("/events/{log_index}", response_model=EventProofAnswer, responses=NOTHING_THERE)
def event(log_index: LogIndex, request: Request, caller: Caller = _may_read) -> Response:
    """Return one event with what proves it, for the reader to check again."""
    return _proven(log_index, request, caller)


class ReasonBody(Body):
    """Why the names in a record are to be revealed."""

    reason: str = Field(max_length=MAX_REASON_CHARS)


@router.post("/events/{log_index}/reveal", response_model=EventProofAnswer, responses=NOTHING_THERE)
def reveal(
    log_index: LogIndex, body: ReasonBody, request: Request, caller: Caller = _may_reveal
) -> Response:
    """Return one event as `event` does, with the disclosures that name a person; the reason is on record."""
    give_reason(request, caller, body.reason)
    return _proven(log_index, request, caller)


def _proven(log_index: int, request: Request, caller: Caller) -> Response:
    store = service_of(request).store
    reader = reader_of(request, caller)
    found = prove_event(store, log_index, reader) if log_index < store.size else None
    query = {"log_index": min(log_index, store.size)}
    record_access(request, caller, "access.read", "event", query, 0 if found is None else 1)
    if found is None:
        raise NotFoundError("no event stands at this place of the log")
    return answer_json(_proof_shape(found, absences_of(request, caller)))


def _proof_shape(found: EventProof, absences: Absences) -> dict[str, Any]:
    event, seal = found.event, found.seal
    return {
        "log_index": found.log_index,
        "line": event.line if event else None,
        "disclosures": event.lines if event else [],
        "absent": absences.of_event(event) if event else None,
        "entry": to_base64(found.entry) if found.entry else None,
        "leaf_hash": to_base64(event.leaf_hash) if event else None,
        "sealing": event.proof if event else "unsealed",
        "origin": (event.said("origin") or "") if event else "",
        "seal": seal._asdict() if seal else None,
        "session_open": found.session_open,
        "recovered_by": found.recovered_by,
        "checkpoint": found.checkpoint,
        "inclusion": _inclusion_shape(found.inclusion),
        "faults": faults_shape(found.faults),
    }


def _inclusion_shape(inclusion: Inclusion | None) -> dict[str, Any] | None:
    if inclusion is None:
        return None
    proof = [to_base64(one) for one in inclusion.proof]
    return {"index": inclusion.index, "size": inclusion.size, "proof": proof}

"""Traces: the list of them, one with its calls stage by stage, and one event with its proofs.

A row that was changed from outside is listed all the same, with its faults.
"""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tallystick.tlog.encoding import to_base64
from tallystick_ingest.api.guard import NotFoundError, caller_with, query_of, reader_of, service_of
from tallystick_ingest.api.queries import answer_json, moment, record_access
from tallystick_ingest.api.shapes import event_shape, faults_shape, span_shape, without_payload
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.in_force import with_definitions
from tallystick_ingest.stages import calls_of
from tallystick_store.definition_states import definition_states
from tallystick_store.event_proof import EventProof, Inclusion, prove_event
from tallystick_store.traces import MAX_TRACES

_MAX_CHARS: Final = 64
_MAX_SPAN_CHARS: Final = 16

router = APIRouter(prefix="/api/v1")
_may_read = Depends(caller_with("read"))


@router.get("/traces")
def traces(
    request: Request,
    since: Annotated[str | None, Query(alias="from", max_length=_MAX_CHARS)] = None,
    until: Annotated[str | None, Query(alias="to", max_length=_MAX_CHARS)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_TRACES)] = 50,
    before: Annotated[int | None, Query(ge=0, lt=2**53)] = None,
    caller: Caller = _may_read,
) -> Response:
    """List traces, newest first; `before` of the answer asks for the next page."""
    service = service_of(request)
    from_us = None if since is None else moment(since, service)
    to_us = None if until is None else moment(until, service)
    page = query_of(request, caller).traces(from_us, to_us, limit, before)
    query = {name: value for name, value in request.query_params.items() if name in ("from", "to")}
    record_access(request, caller, "access.search", "traces", query, len(page.traces))
    return answer_json(page)


@router.get("/traces/{trace_id}")
def trace(
    trace_id: str,
    request: Request,
    payload: Literal["all", "none"] = "all",
    span: Annotated[str | None, Query(max_length=_MAX_SPAN_CHARS)] = None,
    caller: Caller = _may_read,
) -> Response:
    """Return the events and spans of one trace, and its calls stage by stage.

    `payload=none` leaves out disclosures, and of spans all attributes but those that say what a span
    is; `span` keeps the events and spans with one span id.
    """
    found = query_of(request, caller).trace(trace_id[:_MAX_CHARS])
    rows = len(found.events) + len(found.spans)
    record_access(request, caller, "access.read", "trace", {"trace": trace_id[:_MAX_CHARS]}, rows)
    if not rows:
        raise NotFoundError("no record and no span has this trace id")
    events = [event_shape(event) for event in found.events]
    spans = [span_shape(one) for one in found.spans]
    states = definition_states(reader_of(request, caller), found.events)
    calls = with_definitions(calls_of(events, spans), states)
    if payload == "none":
        events, spans = list(map(without_payload, events)), list(map(without_payload, spans))
    if span is not None:
        events = [one for one in events if one["span_id"] == span]
        spans = [one for one in spans if one["span_id"] == span]
    return answer_json({"events": events, "spans": spans, "calls": calls, "is_cut": found.is_cut})


@router.get("/events/{log_index}")
def event(log_index: int, request: Request, caller: Caller = _may_read) -> Response:
    """Return one event with what proves it, for the reader to check again."""
    store = service_of(request).store
    found = (
        prove_event(store, log_index, reader_of(request, caller))
        if 0 <= log_index < store.size
        else None
    )
    query = {"log_index": min(max(log_index, -1), store.size)}
    record_access(request, caller, "access.read", "event", query, 0 if found is None else 1)
    if found is None:
        raise NotFoundError("no event stands at this place of the log")
    return answer_json(_proof_shape(found))


def _proof_shape(found: EventProof) -> dict[str, Any]:
    event, seal = found.event, found.seal
    return {
        "log_index": found.log_index,
        "line": event.line if event else None,
        "disclosures": event.lines if event else [],
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

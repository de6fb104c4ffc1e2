"""A long trace in two steps: the skeleton, by which rows are drawn, then the calls on the screen with their stages."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field

from tallystick_ingest.api.absence import absences_of
from tallystick_ingest.api.answers.form import NOTHING_THERE
from tallystick_ingest.api.answers.traces import SkeletonAnswer, TraceCallsAnswer
from tallystick_ingest.api.guard import (
    NotFoundError,
    caller_with,
    query_of,
    reader_of,
    record_access,
    service_of,
)
from tallystick_ingest.api.listing import answer_json
from tallystick_ingest.api.parameters import MAX_TEXT_CHARS, TraceId
from tallystick_ingest.api.shapes import span_shape, without_payload
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.in_force import with_definitions
from tallystick_ingest.skeleton import (
    call_columns,
    call_event,
    call_span,
    event_columns,
    span_columns,
)
from tallystick_ingest.stages import calls_of
from tallystick_store.definition_states import definition_states
from tallystick_store.query import Query as Questions
from tallystick_store.query import Trace

MAX_CALLS: Final = 200
"""Actions whose calls are asked for at once: more than a window shows."""
_ActionText = Annotated[str, Field(max_length=MAX_TEXT_CHARS)]

router = APIRouter(prefix="/api/v1/traces")
_may_read = Depends(caller_with("read"))


@router.get("/{trace_id}/skeleton", response_model=SkeletonAnswer, responses=NOTHING_THERE)
def skeleton(trace_id: TraceId, request: Request, caller: Caller = _may_read) -> Response:
    """Return of every record, span and call of a trace what a waterfall's row needs, as packed columns.

    A column has its values once each (`words`), and of each row the place among them (`at`, -1: none), or, where
    `at` is null, one word for each row. A column in which no row says anything is left out. What else a row says is
    asked for when it is looked at: `/traces/{trace_id}?span=`, `/traces/{trace_id}/calls` and `/events/{log_index}`.
    """
    log_size = service_of(request).store.size
    reader = reader_of(request, caller)
    found = query_of(request, caller).trace(trace_id)
    count = len(found.events) + len(found.spans)
    record_access(request, caller, "access.read", "trace", {"trace": trace_id}, count)
    _require_any(found)
    events = [call_event(one) for one in found.events]
    calls = calls_of(events, [call_span(one) for one in found.spans], has_stages=False)
    known = with_definitions(calls, definition_states(reader, found.events))
    absences = absences_of(request, caller)
    spans = [without_payload(span_shape(one, absences)) for one in found.spans]
    return answer_json(
        {
            "events": {"count": len(found.events), "columns": event_columns(found.events)},
            "spans": {"count": len(found.spans), "columns": span_columns(spans)},
            "calls": {"count": len(calls), "columns": call_columns(known)},
            "incomplete": found.is_cut,
            "as_of": {"log_size": log_size},
        }
    )


@router.get("/{trace_id}/calls", response_model=TraceCallsAnswer, responses=NOTHING_THERE)
def trace_calls(
    trace_id: TraceId,
    request: Request,
    action: Annotated[list[_ActionText], Query(min_length=1, max_length=MAX_CALLS)],
    caller: Caller = _may_read,
) -> Response:
    """Return some calls of a trace stage by stage: those of these actions, up to 200. Name both ends of a call.

    Actions that the trace does not have are passed over. `parent` is told where that call is asked for as well.
    """
    log_size = service_of(request).store.size
    found, parents = _around(query_of(request, caller), trace_id, action)
    wanted = {"trace": trace_id, "actions": list(action)}
    count = len(found.events) + len(found.spans)
    record_access(request, caller, "access.read", "calls", wanted, count)
    _require_any(found)
    events = [call_event(one) for one in found.events]
    calls = calls_of(events, [call_span(one) for one in found.spans], parents)
    asked = frozenset(action)
    shown = [one for one in calls if asked.intersection(one["action_ids"])]
    states = definition_states(reader_of(request, caller), found.events)
    return answer_json(
        {
            "calls": with_definitions(shown, states),
            "incomplete": found.is_cut,
            "as_of": {"log_size": log_size},
        }
    )


def _around(
    query: Questions, trace_id: str, actions: Sequence[str]
) -> tuple[Trace, Mapping[str, str]]:
    """Read what tells of some calls; the whole trace where one is not found by its column, which may be changed."""
    found, parents = query.around(trace_id, actions)
    known = {one.said("action.id") for one in found.events}
    return (found, parents) if known.issuperset(actions) else (query.trace(trace_id), parents)


def _require_any(found: Trace) -> None:
    if not (found.events or found.spans):
        raise NotFoundError("no record and no span has this trace id")

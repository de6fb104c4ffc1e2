"""The first look: counts over a period, the state of the log, and what the last verification found."""

from dataclasses import asdict
from typing import Any, Final, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from tallystick.tlog.encoding import to_base64
from tallystick_ingest.api.answers.overview import (
    AgentCountsShape,
    CheckpointShape,
    HourShape,
    IntegrityAnswer,
    OverviewAnswer,
    SessionIntegrityShape,
    ToolCountsShape,
    VerificationAnswer,
)
from tallystick_ingest.api.guard import (
    BadRequestError,
    caller_with,
    reader_of,
    record_access,
    service_of,
)
from tallystick_ingest.api.listing import Extent, Listed, Rows, answer_json, answer_list
from tallystick_ingest.api.parameters import SinceText, UntilText, moment
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.service import Service
from tallystick_store.integrity import (
    MAX_CHECKPOINTS,
    SessionIntegrity,
    newest_checkpoints,
    session_integrity,
)
from tallystick_store.overview import Overview, read_overview

_DAY: Final = "24h"

router = APIRouter(prefix="/api/v1")
_may_read = Depends(caller_with("read"))
_may_read_all = Depends(caller_with("read", is_whole_reach_needed=True))
_may_export = Depends(caller_with("export", is_whole_reach_needed=True))


@router.get("/overview", response_model=OverviewAnswer)
def overview(
    request: Request,
    since: SinceText = _DAY,
    until: UntilText = "now",
    rows: Literal["hours", "tools", "agents"] = "hours",
    caller: Caller = _may_read,
) -> Response:
    """Count what happened in [from, to), the last 24 hours unless said otherwise.

    `rows` says which list an Arrow answer holds.
    """
    service = service_of(request)
    from_us, to_us = moment(since, service), moment(until, service)
    if from_us >= to_us:
        raise BadRequestError("the period is empty: `from` must lie before `to`")
    log_size = service.store.size
    found = read_overview(reader_of(request, caller), from_us, to_us)
    query = {"from": since, "to": until}
    record_access(request, caller, "access.read", "overview", query, found.totals.actions)
    shown = {"verification": _verification_shape(service, caller), "log": _log_shape(service)}
    period = {"from_us": found.from_us, "to_us": found.to_us}
    further = {**shown, "period": period, "totals": asdict(found.totals)}
    extent = Extent(log_size, found.is_cut)
    return answer_list(request, Listed(extent, _overview_rows(found), further), rows)


@router.get("/integrity", response_model=IntegrityAnswer)
def integrity(
    request: Request,
    rows: Literal["sessions", "checkpoints"] = "sessions",
    caller: Caller = _may_read_all,
) -> Response:
    """Say what proves the log: checkpoints, sessions and what is missing of them, keys.

    `rows` says which list an Arrow answer holds.
    """
    service = service_of(request)
    database = reader_of(request, caller)
    log_size = service.store.size
    sessions, is_cut = session_integrity(database, service.clock.now_us())
    newest = newest_checkpoints(database, MAX_CHECKPOINTS + 1)
    checkpoints, are_more = newest[:MAX_CHECKPOINTS], len(newest) > MAX_CHECKPOINTS
    record_access(request, caller, "access.read", "integrity", {}, len(sessions))
    further = {
        "verification": _verification_shape(service, caller),
        "log": _log_shape(service),
        "log_vkey": service.keys.log.key.vkey,
        "service_vkey": service.keys.service.key.vkey,
        "notices": list(service.store.notices),
        "sessions_cut": is_cut,
        "checkpoints_cut": are_more,
    }
    roots = [{**asdict(one), "root": to_base64(one.root)} for one in checkpoints]
    lists = [
        Rows("sessions", SessionIntegrityShape, [_session_shape(one) for one in sessions]),
        Rows("checkpoints", CheckpointShape, roots),
    ]
    extent = Extent(log_size, is_cut or are_more)
    return answer_list(request, Listed(extent, lists, further), rows)


@router.get("/verification", response_model=VerificationAnswer)
def verification(request: Request, caller: Caller = _may_read) -> Response:
    """Say how the last verification ended; what it found, by place, to those alone whose reach is not cut."""
    return answer_json({"verification": _verification_shape(service_of(request), caller)})


@router.post("/verification", response_model=VerificationAnswer)
def verify_now(request: Request, caller: Caller = _may_export) -> Response:
    """Begin a verification, unless one runs already."""
    service = service_of(request)
    record_access(request, caller, "access.read", "verification", {}, 0)
    return answer_json({"verification": asdict(service.verifier.ask())})


def _verification_shape(service: Service, caller: Caller) -> dict[str, Any]:
    shown = asdict(service.verifier.found)
    if not caller.reach.is_full:
        shown["steps"] = [{**step, "findings": []} for step in shown["steps"]]
    return shown


def _log_shape(service: Service) -> dict[str, Any]:
    newest = newest_checkpoints(service.store.database, 1)
    return {
        "size": service.store.size,
        "signed_size": newest[0].size if newest else 0,
        "signed_us": newest[0].signed_us if newest else None,
        "signing_stopped": service.store.signing_stopped,
    }


def _overview_rows(found: Overview) -> list[Rows]:
    hours = [{"hour_us": hour_us, **asdict(counts)} for hour_us, counts in found.hours]
    tools = [
        {"tool": tool, "server": server, **asdict(counts)} for tool, server, counts in found.tools
    ]
    agents = [{"agent": agent, **asdict(counts)} for agent, counts in found.agents]
    return [
        Rows("hours", HourShape, hours),
        Rows("tools", ToolCountsShape, tools),
        Rows("agents", AgentCountsShape, agents),
    ]


def _session_shape(session: SessionIntegrity) -> dict[str, Any]:
    gaps = [gap._asdict() for gap in session.gaps]
    return {**asdict(session.summary), "state": session.phase, "gap": gaps}

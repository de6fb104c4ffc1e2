"""The first look: counts over a period, the state of the log, and what the last verification found."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tallystick.tlog.encoding import to_base64
from tallystick_ingest.api.guard import BadRequestError, caller_with, reader_of, service_of
from tallystick_ingest.api.queries import answer_json, moment, record_access
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.service import Service
from tallystick_store.integrity import SessionIntegrity, newest_checkpoints, session_integrity
from tallystick_store.overview import Overview, read_overview

_MAX_CHARS: Final = 64
_DAY: Final = "24h"

router = APIRouter(prefix="/api/v1")
_may_read = Depends(caller_with("read"))
_may_read_all = Depends(caller_with("read", is_whole_reach_needed=True))
_may_export = Depends(caller_with("export", is_whole_reach_needed=True))


@router.get("/overview")
def overview(
    request: Request,
    since: Annotated[str, Query(alias="from", max_length=_MAX_CHARS)] = _DAY,
    until: Annotated[str, Query(alias="to", max_length=_MAX_CHARS)] = "now",
    caller: Caller = _may_read,
) -> Response:
    """Count what happened in [from, to), the last 24 hours unless said otherwise."""
    service = service_of(request)
    from_us, to_us = moment(since, service), moment(until, service)
    if from_us >= to_us:
        raise BadRequestError("the period is empty: `from` must lie before `to`")
    found = read_overview(reader_of(request, caller), from_us, to_us)
    query = {"from": since, "to": until}
    record_access(request, caller, "access.read", "overview", query, found.totals.actions)
    shown = {"verification": asdict(service.verifier.found), "log": _log_shape(service)}
    return answer_json({**shown, **_overview_shape(found)})


@router.get("/integrity")
def integrity(request: Request, caller: Caller = _may_read_all) -> Response:
    """Say what proves the log: checkpoints, sessions and what is missing of them, keys."""
    service = service_of(request)
    database = reader_of(request, caller)
    sessions, is_cut = session_integrity(database, service.clock.now_us())
    record_access(request, caller, "access.read", "integrity", {}, len(sessions))
    return answer_json(
        {
            "verification": asdict(service.verifier.found),
            "log": _log_shape(service),
            "checkpoints": [
                {**asdict(one), "root": to_base64(one.root)} for one in newest_checkpoints(database)
            ],
            "sessions": [_session_shape(one) for one in sessions],
            "sessions_cut": is_cut,
            "log_vkey": service.keys.log.key.vkey,
            "service_vkey": service.keys.service.key.vkey,
            "notices": list(service.store.notices),
        }
    )


@router.get("/verification")
def verification(request: Request, _caller: Caller = _may_read_all) -> Response:
    """Say what the last verification found: hashes, counts and places."""
    return answer_json({"verification": asdict(service_of(request).verifier.found)})


@router.post("/verification")
def verify_now(request: Request, caller: Caller = _may_export) -> Response:
    """Begin a verification, unless one runs already."""
    service = service_of(request)
    record_access(request, caller, "access.read", "verification", {}, 0)
    return answer_json({"verification": asdict(service.verifier.ask())})


def _log_shape(service: Service) -> dict[str, Any]:
    newest = newest_checkpoints(service.store.database, 1)
    return {
        "size": service.store.size,
        "signed_size": newest[0].size if newest else 0,
        "signed_us": newest[0].signed_us if newest else None,
        "signing_stopped": service.store.signing_stopped,
    }


def _overview_shape(found: Overview) -> dict[str, Any]:
    return {
        "period": {"from_us": found.from_us, "to_us": found.to_us},
        "totals": asdict(found.totals),
        "hours": [{"hour_us": hour_us, **asdict(counts)} for hour_us, counts in found.hours],
        "tools": [
            {"tool": tool, "server": server, **asdict(counts)}
            for tool, server, counts in found.tools
        ],
        "agents": [{"agent": agent, **asdict(counts)} for agent, counts in found.agents],
    }


def _session_shape(session: SessionIntegrity) -> dict[str, Any]:
    gaps = [gap._asdict() for gap in session.gaps]
    return {**asdict(session.summary), "state": session.phase, "gap": gaps}

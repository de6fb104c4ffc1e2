"""Exports with a report: begin one, follow it, fetch its package."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from tallystick_ingest.api.answers.form import CONFLICT, NOTHING_THERE, package
from tallystick_ingest.api.answers.operations import ExportBegun, ExportsAnswer, ExportShape
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.evidence import chunks
from tallystick_ingest.api.guard import BadRequestError, NotFoundError, caller_with, service_of
from tallystick_ingest.api.listing import answer_json
from tallystick_ingest.api.parameters import SinceMoment, UntilMoment, moment
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.export_jobs import ExportBusyError, Job
from tallystick_store.evidence.card import MAX_CARD_BYTES
from tallystick_store.evidence.export import ExportRequest

_MAX_CHARS: Final = 64

router = APIRouter(prefix="/api/v1")
_may_export = Depends(caller_with("export", is_whole_reach_needed=True))

ExportId = Annotated[str, Path(max_length=_MAX_CHARS)]


class ExportBody(Body):
    """The period, the regime, and the system card as YAML text."""

    since: SinceMoment
    until: UntilMoment = "now"
    regime: str = Field(default="eu-ai-act", max_length=_MAX_CHARS)
    card: Annotated[str, Field(max_length=MAX_CARD_BYTES)] | None = None


@router.post("/exports", response_model=ExportBegun, responses=CONFLICT)
def begin_export(body: ExportBody, request: Request, caller: Caller = _may_export) -> Response:
    """Begin an export; 409 while another one runs."""
    service = service_of(request)
    from_us, to_us = moment(body.since, service), moment(body.until, service)
    if from_us >= to_us:
        raise BadRequestError("the period is empty: `from` must lie before `to`")
    if from_us >= service.clock.now_us():
        raise BadRequestError("the period has not begun: `from` lies in the future")
    wanted = ExportRequest(from_us, to_us, body.regime, body.card or "")
    try:
        return answer_json({"id": service.exports.start(wanted, caller)})
    except ExportBusyError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None


@router.get("/exports", response_model=ExportsAnswer)
def exports(request: Request, _caller: Caller = _may_export) -> Response:
    """Return every export that is kept: who, when, which period, how far."""
    return answer_json({"exports": service_of(request).exports.list()})


@router.get("/exports/{export_id}", response_model=ExportShape, responses=NOTHING_THERE)
def export_state(export_id: ExportId, request: Request, _caller: Caller = _may_export) -> Response:
    """Return how far an export is."""
    return answer_json(_job(export_id, request).shown())


@router.get(
    "/exports/{export_id}/package",
    response_class=StreamingResponse,
    responses=package() | CONFLICT | NOTHING_THERE,
)
def fetch_package(
    export_id: ExportId, request: Request, caller: Caller = _may_export
) -> StreamingResponse:
    """Return the package of an export that is done; each fetch is on record."""
    jobs, job = service_of(request).exports, _job(export_id, request)
    if job.state != "done":
        raise HTTPException(
            HTTPStatus.CONFLICT, job.error or "the export is not done yet: ask again"
        )
    try:
        file = jobs.package(job).open("rb")
    except OSError:
        raise NotFoundError("the package of this export is gone: export again") from None
    try:
        jobs.record(job, "package", caller)
    except BaseException:
        file.close()
        raise
    name = f"evidence_{job.request.regime}_{job.id}.zip"
    headers = {
        "content-length": str(job.bytes),
        "content-disposition": f'attachment; filename="{name}"',
    }
    return StreamingResponse(chunks(file), media_type="application/zip", headers=headers)


def _job(export_id: str, request: Request) -> Job:
    found = service_of(request).exports.get(export_id)
    if found is None:
        raise NotFoundError("there is no export of this id: it is older than a day, or never was")
    return found

"""POST /api/v1/enroll: an emitter registers its identity key and gets the tenant's keys."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tallystick.errors import AdmissionError
from tallystick_ingest.admission import Origin
from tallystick_ingest.api.answers.operations import EnrolmentAnswer
from tallystick_ingest.api.guard import caller_with, service_of
from tallystick_ingest.api.listing import answer_json
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.enrolment import Enrolment, check_enrolment, tenant_keys
from tallystick_ingest.verdict import ENROLMENT_INVALID, Refusal

MAX_FIELD_CHARS = 16_384

router = APIRouter(prefix="/api/v1")
_may_enroll = Depends(caller_with("enroll"))


class EnrolmentBody(BaseModel):
    """The body of a request to enrol."""

    emitter_vkey: str = Field(max_length=MAX_FIELD_CHARS)
    proof: str = Field(max_length=MAX_FIELD_CHARS)


@router.post("/enroll", response_model=EnrolmentAnswer)
def enroll(body: EnrolmentBody, request: Request, caller: Caller = _may_enroll) -> Response:
    """Check the proof, record the key as `key.added` once, and give the tenant's keys."""
    service = service_of(request)
    try:
        key = check_enrolment(Enrolment(body.emitter_vkey, body.proof), service.clock.now_us())
        service.enrol(key)
    except AdmissionError as error:
        origin = Origin(caller.id, request.url.path)
        draft = service.refusals.draft(origin, [Refusal(ENROLMENT_INVALID, str(error))])
        if draft is not None:
            service.state([draft])
        raise
    return answer_json(tenant_keys(service.keys))

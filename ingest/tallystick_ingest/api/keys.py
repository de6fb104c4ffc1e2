"""API keys: who has one, making one, revoking one. Each use is on record, the listing too."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from tallystick.errors import ConfigError
from tallystick_ingest.api.answers.form import NOTHING_THERE
from tallystick_ingest.api.answers.operations import KeyMade, KeyShape
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.guard import (
    BadRequestError,
    NotFoundError,
    caller_with,
    record_access,
    service_of,
)
from tallystick_ingest.api.listing import answer_json
from tallystick_ingest.auth.api_keys import MAX_NAME_CHARS, SCOPES, ApiKey, NewKey
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.auth.limits import MAX_RATE, CallerLimits
from tallystick_ingest.auth.reaches import reach_of, shown_reach
from tallystick_ingest.moment import parse_end
from tallystick_ingest.service import Service
from tallystick_store.reach import MAX_PATTERN_CHARS, MAX_PATTERNS

_MAX_MOMENT_CHARS: Final = 64
_NO_STORE: Final = {"cache-control": "no-store"}
_NO_SUCH_KEY: Final = "there is no API key of this id: `tallystick keys list` shows those there are"

router = APIRouter(prefix="/api/v1/keys")
_may_manage = Depends(caller_with("keys"))
_Patterns = (
    Annotated[
        list[Annotated[str, Field(max_length=MAX_PATTERN_CHARS)]], Field(max_length=MAX_PATTERNS)
    ]
    | None
)


class ReachBody(Body):
    """Which records a key may read: patterns of each kind; null, or left out: all."""

    environments: _Patterns = None
    agents: _Patterns = None
    tools: _Patterns = None
    resources: _Patterns = None


_Rate = Annotated[int, Field(ge=0, le=MAX_RATE)] | None


class LimitsBody(Body):
    """How often a key may ask, a second. 0: any number; null, or left out: as the service's settings say."""

    requests_per_s: _Rate = None
    """OTLP requests; further ones get 503."""
    questions_per_s: _Rate = None
    """Requests to the query API; further ones get 429."""


class KeyBody(Body):
    """What a new API key is to be."""

    name: str = Field(max_length=MAX_NAME_CHARS)
    scopes: list[Annotated[str, Field(max_length=MAX_NAME_CHARS)]] = Field(max_length=len(SCOPES))
    expires: Annotated[str, Field(max_length=_MAX_MOMENT_CHARS)] | None = None
    """A moment, or how long from now: 90d. Left out: never."""
    reach: ReachBody = ReachBody()
    limits: LimitsBody = LimitsBody()


@router.get("", response_model=list[KeyShape])
def list_keys(request: Request, caller: Caller = _may_manage) -> Response:
    """List the API keys: what each may do, until when, and on which day it was last used."""
    service = service_of(request)
    keys = service.ring.keys
    record_access(request, caller, "access.read", "keys", {}, len(keys))
    now_us = service.clock.now_us()
    return answer_json([_shown(key, now_us) for key in keys])


@router.post("", response_model=KeyMade)
def create_key(body: KeyBody, request: Request, caller: Caller = _may_manage) -> JSONResponse:
    """Make an API key; its text is in this answer and nowhere else."""
    service = service_of(request)
    now_us = service.clock.now_us()
    wanted = _wanted(body, now_us)
    caller.require_grantable(wanted)
    _require_limits(service, caller, wanted.limits)
    key, text = service.create_api_key(wanted, caller)
    return JSONResponse({**_shown(key, now_us), "api_key": text}, headers=_NO_STORE)


@router.delete("/{key_id}", response_model=KeyShape, responses=NOTHING_THERE)
def revoke_key(
    key_id: Annotated[str, Path(max_length=MAX_NAME_CHARS)],
    request: Request,
    caller: Caller = _may_manage,
) -> Response:
    """Revoke an API key: from this answer on it opens nothing, over no protocol."""
    service = service_of(request)
    key = service.revoke_api_key(key_id, caller)
    if key is None:
        raise NotFoundError(_NO_SUCH_KEY)
    return answer_json(_shown(key, service.clock.now_us()))


@router.put("/{key_id}/limits", response_model=KeyShape, responses=NOTHING_THERE)
def limit_key(
    key_id: Annotated[str, Path(max_length=MAX_NAME_CHARS)],
    body: LimitsBody,
    request: Request,
    caller: Caller = _may_manage,
) -> Response:
    """Set how often an API key may ask, from this answer on; a revoked one stays as it is."""
    service, limits = service_of(request), CallerLimits(**body.model_dump())
    _require_limits(service, caller, limits)
    key = service.limit_api_key(key_id, limits, caller)
    if key is None:
        raise NotFoundError(_NO_SUCH_KEY)
    return answer_json(_shown(key, service.clock.now_us()))


def _require_limits(service: Service, caller: Caller, wanted: CallerLimits) -> None:
    """Raise AuthorizationError for limits above those of a caller who is no administrator."""
    if "admin" not in caller.scopes:
        service.rates.require_grantable(wanted, caller.limits)


def _wanted(body: KeyBody, now_us: int) -> NewKey:
    try:
        expires_us = None if body.expires is None else parse_end(body.expires, now_us)
        reach, limits = reach_of(body.reach.model_dump()), CallerLimits(**body.limits.model_dump())
        return NewKey(body.name, tuple(body.scopes), reach, expires_us, limits)
    except ConfigError as error:
        raise BadRequestError(str(error)) from None


def _shown(key: ApiKey, now_us: int) -> dict[str, Any]:
    state = "expired" if key.has_expired(now_us) else "valid"
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "reach": shown_reach(key.reach),
        "limits": asdict(key.limits),
        "state": "revoked" if key.revoked_us is not None else state,
        "created_us": key.created_us,
        "expires_us": key.expires_us,
        "revoked_us": key.revoked_us,
        "used_on": key.used_on,
    }

"""The API's description: OpenAPI 3.1, made of the routes and their models, for whoever has a credential.

FastAPI describes parameters, bodies and answers; added here is what all routes share and it does not know: who
may ask (a scope each), and the errors, whose form is ours. Nothing of it depends on the store or on the clock,
so docs/openapi.json is the same bytes (a test compares them).
"""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from fastapi.routing import APIRoute

from tallystick_ingest import VERSION
from tallystick_ingest.api.answers.form import ErrorAnswer, Listing
from tallystick_ingest.api.guard import CallerWith, caller_with
from tallystick_ingest.api.listing import (
    ARROW_STREAM,
    AS_OF_HEADER,
    CURSOR_HEADER,
    INCOMPLETE_HEADER,
    JSON,
)
from tallystick_ingest.auth.admin import COOKIE
from tallystick_ingest.auth.gate import Caller

OPENAPI_PATH: Final = "/api/v1/openapi.json"
OPENAPI_VERSION: Final = "3.1.0"

_DESCRIPTION: Final = """\
Questions to the records of what agents did with their tools.

Texts come out as they were masked where they were made. Each read is a record of the same log, written before
its answer goes out. Lists say `incomplete: true` where there is more than they hold, and `as_of.log_size`: all
that was accepted before that place of the log was looked at. Accept `application/vnd.apache.arrow.stream`, and
a list is one Arrow IPC stream, with `Tallystick-Cursor`, `Tallystick-Incomplete` and `Tallystick-As-Of` in its
headers and in the metadata of its schema.

OTLP goes to `/v1/logs`, `/v1/traces` and `/v1/metrics`, and is described by its own specification.
"""
_TAGS: Final = {
    "records": "What happened: actions, traces, sessions, tools, and the records themselves.",
    "log": "The log that proves it: checkpoints and proofs (RFC 9162).",
    "evidence": "What leaves the service, and how it checks itself.",
    "retention": "For how long records stay, what holds them, and who lets them go: two people.",
    "access": "Who may ask: sessions, API keys, emitters.",
    "health": "For service managers, without a credential.",
}
_TAG_OF: Final = (
    ("/.well-known/", "access"),
    ("/api/v1/tenants", "access"),
    ("/healthz", "health"),
    ("/readyz", "health"),
    ("/admin", "access"),
    ("/api/v1/keys", "access"),
    ("/api/v1/login", "access"),
    ("/api/v1/logout", "access"),
    ("/api/v1/log", "log"),
    ("/api/v1/me", "access"),
    ("/api/v1/enroll", "access"),
    ("/api/v1/export", "evidence"),
    ("/api/v1/snapshot", "evidence"),
    ("/api/v1/backup", "evidence"),
    ("/api/v1/erasures", "retention"),
    ("/api/v1/verification", "evidence"),
    ("/api/v1/integrity", "evidence"),
    ("/api/v1/retention", "retention"),
    ("/api/v1/holds", "retention"),
    ("/api/v1/deletions", "retention"),
    ("/api/v1/", "records"),
)
"""Path prefix -> tag; the first that fits."""
_BEARER: Final = "bearer"
_COOKIE: Final = "session"
_SCHEMES: Final = {
    _BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or the token of a session. The scope that a route asks for is named with it.",
    },
    _COOKIE: {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The session of whoever used the one-time link, from pages of this origin alone.",
    },
}
_ERRORS: Final = {
    400: "Something in the request makes no sense: the message names it, and what was expected",
    401: "No credential, or one that is not known here",
    403: "The credential lacks the scope",
    413: "The body is too large",
    429: "Too many requests: wait `Retry-After` seconds",
    503: "Not now: wait `Retry-After` seconds and ask again; nothing was done",
}
_WITH_CREDENTIAL: Final = (400, 401, 403, 429, 503)
_WITHOUT: Final = (400, 503)
_TOO_LARGE: Final = 413
_ERROR_SCHEMA: Final = {"$ref": f"#/components/schemas/{ErrorAnswer.__name__}"}
_BINARY: Final = {"type": "string", "format": "binary"}
_LIST_HEADERS: Final = {
    CURSOR_HEADER: {
        "description": "Of an Arrow stream: cursor of the next page; missing: this is the last one",
        "schema": {"type": "string"},
    },
    INCOMPLETE_HEADER: {
        "description": "Of an Arrow stream: whether there is more than it holds",
        "schema": {"type": "string", "enum": ["true", "false"]},
    },
    AS_OF_HEADER: {
        "description": "Of an Arrow stream: everything below this place of the log was looked at",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
}
_LEFT_OUT: Final = ("HTTPValidationError", "ValidationError")
"""FastAPI's own errors, which nobody gets."""

router = APIRouter(prefix="/api/v1")


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, _caller: Annotated[Caller, Depends(caller_with(None))]) -> Response:
    """Return the description, for any credential."""
    return Response(request.app.state.description(), media_type=JSON)


def print_description(routers: Sequence[APIRouter]) -> bytes:
    """Return the description as it is served, and as docs/openapi.json holds it."""
    text = json.dumps(describe(routers), indent=2, ensure_ascii=False)
    return text.encode() + b"\n"


def describe(routers: Sequence[APIRouter]) -> dict[str, Any]:
    """Return the OpenAPI document of some routers."""
    found = (route for router in routers for route in router.routes)
    routes = [one for one in found if isinstance(one, APIRoute) and one.include_in_schema]
    document = get_openapi(
        title="Tallystick",
        version=VERSION,
        openapi_version=OPENAPI_VERSION,
        description=_DESCRIPTION,
        routes=routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        separate_input_output_schemas=False,
    )
    for route in routes:
        for method in route.methods or ():
            _complete(document["paths"][route.path_format][method.lower()], route)
    components = document["components"]
    components["responses"] = {
        _error_name(status): {"description": text, "content": {JSON: {"schema": _ERROR_SCHEMA}}}
        for status, text in _ERRORS.items()
    }
    components["headers"] = _LIST_HEADERS
    components["securitySchemes"] = _SCHEMES
    schemas = components["schemas"]
    schemas[ErrorAnswer.__name__] = ErrorAnswer.model_json_schema()
    components["schemas"] = {
        name: schemas[name] for name in sorted(schemas) if name not in _LEFT_OUT
    }
    document["paths"] = {path: document["paths"][path] for path in sorted(document["paths"])}
    _remove_titles(document)
    return document


def _remove_titles(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Remove the titles that repeat the name of a member, of schemas alone."""
    if isinstance(value, dict):
        if isinstance(value.get("title"), str) and value.keys() & {"type", "anyOf", "$ref"}:
            del value["title"]
        for one in value.values():
            _remove_titles(one)
    elif isinstance(value, list):
        for one in value:
            _remove_titles(one)


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    """Add to one operation who may ask, and the errors."""
    operation["operationId"] = route.name
    operation["tags"] = [next(tag for prefix, tag in _TAG_OF if route.path.startswith(prefix))]
    wanted = list(_scopes(route.dependant))
    if wanted:
        operation["security"] = [{way: one} for one in wanted for way in (_BEARER, _COOKIE)]
    responses = operation["responses"]
    responses.pop("422", None)
    for status in _errors(operation, is_guarded=bool(wanted)):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{_error_name(status)}"})
    responses["200"]["description"] = operation.pop("summary")
    if isinstance(route.response_model, type) and issubclass(route.response_model, Listing):
        responses["200"]["content"][ARROW_STREAM] = {"schema": _BINARY}
        responses["200"]["headers"] = {
            name: {"$ref": f"#/components/headers/{name}"} for name in _LIST_HEADERS
        }
    operation["responses"] = {status: responses[status] for status in sorted(responses)}
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _given(parameter["schema"])


def _errors(operation: dict[str, Any], *, is_guarded: bool) -> tuple[int, ...]:
    if operation["tags"] == ["health"]:
        return ()
    errors = _WITH_CREDENTIAL if is_guarded else _WITHOUT
    return (*errors, _TOO_LARGE) if _has_body(operation) else errors


def _error_name(status: int) -> str:
    return f"Error{status}"


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter that is given: one that is not given is not null either."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == 1:
        schema = {**schema, **kinds[0]}
        del schema["anyOf"]
    return schema


def _has_body(operation: dict[str, Any]) -> bool:
    return "requestBody" in operation


def _scopes(dependant: Dependant) -> Iterable[Sequence[str]]:
    """Yield each list of scopes that is enough; nothing for a route that takes no credential."""
    for one in dependant.dependencies:
        if isinstance(one.call, CallerWith):
            scopes = list(one.call.scopes)
            yield from [[scope] for scope in scopes] if one.call.is_any_enough else [scopes]
        yield from _scopes(one)

"""The description of the API: kept as a file, complete, with bounds on all that comes in."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from tallystick_ingest.api.openapi import OPENAPI_PATH, print_description
from tallystick_ingest.app import ROUTERS
from tests.described import DOCUMENT, check_answer, document
from tests.requirements import requirement

JSON = {"content-type": "application/json"}
UNDESCRIBED = {"/admin", "/metrics", "/.well-known/oauth-protected-resource/{path}"}
"""A page for people, and what Prometheus and RFC 9728 describe."""


def operations() -> Iterator[tuple[str, Any]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def resolved(schema: Any) -> Any:
    if "$ref" in schema:
        return document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


@requirement("api.described")
def test_the_description_that_is_kept_is_that_of_the_routes() -> None:
    assert DOCUMENT.read_bytes() == print_description(ROUTERS), (
        "docs/openapi.json is behind the routes: run `make openapi`"
    )


def test_every_route_is_described() -> None:
    found = {
        route.path_format
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
    }
    assert found - set(document()["paths"]) == {*UNDESCRIBED, OPENAPI_PATH}


def test_every_operation_has_a_name_of_its_own_a_tag_and_a_sentence() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(names) == len(set(names))
    tags = {one["name"] for one in document()["tags"]}
    for name, operation in operations():
        assert set(operation["tags"]) <= tags, name
        assert operation["description"].strip().endswith((".", ")")), name


def test_every_operation_of_the_api_says_who_may_ask() -> None:
    without = {name for name, operation in operations() if not operation.get("security")}
    assert without == {
        "GET /.well-known/oauth-protected-resource",
        "GET /healthz",
        "GET /readyz",
        "GET /api/v1/login/oidc",
        "POST /api/v1/login/oidc",
        "POST /api/v1/login/oidc/callback",
        "POST /admin/claim",
        "POST /api/v1/login",
        "POST /api/v1/login/link",
    }
    for name, operation in operations():
        if operation.get("security"):
            assert {"401", "403", "429", "503"} <= set(operation["responses"]), name


def bounded(schema: Any) -> bool:
    schema = resolved(schema)
    if "anyOf" in schema:
        return all(map(bounded, schema["anyOf"]))
    inner = [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]
    bounds = {
        "string": {"maxLength", "pattern", "enum", "const", "format"},
        "integer": {"maximum", "exclusiveMaximum"},
        "array": {"maxItems"},
    }.get(schema.get("type", ""))
    return (bounds is None or bool(schema.keys() & bounds)) and all(map(bounded, inner))


def test_all_that_comes_in_has_bounds() -> None:
    for name, operation in operations():
        for parameter in operation.get("parameters", ()):
            assert bounded(parameter["schema"]), (name, parameter["name"])
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            assert bounded(content["schema"]), (name, media_type)


def test_no_answer_has_members_that_nobody_described() -> None:
    for name, operation in operations():
        content = operation["responses"]["200"].get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema and "$ref" in schema:
            is_open = resolved(schema).get("additionalProperties") is not False
            assert is_open == (name == "GET /.well-known/oauth-protected-resource"), name


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, b'{"status":"alive"}', None),
        (200, b'{"status":"dead"}', "not as described"),
        (200, b'{"status":"alive","more":1}', "not as described"),
        (418, b"{}", "not described"),
    ],
)
def test_an_answer_that_is_not_as_described_fails_its_test(
    status: int, body: bytes, fault: str | None
) -> None:
    if fault is None:
        check_answer("GET", "/healthz", status, JSON, body)
        return
    with pytest.raises(AssertionError, match=fault):
        check_answer("GET", "/healthz", status, JSON, body)

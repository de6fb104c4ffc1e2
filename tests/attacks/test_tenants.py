"""Two tenants in one process: nothing of one is to be had with any credential of another, the operator's included."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tallystick_ingest.app import create_app
from tallystick_ingest.auth.api_keys import SCOPES, NewKey
from tallystick_ingest.service import Service
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.tenants import Tenants, link_token
from tallystick_store.actions import ActionFilter
from tests.requirements import requirement
from tests.sending import JSON, span_json

pytestmark = [pytest.mark.e2e, requirement("access.tenants")]

CANARY = "quetzal"
"""Stands in the agent's, the tool's and the service's name, in arguments and in results of the victim."""
TRACE, SPAN = f"{0xACE:032x}", f"{0xACE:016x}"
TOOL = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": f"{CANARY} tool",
    "gen_ai.agent.name": f"{CANARY} agent",
    "gen_ai.tool.call.arguments": json.dumps({"what": CANARY}),
    "gen_ai.tool.call.result": json.dumps({"found": CANARY}),
}
DESCRIPTION = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
"""A test beside holds it to the application."""
EVERYTHING = ActionFilter()
EVER = {"from": "2000-01-01", "to": "2040-01-01"}
"""The records lie in 2026, wherever the clock of the machine is."""
PERIODS = ("/api/v1/overview", "/api/v1/statistics/", "/api/v1/tools/new")
CREDENTIALS = ("key", "session", "cookie", "verifier")
OTHERS = ("globex", "default")
UNASKED = {
    *("/admin/claim", "/api/v1/login", "/api/v1/login/link", "/api/v1/logout"),
    *("/api/v1/login/oidc", "/api/v1/login/oidc/callback"),
    "/api/v1/live",
}
"""What takes no tenant's credential, or ends it; and what does not end (its feed is that of one store)."""
BODIES: Mapping[str, Mapping[str, Any]] = {
    "/api/v1/exports": {"from": "1h"},
    "/api/v1/keys": {"name": "another", "scopes": ["read"]},
    "/api/v1/search": {"q": CANARY, **EVER},
    "/api/v1/sql": {"sql": "SELECT * FROM events", **EVER},
    "/api/v1/tenants": {"name": "umbrella"},
}


@contextmanager
def served(home: Path) -> Iterator[tuple[Tenants, TestClient]]:
    tenants = Tenants.open(load_service_config({"home": str(home)}, {}))
    try:
        for name in ("acme", "globex"):
            tenants.add(name)
        with TestClient(create_app(tenants)) as client:
            yield tenants, client
    finally:
        tenants.close("the test is over")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Tenants, TestClient]]:
    """Run the operator and two tenants, one of which has records."""
    with served(tmp_path_factory.mktemp("world")) as (tenants, client):
        span = span_json(TOOL, traceId=TRACE, spanId=SPAN, resource={"service.name": CANARY})
        headers = {**credential(tenants, "acme", "key"), "content-type": JSON}
        assert client.post("/v1/traces", content=span, headers=headers).json() == {}
        yield tenants, client


def service_of(tenants: Tenants, name: str) -> Service:
    found = tenants.named(name)
    assert found is not None
    return found


def credential(tenants: Tenants, name: str, kind: str) -> dict[str, str]:
    """Give headers that show a credential of a tenant which may do everything there."""
    service = service_of(tenants, name)
    if kind == "verifier":
        return {"authorization": f"Bearer {service.gate.verifier_token}"}
    if kind == "key":
        return {
            "authorization": f"Bearer {service.create_api_key(NewKey('everything', SCOPES))[1]}"
        }
    token, _ = service.sessions.start("admin")
    if kind == "cookie":
        return {"cookie": f"tallystick_admin={token}"}
    return {"authorization": f"Bearer {token}"}


def described() -> dict[str, dict[str, Any]]:
    """Give every path of the API with what it takes by method."""
    paths: dict[str, dict[str, Any]] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["paths"]
    return paths


def requests_of(tenants: Tenants) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Give method, path and query of every route, with the victim's own ids wherever one is asked for."""
    acme = service_of(tenants, "acme")
    [action] = acme.query.actions(limit=1, wanted=EVERYTHING).actions
    ids = {"trace_id": TRACE, "span_id": SPAN, "action_id": str(action.event.said("action.id"))}
    ids |= {"from": "0", "start": "0"}
    last = acme.store.size - 1
    for path, methods in described().items():
        for method, stated in methods.items():
            names = [one["name"] for one in stated.get("parameters", ()) if one["required"]]
            filled = {name: ids.get(name, str(last)) for name in names}
            query = {name: value for name, value in filled.items() if f"{{{name}}}" not in path}
            query |= EVER if path.startswith(PERIODS) else {}
            yield method.upper(), path.format_map(filled), query


def answers(
    tenants: Tenants, client: TestClient, headers: dict[str, str]
) -> Iterator[tuple[str, int, str]]:
    """Ask everything; give what was asked, the status and the whole answer with its headers."""
    for method, path, query in requests_of(tenants):
        if path not in UNASKED:
            body = BODIES.get(path) if method == "POST" else None
            answer = client.request(method, path, params=query, headers=headers, json=body)
            yield f"{method} {path}", answer.status_code, f"{answer.headers} {answer.text}"


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_no_route_shows_a_tenants_records_to_another(
    world: tuple[Tenants, TestClient], other: str, kind: str
) -> None:
    tenants, client = world
    asked = list(answers(tenants, client, credential(tenants, other, kind)))
    assert [(what, status) for what, status, text in asked if CANARY in text.lower()] == []
    assert len(asked) > 20
    assert 429 not in {status for _, status, _ in asked}
    assert [what for what, status, _ in asked if status == 200] != []


def test_the_tenant_itself_sees_them_in_many_places(world: tuple[Tenants, TestClient]) -> None:
    tenants, client = world
    asked = list(answers(tenants, client, credential(tenants, "acme", "key")))
    seen = {what for what, status, text in asked if status == 200 and CANARY in text.lower()}
    assert {
        "GET /api/v1/actions",
        f"GET /api/v1/traces/{TRACE}",
        "GET /api/v1/records",
        "GET /api/v1/overview",
        "GET /api/v1/statistics/tools",
        "GET /api/v1/statistics/who",
        "POST /api/v1/search",
        "POST /api/v1/sql",
    } <= seen


def test_ids_of_another_tenant_are_unknown(world: tuple[Tenants, TestClient]) -> None:
    tenants, client = world
    headers = credential(tenants, "globex", "key")
    for path in (f"/api/v1/traces/{TRACE}", f"/api/v1/actions/{SPAN}"):
        assert client.get(path, headers=headers).status_code == 404


@pytest.mark.parametrize("other", OTHERS)
def test_what_a_tenant_sends_is_its_own(world: tuple[Tenants, TestClient], other: str) -> None:
    tenants, client = world
    before = service_of(tenants, "acme").store.size
    headers = {**credential(tenants, other, "key"), "content-type": JSON}
    own = service_of(tenants, other).query.counts()["spans"]
    same_ids = span_json({}, traceId=TRACE, spanId=SPAN, name="a stranger's")
    assert client.post("/v1/traces", content=same_ids, headers=headers).json() == {}
    assert service_of(tenants, other).query.counts()["spans"] == own + 1
    assert service_of(tenants, "acme").store.size == before


def test_equal_values_have_unequal_tokens_in_two_tenants(
    world: tuple[Tenants, TestClient],
) -> None:
    tenants, _ = world
    digests = {one.masking.masker.digest("query", b"ada@example.com") for one in tenants}
    assert len(digests) == len(tenants.names)


def test_tenants_are_listed_and_added_by_the_operator_alone(
    world: tuple[Tenants, TestClient],
) -> None:
    tenants, client = world
    for name in ("acme", "globex"):
        headers = credential(tenants, name, "session")
        for answer in (
            client.get("/api/v1/tenants", headers=headers),
            client.post("/api/v1/tenants", headers=headers, json={"name": "initech"}),
        ):
            assert answer.status_code == 403
            assert "operator" in answer.json()["error"]
    assert tenants.named("initech") is None
    headers = credential(tenants, "default", "session")
    assert client.post("/api/v1/tenants", headers=headers, json={"name": "../x"}).status_code == 400
    added = client.post("/api/v1/tenants", headers=headers, json={"name": "hooli"}).json()
    listed = client.get("/api/v1/tenants", headers=headers).json()["tenants"]
    assert {"tenant": "hooli", "log": added["log"]}.items() <= listed[-1].items()
    token = {"token": added["admin_link_token"]}
    begun = client.post("/api/v1/login/link", json=token).json()
    shown = {"authorization": f"Bearer {begun['session']}"}
    assert client.get("/api/v1/status", headers=shown).json()["tenant"] == added["log"]
    assert client.post("/api/v1/login/link", json=token).status_code == 401


def test_a_password_opens_the_tenant_that_is_named_and_no_other(
    world: tuple[Tenants, TestClient],
) -> None:
    tenants, client = world
    acme = service_of(tenants, "acme")
    acme.accounts.add("ada", "viewer", "a long enough password")

    def entered(name: str) -> Any:
        return client.post(
            "/api/v1/login", json={"name": name, "password": "a long enough password"}
        )

    assert [entered(name).status_code for name in ("ada", "globex/ada", "default/ada")] == [401] * 3
    session = {"authorization": f"Bearer {entered('acme/ada').json()['session']}"}
    assert client.get("/api/v1/status", headers=session).json()["tenant"] == acme.keys.name
    assert tenants.holder(session) is acme
    stolen = link_token("globex", acme.door.new_link_token())
    assert client.post("/api/v1/login/link", json={"token": stolen}).status_code == 401

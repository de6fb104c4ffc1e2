"""Every route with every role, reach and worthless credential: nobody is shown what is not theirs to see.

The table below says of each route what it takes; a route that it does not name fails the test.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tallystick.profile import encode
from tallystick.tlog.dsse import sign_envelope
from tallystick_ingest.app import create_app
from tallystick_ingest.auth import limits
from tallystick_ingest.auth.api_keys import SCOPES, NewKey, Scope
from tallystick_ingest.auth.roles import ROLES, SCOPES_OF_ROLE
from tallystick_ingest.service import Service
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.tenants import Tenants
from tallystick_ingest.verification import Verification, Verifier
from tallystick_store.actions import ActionFilter
from tallystick_store.reach import OPEN, Reach
from tallystick_store.rows import EventRow, SealRow
from tests.requirements import requirement
from tests.sending import JSON, PROTOBUF, items, logs_protobuf, span_json
from tests.stores import DELEGATION, EMITTER, START_US, Emitter

pytestmark = [pytest.mark.e2e, requirement("auth.reach", "auth.roles")]

Headers = dict[str, str]

OTHER, OWN = "quetzal", "robin"
"""Stand in every name and text of the records that are beyond the reach, and of those within it."""
SECRET, PERSON = "payloadcanary", "personcanary"
"""Stand in arguments, results, errors and resources; and in the names of people."""
TRACES: Final = {OTHER: f"{0xACE:032x}", OWN: f"{0xBEE:032x}"}
SPANS: Final = {OTHER: f"{0xACE:016x}", OWN: f"{0xBEE:016x}"}


@dataclass(frozen=True, slots=True)
class Route:
    """What one route takes."""

    scopes: tuple[Scope, ...] = ()
    needs_whole_reach: bool = False
    is_open: bool = False
    """Whether it takes no credential."""
    is_any_enough: bool = False
    """Whether one of the scopes is enough."""

    def lets_in(self, scopes: Iterable[str]) -> bool:
        """Tell whether these scopes open it, where the reach is whole."""
        held = set(self.scopes) & set(scopes)
        return self.is_open or (bool(held) if self.is_any_enough else held == set(self.scopes))


READ: Final = Route(("read",))
WHOLE: Final = Route(("read",), needs_whole_reach=True)
EXPORT: Final = Route(("export",), needs_whole_reach=True)
ANY, OPEN_TO_ALL = Route(), Route(is_open=True)
KEYS: Final = Route(("keys",))
ASK: Final = Route(("delete.request",), needs_whole_reach=True)
ASK_OR_CONFIRM: Final = Route(
    ("delete.request", "delete.confirm"), needs_whole_reach=True, is_any_enough=True
)
RETAIN: Final = Route(("retain",), needs_whole_reach=True)
TABLE: Final[Mapping[str, Route]] = {
    "GET /healthz": OPEN_TO_ALL,
    "GET /readyz": OPEN_TO_ALL,
    "GET /admin": OPEN_TO_ALL,
    "POST /admin/claim": OPEN_TO_ALL,
    "POST /api/v1/login": OPEN_TO_ALL,
    "POST /api/v1/login/link": OPEN_TO_ALL,
    "GET /api/v1/login/oidc": OPEN_TO_ALL,
    "POST /api/v1/login/oidc": OPEN_TO_ALL,
    "POST /api/v1/login/oidc/callback": OPEN_TO_ALL,
    "GET /api/v1/openapi.json": ANY,
    "GET /api/v1/live": READ,
    "POST /api/v1/sql": Route(("sql",)),
    "GET /api/v1/sql/views": Route(("sql",)),
    "GET /.well-known/oauth-protected-resource": OPEN_TO_ALL,
    "GET /.well-known/oauth-protected-resource/{path:path}": OPEN_TO_ALL,
    "POST /v1/logs": Route(("ingest",)),
    "POST /v1/traces": Route(("ingest",)),
    "POST /v1/metrics": Route(("ingest",)),
    "* /v1/{signal:path}": OPEN_TO_ALL,
    "* /v1development/{signal:path}": OPEN_TO_ALL,
    "POST /api/v1/enroll": Route(("enroll",)),
    "PUT /api/v1/blobs/sha256:{sha256}": Route(("ingest",)),
    "GET /api/v1/blobs/sha256:{sha256}": Route(("read", "payload")),
    "POST /api/v1/logout": ANY,
    "GET /api/v1/me": ANY,
    "GET /api/v1/log/checkpoint": ANY,
    "GET /api/v1/log/consistency": ANY,
    "GET /api/v1/log/inclusion": ANY,
    "POST /api/v1/log/inclusion": READ,
    "GET /api/v1/log/range": ANY,
    "GET /api/v1/keys": KEYS,
    "POST /api/v1/keys": KEYS,
    "DELETE /api/v1/keys/{key_id}": KEYS,
    "PUT /api/v1/keys/{key_id}/limits": KEYS,
    "GET /api/v1/tenants": Route(("admin",), needs_whole_reach=True),
    "POST /api/v1/tenants": Route(("admin",), needs_whole_reach=True),
    "GET /metrics": Route(("metrics",)),
    "GET /api/v1/status": READ,
    "GET /api/v1/actions": READ,
    "GET /api/v1/actions/{action_id}": READ,
    "GET /api/v1/traces": READ,
    "GET /api/v1/traces/{trace_id}": READ,
    "GET /api/v1/traces/{trace_id}/skeleton": READ,
    "GET /api/v1/traces/{trace_id}/calls": READ,
    "GET /api/v1/events/{log_index}": READ,
    "POST /api/v1/events/{log_index}/reveal": Route(("read", "payload", "reveal")),
    "GET /api/v1/sessions": READ,
    "GET /api/v1/overview": READ,
    "POST /api/v1/search": Route(("read", "payload")),
    "GET /api/v1/statistics/tools": READ,
    "GET /api/v1/statistics/who": READ,
    "GET /api/v1/tools/new": READ,
    "GET /api/v1/tools": READ,
    "GET /api/v1/tools/history": READ,
    "GET /api/v1/credentials": READ,
    "GET /api/v1/integrity": WHOLE,
    "GET /api/v1/verification": READ,
    "GET /api/v1/records": Route(("read", "payload"), needs_whole_reach=True),
    "POST /api/v1/verification": EXPORT,
    "GET /api/v1/export": EXPORT,
    "GET /api/v1/exports": EXPORT,
    "POST /api/v1/exports": EXPORT,
    "GET /api/v1/exports/{export_id}": EXPORT,
    "GET /api/v1/exports/{export_id}/package": EXPORT,
    "POST /api/v1/snapshot": EXPORT,
    "POST /api/v1/backup": EXPORT,
    "POST /api/v1/erasures/preview": ASK,
    "POST /api/v1/erasures": ASK,
    "GET /api/v1/erasures": ASK_OR_CONFIRM,
    "POST /api/v1/erasures/{id_}/withdraw": ASK_OR_CONFIRM,
    "GET /api/v1/retention": RETAIN,
    "GET /api/v1/retention/exceptions": RETAIN,
    "POST /api/v1/retention/exceptions": RETAIN,
    "POST /api/v1/retention/exceptions/{id_}/revoke": RETAIN,
    "POST /api/v1/retention/exceptions/{id_}/confirm": Route(
        ("delete.confirm",), needs_whole_reach=True
    ),
    "GET /api/v1/holds": RETAIN,
    "POST /api/v1/holds": RETAIN,
    "POST /api/v1/holds/{id_}/release": RETAIN,
    "GET /api/v1/deletions": ASK_OR_CONFIRM,
    "POST /api/v1/deletions": ASK,
    "POST /api/v1/deletions/{id_}/withdraw": ASK_OR_CONFIRM,
    "POST /api/v1/deletions/{id_}/confirm": Route(("delete.confirm",), needs_whole_reach=True),
    "POST /api/v1/erasures/{id_}/confirm": Route(("delete.confirm",), needs_whole_reach=True),
}
BODIES: Final[Mapping[str, Any]] = {
    "/api/v1/exports": {"from": "1h"},
    "/api/v1/keys": {"name": "another", "scopes": ["keys"]},
    "/api/v1/tenants": {"name": "umbrella"},
    "/api/v1/sql": {"sql": "SELECT * FROM events", "from": "2000-01-01", "to": "2040-01-01"},
    "/api/v1/search": {"q": "canary", "from": "2000-01-01", "to": "2040-01-01"},
    "/api/v1/log/inclusion": {"indexes": [0]},
    "/api/v1/enroll": {"emitter_vkey": "", "proof": ""},
    "/api/v1/snapshot": {"name": "copy"},
    "/api/v1/login": {"name": "nobody", "password": "a long enough word"},
    "/api/v1/login/link": {"token": "guess"},
    "/admin/claim": {"token": "guess"},
}
ASKED_BY_POST: Final = ("POST /api/v1/sql", "POST /api/v1/search")
TELLS_OF_NO_RECORD: Final = {
    "GET /api/v1/live",
    "GET /api/v1/status",
    "GET /api/v1/verification",
    "GET /api/v1/traces/{trace_id}/calls",
}
"""Counts alone, how the verification ended, a stream, which tests of its own read, and stages without names."""
EVER: Final = {"from": "2000-01-01", "to": "2040-01-01"}
CUTS: Final[Mapping[str, Reach]] = {
    "environment": Reach(environments=(f"{OWN} *",)),
    "agent": Reach(agents=(f"{OWN} agent",)),
    "tool": Reach(tools=(f"{OWN}_tool",)),
    "resource": Reach(resources=(f"file:///{OWN}/*",)),
    "nothing": Reach(agents=(), environments=(), tools=(), resources=()),
}


@dataclass(frozen=True, slots=True)
class World:
    """A service with records of two environments, agents, tools and resources."""

    service: Service
    client: TestClient
    routes: tuple[str, ...]
    made: dict[tuple[tuple[str, ...], Reach], Headers] = field(default_factory=dict)

    def key(self, scopes: tuple[str, ...], reach: Reach = OPEN) -> Headers:
        """Return a key with these rights; equal ones are made once."""
        wanted = scopes, reach
        if wanted not in self.made:
            _, text = self.service.ring.add(NewKey("attacker", scopes, reach))
            self.made[wanted] = {"authorization": f"Bearer {text}"}
        return self.made[wanted]

    def ask(self, route: str, headers: Headers, other: str = OTHER) -> tuple[int, str]:
        """Ask one route with the ids of a record; return the status, and everything that was answered."""
        method, path = route.split(" ")
        filled = _filled(self.service, path, other)
        if path.endswith("/reveal"):
            body: Any = {"reason": "an attack that a test makes"}
        else:
            body = BODIES.get(path, {})
        answer = self.client.request(
            "GET" if method == "*" else method,
            filled,
            params=_query(self.service, path, other) if method in ("GET", "*") else None,
            headers={**headers, **({"content-type": JSON} if method in ("POST", "PUT") else {})},
            content=json.dumps(body) if method in ("POST", "PUT") else None,
        )
        return answer.status_code, f"{answer.headers} {answer.text}"


def _filled(service: Service, path: str, other: str) -> str:
    index = _index_of(service, other)
    ids = {
        "trace_id": TRACES[other],
        "action_id": _action_of(service, other),
        "log_index": str(index),
        "sha256": "ab" * 32,
        "signal": "profiles",
        "path": "api",
        "key_id": "key-00000000",
        "export_id": "none",
        "id_": "ab" * 16,
    }
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: ids[found[1]], path)


def _query(service: Service, path: str, other: str) -> dict[str, str]:
    size = str(service.store.checkpoint.size if service.store.checkpoint else 1)
    return {
        "/api/v1/log/consistency": {"old": "1", "new": size},
        "/api/v1/log/inclusion": {"index": "0", "size": size},
        "/api/v1/log/range": {"start": "0", "end": "1", "size": size},
        "/api/v1/records": {"from": "0", "to": "1000"},
        "/api/v1/traces/{trace_id}/calls": {"action": _action_of(service, other)},
        "/api/v1/export": {"from": "1h"},
        "/api/v1/tools/history": {
            "observer": "mcp_client",
            "server": f"{other} server",
            "tool": f"{other}_tool",
        },
        "/api/v1/live": {"from": "refused, for a stream has no end; tests of its own read it"},
        "/api/v1/overview": EVER,
        "/api/v1/statistics/tools": EVER,
        "/api/v1/statistics/who": EVER,
        "/api/v1/tools/new": EVER,
    }.get(path, {})


def _action_of(service: Service, whose: str) -> str:
    wanted = ActionFilter(agent=f"{whose} agent")
    return str(service.query.actions(wanted, limit=1).actions[0].event.said("action.id"))


def _index_of(service: Service, whose: str) -> int:
    ((index,),) = service.store.database.rows(
        "SELECT log_index FROM events WHERE type = 'resource.read' AND agent_name = ?",
        [f"{whose} agent"],
    )
    return int(index)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "FREE_GUESSES", 100_000)
        patch.setattr(limits, "FREE_LOGINS", 100_000)
        yield from _opened(tmp_path_factory.mktemp("world"))


def _opened(home: Path) -> Iterator[World]:
    config = load_service_config({"home": str(home), "max_questions_per_s": "0"}, {})
    tenants = Tenants.open(config)
    try:
        switch = create_app(tenants)
        service = tenants.operator
        with TestClient(switch) as client:
            made = World(service, client, tuple(_routes(switch._make(service))))
            _plant(made)
            yield made
    finally:
        tenants.close("the test is over")


def _routes(application: Any) -> Iterator[str]:
    """Name every route of the application, as the table names them."""
    while not hasattr(application, "routes"):
        yield from (f"POST {path}" for path in getattr(application, "_addresses", ()))
        application = next(
            getattr(application, name)
            for name in ("_app", "app", "_application")
            if hasattr(application, name)
        )
    yield from _named(application.routes)


def _named(routes: Any) -> Iterator[str]:
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        if inner is not None and not hasattr(route, "path"):
            yield from _named(inner.routes)
            continue
        methods = (getattr(route, "methods", None) or {"*"}) - {"HEAD"}
        yield from (f"{method} {route.path}" for method in methods)


def _plant(world: World) -> None:
    world.service.enrol(EMITTER.key)
    sender = world.key(("ingest",))
    for whose in (OTHER, OWN):
        rows = _session_of(whose)
        body = logs_protobuf(items(rows))
        answer = world.client.post(
            "/v1/logs", content=body, headers={**sender, "content-type": PROTOBUF}
        )
        assert (answer.status_code, answer.content) == (200, b"")
        span = span_json(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": f"{whose}_tool",
                "gen_ai.agent.name": f"{whose} agent",
                "gen_ai.tool.call.arguments": json.dumps({"what": f"{whose} {SECRET}"}),
            },
            traceId=TRACES[whose],
            spanId=SPANS[whose],
            name=f"{whose} span",
            resource={"service.name": whose, "deployment.environment.name": f"{whose} place"},
        )
        answer = world.client.post(
            "/v1/traces", content=span, headers={**sender, "content-type": JSON}
        )
        assert answer.json() == {}
    world.service.store.publisher.publish_now()


def _session_of(whose: str) -> list[EventRow | SealRow]:
    """Record one session: a tool's call, a resource, a definition."""
    emitter = Emitter(whose)
    vkey = emitter.keys.key.vkey
    named = {"emitter": EMITTER.name, "key": vkey, "session": emitter.session, "time_us": START_US}
    envelope = sign_envelope(DELEGATION, encode(named), EMITTER.key.key_id.hex(), EMITTER.sign)
    opened = emitter.record(
        "session.open",
        session__key=vkey,
        session__delegation=envelope,
        emitter__name=EMITTER.name,
        emitter__key_id=EMITTER.key.key_id.hex(),
        service__name=whose,
        deployment__environment=f"{whose} place",
    )
    common = {
        "agent__name": f"{whose} agent",
        "trace__id": TRACES[whose],
        "observer": "mcp_client",
        "server__name": f"{whose} server",
        "principal__ref": f"ref-{whose}",
        "credential__ref": f"credential-{whose}",
    }
    private = {
        "principal.id": f"{whose} {PERSON}",
        "delegation": json.dumps([f"{whose} {PERSON}"]),
        "error.message": f"{whose} {SECRET}",
    }
    call = emitter.record(
        "tool.completed",
        {**private, "params": json.dumps({"what": f"{whose} {SECRET}"})},
        action__id=f"{len(whose):032x}",
        tool__name=f"{whose}_tool",
        outcome="failure",
        **common,
    )
    resource = emitter.record(
        "resource.read",
        {**private, "resource.uri": f"file:///{whose}/{SECRET}"},
        action__id=f"{len(whose) + 64:032x}",
        outcome="success",
        **common,
    )
    elsewhere = emitter.record(
        "tool.completed",
        private,
        action__id=f"{len(whose) + 128:032x}",
        tool__name=f"{whose}_tool",
        outcome="success",
        **{**common, "server__name": f"{whose} second server"},
    )
    definition = emitter.record(
        "tooldef.observed",
        {"tool.definition": json.dumps({"description": f"{whose} {SECRET}"})},
        tool__name=f"{whose}_tool",
        tool__definition_digest="ab" * 32,
        **common,
    )
    rows: list[EventRow | SealRow] = list(
        map(EventRow, (opened, call, resource, elsewhere, definition))
    )
    return [*rows, emitter.seal()]


def test_the_table_names_every_route_and_no_other(world: World) -> None:
    assert set(world.routes) - set(TABLE) == set()
    assert set(TABLE) - set(world.routes) == set()


@pytest.fixture(scope="module")
def worthless(world: World) -> dict[str, Headers]:
    ring, key = world.service.ring, world.key(SCOPES)["authorization"]
    revoked, text = ring.add(NewKey("revoked", SCOPES))
    ring.revoke(revoked.id)
    soon_us = world.service.clock.now_us() + 50_000
    _, expired = ring.add(NewKey("expired", SCOPES, expires_us=soon_us))
    while world.service.clock.now_us() <= soon_us:
        time.sleep(0.01)
    return {
        "none": {},
        "unknown": {"authorization": "Bearer tallystick_unknown"},
        "revoked": {"authorization": f"Bearer {text}"},
        "expired": {"authorization": f"Bearer {expired}"},
        "another scheme": {"authorization": key.replace("Bearer", "Basic")},
        "two": {"authorization": f"{key}, {key}"},
        "a session that is none": {"authorization": "Bearer tallystick_session_unknown"},
        "cookie": {"cookie": "tallystick_admin=unknown"},
    }


@pytest.mark.parametrize("route", TABLE)
def test_a_worthless_credential_opens_nothing(
    world: World, worthless: dict[str, Headers], route: str
) -> None:
    for name, headers in worthless.items():
        status, text = world.ask(route, headers)
        if not TABLE[route].is_open:
            assert (name, status) == (name, 401)
        assert not _leaks(text), name


@pytest.mark.parametrize("route", [route for route, one in TABLE.items() if not one.is_open])
def test_each_scope_opens_its_routes_alone(world: World, route: str) -> None:
    needed = TABLE[route]
    assert world.ask(route, world.key(needed.scopes or ("ingest",)))[0] not in (401, 403)
    if needed.is_any_enough:
        for scope in needed.scopes:
            assert world.ask(route, world.key((scope,)))[0] not in (401, 403)
    for lacking in needed.scopes[:1] if needed.is_any_enough else needed.scopes:
        without = needed.scopes if needed.is_any_enough else (lacking,)
        others = tuple(scope for scope in SCOPES if scope not in without)
        status, text = world.ask(route, world.key(others))
        assert (status, f"the scope '{lacking}' is needed" in text) == (403, True)
        assert not _leaks(text)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_let_in_where_its_scopes_say(world: World, role: str) -> None:
    account = world.service.accounts.add(f"a {role}", role, "a long enough word")
    for route, needed in TABLE.items():
        token, _ = world.service.sessions.start(account.id)
        status, text = world.ask(route, {"authorization": f"Bearer {token}"})
        is_let_in = needed.lets_in(SCOPES_OF_ROLE[role])
        if not needed.is_open:
            assert (route, status in (401, 403)) == (route, not is_let_in), text
        if "payload" not in SCOPES_OF_ROLE[role]:
            assert SECRET not in text, route


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("route", TABLE)
def test_nothing_beyond_the_reach_is_shown_by_any_route(world: World, route: str, cut: str) -> None:
    status, text = world.ask(route, world.key(SCOPES, CUTS[cut]))
    assert OTHER not in text, (status, text)
    if TABLE[route].needs_whole_reach:
        assert status == 403
        assert "cannot be cut to less" in text


@pytest.mark.parametrize("route", TABLE)
def test_without_the_payload_no_route_shows_any(world: World, route: str) -> None:
    scopes = tuple(scope for scope in SCOPES if scope not in ("payload", "export"))
    for headers in (world.key(scopes), world.key(tuple(one for one in scopes if one != "reveal"))):
        for whose in (OTHER, OWN):
            _, text = world.ask(route, headers, whose)
            assert not _leaks(text)


@pytest.mark.parametrize("route", TABLE)
def test_without_a_reason_no_route_shows_the_name_of_a_person(world: World, route: str) -> None:
    for scopes in (SCOPES, tuple(one for one in SCOPES if one != "reveal")):
        _, text = world.ask(route, world.key(scopes), OWN)
        if not route.endswith("/reveal") or "reveal" not in scopes:
            assert PERSON not in text


def test_whoever_may_see_everything_does(world: World) -> None:
    """The canaries are where the tests above look for them."""
    headers = world.key(SCOPES) | {"tallystick-reason": "an incident of a test"}
    asked = [*(route for route in TABLE if route.startswith("GET /api")), *ASKED_BY_POST]
    found = {route: world.ask(route, headers)[1] for route in asked}
    for canary, routes in {
        OTHER: (
            "actions",
            "actions/{action_id}",
            "traces",
            "traces/{trace_id}",
            "events/{log_index}",
        ),
        SECRET: ("actions", "traces/{trace_id}", "records"),
        PERSON: ("actions", "traces", "records", "events/{log_index}"),
    }.items():
        for route in routes:
            assert canary in found[f"GET /api/v1/{route}"], (canary, route)
    shown = {route for route, text in found.items() if OTHER in text}
    assert {route for route in asked if TABLE[route] == READ} - shown == TELLS_OF_NO_RECORD
    assert {"GET /api/v1/integrity", *ASKED_BY_POST} <= shown


@pytest.mark.parametrize("cut", ["environment", "agent", "tool"])
def test_what_is_within_the_reach_is_shown(world: World, cut: str) -> None:
    headers = world.key(("read", "payload"), CUTS[cut])
    for route in ("actions", "traces", "traces/{trace_id}", "overview"):
        status, text = world.ask(f"GET /api/v1/{route}", headers, OWN)
        assert status == 200
        assert OWN in text, route
    assert SECRET in world.ask("GET /api/v1/actions", headers, OWN)[1]
    counts = world.client.get(
        "/api/v1/overview?from=2000-01-01&to=2040-01-01", headers=headers
    ).json()["totals"]
    assert counts["gaps"] == 0


def test_ids_beyond_the_reach_answer_as_ids_that_are_none(world: World) -> None:
    headers = world.key(SCOPES, replace(CUTS["environment"], agents=(f"{OWN} *",)))
    for route in ("actions/{action_id}", "traces/{trace_id}", "events/{log_index}"):
        assert world.ask(f"GET /api/v1/{route}", headers, OTHER)[0] == 404, route
        assert world.ask(f"GET /api/v1/{route}", headers, OWN)[0] == 200, route


@pytest.mark.parametrize("reason", ["short", "x" * 501, "a line\nfeed in it", "%00 and more of it"])
def test_a_reason_that_is_none_reveals_nothing(world: World, reason: str) -> None:
    path = f"/api/v1/events/{_index_of(world.service, OWN)}/reveal"
    headers = world.key(SCOPES)
    body = world.client.post(path, json={"reason": reason.replace("%00", "\0")}, headers=headers)
    assert body.status_code == 400
    if "\n" not in reason:
        shown = world.client.get(
            "/api/v1/actions", headers={**headers, "tallystick-reason": reason}
        )
        assert shown.status_code == 400
        assert PERSON not in shown.text


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (b"", "8 to 500 characters, got 0"),
        (b"short", "got 5"),
        (b"a line%0Afeed in it", "line breaks"),
        ("γιατί; an incident".encode(), "percent-encode"),
        ("für einen Fall".encode("latin-1"), "percent-encode"),
        (b"an incident %FF of a test", "percent-encode"),
    ],
)
def test_each_reason_that_is_none_is_told_what_it_lacks(
    world: World, reason: bytes, said: str
) -> None:
    headers = [(b"tallystick-reason", reason)]
    headers += [(name.encode(), value.encode()) for name, value in world.key(SCOPES).items()]
    answer = world.client.get("/api/v1/actions", headers=headers)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert PERSON not in answer.text


def test_a_reason_may_be_in_any_script(world: World) -> None:
    headers = world.key(SCOPES) | {"tallystick-reason": quote("γιατί διαγράφηκε; 事件 4711")}
    answer = world.client.get("/api/v1/actions", headers=headers)
    assert answer.status_code == 200
    assert PERSON in answer.text


def test_what_was_revealed_is_on_record_with_its_reason(world: World) -> None:
    headers = world.key(SCOPES)
    index = _index_of(world.service, OWN)
    reason = "fraud case 4711, asked by the desk"
    answer = world.client.post(
        f"/api/v1/events/{index}/reveal", json={"reason": reason}, headers=headers
    ).json()
    assert PERSON in json.dumps(answer["disclosures"])
    [found] = world.service.store.database.rows(
        "SELECT access_target, access_rows, disclosures FROM events WHERE type = 'access.reveal'"
        " AND contains(disclosures, 'fraud case') ORDER BY log_index"
    )
    assert found[:2] == ("event", 1)
    held = world.client.get(f"/api/v1/events/{index}", headers=headers)
    assert PERSON not in held.text


def test_an_answer_says_what_it_leaves_out_for_want_of_a_right(world: World) -> None:
    path = f"/api/v1/events/{_index_of(world.service, OWN)}"
    reason = {"tallystick-reason": "an incident of a test"}
    for headers, withheld in (
        (world.key(("read",)), "payload, names"),
        (world.key(("read", "payload")), "names"),
        (world.key(SCOPES), "names"),
        (world.key(SCOPES) | reason, "nothing"),
    ):
        assert world.client.get(path, headers=headers).headers["tallystick-withheld"] == withheld
    assert "tallystick-withheld" not in world.client.get("/healthz").headers


def test_a_person_whose_name_one_knows_is_found_without_being_shown(world: World) -> None:
    headers = world.key(("read", "payload"))
    found = world.client.get(
        "/api/v1/actions", params={"principal": f"{OWN} {PERSON}"}, headers=headers
    )
    assert len(found.json()["actions"]) == 3
    assert PERSON not in found.text
    withheld = world.client.get(
        "/api/v1/actions", params={"principal": f"{OWN} {PERSON}"}, headers=world.key(("read",))
    )
    assert withheld.json()["actions"] == []


def _leaks(text: str) -> bool:
    return SECRET in text or PERSON in text


def test_who_sees_a_part_is_told_how_the_verification_ended_and_not_where_it_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = {"number": 1, "name": "hashes", "checked": {"events": 3}, "found": 1}
    failed = {**step, "not_checked": 0, "findings": [f"{OTHER}: another hash"]}
    found = Verification("done", checkpoint=3, at_us=1, exit_code=1, steps=(failed,))
    monkeypatch.setattr(Verifier, "found", found)
    shown: dict[str, list[Any]] = {}
    for path in ("/api/v1/verification", "/api/v1/overview"):
        for cut, reach in {"all": OPEN, "part": CUTS["agent"]}.items():
            answer = world.client.get(path, headers=world.key(("read",), reach))
            assert answer.status_code == 200
            said = answer.json()["verification"]
            assert (said["exit_code"], said["steps"][0]["found"]) == (1, 1)
            shown.setdefault(cut, []).append(said["steps"][0]["findings"])
    assert shown == {"all": [[f"{OTHER}: another hash"]] * 2, "part": [[], []]}


@pytest.mark.parametrize("text", ["ada%40example.com-4556737586899855", "%01" * 11_000])
def test_a_refusal_states_the_route_and_nothing_of_the_address(world: World, text: str) -> None:
    size = world.service.store.size
    headers = world.key(("ingest", "metrics" if "ada" in text else "enroll"))
    answer = world.client.get(f"/api/v1/actions/{text}", headers=headers)
    assert answer.status_code == 403
    rows = world.service.store.database.rows(
        "SELECT statement FROM events WHERE type = 'log.reject' AND log_index >= ?", [size]
    )
    assert [json.loads(row)["reject.path"] for (row,) in rows] == ["/api/v1/actions/{action_id}"]


@pytest.mark.parametrize(
    "wish",
    [
        {"principal": "aa" * 16, "issuer": "https://issuer.example", "subject": "ada"},
        {"subject": "ada", "session": "ab" * 16},
        {"issuer": "https://issuer.example"},
        {},
    ],
)
def test_an_erasure_of_more_than_one_is_refused(world: World, wish: dict[str, str]) -> None:
    body = {**wish, "reason": "asked by the person"}
    headers = world.key(SCOPES)
    for path in ("/api/v1/erasures/preview", "/api/v1/erasures"):
        answer = world.client.post(path, json=wish if "preview" in path else body, headers=headers)
        assert (answer.status_code, "an erasure is of one" in answer.text) == (400, True)

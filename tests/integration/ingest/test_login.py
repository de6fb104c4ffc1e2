"""People at the service: they log in, do what their role may, and leave; strangers learn nothing."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tallystick.clock import SystemClock
from tallystick_ingest.auth.accounts import AccountBook
from tallystick_ingest.auth.login import FREE_FAILURES
from tallystick_ingest.auth.passwords import Cost
from tests.files import contents
from tests.requirements import requirement
from tests.sending import JSON
from tests.serving import Answer, Service

pytestmark = pytest.mark.e2e

WORDS = "four words make one"
CHEAP = Cost(n=2, p=1)
"""The service checks at the cost that stands beside the hash."""


def accounts_of(service: Service) -> AccountBook:
    """Change accounts as the command line does, beside the running service."""
    return AccountBook(service.home / "server", SystemClock().now_us, CHEAP)


def post(service: Service, path: str, body: Any, token: str | None = None) -> Answer:
    headers = {"Content-Type": JSON, **(bearer(token) if token else {})}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return service.ask("POST", path, content, headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def log_in(service: Service, name: str, password: str = WORDS) -> Answer:
    return post(service, "/api/v1/login", {"name": name, "password": password})


def session(service: Service, role: str) -> str:
    """Give the token of a session of a new account."""
    name = f"{role}-{len(accounts_of(service).accounts)}"
    accounts_of(service).add(name, role, WORDS)
    answer = log_in(service, name)
    assert answer.status == 200, answer.body
    return str(answer.json["session"])


@requirement("auth.accounts")
def test_an_account_logs_in_is_told_who_it_is_and_leaves(service: Service) -> None:
    account = accounts_of(service).add("ada", "auditor", WORDS)
    answer = log_in(service, "ada")
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json["session"]
    shown = service.ask("GET", "/api/v1/me", headers=bearer(token)).json
    assert shown == {
        "id": account.id,
        "name": "ada",
        "role": "auditor",
        "scopes": ["read", "payload", "export", "sql"],
    }
    assert service.ask("GET", "/api/v1/actions", headers=bearer(token)).status == 200
    assert post(service, "/api/v1/logout", b"", token).status == 200
    gone = service.ask("GET", "/api/v1/me", headers=bearer(token))
    assert (gone.status, "has ended" in gone.json["error"]) == (401, True)


def test_a_key_says_its_scopes_and_has_no_session_to_end(service: Service) -> None:
    shown = service.get("/api/v1/me")
    assert (shown["name"], shown["role"]) == ("this machine", None)
    answer = service.ask("POST", "/api/v1/logout", b"", service.authorization)
    assert answer.status == 400
    assert service.get("/api/v1/me") == shown


@requirement("auth.accounts")
def test_the_one_time_link_begins_a_session_of_the_administrator_once(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    [token] = re.findall(r"#([\w-]{40,})", service.output)
    answer = post(service, "/api/v1/login/link", {"token": token})
    assert (answer.status, answer.json["role"]) == (200, "admin")
    keys = service.ask("GET", "/api/v1/keys", headers=bearer(answer.json["session"]))
    assert keys.status == 200
    again = post(service, "/api/v1/login/link", {"token": token})
    assert (again.status, "works once" in again.json["error"]) == (401, True)
    service.stop()
    service.start()
    kept = service.ask("GET", "/api/v1/me", headers=bearer(answer.json["session"]))
    assert kept.json["id"] == "admin"


@requirement("auth.roles")
@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("viewer", [200, 403, 403, 403, 403]),
        ("auditor", [200, 200, 403, 403, 403]),
        ("admin", [200, 200, 200, 200, 400]),
    ],
)
def test_a_role_may_do_no_more_than_it_says(
    service: Service, role: str, statuses: list[int]
) -> None:
    token = session(service, role)
    headers = {**bearer(token), "Content-Type": JSON}
    key = json.dumps({"name": "made", "scopes": ["read"]}).encode()
    enrolment = json.dumps({"emitter_vkey": "", "proof": ""}).encode()
    found = [
        service.ask("GET", "/api/v1/actions", headers=headers),
        service.ask("GET", "/api/v1/export?from=1h", headers=headers),
        service.ask("GET", "/api/v1/keys", headers=headers),
        service.ask("POST", "/api/v1/keys", key, headers),
        service.ask("POST", "/api/v1/enroll", enrolment, headers),
    ]
    assert [answer.status for answer in found] == statuses


@requirement("auth.accounts")
def test_the_session_of_a_removed_account_opens_nothing(service: Service) -> None:
    accounts_of(service).add("leaver", "admin", WORDS)
    token = log_in(service, "leaver").json["session"]
    assert service.ask("GET", "/api/v1/keys", headers=bearer(token)).status == 200
    accounts_of(service).remove("leaver")
    assert service.ask("GET", "/api/v1/keys", headers=bearer(token)).status == 401
    assert log_in(service, "leaver").status == 401


@requirement("auth.accounts")
def test_a_wrong_password_and_an_unknown_name_cannot_be_told_apart(service: Service) -> None:
    accounts_of(service).add("known", "viewer", WORDS)
    answers = [log_in(service, "known", "wrong"), log_in(service, "unknown", "wrong")]
    assert [one.status for one in answers] == [401, 401]
    assert answers[0].body == answers[1].body


@requirement("auth.accounts")
def test_guessing_is_slowed_and_on_record(service: Service) -> None:
    accounts_of(service).add("guessed", "viewer", WORDS)
    for _ in range(FREE_FAILURES):
        assert log_in(service, "guessed", "wrong").status == 401
    answer = log_in(service, "guessed", WORDS)
    assert (answer.status, int(answer.headers["retry-after"]) >= 1) == (429, True)
    assert service.get("/api/v1/status")["since_start"]["refused"]["unauthenticated"] > 5


BAD_BODIES = [
    b"",
    b"{}",
    b"[]",
    b"\xff\xfe",
    b'{"name":"ada"}',
    b'{"name":1,"password":[]}',
    b'{"name":"ada","password":null}',
    b'{"name":"\\ud800","password":"x"}',
    b'{"name":"ada","password":"\\ud800"}',
    json.dumps({"name": "x" * 65, "password": "secret words"}).encode(),
    json.dumps({"name": "ada", "password": "secret words" * 100}).encode(),
    b'{"name":' * 50_000,
]


@requirement("otlp.never-500")
@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
@pytest.mark.parametrize("path", ["/api/v1/login", "/api/v1/login/link"])
def test_a_login_that_is_none_is_refused_without_repeating_it(
    service: Service, path: str, body: bytes
) -> None:
    answer = post(service, path, body)
    assert answer.status in (400, 401, 413), answer.body
    assert b"secret words" not in answer.body
    assert answer.json["error"]


@requirement("otlp.never-500")
@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer tallystick_session_",
        "Bearer tallystick_session_" + "A" * 43,
        "Bearer tallystick_session_" + "A" * 8_000,
        "Bearer tallystick_session_\xe9\xff",
        "Basic dGFsbHk6c3RpY2s=",
        "Bearer",
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/actions"])
def test_a_token_that_is_none_opens_nothing(
    service: Service, path: str, authorization: str
) -> None:
    answer = service.ask("GET", path, headers={"Authorization": authorization})
    assert answer.status == 401
    assert "AAAA" not in answer.json["error"]


@requirement("access.recorded")
def test_a_login_is_recorded_under_an_opaque_id_and_the_name_can_be_erased(
    service: Service,
) -> None:
    account = accounts_of(service).add("Grace Hopper", "viewer", WORDS)
    token = log_in(service, "Grace Hopper").json["session"]
    service.ask("GET", "/api/v1/actions?tool=nothing", headers=bearer(token))
    found = [
        one
        for one in service.records()
        if json.loads(one.get("statement", "{}")).get("client.id") == account.id
    ]
    stated = [json.loads(one["statement"]) for one in found]
    assert [one["type"] for one in stated] == ["access.login", "access.search"]
    assert {one["principal.type"] for one in stated} == {"human"}
    assert all("Grace" not in one["statement"] for one in found)
    assert all("Grace Hopper" in one["disclosures"][0] for one in found)


def test_no_password_and_no_token_stands_anywhere(service: Service) -> None:
    token = session(service, "viewer")
    log_in(service, "viewer-x", "another secret phrase")
    post(service, "/api/v1/login", {"name": "typed a secret here", "password": WORDS})
    secrets = [token, WORDS, "another secret phrase", "typed a secret here"]
    texts = dict(contents(service.root))
    assert len(texts) > 5
    leaked = [(file, s) for file, text in texts.items() for s in secrets if s.encode() in text]
    assert leaked == []

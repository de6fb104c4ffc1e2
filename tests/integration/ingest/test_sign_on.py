"""People log in at a real OpenID provider, and nobody is logged in by what somebody else began."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tallystick_ingest.auth.limits import FREE_LOGINS
from tests import openid
from tests.openid import DASHBOARD, RESOURCE, SECRET, Provider
from tests.requirements import requirement
from tests.sending import JSON
from tests.serving import Answer, Service

pytestmark = pytest.mark.e2e

DASHBOARD_URL = "http://127.0.0.1:8501"
GRANTS = "groups=auditors->auditor"
CALLBACK = "/api/v1/login/oidc/callback"
MANY = 200
"""Requests, far more than one address may make while they are asked, on a slow machine too."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with openid.run([f"{DASHBOARD_URL}/login/oidc/callback"]) as running:
        yield running


def options(provider: Provider, secret: Path) -> tuple[str, ...]:
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    return (
        *("--oidc-issuer", provider.issuer, "--public-url", RESOURCE, "--oidc-grants", GRANTS),
        *("--oidc-client-id", DASHBOARD, "--oidc-client-secret-file", str(secret)),
        *("--dashboard-url", DASHBOARD_URL, "--trusted-proxies", "127.0.0.1"),
    )


@pytest.fixture(scope="module")
def service(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("service")
    made = Service(root, options(provider, root / "secret")).start()
    yield made
    made.kill()


def post(service: Service, path: str, body: Any, token: str | None = None) -> Answer:
    headers = {"Content-Type": JSON, **({"Authorization": f"Bearer {token}"} if token else {})}
    return service.ask("POST", path, json.dumps(body).encode(), headers)


def begin(service: Service) -> dict[str, str]:
    answer = post(service, "/api/v1/login/oidc", {})
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store"), answer.body
    begun: dict[str, str] = answer.json
    return begun


def finish(service: Service, begun: dict[str, str], came: dict[str, str]) -> Answer:
    return post(service, CALLBACK, {"binding": begun["binding"], **came})


def me(service: Service, token: str) -> Answer:
    return service.ask("GET", "/api/v1/me", headers={"Authorization": f"Bearer {token}"})


@requirement("auth.sign-on")
def test_a_person_logs_in_has_the_rights_of_their_groups_and_leaves(
    service: Service, provider: Provider
) -> None:
    assert service.ask("GET", "/api/v1/login/oidc").json == {"issuer": provider.issuer}
    begun = begin(service)
    asked = parse_qs(urlsplit(begun["url"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert not {"code_verifier"} & asked.keys()
    answer = finish(service, begun, provider.log_in(begun["url"], "ada"))
    assert answer.status == 200, answer.body
    shown = me(service, answer.json["session"]).json
    assert (shown["name"], shown["role"]) == ("Ada Lovelace", "auditor")
    assert shown["id"].startswith("oidc-")
    assert "ada" not in shown["id"]
    service.stop()
    service.start()
    assert me(service, answer.json["session"]).json["id"] == shown["id"]
    [login] = [one for one in service.statements("access.login") if one["access.target"] == "oidc"]
    assert (login["client.id"], login["principal.type"]) == (shown["id"], "human")
    assert post(service, "/api/v1/logout", {}, answer.json["session"]).status == 200
    assert me(service, answer.json["session"]).status == 401


@requirement("auth.sign-on")
def test_a_person_to_whom_nothing_is_granted_is_told_so(
    service: Service, provider: Provider
) -> None:
    begun = begin(service)
    answer = finish(service, begun, provider.log_in(begun["url"], "bob"))
    assert (answer.status, "nothing is granted" in answer.json["error"]) == (403, True)


@requirement("auth.sign-on")
def test_what_came_back_is_believed_once_and_from_the_browser_that_left(
    service: Service, provider: Provider
) -> None:
    mine, theirs = begin(service), begin(service)
    came = provider.log_in(mine["url"], "ada")
    for binding in (
        theirs["binding"],
        "",
        "9999999999.x",
        mine["binding"] + "x",
        "\u0000",
        "x" * 100,
    ):
        answer = finish(service, {"binding": binding}, came)
        assert (answer.status, "did not begin in this browser" in answer.json["error"]) == (
            401,
            True,
        )
    assert finish(service, mine, {**came, "state": came["state"][::-1]}).status == 401
    assert finish(service, mine, came).status == 200
    again = finish(service, mine, came)
    assert (again.status, "used already" in again.json["error"]) == (401, True)


@requirement("auth.sign-on")
def test_a_code_of_another_log_in_is_worth_nothing(service: Service, provider: Provider) -> None:
    stolen, mine = begin(service), begin(service)
    code = provider.log_in(stolen["url"], "ada")["code"]
    came = provider.log_in(mine["url"], "bob")
    answer = finish(service, mine, {**came, "code": code})
    assert (answer.status, "did not take the code" in answer.json["error"]) == (401, True)
    assert finish(service, begin(service), {"state": "", "code": code}).status == 401


@requirement("auth.sign-on")
@pytest.mark.parametrize("stated", ["", "https://evil.example.org", "upper"])
def test_an_answer_of_another_issuer_is_refused(
    service: Service, provider: Provider, stated: str
) -> None:
    begun = begin(service)
    came = provider.log_in(begun["url"], "ada")
    assert came["iss"] == provider.issuer
    before = provider.fetches("/token")
    wrong = provider.issuer.upper() if stated == "upper" else stated
    answer = finish(service, begun, {**came, "iss": wrong})
    assert (answer.status, "not from the issuer" in answer.json["error"]) == (401, True)
    assert provider.fetches("/token") == before


@requirement("auth.sign-on", "auth.rate-limits")
def test_invented_codes_of_one_address_stop_reaching_the_issuer(
    service: Service, provider: Provider
) -> None:
    def ask(address: str, path: str, body: Any) -> Answer:
        headers = {"Content-Type": JSON, "X-Forwarded-For": address}
        return service.ask("POST", path, json.dumps(body).encode(), headers)

    begun = begin(service)
    came = {**provider.log_in(begun["url"], "ada"), "code": "invented"}
    asked = {"binding": begun["binding"], **came}
    assert MANY > FREE_LOGINS
    assert 429 in [ask("192.0.2.1", "/api/v1/login/oidc", {}).status for _ in range(MANY)]
    assert 429 in [ask("192.0.2.2", CALLBACK, {**asked, "state": ""}).status for _ in range(MANY)]
    assert ask("192.0.2.3", CALLBACK, asked).status == 401


@requirement("auth.sign-on")
def test_an_error_of_the_issuer_is_said_in_words_that_nobody_else_chose(
    service: Service, provider: Provider
) -> None:
    for said, shown in (("access_denied", "access_denied"), ("<b>call 555</b>", "an error")):
        begun = begin(service)
        state = parse_qs(urlsplit(begun["url"]).query)["state"][0]
        answer = finish(service, begun, {"state": state, "iss": provider.issuer, "error": said})
        assert (answer.status, shown in answer.json["error"]) == (401, True)
        assert "555" not in answer.json["error"]


@requirement("auth.sign-on")
def test_rights_go_with_the_rule_also_from_sessions_that_have_begun_and_lead_to_a_tenant(
    provider: Provider, make_service: Callable[..., Service], tmp_path: Path
) -> None:
    stated = tuple(
        one.replace(GRANTS, f"{GRANTS}, groups=everyone->viewer@tenant:acme")
        for one in options(provider, tmp_path / "secret")
    )
    service = make_service(options=stated).start()
    service.stop()
    assert service.tallystick("tenants", "add", "acme").returncode == 0
    service.start()
    begun = begin(service)
    tenants = finish(service, begun, provider.log_in(begun["url"], "bob"))
    assert me(service, tenants.json["session"]).json["role"] == "viewer"
    begun = begin(service)
    session = finish(service, begun, provider.log_in(begun["url"], "ada")).json["session"]
    assert me(service, session).status == 200
    service.stop()
    service.options = tuple(one.replace("auditors->auditor", "nobody->viewer") for one in stated)
    service.start()
    assert me(service, session).status == 401


def test_a_secret_that_others_can_read_is_no_secret(
    provider: Provider, make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service()
    stated = options(provider, tmp_path / "secret")
    (tmp_path / "secret").chmod(0o644)
    said = service.tallystick("up", *stated)
    assert (said.returncode, "chmod 600" in said.stderr) == (1, True)
    alone = service.tallystick("up", "--oidc-client-id", "x")
    assert (alone.returncode, "--dashboard-url" in alone.stderr) == (1, True)


def test_without_an_issuer_there_is_no_such_log_in(make_service: Callable[..., Service]) -> None:
    service = make_service().start()
    assert service.ask("GET", "/api/v1/login/oidc").json == {"issuer": None}
    assert post(service, "/api/v1/login/oidc", {}).status == 404
    assert post(service, CALLBACK, {"binding": "x", "state": "y"}).status == 404

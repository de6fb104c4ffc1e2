"""Logging in at the issuer, as the browser sees it: where it is sent, which cookies it gets, and where it ends."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tallystick_dashboard.client import (
    Begun,
    Login,
    NotAllowedError,
    NotSignedInError,
    ServiceAwayError,
)
from tallystick_dashboard.failures import FREE_FAILURES
from tallystick_dashboard.login import Door
from tallystick_dashboard.session import COOKIE
from tallystick_dashboard.sign_on import BINDING_COOKIE
from tallystick_dashboard.visitors import Visitors
from tests.requirements import requirement
from tests.unit.dashboard.screens import Answers

ORIGIN = "https://dash.example"
ISSUER = "https://login.example.org/tenant"
BEGUN = Begun(f"{ISSUER}/auth?state=s", "12345.binding", is_secure=True)
FOREVER_US = 4_000_000_000_000_000
RETURNED = "/login/oidc/callback?code=c&state=s&iss=i&session_state=ignored"


@pytest.fixture
def service() -> Answers:
    return Answers(
        sign_on_issuer=ISSUER, begin_sign_on=BEGUN, finish_sign_on=Login("token-1", FOREVER_US)
    )


@pytest.fixture
def browser(service: Answers) -> Iterator[TestClient]:
    door = Door(lambda _: service, Visitors(lambda _: service))  # type: ignore[arg-type,return-value]  # Answers has every method
    routes = door.routes()
    with TestClient(Starlette(routes=routes), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


@requirement("auth.sign-on")
def test_the_page_shows_the_way_to_the_issuer_and_keeps_where_one_wanted_to_go(
    browser: TestClient, service: Answers
) -> None:
    page = browser.get("/login?next=/actions?tool=x").text
    assert 'href="/login/oidc?next=%2Factions%3Ftool%3Dx"' in page
    assert "Sign in with login.example.org" in page
    service.answers["sign_on_issuer"] = ServiceAwayError("away")
    assert "Sign in with login.example.org" in browser.get("/login").text
    service.answers["sign_on_issuer"] = None
    assert "by-issuer" not in browser.get("/login").text


@requirement("auth.sign-on")
def test_a_browser_leaves_with_a_binding_that_comes_back_from_elsewhere_to_one_place_alone(
    browser: TestClient,
) -> None:
    left = browser.get("/login/oidc?next=/traces")
    assert (left.status_code, left.headers["location"]) == (303, BEGUN.url)
    cookie = left.headers["set-cookie"]
    assert cookie.startswith(f"{BINDING_COOKIE}=12345.binding~s~%2Ftraces;")
    for term in ("HttpOnly", "Secure", "SameSite=lax", "Path=/login/oidc", "Max-Age=600"):
        assert term in cookie


@requirement("auth.sign-on")
def test_who_comes_back_has_a_session_and_goes_on_by_a_page_of_ours(
    browser: TestClient, service: Answers
) -> None:
    browser.get("/login/oidc?next=/traces?q=1")
    came = browser.get(RETURNED)
    assert (came.status_code, came.headers.get("location")) == (200, None)
    assert '<meta http-equiv="refresh" content="0; url=/traces?q=1">' in came.text
    session, binding = came.headers.get_list("set-cookie")
    assert session.startswith(f"{COOKIE}=token-1;")
    for term in ("HttpOnly", "SameSite=strict", "Secure"):
        assert term in session
    assert f'{BINDING_COOKIE}=""' in binding
    [((given,), _)] = service.calls("finish_sign_on")
    assert given == {"binding": "12345.binding", "state": "s", "code": "c", "iss": "i", "error": ""}


@requirement("auth.sign-on")
@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/login/oidc",
        "/%2e%2e//evil",
    ],
)
def test_nobody_is_led_elsewhere(browser: TestClient, wanted: str) -> None:
    browser.get("/login/oidc", params={"next": wanted})
    assert 'url=/"' in browser.get(RETURNED).text
    browser.cookies.clear()
    browser.cookies.set(BINDING_COOKIE, f"b~s~{wanted}", path="/login/oidc")
    assert "evil" not in browser.get(RETURNED).text


@requirement("auth.sign-on")
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotSignedInError("did not begin in this browser"), 401),
        (NotAllowedError("nothing is granted"), 403),
        (ServiceAwayError("does not answer"), 503),
    ],
)
def test_what_the_service_does_not_believe_sets_no_session_and_is_said(
    browser: TestClient, service: Answers, error: Exception, status: int
) -> None:
    service.answers["finish_sign_on"] = error
    came = browser.get(RETURNED)
    assert came.status_code == status
    assert str(error) in came.text
    assert COOKIE + "=" not in came.headers["set-cookie"]
    assert "by-issuer" in came.text
    service.answers["begin_sign_on"] = error
    assert browser.get("/login/oidc").status_code == status


@requirement("auth.sign-on", "auth.rate-limits")
def test_invented_codes_of_one_address_stop_reaching_the_service(
    browser: TestClient, service: Answers
) -> None:
    service.answers["finish_sign_on"] = NotSignedInError("did not take the code")
    answers = [browser.get(RETURNED) for _ in range(3 * FREE_FAILURES)]
    refused = [one.text for one in answers if one.status_code == 429]
    assert len(refused) + len(service.calls("finish_sign_on")) == len(answers)
    assert refused
    assert all("Too many log-ins from your address failed" in one for one in refused)


@requirement("auth.sign-on")
@pytest.mark.parametrize("cookie", ["", "only-a-binding", "a~b", "~~~~", "a~s~%2Fx~y"])
def test_a_cookie_of_another_shape_binds_nothing(
    browser: TestClient, service: Answers, cookie: str
) -> None:
    browser.cookies.set(BINDING_COOKIE, cookie, path="/login/oidc")
    browser.get(RETURNED)
    [((given,), _)] = service.calls("finish_sign_on")
    assert dict(given)["binding"] == ""  # type: ignore[call-overload]  # what finish_sign_on takes

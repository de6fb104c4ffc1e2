"""The login: forms that are posted, cookies that are set, and what a stranger is told."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tallystick_dashboard.client import (
    Login,
    NotAllowedError,
    NotSignedInError,
    RefusedError,
    ServiceAwayError,
)
from tallystick_dashboard.failures import FREE_FAILURES
from tallystick_dashboard.login import MAX_BODY_BYTES, MAX_LOGINS, Door
from tallystick_dashboard.login_page import safe_path
from tallystick_dashboard.session import COOKIE
from tallystick_dashboard.visitors import Visitors
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.unit.dashboard.screens import Answers

ORIGIN = "http://dash.example"
FOREVER_US = 4_000_000_000_000_000
CROWD = 12
FORM = {"name": "vera", "password": "a long password", "next": "/actions?tool=x"}


def known(name: str, password: str) -> Login:
    if (name, password) == ("vera", "a long password"):
        return Login("token-1", FOREVER_US)
    raise NotSignedInError("the name or the password is wrong")


@pytest.fixture
def service() -> Answers:
    return Answers(
        login=known,
        login_by_link=lambda token: Login(token, 0),
        logout=None,
        sign_on_issuer=None,
    )


@pytest.fixture
def browser(service: Answers) -> Iterator[TestClient]:
    def client_of(token: str | None) -> Answers:
        service.asked.append(("token", (token,), {}))
        return service

    door = Door(client_of, Visitors(client_of))  # type: ignore[arg-type]  # Answers has every method
    with TestClient(
        Starlette(routes=door.routes()), base_url=ORIGIN, follow_redirects=False
    ) as client:
        yield client


@requirement("dashboard.guard")
def test_the_right_password_sets_a_cookie_that_no_script_reads_and_no_other_site_sends(
    browser: TestClient,
) -> None:
    answered = browser.post("/login", data=FORM)
    assert (answered.status_code, answered.headers["location"]) == (303, "/actions?tool=x")
    cookie = answered.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=token-1;")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie


def test_under_https_the_cookie_never_goes_out_in_clear(browser: TestClient) -> None:
    answered = browser.post("/login", data=FORM, headers={"origin": "https://dash.example"})
    assert "; Secure" in answered.headers["set-cookie"]


def test_a_wrong_password_sets_nothing_and_is_said(browser: TestClient) -> None:
    answered = browser.post("/login", data={**FORM, "password": "wrong"})
    assert answered.status_code == 401
    assert "set-cookie" not in answered.headers
    assert '<p role="alert">the name or the password is wrong</p>' in answered.text
    assert 'value="/actions?tool=x"' in answered.text
    assert "wrong</input" not in answered.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RefusedError("too many attempts"), 429),
        (ServiceAwayError("The service does not answer"), 503),
        (NotAllowedError("not you"), 403),
    ],
)
def test_each_refusal_is_said_with_its_status(
    browser: TestClient, service: Answers, error: Exception, status: int
) -> None:
    service.answers["login"] = error
    answered = browser.post("/login", data=FORM)
    assert answered.status_code == status
    assert str(error) in answered.text


def test_the_link_begins_a_session_that_ends_with_it(browser: TestClient) -> None:
    answered = browser.post("/login/link", data={"token": "once", "next": "/"})
    assert answered.status_code == 303
    assert "once" in answered.headers["set-cookie"]
    assert "Max-Age=0" in answered.headers["set-cookie"]


def test_what_a_service_says_cannot_act_on_the_page(browser: TestClient, service: Answers) -> None:
    service.answers["login"] = NotSignedInError("<script>alert(1)</script>\u202e")
    text = browser.post("/login", data=FORM).text
    assert "<script>alert" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/x",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=y",
        "/login",
        "/logout",
        "",
        "http://[",
        "/x\\y",
        "/./logout",
        "/x/../logout",
        "/%6cogout",
        "/.//evil.example",
    ],
)
def test_after_the_login_nobody_is_led_elsewhere(browser: TestClient, path: str) -> None:
    assert safe_path(path) == "/"
    answered = browser.post("/login", data={**FORM, "next": path})
    assert answered.headers["location"] == "/"


def test_a_path_of_ours_is_kept_and_escaped() -> None:
    assert safe_path("/trace?id=ab&span=cd") == "/trace?id=ab&span=cd"
    assert safe_path('/actions?tool="x"') == "/actions?tool=%22x%22"


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"name=vera&password=" + b"x" * MAX_BODY_BYTES, "application/x-www-form-urlencoded"),
        (b'{"name":"vera","password":"a long password"}', "application/json"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"name=vera&password=a+long+password" + b"&x=1" * 9, "application/x-www-form-urlencoded"),
        (b"", ""),
    ],
)
def test_a_body_that_is_no_form_signs_nobody_in(
    browser: TestClient, body: bytes, media_type: str
) -> None:
    headers = {"content-type": media_type}
    assert browser.post("/login", content=body, headers=headers).status_code == 401


def test_a_crowd_that_signs_in_leaves_threads_to_those_who_have(
    browser: TestClient, service: Answers
) -> None:
    """Each password holds a thread until the service has checked it; a flood must not take them all."""
    asked: list[str] = []
    go_on = threading.Event()

    def slow(name: str, _password: str) -> Login:
        asked.append(name)
        assert go_on.wait(PATIENCE_S)
        raise NotSignedInError("wrong")

    service.answers["login"] = slow

    def sign_in(_number: int) -> int:
        return browser.post("/login", data=FORM).status_code

    with ThreadPoolExecutor(CROWD) as crowd:
        entering = [crowd.submit(sign_in, number) for number in range(CROWD)]
        try:
            refused = list(islice(as_completed(entering, PATIENCE_S), CROWD - MAX_LOGINS))
            link = browser.post("/login/link", data={"token": "once", "next": "/"})
        finally:
            go_on.set()
    assert {one.result() for one in refused} == {503}
    assert link.status_code == 303
    assert sorted(one.result() for one in entering) == [401] * MAX_LOGINS + [503] * len(refused)
    assert sign_in(CROWD) == 401
    assert len(asked) == MAX_LOGINS + 1


def test_signing_out_ends_the_session_and_clears_the_cookie(
    browser: TestClient, service: Answers
) -> None:
    browser.cookies.set(COOKIE, "token-1")
    answered = browser.get("/logout")
    assert (answered.status_code, answered.headers["location"]) == (303, "/login")
    assert f'{COOKIE}=""' in answered.headers["set-cookie"]
    assert service.calls("token") == [(("token-1",), {})]
    assert len(service.calls("logout")) == 1


@requirement("dashboard.guard")
def test_a_page_of_another_site_signs_nobody_out(browser: TestClient, service: Answers) -> None:
    browser.cookies.set(COOKIE, "token-1")
    answered = browser.get("/logout", headers={"sec-fetch-site": "cross-site"})
    assert answered.headers["location"] == "/"
    assert service.calls("logout") == []


def test_who_cannot_be_signed_out_is_told_so(browser: TestClient, service: Answers) -> None:
    service.answers["logout"] = ServiceAwayError("The service does not answer")
    browser.cookies.set(COOKIE, "token-1")
    answered = browser.get("/logout")
    assert answered.status_code == 503
    assert "You are still signed in" in answered.text
    assert "set-cookie" not in answered.headers


def test_the_page_says_whether_somebody_is_signed_in(browser: TestClient, service: Answers) -> None:
    assert browser.get("/login/state").status_code == 200
    browser.cookies.set(COOKIE, "token-1")
    assert browser.get("/login/state").status_code == 204


def test_the_page_needs_no_script_for_a_password_and_allows_none_of_its_own(
    browser: TestClient,
) -> None:
    answered = browser.get("/login?next=/integrity")
    assert 'action="/login"' in answered.text
    assert 'value="/integrity"' in answered.text
    assert "script-src 'self';" in answered.headers["content-security-policy"]
    assert answered.headers["cache-control"] == "no-store"


@requirement("auth.rate-limits")
@pytest.mark.parametrize("path", ["/login", "/login/link"])
def test_log_ins_of_one_address_that_fail_stop_reaching_the_service(
    service: Answers, path: str
) -> None:
    service.answers["login_by_link"] = NotSignedInError("this link opens nothing")
    form = {**FORM, "password": "wrong", "token": "wrong"}
    door = Door(lambda _: service, Visitors(lambda _: service))  # type: ignore[arg-type,return-value]  # Answers has every method
    app = ProxyHeadersMiddleware(Starlette(routes=door.routes()), trusted_hosts=["192.0.2.1"])  # type: ignore[arg-type]  # any ASGI

    def codes(address: str, forwarded: Callable[[int], str]) -> list[int]:
        with TestClient(app, base_url=ORIGIN, client=(address, 1)) as browser:  # type: ignore[arg-type]  # any ASGI
            headers = (
                {"x-forwarded-for": forwarded(number)} for number in range(FREE_FAILURES + 5)
            )
            return [browser.post(path, data=form, headers=one).status_code for one in headers]

    spoofed = codes("198.51.100.7", lambda number: f"203.0.113.{number}")
    assert spoofed.count(401) < FREE_FAILURES + 5
    assert spoofed[-1] == 429
    assert set(codes("192.0.2.1", lambda number: f"203.0.113.{number}")) == {401}
    assert codes("192.0.2.1", lambda _: "198.51.100.7")[0] == 429
    appended = codes("192.0.2.1", lambda number: f"203.0.113.{number}, 198.51.100.9")
    assert appended[-1] == 429
    assert set(codes("127.0.0.1", lambda number: f"203.0.113.{number}")) == {401}


def test_the_service_is_told_for_whom_somebody_logs_in(
    browser: TestClient, service: Answers
) -> None:
    browser.post("/login", data=FORM)
    assert service.calls("asked_by") == [(("testclient",), {})]

"""The guard: hosts, origins, sessions and headers, over an application that answers everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from tallystick.errors import ConfigError
from tallystick_dashboard.client import NotSignedInError, Person, ServiceAwayError
from tallystick_dashboard.config import dashboard_config
from tallystick_dashboard.document import content_security_policy, document, script_hashes
from tallystick_dashboard.middleware import Guard
from tallystick_dashboard.session import COOKIE
from tallystick_dashboard.sites import Sites
from tallystick_dashboard.visitors import KNOWN_S, Standing, Visitors
from tests.requirements import requirement
from tests.unit.dashboard.screens import VIEWER

PAGE = "<html><script>one()</script><script src='/x.js'></script><div></div></html>"
ORIGIN = "http://dash.example:8501"
STREAM = "ws://dash.example:8501/_stcore/stream"


class Service:
    """Knows one session, and may be away."""

    def __init__(self) -> None:
        self.is_away = False
        self.good = {"good"}
        self.asked = 0

    def asker(self, token: str) -> "Asker":
        return Asker(self, token)


class Asker:
    def __init__(self, service: Service, token: str) -> None:
        self._service = service
        self._token = token

    def me(self) -> Person:
        self._service.asked += 1
        if self._service.is_away:
            raise ServiceAwayError("away")
        if self._token not in self._service.good:
            raise NotSignedInError("nobody")
        return VIEWER


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"inside {request.url.path}")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("inside")
    await websocket.close()


@pytest.fixture
def service() -> Service:
    return Service()


def guarded(visitors: Visitors) -> Guard:
    inner = Starlette(
        routes=[
            WebSocketRoute("/_stcore/stream", socket),
            Route("/{path:path}", answer, methods=["GET", "POST", "PUT"]),
        ]
    )
    return Guard(inner, Sites.of(["dash.example"]), visitors, PAGE, frozenset({"/", "/actions"}))


@pytest.fixture
def guard(service: Service) -> Guard:
    return guarded(Visitors(service.asker))


@pytest.fixture
def stranger(guard: Guard) -> Iterator[TestClient]:
    with TestClient(guard, base_url=ORIGIN, follow_redirects=False) as client:
        yield client


@pytest.fixture
def known(guard: Guard) -> Iterator[TestClient]:
    with TestClient(
        guard, base_url=ORIGIN, follow_redirects=False, cookies={COOKIE: "good"}
    ) as client:
        yield client


@requirement("dashboard.guard")
def test_without_a_session_a_page_leads_to_the_login_and_back(stranger: TestClient) -> None:
    answered = stranger.get("/actions?tool=a&outcome=denied")
    assert answered.status_code == 303
    assert answered.headers["location"] == "/login?next=%2Factions%3Ftool%3Da%26outcome%3Ddenied"
    assert "set-cookie" not in answered.headers


@requirement("dashboard.guard")
@pytest.mark.parametrize(
    "path", ["/static/js/index.js", "/media/x", "/_stcore/upload_file/1", "/x"]
)
def test_without_a_session_there_is_nothing_else(stranger: TestClient, path: str) -> None:
    answered = stranger.get(path)
    assert (answered.status_code, answered.text) == (401, "Sign in first.\n")


def test_a_cookie_that_is_nobodys_is_cleared(guard: Guard) -> None:
    with TestClient(guard, base_url=ORIGIN, cookies={COOKIE: "forged"}) as client:
        answered = client.get("/", follow_redirects=False)
    assert answered.status_code == 303
    assert f'{COOKIE}=""' in answered.headers["set-cookie"]


def test_what_a_stranger_needs_to_sign_in_is_open(stranger: TestClient) -> None:
    for path in ("/login", "/door/login.css", "/_stcore/health"):
        assert stranger.get(path).text == f"inside {path}"


def test_a_session_gets_pages_and_everything_else(known: TestClient, service: Service) -> None:
    assert known.get("/actions").text == PAGE
    assert known.get("/static/js/index.js").text == "inside /static/js/index.js"
    assert service.asked == 1


@requirement("dashboard.guard")
@pytest.mark.parametrize("path", ["/_stcore/agent/interact", "/_stcore/agent/mcp", "/auth/login"])
def test_parts_of_streamlit_that_we_do_not_offer_are_closed(known: TestClient, path: str) -> None:
    assert known.get(path).status_code == 404


@requirement("dashboard.guard")
@pytest.mark.parametrize(
    "host", ["evil.example", "dash.example.evil.example", "dash.example@evil.example", "", "[x"]
)
def test_a_host_that_is_not_ours_gets_nothing(known: TestClient, host: str) -> None:
    assert known.get("/", headers={"host": host}).status_code == 400


@requirement("dashboard.guard")
@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://dash.example:1", "ftp://dash.example:8501", ""],
)
def test_what_changes_must_come_from_a_page_of_ours(known: TestClient, origin: str) -> None:
    assert known.post("/x", headers={"origin": origin}).status_code == 403
    assert known.put("/x", headers={"origin": ORIGIN}).status_code == 200


def test_what_changes_without_an_origin_is_refused(known: TestClient) -> None:
    assert known.post("/login").status_code == 403


@requirement("dashboard.guard")
@pytest.mark.parametrize(
    ("cookies", "headers"),
    [
        ({}, {"origin": ORIGIN}),
        ({COOKIE: "forged"}, {"origin": ORIGIN}),
        ({COOKIE: "good"}, {"origin": "http://evil.example"}),
        ({COOKIE: "good"}, {}),
        ({COOKIE: "good"}, {"origin": "http://evil.example", "host": "evil.example"}),
    ],
    ids=["no session", "a forged one", "another origin", "no origin", "another host"],
)
def test_the_websocket_is_refused(
    guard: Guard, cookies: dict[str, str], headers: dict[str, str]
) -> None:
    with (
        TestClient(guard, base_url=ORIGIN, cookies=cookies) as client,
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(STREAM, headers=headers),
    ):
        pass


def test_the_websocket_opens_for_a_session_from_our_own_page(known: TestClient) -> None:
    with known.websocket_connect(STREAM, headers={"origin": ORIGIN}) as opened:
        assert opened.receive_text() == "inside"


@requirement("dashboard.guard")
@pytest.mark.parametrize("path", ["/", "/static/x", "/login", "/nothing"])
def test_every_answer_has_the_headers(known: TestClient, path: str) -> None:
    headers = known.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers


def test_a_page_may_run_its_own_inline_script_and_no_other(known: TestClient) -> None:
    policy = known.get("/").headers["content-security-policy"]
    [allowed] = script_hashes(PAGE)
    assert f"script-src 'self' {allowed};" in policy
    assert "unsafe-eval" not in policy
    assert "connect-src 'self' ws://dash.example:8501 wss://dash.example:8501" in policy


@requirement("dashboard.guard")
def test_while_the_service_is_away_nobody_new_gets_in(
    stranger: TestClient, service: Service
) -> None:
    service.is_away = True
    stranger.cookies.set(COOKIE, "good")
    answered = stranger.get("/")
    assert answered.status_code == 503
    assert "The service does not answer" in answered.text
    assert stranger.get("/static/x").status_code == 503


def test_who_was_in_sees_the_pages_that_say_that_the_service_is_away(service: Service) -> None:
    now = [0.0]
    guard = guarded(Visitors(service.asker, lambda: now[0]))
    with TestClient(guard, base_url=ORIGIN, cookies={COOKIE: "good"}) as client:
        assert client.get("/").status_code == 200
        service.is_away = True
        now[0] = KNOWN_S + 1
        assert client.get("/").text == PAGE


@pytest.mark.anyio
async def test_a_session_that_ended_opens_nothing_after_some_seconds(service: Service) -> None:
    now = [0.0]
    visitors = Visitors(service.asker, lambda: now[0])
    assert await visitors.standing("good") is Standing.SIGNED_IN
    service.good.clear()
    assert await visitors.standing("good") is Standing.SIGNED_IN
    now[0] = KNOWN_S
    assert await visitors.standing("good") is Standing.NOBODY


@pytest.mark.anyio
async def test_who_signed_out_is_forgotten_at_once(service: Service) -> None:
    visitors = Visitors(service.asker)
    assert await visitors.standing("good") is Standing.SIGNED_IN
    service.good.clear()
    visitors.forget("good")
    assert await visitors.standing("good") is Standing.NOBODY


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# --- names ------------------------------------------------------------------------------------


@requirement("dashboard.guard")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "dash.example"])  # noqa: S104 - refused
def test_a_public_address_without_names_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="which others reach"):
        dashboard_config("http://127.0.0.1:4318", host)
    assert "dash.example" in dashboard_config("http://x", host, hosts=["dash.example"]).hosts


def test_a_name_for_everything_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"got '\*'"):
        dashboard_config("http://127.0.0.1:4318", hosts=["*"])


@requirement("auth.forwarded")
def test_proxies_are_addresses_and_never_everybody() -> None:
    named = ["127.0.0.1", " 2001:db8::/32 ", ""]
    found = dashboard_config("http://127.0.0.1:4318", proxies=named)
    assert found.proxies == ("127.0.0.1", "2001:db8::/32")
    assert dashboard_config("http://127.0.0.1:4318").proxies == ()
    for wrong in ("*", "proxy.example", "0.0.0.0/0", "::/0", "10.0.0.1/8"):
        with pytest.raises(ConfigError, match="--trusted-proxy"):
            dashboard_config("http://127.0.0.1:4318", proxies=[wrong])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_this_machine_needs_no_names(host: str) -> None:
    assert "localhost" in dashboard_config("http://127.0.0.1:4318", host).hosts


@pytest.mark.parametrize("service", ["", "127.0.0.1:4318", "ftp://x", "http://"])
def test_a_service_without_a_usable_address_is_refused(service: str) -> None:
    with pytest.raises(ConfigError, match="--service"):
        dashboard_config(service)


@pytest.mark.parametrize(
    "host",
    [
        "[::1]; script-src *",
        "evil.example[::1]",
        "[::1]evil.example:80",
        "dash.example ",
        "dash.example:",
        "dash.example:8501;x",
        "dash.example\n",
    ],
)
def test_a_host_is_a_name_and_a_port_and_nothing_that_could_stand_in_a_policy(host: str) -> None:
    assert not Sites.of(["dash.example", "[::1]"]).has_host(host)


def test_names_are_compared_without_case_and_with_their_port() -> None:
    sites = Sites.of(["Dash.Example", "[::1]"])
    assert sites.has_host("dash.EXAMPLE:99")
    assert sites.has_host("[::1]:8501")
    assert sites.is_own("https://DASH.example:99", "dash.example:99")
    assert not sites.is_own("https://dash.example", "dash.example:99")


# --- the document -----------------------------------------------------------------------------


def test_streamlits_own_page_becomes_ours() -> None:
    page = document()
    assert "<title>Tallystick</title>" in page
    assert "service-desc" not in page
    assert "Streamlit app" not in page
    assert page.index("/door/base.js") < page.index("/static/js/")
    assert len(script_hashes(page)) == page.count("<script>")
    assert "'unsafe-inline'" not in content_security_policy(page, "h").partition("style-src")[0]


@pytest.mark.parametrize("content", [None, "<html></html>", "<head></head><body></body>"])
def test_a_page_that_we_do_not_know_is_refused(tmp_path: Path, content: str | None) -> None:
    shipped = tmp_path / "index.html"
    if content is not None:
        shipped.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match="Streamlit"):
        document(shipped)


def test_our_script_runs_before_every_script_of_streamlit() -> None:
    sources = [part for part in document().split("<script") if "src=" in part]
    assert "/door/base.js" in sources[0]

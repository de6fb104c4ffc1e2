"""Handing over: the package that the page gives, the report in it, and the numbers on the screens."""

import re
import subprocess
import zipfile
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import State
from tests.e2e.foreign import send, tool_span
from tests.e2e.people import Visitor, signed_in
from tests.e2e.watcher import Watcher
from tests.e2e.world import World
from tests.patience import PATIENCE_S
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EXPORT_MS = 240_000
CALLS = """
SELECT count(DISTINCT action) AS actions,
       count(DISTINCT action) FILTER (outcome IN ('failure', 'timeout', 'cancelled')) AS failed,
       count(DISTINCT action) FILTER (outcome = 'denied') AS denied,
       count(DISTINCT action) FILTER (origin = 'derived') AS derived,
       sum(masked)::BIGINT AS "masked values"
FROM (
  SELECT s->>'$."action.id"' AS action, s->>'$.outcome' AS outcome, s->>'$.origin' AS origin,
         (s->>'$.type') AS type,
         list_sum(map_values((s->'$."mask.hits"')::MAP(VARCHAR, BIGINT))) AS masked
  FROM (SELECT statement::JSON AS s FROM read_json(?, columns = {statement: 'VARCHAR'})))
WHERE type LIKE 'tool.%' AND type <> 'tool.started' OR type IN ('resource.read', 'prompt.get')
"""


@pytest.fixture(scope="module", autouse=True)
def foreign(world: World) -> None:
    """Somebody else's program sends a span, so that not everything is sealed."""
    send(world.service, [tool_span("ab" * 16, 1, None, "lookup")])


@pytest.fixture(scope="module")
def auditor(world: World, browser: Browser) -> State:
    return signed_in(browser, world, "audrey", "auditor")


@pytest.fixture(scope="module")
def viewer(world: World, browser: Browser) -> State:
    return signed_in(browser, world, "vera", "viewer")


@pytest.fixture(scope="module")
def package(
    world: World, browser: Browser, auditor: State, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Make a package with the page's button, download it, and unpack it beside itself."""
    target = tmp_path_factory.mktemp("auditor") / "evidence.zip"
    with browser.new_context(storage_state=auditor, accept_downloads=True) as context:  # type: ignore[arg-type]  # what storage_state() gave
        visitor = Visitor(context, world.url).open("/exports")
        visitor.page.get_by_role(
            "button", name=re.compile("export|package", re.IGNORECASE)
        ).first.click()
        ready = visitor.page.get_by_role("link", name=re.compile("download", re.IGNORECASE)).first
        expect(ready).to_be_visible(timeout=EXPORT_MS)
        with visitor.page.expect_download(timeout=EXPORT_MS) as download:
            ready.click()
        download.value.save_as(target)
        assert visitor.watcher.faults == []
    with zipfile.ZipFile(target) as opened:
        opened.extractall(target.parent / "evidence")
    return target


@requirement("export.verifiable")
def test_the_package_that_the_page_gives_verifies_with_the_auditors_policy(
    world: World, package: Path
) -> None:
    policy = package.with_name("policy.txt")
    assert world.service.tallystick("keys", "policy", "--output", str(policy)).returncode == 0
    done = world.service.tallystick("verify", str(package), "--policy", str(policy))
    assert done.returncode == 0, done.stdout
    assert "verdict 0" in done.stdout


@requirement("export.verifiable")
def test_the_package_checks_with_tools_that_are_not_ours(package: Path) -> None:
    folder = package.with_name("evidence")
    for command in (
        "sha256sum --check --strict --quiet SHA256SUMS",
        "openssl pkeyutl -verify -pubin -inkey log-key.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig",
    ):
        done = subprocess.run(
            command.split(),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    listed = {line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    unlisted = {path.name for path in folder.rglob("*") if path.is_file()} - {
        Path(p).name for p in listed
    }
    assert unlisted == {"SHA256SUMS", "SHA256SUMS.sig", "log-key.pem"}


@requirement("export.verifiable")
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_report_in_the_package_needs_nothing_but_itself(
    browser: Browser, package: Path, scheme: str
) -> None:
    [report] = package.with_name("evidence").rglob("*.html")
    with browser.new_context(color_scheme=scheme, offline=True) as context:  # type: ignore[arg-type]  # dark or light
        page = context.new_page()
        watcher = Watcher(page, "file://")
        page.goto(report.as_uri())
        assert watcher.faults == []
        assert watcher.accessibility() == []
        told = page.inner_text("body").lower()
    assert "article 12" in told
    assert not re.search(r"\bcompliant\b", told)


def shown_number(visitor: Visitor, label: str) -> int:
    """Read the number that stands with a label among the totals."""
    totals = visitor.part("totals").inner_text()
    found = re.search(rf"{label}\s+([\d,]+)", totals, flags=re.IGNORECASE)
    assert found, totals
    return int(found[1].replace(",", ""))


@requirement("dashboard.numbers")
def test_the_numbers_on_the_overview_equal_sql_over_the_package(
    visit: Callable[..., Visitor], auditor: State, package: Path
) -> None:
    events = package.with_name("evidence") / "events.ndjson"
    cursor = duckdb.execute(CALLS, [str(events)])
    counted = dict(
        zip([c[0] for c in cursor.description or ()], cursor.fetchone() or (), strict=True)
    )
    assert min(counted.values()) > 0
    visitor = visit(auditor).open("/")
    assert {name: shown_number(visitor, name) for name in counted} == counted


@requirement("dashboard.rights")
def test_a_viewer_can_export_neither_by_the_page_nor_by_its_address_nor_by_the_service(
    visit: Callable[..., Visitor], world: World, viewer: State, auditor: State, package: Path
) -> None:
    visitor = visit(viewer).open("/exports")
    assert (
        visitor.page.get_by_role("button", name=re.compile("export|package", re.IGNORECASE)).count()
        == 0
    )
    expect(visitor.page.get_by_text("The right 'export' is needed")).to_be_visible()
    assert visitor.faults() == []
    headers = bearer(viewer)
    asked = world.service.ask("GET", "/api/v1/exports", headers=bearer(auditor)).json["exports"]
    [made] = [one["id"] for one in asked]
    for method, path, body in (
        ("POST", "/api/v1/exports", b'{"from":"1d","to":"now","regime":"eu-ai-act"}'),
        ("GET", f"/api/v1/exports/{made}/package", None),
        ("POST", "/api/v1/verification", b"{}"),
    ):
        sent = {**headers, "Content-Type": "application/json"}
        assert world.service.ask(method, path, body, sent).status == 403, path
    assert world.service.ask("GET", "/api/v1/me", headers=headers).json["role"] == "viewer"


def bearer(state: State) -> dict[str, str]:
    """The session that a browser keeps, as a program would send it."""
    [cookie] = [one for one in state["cookies"] if one["name"] == "tallystick_session"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    return {"Authorization": f"Bearer {cookie['value']}"}


def upgrade(world: World, **headers: str) -> int:
    """Ask for Streamlit's websocket; return the status of the answer."""
    request = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **headers,
    }
    connection = HTTPConnection("127.0.0.1", world.port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/_stcore/stream", headers=request)
        return connection.getresponse().status
    finally:
        connection.close()


@requirement("dashboard.guard")
def test_the_websocket_opens_for_a_session_from_our_own_page_alone(
    world: World, viewer: State
) -> None:
    cookie = f"tallystick_session={bearer(viewer)['Authorization'].partition(' ')[2]}"
    assert upgrade(world, Cookie=cookie, Origin=world.url) == 101
    assert upgrade(world, Origin=world.url) in {401, 403}
    assert upgrade(world, Cookie="tallystick_session=forged", Origin=world.url) in {401, 403}
    assert upgrade(world, Cookie=cookie, Origin="http://evil.example") in {401, 403}
    assert upgrade(world, Cookie=cookie, Origin=world.url, Host="evil.example") in {400, 401, 403}

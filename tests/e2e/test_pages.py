"""Each page of the dashboard, as somebody uses it: what a browser says of it, what it shows, who may see it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import State
from tests.e2e.foreign import send, tool_span
from tests.e2e.people import Visitor
from tests.e2e.world import World
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FOREIGN_TRACE = "ab" * 16
TO_BE_DRAWN_ANEW = """grid => new Promise(done => {
  grid.dispatchEvent(new Event("scroll"));
  requestAnimationFrame(() => requestAnimationFrame(done));
})"""
BACKGROUND = {"dark": "rgb(15, 18, 22)", "light": "rgb(255, 255, 255)"}
PAGES = {
    "overview": "/",
    "actions": "/actions",
    "trace": "/trace?id={trace}",
    "call": "/trace?id={trace}&span={span}",
    "foreign trace": f"/trace?id={FOREIGN_TRACE}",
    "no such trace": f"/trace?id={'00' * 15}01",
    "tools": "/tools",
    "a tool": "/tools?observer=mcp_server&server={server}&server_ref={server_ref}&tool=delete_customer",
    "integrity": "/integrity",
    "retention": "/retention",
    "exports": "/exports",
}


@pytest.fixture(scope="module", autouse=True)
def foreign(world: World) -> None:
    """Somebody else's program sends a span of its own."""
    send(world.service, [tool_span(FOREIGN_TRACE, 1, None, "lookup")])


@pytest.fixture(scope="module")
def denied(world: World) -> dict[str, str]:
    """Give trace and span of the call that the demo's server refused."""
    [found] = world.actions(outcome="denied")
    tools = world.service.get("/api/v1/tools?tool=delete_customer")["tools"]
    [tool] = [one for one in tools if one["observer"] == "mcp_server"]
    places = {name: tool[name] for name in ("server", "server_ref")}
    return {"trace": found["trace_id"], "span": found["span_id"], **places}


@requirement("dashboard.clean")
@pytest.mark.parametrize("scheme", BACKGROUND)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_clean_in_both_palettes(
    visit: Callable[..., Visitor],
    administrator: State,
    denied: dict[str, str],
    name: str,
    scheme: str,
) -> None:
    visitor = visit(administrator, scheme).open(PAGES[name].format(**denied))
    app = visitor.page.get_by_test_id("stApp")
    expect(app).to_have_css("background-color", BACKGROUND[scheme])
    expect(visitor.part("integrity_strip")).to_be_visible()
    assert visitor.page.locator('[data-testid="stException"]').count() == 0
    assert visitor.faults() == []


@requirement("dashboard.clean")
@pytest.mark.parametrize("scheme", BACKGROUND)
def test_the_login_page_is_clean_in_both_palettes(
    visit: Callable[..., Visitor], scheme: str
) -> None:
    visitor = visit(None, scheme)
    visitor.page.goto(f"{visitor.url}/login")
    expect(visitor.page.get_by_label("Password")).to_be_visible()
    assert visitor.faults() == []


@requirement("dashboard.trace-red")
def test_a_denied_call_makes_the_trace_red_and_stands_in_it_with_its_rule(
    visit: Callable[..., Visitor], administrator: State, denied: dict[str, str]
) -> None:
    visitor = visit(administrator).open("/trace?id={trace}&span={span}".format(**denied))
    expect(visitor.part("trace_alarm")).to_contain_text(re.compile("denied", re.IGNORECASE))
    expect(visitor.part("detail")).to_contain_text("customers:delete")
    expect(visitor.page.locator("[data-status='denied']").first).to_be_attached()


@requirement("dashboard.trace-red")
def test_a_trace_in_which_nothing_failed_is_not_red(
    visit: Callable[..., Visitor], administrator: State
) -> None:
    visitor = visit(administrator).open(f"/trace?id={FOREIGN_TRACE}")
    expect(visitor.page.locator("[data-span]").first).to_be_visible()
    expect(visitor.part("trace_alarm")).to_have_count(0)


@requirement("dashboard.derived-unsealed")
def test_only_what_is_sealed_carries_the_seal(
    visit: Callable[..., Visitor], administrator: State, denied: dict[str, str]
) -> None:
    own = visit(administrator).open(f"/trace?id={denied['trace']}").page
    foreign = visit(administrator).open(f"/trace?id={FOREIGN_TRACE}").page
    expect(own.locator("[data-sealing='sealed'] .seal").first).to_be_attached()
    expect(foreign.locator("[data-sealing='derived']").first).to_be_attached()
    assert foreign.locator(".seal").count() == 0


@requirement("dashboard.links")
def test_a_link_to_a_call_shows_the_same_call_after_a_reload(
    visit: Callable[..., Visitor], administrator: State, denied: dict[str, str]
) -> None:
    visitor = visit(administrator).open("/trace?id={trace}&span={span}".format(**denied))
    expect(visitor.part("detail")).to_contain_text("delete_customer")
    before = visitor.part("detail").inner_text()
    address = visitor.page.url
    visitor.reload()
    expect(visitor.part("detail")).to_have_text(before, use_inner_text=True)
    assert visitor.page.url == address


@requirement("dashboard.links")
def test_choosing_a_row_writes_its_link_into_the_address(
    visit: Callable[..., Visitor], administrator: State, denied: dict[str, str]
) -> None:
    visitor = visit(administrator).open(f"/trace?id={denied['trace']}")
    visitor.page.locator(f"[data-span='{denied['span']}']").first.click()
    visitor.page.wait_for_url(lambda url: f"span={denied['span']}" in url)
    visitor.settle()
    expect(visitor.part("detail")).to_contain_text("delete_customer")


@requirement("dashboard.links")
def test_a_row_that_is_drawn_anew_while_it_is_clicked_is_chosen(
    visit: Callable[..., Visitor], administrator: State, denied: dict[str, str]
) -> None:
    visitor = visit(administrator).open(f"/trace?id={denied['trace']}")
    row = visitor.page.locator(f"[data-span='{denied['span']}']").first
    pressed = row.element_handle()
    row.hover()
    visitor.page.mouse.down()
    visitor.page.locator(".waterfall .grid").first.evaluate(TO_BE_DRAWN_ANEW)
    visitor.page.mouse.up()
    visitor.page.wait_for_function("row => !row.isConnected", arg=pressed)
    visitor.page.wait_for_url(lambda url: f"span={denied['span']}" in url)


def listed(visitor: Visitor) -> list[str]:
    """Read the rows of the list of actions."""
    return visitor.part("actions_table").locator("tbody tr").all_inner_texts()


@requirement("dashboard.filters")
def test_filters_that_were_chosen_stand_in_the_address_and_come_back_with_it(
    visit: Callable[..., Visitor], administrator: State
) -> None:
    visitor = visit(administrator).open("/actions")
    everything = len(listed(visitor))
    tool = visitor.page.get_by_label("Tool", exact=True)
    tool.fill("delete_customer")
    tool.press("Enter")
    rows = visitor.part("actions_table").locator("tbody tr")
    expect(rows).to_have_count(2)
    visitor.page.get_by_role("combobox", name="Outcome").click()
    visitor.page.get_by_role("option", name="denied").click()
    expect(rows).to_have_count(1)
    visitor.settle()
    before, address = listed(visitor), visitor.page.url
    assert "tool=delete_customer" in address
    assert "outcome=denied" in address
    again = visit(administrator)
    again.page.goto(address)
    again.settle()
    assert listed(visitor.reload()) == listed(again) == before
    expect(again.page.get_by_label("Tool", exact=True)).to_have_value("delete_customer")
    assert everything > len(before)
    assert visitor.watcher.faults == []


@requirement("dashboard.filters", "dashboard.numbers")
@pytest.mark.parametrize(
    "query",
    ["outcome=denied", "outcome=failure", "sealing=derived", "sealing=sealed", "agent=planner"],
)
def test_a_filter_in_the_address_shows_as_many_actions_as_the_service_counts(
    visit: Callable[..., Visitor], world: World, administrator: State, query: str
) -> None:
    name, _, value = query.partition("=")
    expected = world.actions(**{name: value})
    assert expected
    visitor = visit(administrator).open(f"/actions?{query}")
    rows = visitor.part("actions_table").locator("tbody tr")
    expect(rows).to_have_count(len(expected))


@requirement("tooldef.observed")
def test_a_tool_in_the_list_leads_to_what_was_offered(
    visit: Callable[..., Visitor], administrator: State
) -> None:
    visitor = visit(administrator).open("/tools")
    visitor.part("tools_table").get_by_role("link", name="delete_customer").first.click()
    expect(visitor.part("tool_history")).to_contain_text("first seen")
    expect(visitor.part("tool_history")).to_contain_text("inputSchema")
    assert "tool=delete_customer" in visitor.page.url
    assert visitor.watcher.faults == []


@requirement("dashboard.login")
def test_without_a_session_every_page_leads_to_the_login(visit: Callable[..., Visitor]) -> None:
    for path in ("/", "/actions", f"/trace?id={FOREIGN_TRACE}", "/tools", "/integrity", "/exports"):
        visitor = visit()
        visitor.page.goto(f"{visitor.url}{path}")
        visitor.page.wait_for_url(lambda url: "/login" in url)
        expect(visitor.page.get_by_label("Password")).to_be_visible()


@requirement("dashboard.login")
def test_a_wrong_password_opens_nothing_and_the_right_one_does(
    visit: Callable[..., Visitor], world: World
) -> None:
    password = world.account("vera", "viewer")
    visitor = visit()
    visitor.page.goto(f"{world.url}/login")
    visitor.sign_in("vera", "wrong")
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    assert "/login" in visitor.page.url
    visitor.sign_in("vera", password)
    visitor.page.wait_for_url(lambda url: "/login" not in url)
    visitor.settle()
    expect(visitor.page.get_by_text("vera").first).to_be_visible()


@requirement("dashboard.login")
def test_a_one_time_link_works_once(
    visit: Callable[..., Visitor], world: World, administrator: State
) -> None:
    visitor = visit()
    visitor.page.goto(world.link)
    button = visitor.page.get_by_role("button")
    if button.count():
        button.first.click()
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    assert "/login" in visitor.page.url


@requirement("dashboard.login")
def test_after_a_logout_the_old_cookie_opens_nothing(
    visit: Callable[..., Visitor], world: World
) -> None:
    password = world.account("leaver", "viewer")
    visitor = visit()
    visitor.page.goto(f"{world.url}/login")
    visitor.sign_in("leaver", password)
    visitor.page.wait_for_url(lambda url: "/login" not in url)
    visitor.settle()
    kept = visitor.state()
    visitor.page.get_by_role("button", name="Sign out").or_(
        visitor.page.get_by_role("link", name="Sign out")
    ).first.click()
    visitor.page.wait_for_url(lambda url: "/login" in url)
    again = visit(kept)
    again.page.goto(f"{world.url}/actions")
    again.page.wait_for_url(lambda url: "/login" in url)

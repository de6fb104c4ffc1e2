"""Names of people in a browser, over the real service: shown for a reason, in one view, and on record."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import State
from tests.e2e.people import Visitor, signed_in
from tests.e2e.world import World
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow, requirement("dashboard.names")]

NAME = "alice"
BUTTON = "Show names of people"
FIELD = "Why do you need them?"


@pytest.fixture(scope="module")
def as_role(world: World, browser: Browser) -> Callable[[str], State]:
    """Sign in somebody with a role, once; return what their browser keeps."""
    return cache(lambda role: signed_in(browser, world, f"a-{role}", role))


@pytest.fixture(scope="module")
def call(world: World) -> str:
    """Give the address of a call that was made on behalf of somebody."""
    [found] = world.actions(outcome="denied")
    return f"/trace?id={found['trace_id']}&span={found['span_id']}"


def say(visitor: Visitor, why: str) -> None:
    """Give a reason for the names of this view."""
    visitor.page.get_by_role("button", name=BUTTON).click()
    visitor.page.get_by_label(FIELD).fill(why)
    visitor.page.get_by_role("button", name="Show names", exact=True).click()


def on_record(world: World, why: str) -> list[dict[str, Any]]:
    """Return the statements of the records that give this reason, in log order."""
    return [
        json.loads(one["statement"])
        for one in world.service.records()
        if any(why in json.loads(line)[2] for line in one.get("disclosures", ()))
    ]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_reason_shows_the_names_of_a_list_and_stands_beside_them(
    visit: Callable[..., Visitor], as_role: Callable[[str], State], world: World, scheme: str
) -> None:
    why = f"incident 4711 ({scheme}): γιατί;"
    visitor = visit(as_role("security"), scheme).open("/actions")
    table = visitor.part("actions_table")
    expect(table).not_to_contain_text(NAME)
    say(visitor, why)
    expect(visitor.part("names")).to_contain_text(why)
    expect(table).to_contain_text(NAME)
    assert "4711" not in visitor.page.url
    assert visitor.faults() == []
    [stated] = on_record(world, why)
    assert (stated["type"], stated["access.target"]) == ("access.reveal", "actions")
    assert stated["access.rows"] > 0
    assert why not in world.service.output
    visitor.page.get_by_role("button", name="Hide names").click()
    expect(table).not_to_contain_text(NAME)
    expect(visitor.page.get_by_role("button", name=BUTTON)).to_be_visible()


def test_a_reason_shows_the_names_in_the_records_of_a_trace_that_are_opened(
    visit: Callable[..., Visitor], as_role: Callable[[str], State], world: World, call: str
) -> None:
    why = "who deleted the customer, asked by the desk"
    visitor = visit(as_role("security")).open(call)
    visitor.page.get_by_role("tab", name="Identity").click()
    pane = visitor.part("detail")
    expect(pane).to_contain_text("withheld: needs the right `reveal`, with a reason")
    assert NAME not in visitor.text()
    say(visitor, why)
    expect(visitor.part("names")).to_contain_text(why)
    visitor.page.get_by_role("tab", name="Identity").click()
    expect(pane).to_contain_text(NAME)
    address = visitor.page.url
    assert address.endswith(call)
    assert visitor.faults() == []
    revealed = on_record(world, why)
    assert {(one["type"], one["access.target"]) for one in revealed} == {("access.reveal", "event")}
    visitor.reload()
    visitor.page.get_by_role("tab", name="Identity").click()
    expect(pane).to_contain_text("withheld: needs the right `reveal`, with a reason")
    assert NAME not in visitor.text()
    assert on_record(world, why) == revealed


def test_another_page_does_not_inherit_a_reason(
    visit: Callable[..., Visitor], as_role: Callable[[str], State], world: World
) -> None:
    why = "an incident that ends with its view"
    visitor = visit(as_role("security")).open("/actions")
    say(visitor, why)
    expect(visitor.part("actions_table")).to_contain_text(NAME)
    before = on_record(world, why)
    for page in ("Traces", "Actions"):
        visitor.page.get_by_role("link", name=page, exact=True).click()
        expect(visitor.page.get_by_role("heading", name=page, exact=True)).to_be_visible()
        expect(visitor.page.get_by_role("button", name=BUTTON)).to_be_visible()
        visitor.settle()
        assert NAME not in visitor.text()
    assert on_record(world, why) == before


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("", "Say why"),
        ("short", "too short"),
        ("x" * 501, "too long"),
        ("an incident \u202e of a test", "invisible"),
    ],
)
def test_a_reason_that_will_not_do_is_told_beside_its_field(
    visit: Callable[..., Visitor], as_role: Callable[[str], State], why: str, said: str
) -> None:
    visitor = visit(as_role("security")).open("/actions")
    say(visitor, why)
    expect(visitor.page.get_by_role("alert")).to_contain_text(said)
    expect(visitor.page.get_by_label(FIELD)).to_have_value(why)
    visitor.settle()
    assert NAME not in visitor.text()
    assert visitor.faults() == []


@pytest.mark.parametrize("page", ["/actions", "/trace", "call"])
@pytest.mark.parametrize(
    ("role", "asked_for"), [("viewer", "payload and reveal"), ("developer", "the right reveal")]
)
def test_whoever_may_not_is_told_what_to_ask_for(
    visit: Callable[..., Visitor],
    as_role: Callable[[str], State],
    call: str,
    role: str,
    asked_for: str,
    page: str,
) -> None:
    visitor = visit(as_role(role)).open(call if page == "call" else page)
    expect(visitor.part("names")).to_contain_text(asked_for)
    expect(visitor.page.get_by_role("button", name=BUTTON)).to_have_count(0)
    assert NAME not in visitor.text()
    assert visitor.faults() == []

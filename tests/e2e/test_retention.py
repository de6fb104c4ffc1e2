"""The retention page in a browser, over a real service with old records: what people ask, decide and are refused."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.aged import aged_service
from tests.e2e.conftest import State
from tests.e2e.people import Visitor, signed_in
from tests.e2e.world import World
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow, requirement("dashboard.retention")]

MONTHS = 8
CLASSES = """
[[class]]
name = "calls"
keep = "P1M"
types = ["tool.*"]
"""
PEOPLE = {"cora": "compliance", "alan": "admin", "vera": "viewer"}
WHY = "asked by the board"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the service and the dashboard over calls that came eight months ago."""
    aged = aged_service(tmp_path_factory.mktemp("aged"), MONTHS, CLASSES)
    made = World(aged.root, environ=aged.environ)
    try:
        yield made.start()
    finally:
        made.end()


@pytest.fixture(scope="module")
def states(world: World, browser: Browser) -> dict[str, State]:
    """Sign in three people, once; return what their browsers keep."""
    return {name: signed_in(browser, world, name, role) for name, role in PEOPLE.items()}


@pytest.fixture
def at_desk(visit: Callable[..., Visitor], states: dict[str, State]) -> Callable[[str], Visitor]:
    """Open the page as somebody."""
    return lambda name: visit(states[name]).open("/retention")


def fill(within: Locator, label: str, text: str) -> None:
    within.get_by_label(label, exact=True).fill(text)


def submit(visitor: Visitor, within: Locator, label: str) -> None:
    within.get_by_role("button", name=label, exact=True).click()
    visitor.settle()


def decide(visitor: Visitor, row: Locator, label: str, why: str = WHY) -> None:
    """Press one of the buttons of a row, say why, and send it."""
    row.get_by_role("button", name=label, exact=True).click()
    asked = visitor.page.get_by_test_id("stPopoverBody")
    fill(asked, "Why", why)
    asked.get_by_role("button", name=label, exact=True).click()
    expect(visitor.part("retention_done")).to_contain_text("on record")
    visitor.settle()


def rows(visitor: Visitor, kind: str) -> Locator:
    return visitor.page.locator(f"[class*='st-key-{kind}-']")


def row_with(visitor: Visitor, kind: str, text: str) -> Locator:
    """Find one row; while the page is drawn anew, its old form may still stand beside it."""
    return rows(visitor, kind).filter(has_text=text).first


def test_a_deletion_is_asked_for_by_one_confirmed_by_another_and_seen_to_its_end(
    at_desk: Callable[[str], Visitor],
) -> None:
    cora = at_desk("cora")
    expect(cora.part("classes")).to_contain_text("P1M")
    asking = cora.unfold("Ask for a deletion")
    fill(asking, "Tool", "alpha")
    fill(asking, "Why", WHY)
    submit(cora, asking, "Ask for the deletion")
    expect(cora.part("retention_done")).to_contain_text("waits for another person")
    own = rows(cora, "request").first
    expect(own).to_contain_text("waiting")
    expect(own.get_by_role("button", name="Confirm")).to_have_count(0)
    expect(own.get_by_role("button", name="Withdraw")).to_have_count(1)
    alan = at_desk("alan")
    over = row_with(alan, "request", "tool: alpha")
    decide(alan, over, "Confirm")
    expect(over).to_contain_text(re.compile("1 entry; gone on 20"))
    expect(rows(alan, "request").filter(has_text="tool: alpha")).to_have_count(1)
    expect(over).to_contain_text("carried out")
    expect(over.get_by_role("button")).to_have_count(0)
    assert alan.faults() == []


def test_who_asked_is_told_that_another_person_confirms_and_may_take_it_back(
    at_desk: Callable[[str], Visitor],
) -> None:
    alan = at_desk("alan")
    asking = alan.unfold("Ask for a deletion")
    asking.get_by_label("Class", exact=True).click()
    alan.page.get_by_role("option", name="calls", exact=True).click()
    fill(asking, "Tool", "beta")
    fill(asking, "Why", WHY)
    submit(alan, asking, "Ask for the deletion")
    own = row_with(alan, "request", "tool: beta")
    expect(own).to_contain_text("another person confirms")
    decide(alan, own, "Withdraw")
    expect(own).to_contain_text("withdrawn by")


def test_a_hold_is_placed_by_one_and_released_by_another(
    at_desk: Callable[[str], Visitor],
) -> None:
    cora = at_desk("cora")
    placing = cora.unfold("Place a hold")
    submit(cora, placing, "Place the hold")
    expect(placing).to_contain_text("Fill in: Name of the hold, Why.")
    fill(placing, "Name of the hold", "case 4711")
    fill(placing, "Tool", "gamma")
    fill(placing, "Why", "a court order")
    submit(cora, placing, "Place the hold")
    expect(cora.part("retention_done")).to_contain_text("in force")
    held = rows(cora, "hold").first
    expect(held).to_contain_text("tool: gamma")
    expect(held.get_by_role("button")).to_have_count(0)
    expect(held).to_contain_text("withheld: needs the right `reveal`, with a reason")
    assert "case 4711" not in cora.text()
    alan = at_desk("alan")
    alan.page.get_by_role("button", name="Show names of people").click()
    alan.page.get_by_label("Why do you need them?").fill("to tell the holds apart")
    alan.page.get_by_role("button", name="Show names", exact=True).click()
    held = rows(alan, "hold").first
    expect(held).to_contain_text("case 4711 — a court order")
    expect(held).to_contain_text("cora")
    decide(alan, held, "Release")
    expect(held).to_contain_text("released by")
    assert alan.faults() == []


def test_an_exception_is_refused_in_clear_words_then_asked_for_confirmed_and_ended(
    at_desk: Callable[[str], Visitor],
) -> None:
    cora = at_desk("cora")
    asking = cora.unfold("Ask for an exception")
    keep = "Keep (ISO 8601, such as P1M)"
    fill(asking, keep, "P7M")
    fill(asking, "Why", "a law")
    submit(cora, asking, "Ask for the exception")
    expect(cora.part("refusal")).to_contain_text("no less than the floor")
    expect(asking.get_by_label("Why", exact=True)).to_have_value("a law")
    fill(asking, keep, "P2M")
    submit(cora, asking, "Ask for the exception")
    own = rows(cora, "exception").first
    expect(own).to_contain_text("P2M for every deletion")
    expect(own.get_by_role("button", name="Confirm")).to_have_count(0)
    alan = at_desk("alan")
    row = rows(alan, "exception").first
    decide(alan, row, "Confirm")
    expect(row).to_contain_text("in force")
    decide(alan, row, "End")
    expect(row).to_contain_text("revoked")
    assert alan.faults() == []


@requirement("erasure.told")
def test_an_erasure_is_counted_asked_for_confirmed_and_seen_to_its_end(
    at_desk: Callable[[str], Visitor], world: World
) -> None:
    [call] = world.actions(tool="gamma")
    cora = at_desk("cora")
    asking = cora.unfold("Ask for an erasure")
    asking.get_by_test_id("stRadio").get_by_text("One record, by its log index").click()
    cora.settle()
    fill(asking, "Log index", str(call["log_index"]))
    submit(cora, asking, "Count")
    expect(cora.part("erasure_count")).to_contain_text("the values of 1 records and 0 spans")
    fill(asking, "Why", "she asked for it")
    submit(cora, asking, "Ask for the erasure")
    alan = at_desk("alan")
    row = row_with(alan, "request", "Erasure")
    decide(alan, row, "Confirm")
    expect(row).to_contain_text("of 1 records and 0 spans gone on")
    absent = world.service.get(f"/api/v1/events/{call['log_index']}")["absent"]
    assert absent["why"] == "erased"
    expect(row).to_have_class(re.compile(absent["erasure"]["request"]))


def test_who_may_decide_nothing_is_told_which_rights_it_takes(
    at_desk: Callable[[str], Visitor],
) -> None:
    vera = at_desk("vera")
    expect(vera.part("page_error")).to_contain_text("retain, delete.request, delete.confirm")
    expect(vera.page.get_by_test_id("stExpander")).to_have_count(0)


def test_the_one_time_link_sees_everything_and_decides_nothing(
    visit: Callable[..., Visitor], administrator: State
) -> None:
    visitor = visit(administrator).open("/retention")
    expect(visitor.part("classes")).to_contain_text("calls")
    expect(visitor.page.get_by_text("which has no name")).to_be_visible()
    expect(visitor.page.get_by_test_id("stExpander")).to_have_count(0)
    decisions = re.compile("Confirm|Withdraw|Release|End")
    expect(visitor.page.get_by_role("button", name=decisions)).to_have_count(0)

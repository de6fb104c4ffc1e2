"""The service goes away, and a row of its store is changed: each page says so, and says no more."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import State
from tests.e2e.people import Visitor, signed_in
from tests.e2e.world import World, copy
from tests.patience import PATIENCE_S
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PROGRAM = """
import sys
import tallystick

tallystick.instrument()
for tool in sys.argv[1:]:
    with tallystick.caller(user_id="bob"), tallystick.tool_call(tool, {"invoice": 17}) as call:
        call.result("done")
"""
CLAIM = (
    r"no data|nothing (?:is|was) recorded|no action|no trace|verified to|consistent to|\b0 entries"
)
"""What a page may say of a log that it has read, and of no other."""

SEEN_FROM_OUTSIDE = ("unreadable", "rewritten", "disclosed", "withheld")
"""A column that no longer fits its record is seen by whoever reads the row, or the stopped store."""

CHANGES = {
    "renamed": ("tool_name = 'harmless'", "tool"),
    "unreadable": ("statement = left(statement, 40)", "statement"),
    "rewritten": ("statement = replace(statement, 'success', 'failure')", "statement"),
    "disclosed": ("disclosures = replace(disclosures, '17', '71')", "disclosure"),
    "withheld": ("disclosures = replace(disclosures, 'bob', 'eve')", "disclosure"),
}
"""What is done to the record of a call of each tool, and a word of what has to be said about it."""

PAGES = ("/", "/actions", "/trace", "/tools", "/integrity", "/exports")


@pytest.fixture(scope="module")
def world(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the dashboard as a program of its own, so that it outlives the service."""
    made = copy(filled, tmp_path_factory.mktemp("world"), is_apart=True)
    try:
        yield made.start()
    finally:
        made.end()


@pytest.fixture(scope="module")
def auditor(world: World, browser: Browser) -> State:
    """Sign in by an account, once."""
    return signed_in(browser, world, "weather", "auditor")


@contextmanager
def stopped(world: World) -> Iterator[None]:
    """Keep the service away for a while, whatever happens meanwhile."""
    assert world.service.stop() == 0
    try:
        yield
    finally:
        world.service.start()


@pytest.fixture(scope="module")
def changed(world: World) -> dict[str, tuple[str, int]]:
    """Record calls in traces of their own, change the row of each; return trace and row."""
    world.run(PROGRAM, "untouched", *CHANGES)
    traces = {one["statement"].get("tool.name"): one["trace_id"] for one in world.actions()}
    found = {"untouched": (str(traces["untouched"]), -1)}
    with stopped(world), duckdb.connect(world.service.data / "tallystick.duckdb") as connection:
        for tool, (change, _) in CHANGES.items():
            row = "trace_id = ? AND outcome = 'success'"
            sql = f"UPDATE events SET {change} WHERE {row} RETURNING log_index"  # noqa: S608 - ours
            [(log_index,)] = connection.execute(sql, [traces[tool]]).fetchall()
            found[tool] = (str(traces[tool]), log_index)
    return found


@requirement("dashboard.service-away")
def test_every_page_says_that_the_service_is_away_and_recovers_with_it(
    world: World, visit: Callable[..., Visitor], auditor: State
) -> None:
    pages = [visit(auditor).open(path) for path in PAGES]
    for visitor in pages:
        expect(visitor.part("page_error")).to_have_count(0)
    with stopped(world):
        for visitor in pages:
            visitor.reload()
            expect(visitor.part("page_error")).to_contain_text("The service does not answer")
            expect(visitor.part("integrity_strip")).to_have_count(0)
            assert re.findall(CLAIM, visitor.text(), flags=re.IGNORECASE) == []
    for visitor in pages:
        visitor.reload()
        expect(visitor.part("page_error")).to_have_count(0)
        expect(visitor.part("integrity_strip")).to_be_visible()


@requirement("dashboard.corrupt-row")
@pytest.mark.parametrize("tool", CHANGES)
def test_a_changed_row_makes_its_trace_red_and_is_named_there(
    visit: Callable[..., Visitor], auditor: State, changed: dict[str, tuple[str, int]], tool: str
) -> None:
    trace, log_index = changed[tool]
    visitor = visit(auditor).open(f"/trace?id={trace}")
    alarm = visitor.part("trace_alarm")
    expect(alarm).to_contain_text(CHANGES[tool][1])
    expect(alarm).to_contain_text(re.compile(rf"\b{log_index}\b"))
    row = visitor.page.locator("[data-span]", has_text="corrupt")
    expect(row).to_have_count(1)
    expect(row.locator(".seal")).to_have_count(0)
    assert {"bob", "eve"}.isdisjoint(re.findall(r"\w+", visitor.text()))
    assert visitor.faults() == []


@requirement("dashboard.corrupt-row")
def test_a_changed_row_leaves_other_traces_alone(
    visit: Callable[..., Visitor], auditor: State, changed: dict[str, tuple[str, int]]
) -> None:
    visitor = visit(auditor).open(f"/trace?id={changed['untouched'][0]}")
    expect(visitor.page.locator("[data-sealing='sealed'] .seal").first).to_be_attached()
    expect(visitor.part("trace_alarm")).to_have_count(0)


@requirement("dashboard.corrupt-row")
def test_the_services_own_check_finds_the_changed_rows_and_every_page_says_so(
    world: World,
    visit: Callable[..., Visitor],
    auditor: State,
    changed: dict[str, tuple[str, int]],
) -> None:
    assert verdict(world) == 1
    visitor = visit(auditor).open("/integrity")
    expect(visitor.part("integrity_strip")).to_contain_text("does not verify")
    told = visitor.text()
    for tool in SEEN_FROM_OUTSIDE:
        assert re.search(rf"\b{changed[tool][1]}\b", told), tool
    for path in PAGES:
        expect(visitor.open(path).part("integrity_strip")).to_contain_text("does not verify")


def verdict(world: World) -> int:
    """Wait until the service has verified its log since it started; return the exit code."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = world.service.get("/api/v1/overview")["verification"]
        if found["state"] == "done":
            return int(found["exit_code"])
        time.sleep(0.2)
    raise AssertionError(f"no verdict after {PATIENCE_S} s: {found}")

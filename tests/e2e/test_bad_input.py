"""What an agent writes to attack its reader, and what is too much or crooked: inert and readable."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import State
from tests.e2e.foreign import crowd, send, tool_span
from tests.e2e.hostile import INVISIBLE, LENGTHS, MARKUP, NAMES, PROGRAM
from tests.e2e.people import Visitor
from tests.e2e.world import World
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FOREIGN_TRACE = "f0" * 16
HUGE_TRACE = "10" * 16
CHAT_TRACE = "c4" * 16
CHAT_COUNT = 300
SPAN_COUNT = 10_000
MAX_NODES = 3_000


def note(number: int) -> dict[str, str]:
    """Make of a tool's span one that no record describes, with a text of its own."""
    return {"gen_ai.operation.name": "chat", "note": f"note of {number}."}


@pytest.fixture(scope="module", autouse=True)
def recorded(world: World) -> None:
    """Record every hostile text as a foreign span and by the SDK, and a trace of 10,000 spans."""
    spans = [
        tool_span(
            FOREIGN_TRACE,
            number,
            None,
            name,
            **{
                "gen_ai.agent.name": name,
                "gen_ai.tool.call.arguments": json.dumps({name: name}),
                "gen_ai.tool.call.result": json.dumps({name: name}),
                "enduser.id": name,
                "tallystick.sealing": "sealed",
                name: name,
            },
        )
        for number, name in enumerate(NAMES, 1)
    ]
    send(world.service, spans, service_name=MARKUP[0])
    send(world.service, crowd(HUGE_TRACE, SPAN_COUNT))
    chats = [
        tool_span(CHAT_TRACE, number, None, "x", **note(number)) for number in range(1, CHAT_COUNT)
    ]
    send(world.service, chats)
    world.run(PROGRAM, json.dumps(NAMES), json.dumps(LENGTHS))


@pytest.fixture(scope="module")
def recorded_by_sdk(world: World) -> dict[str, str]:
    """Give the address of each call that the SDK recorded, by the tool's name as it was masked."""
    return {
        str(one["statement"]["tool.name"]): f"/trace?id={one['trace_id']}&span={one['span_id']}"
        for one in world.actions()
        if one["origin"] == "native" and one["statement"]["observer"] == "function"
    }


def hidden_in(text: str) -> list[str]:
    """Say which characters a reader would not see."""
    return [meaning for character, meaning in INVISIBLE.items() if character in text]


PLACES = ("/", "/actions", "/tools", "/integrity", "/exports", f"/trace?id={FOREIGN_TRACE}")


@requirement("dashboard.inert")
@pytest.mark.parametrize("place", PLACES)
def test_hostile_texts_are_inert_on_every_page(
    visit: Callable[..., Visitor], administrator: State, place: str
) -> None:
    visitor = visit(administrator).open(place)
    assert visitor.watcher.faults == []
    assert hidden_in(visitor.text()) == []
    assert (
        visitor.page.locator("img[src='x'], svg[onload], details[ontoggle], iframe[srcdoc]").count()
        == 0
    )
    assert visitor.page.locator("a[href^='javascript'], a[href*='127.0.0.1:9']").count() == 0


@requirement("dashboard.inert")
@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_call_is_shown_as_the_text_that_it_is(
    visit: Callable[..., Visitor], administrator: State, recorded_by_sdk: dict[str, str], name: str
) -> None:
    visitor = visit(administrator).open(recorded_by_sdk[name])
    expect(visitor.part("detail")).to_contain_text("outcome")
    shown = visitor.text()
    assert visitor.watcher.faults == []
    assert hidden_in(shown) == []
    if name in MARKUP:
        assert name in shown
    else:
        assert "refund" in shown
        assert "txt.exe" in shown
        assert "202e" in shown.lower()


@requirement("dashboard.inert")
@pytest.mark.parametrize("length", LENGTHS)
def test_a_long_value_leaves_the_page_readable_and_usable(
    visit: Callable[..., Visitor],
    administrator: State,
    recorded_by_sdk: dict[str, str],
    length: int,
) -> None:
    visitor = visit(administrator).open(recorded_by_sdk[f"long{length}"])
    expect(visitor.part("detail")).to_contain_text(f"long{length}")
    assert visitor.faults() == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visitor.node_count() < MAX_NODES


@requirement("dashboard.derived-unsealed")
def test_a_foreign_span_that_calls_itself_sealed_carries_no_seal(
    visit: Callable[..., Visitor], administrator: State
) -> None:
    visitor = visit(administrator).open(f"/trace?id={FOREIGN_TRACE}")
    rows = visitor.page.locator("[data-span]")
    expect(rows).to_have_count(len(NAMES))
    expect(visitor.page.locator("[data-sealing='derived']")).to_have_count(len(NAMES))
    assert visitor.page.locator(".seal").count() == 0


@requirement("dashboard.large-trace")
def test_ten_thousand_spans_open_with_few_elements(
    visit: Callable[..., Visitor], administrator: State
) -> None:
    visitor = visit(administrator).open(f"/trace?id={HUGE_TRACE}")
    visitor.page.locator("[data-span]").first.wait_for()
    assert visitor.node_count() < MAX_NODES
    assert "10,000" in visitor.text()
    assert visitor.watcher.faults == []


@requirement("dashboard.large-trace")
@pytest.mark.parametrize("number", [SPAN_COUNT, SPAN_COUNT - 2, SPAN_COUNT // 2])
def test_cycles_orphans_and_what_lies_deep_in_a_large_trace_can_be_opened(
    visit: Callable[..., Visitor], administrator: State, number: int
) -> None:
    visitor = visit(administrator).open(f"/trace?id={HUGE_TRACE}&span={number:016x}")
    visitor.page.locator(f"[data-span='{number:016x}']").first.wait_for()
    tool = "crooked" if number > SPAN_COUNT - 4 else "step"
    expect(visitor.part("detail")).to_contain_text(tool)
    assert visitor.watcher.faults == []


@requirement("dashboard.large-trace")
def test_each_span_that_is_chosen_in_a_window_shows_its_own_attributes(
    visit: Callable[..., Visitor], administrator: State
) -> None:
    visitor = visit(administrator).open(f"/trace?id={CHAT_TRACE}")
    rows = visitor.page.locator("[data-span]")
    expect(rows.first).to_be_visible()
    for is_scrolled in (False, True):
        if is_scrolled:
            grid = visitor.page.locator(".waterfall .grid").first
            grid.evaluate("grid => { grid.scrollTop = grid.scrollHeight; }")
            last = f"[data-span='{CHAT_COUNT - 1:016x}']"
            expect(visitor.page.locator(last)).to_be_visible()
        for place in (11, 13):
            span_id = str(rows.nth(place).get_attribute("data-span"))
            visitor.page.locator(f"[data-span='{span_id}']").first.click()
            expect(visitor.part("detail")).to_contain_text(f"note of {int(span_id, 16)}.")
    assert visitor.watcher.faults == []

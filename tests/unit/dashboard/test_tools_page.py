"""The page of tools: what changed and what is flagged stands out, and no text of a stranger acts."""

from collections.abc import Mapping
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tallystick_dashboard.client import NotFoundError
from tests.requirements import requirement
from tests.unit.dashboard.screens import Answers, markup_of, shown, text_of

START_US = 1_795_000_000_000_000
TOOL: Mapping[str, Any] = {
    "observer": "mcp_client",
    "server": "bank",
    "server_ref": "5e" * 16,
    "service": "",
    "agent": "",
    "tool": "pay",
    "digest": "ab" * 32,
    "first_us": START_US,
    "last_us": START_US + 1_000_000,
    "versions": 1,
    "emitters": 1,
    "changes": 0,
    "changed_us": None,
    "moved_us": None,
    "former_digest": None,
    "is_listed": True,
    "flags": {},
    "notices": {},
    "log_index": 7,
    "sealing": "sealed",
    "faults": [],
}
VERSION: Mapping[str, Any] = {
    "log_index": 9,
    "time_us": START_US,
    "emitter": "laptop",
    "digest": "cd" * 32,
    "previous_digest": "ab" * 32,
    "changed": ["description"],
    "diff": [{"member": "description", "lines": [" Pays.", "-Nicely.", "+<img src=x> \u202eevil"]}],
    "flags": {"bidi_control": 1},
    "notices": {},
    "findings": [{"path": "description", "kind": "bidi_control", "count": 1}],
    "definition": '{"name":"pay"}',
    "sealing": "sealed",
    "faults": [],
}
KEY = {
    "observer": "mcp_client",
    "server": "bank",
    "server_ref": "",
    "service": "",
    "agent": "",
    "tool": "pay",
}


def listed(monkeypatch: pytest.MonkeyPatch, *tools: Mapping[str, Any]) -> AppTest:
    answers = Answers(tools={"tools": list(tools), "after": None})
    return shown(monkeypatch, "tools", answers).run()


@requirement("tooldef.new-address")
@pytest.mark.parametrize(
    ("former", "said", "is_odd"),
    [
        (TOOL["digest"], "same definition", False),
        ("cd" * 32, "other definition than at the old one", True),
        (None, "tool not known at the old one", True),
    ],
    ids=["same", "other", "new"],
)
def test_a_server_at_a_new_address_says_so_plainly(
    monkeypatch: pytest.MonkeyPatch, former: str | None, said: str, *, is_odd: bool
) -> None:
    moved = {**TOOL, "moved_us": START_US, "former_digest": former}
    screen = listed(monkeypatch, moved, TOOL)
    told = text_of(screen)
    assert "2 shown, 0 changed, 1 at a new address, 0 flagged" in told
    assert f"new address 2026-11-18 11:06:40, {said}" in told
    assert ("ts-odd" in markup_of(screen)) is is_odd


@requirement("tooldef.servers-apart")
def test_a_programs_own_tool_stands_under_service_and_agent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = {"observer": "agent", "server": "", "service": "payments", "agent": "clerk"}
    screen = listed(monkeypatch, {**TOOL, **own})
    assert "payments clerk" in " ".join(text_of(screen).split())
    assert "service=payments&amp;agent=clerk" in markup_of(screen)
    answers = Answers(tool_history={"versions": [VERSION], "incomplete": False})
    screen = shown(monkeypatch, "tools", answers)
    for name, value in {**KEY, **own}.items():
        screen.query_params[name] = value
    assert "pay, in payments of agent clerk" in text_of(screen.run())


def test_a_long_list_comes_in_pages_whose_place_stands_in_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = Answers(tools={"tools": [TOOL], "after": "WzIsICJhIl0="})
    screen = shown(monkeypatch, "tools", answers).run()
    assert "there are more" in text_of(screen)
    assert 'href="/tools?after=WzIsICJhIl0%3D"' in markup_of(screen)
    assert "First page" not in text_of(screen)
    screen.query_params["after"] = "WzIsICJhIl0="
    assert 'href="/tools"' in markup_of(screen.run())
    assert answers.calls("tools") == [((None,), {}), (("WzIsICJhIl0=",), {})]


def test_behind_the_last_page_is_a_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = shown(monkeypatch, "tools", Answers(tools={"tools": [], "after": None}))
    screen.query_params["after"] = "WzIsICJhIl0="
    assert "There are no more tools." in text_of(screen.run())
    assert 'href="/tools"' in markup_of(screen)


def history(monkeypatch: pytest.MonkeyPatch, answer: object) -> tuple[AppTest, Answers]:
    answers = Answers(tool_history=answer)
    screen = shown(monkeypatch, "tools", answers)
    for name, value in KEY.items():
        screen.query_params[name] = value
    return screen.run(), answers


@requirement("tooldef.changed")
def test_a_changed_and_flagged_tool_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {**TOOL, "tool": "swap", "changes": 2, "versions": 2, "changed_us": START_US}
    flagged = {
        **TOOL,
        "tool": "look",
        "flags": {"hides_from_user": 2},
        "notices": {"addresses_model": 1},
    }
    screen = listed(monkeypatch, changed, flagged, TOOL)
    told = text_of(screen)
    assert "3 shown, 1 changed, 0 at a new address, 1 flagged" in told
    assert "2 x, last 2026-11-18" in told
    assert "hides from user 2" in told
    assert "addresses model 1" in told
    assert markup_of(screen).count("ts-odd") == 2
    assert 'href="/tools?observer=mcp_client&amp;server=bank' in markup_of(screen)


def test_tools_that_no_listing_shows_or_that_nobody_inspected_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = {**TOOL, "tool": "sum", "is_listed": False, "flags": None, "notices": None}
    older = {**TOOL, "flags": None, "notices": None}
    broken = {**TOOL, "tool": "row", "faults": [{"column": "statement"}]}
    aside = {**TOOL, "tool": "two", "versions": 2}
    told = text_of(listed(monkeypatch, called, older, broken, aside))
    for words in ("not listed: seen at calls", "not inspected", "changed", "2 in use side by side"):
        assert words in told


def test_without_tools_the_page_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "tallystick run -- python agent.py" in text_of(listed(monkeypatch))


@requirement("tooldef.changed")
def test_the_history_shows_what_changed_as_text_that_does_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = {
        **VERSION,
        "previous_digest": None,
        "changed": [],
        "diff": [],
        "findings": [],
        "flags": {},
    }
    screen, answers = history(monkeypatch, {"versions": [VERSION, first], "incomplete": True})
    told, drawn = text_of(screen), markup_of(screen)
    assert answers.calls("tool_history") == [((KEY,), {})]
    assert "changed: description" in told
    assert "first seen" in told
    assert "older ones are not shown" in told
    assert "bidi control" in told
    assert "\\u202eevil" in told
    assert "\u202e" not in drawn
    assert "<img" not in drawn
    assert '<span class="ts-bad">-Nicely.</span>' in drawn
    assert '{"name":"pay"}' in told


def test_a_definition_that_was_erased_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {**VERSION, "previous_digest": None, "changed": [], "diff": [], "definition": None}
    erasure = {"request": "4f" * 16, "stated_us": 1_793_577_600_000_000}
    gone["absent"] = {"values": 1, "why": "erased", "needs": None, "erasure": erasure}
    screen, _ = history(monkeypatch, {"versions": [gone], "incomplete": False})
    assert "erased on 2026-11-02 by decision 4f4f4f4f" in text_of(screen)


def test_a_long_difference_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    long = {**VERSION, "diff": [{"member": "title", "lines": ["+x"] * 400}], "changed": []}
    screen, _ = history(monkeypatch, {"versions": [long], "incomplete": False})
    assert "100 more lines" in text_of(screen)
    assert "members not known" in text_of(screen)


def test_a_tool_that_nobody_recorded_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, _ = history(monkeypatch, NotFoundError("no definition of such a tool was recorded"))
    assert "no definition of such a tool" in text_of(screen)

"""Names of people on the screens: what takes a reason, what a reason is, and when it ends."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tallystick_dashboard import names, reason
from tallystick_dashboard.client import Person
from tallystick_ingest.api.guard import MAX_REASON_CHARS, MIN_REASON_CHARS, REASON_HEADER
from tests.requirements import requirement
from tests.unit.dashboard.screens import (
    SECURITY,
    VIEWER,
    Answers,
    actions,
    fields_of,
    shown,
    text_of,
)

pytestmark = requirement("dashboard.names")

WHY = "incident 4711: who asked for it?"
ANSWERS: Mapping[str, Any] = {
    "actions": actions({}),
    "traces": {"traces": [], "before": None},
    "exports": [],
}


def screen_of(
    monkeypatch: pytest.MonkeyPatch, page: str, person: Person
) -> tuple[AppTest, Answers]:
    answers = Answers(**{**ANSWERS, "me": person})
    return shown(monkeypatch, page, answers).run(), answers


def say(screen: AppTest, why: str) -> AppTest:
    """Type a reason and ask for the names."""
    screen.text_input(key="names-reason").set_value(why)
    [ask] = [one for one in screen.button if one.label == "Show names"]
    return ask.click().run()


def reasons(answers: Answers) -> list[object]:
    return [given for (given,), _ in answers.calls("because")]


@pytest.mark.parametrize("page", ["actions", "trace"])
def test_a_reason_that_was_said_goes_with_the_requests_that_follow(
    monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    screen, answers = screen_of(monkeypatch, page, SECURITY)
    assert reasons(answers) == [None]
    told = text_of(say(screen, f"  {WHY} "))
    assert reasons(answers) == [None, WHY]
    assert "Names of people are shown" in told
    assert WHY in told
    assert "on record" in told
    assert screen.query_params == {}


def test_names_are_withheld_again_when_somebody_hides_them(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, answers = screen_of(monkeypatch, "actions", SECURITY)
    say(screen, WHY)
    screen.button(key="names-hide").click().run()
    assert reasons(answers)[-1] is None
    assert WHY not in text_of(screen)
    assert fields_of(screen)["names-reason"] == ""


def test_a_reason_counts_for_the_view_that_it_was_said_for(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, answers = screen_of(monkeypatch, "actions", SECURITY)
    say(screen, WHY)
    screen.query_params["before"] = "1234"
    screen.run()
    assert reasons(answers)[-1] == WHY, "an older page of the same list is the same view"
    screen.selectbox(key="outcome").set_value("denied").run()
    assert reasons(answers)[-1] is None
    screen.selectbox(key="outcome").set_value("any").run()
    assert reasons(answers)[-1] is None, "what was left is left"


def test_a_reason_ends_with_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
from importlib import import_module
import streamlit as st
from tallystick_dashboard.shell import show
page = st.session_state.get("chosen", "actions")
show(page, import_module(f"tallystick_dashboard.pages.{page}").draw)
"""
    screen, answers = screen_of(monkeypatch, "actions", SECURITY)
    screen = AppTest.from_string(script, default_timeout=screen.default_timeout).run()
    say(screen, WHY)
    screen.session_state["chosen"] = "exports"
    screen.run()
    screen.session_state["chosen"] = "actions"
    screen.run()
    assert reasons(answers)[-2:] == [WHY, None]


def test_a_reason_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, answers = screen_of(monkeypatch, "actions", SECURITY)
    say(screen, WHY)
    now_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now_s + names.LIFE_S)
    screen.run()
    assert reasons(answers)[-1] is None
    assert "Names of people are shown" not in text_of(screen)


def test_a_reason_ends_with_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, answers = screen_of(monkeypatch, "actions", SECURITY)
    say(screen, WHY)
    answers.answers["me"] = VIEWER
    screen.run()
    assert reasons(answers)[-1] is None


@pytest.mark.parametrize("page", ["actions", "trace"])
@pytest.mark.parametrize(
    ("scopes", "asked_for"),
    [(("read",), "rights payload and reveal"), (("read", "payload"), "right reveal")],
)
def test_whoever_lacks_a_right_is_told_what_to_ask_for_and_offered_nothing(
    monkeypatch: pytest.MonkeyPatch, page: str, scopes: tuple[str, ...], asked_for: str
) -> None:
    screen, _ = screen_of(monkeypatch, page, Person("account:x", "xenia", "some", scopes))
    told = text_of(screen)
    assert asked_for in told
    assert "--role security" in told
    assert "names-reason" not in fields_of(screen)
    assert "Show names" not in [one.label for one in screen.button]


BAD = {
    "": "Say why",
    "   ": "Say why",
    "short": "too short: expected at least 8 characters, got 5",
    "x" * 501: "too long: expected at most 500 characters, got 501",
    "one line\nand another": "line breaks",
    "one line\u2028and another": "line breaks",
    "a bell \a in it": "control characters",
    "hidden \u202e in it": "invisible",
}


@pytest.mark.parametrize("why", BAD)
def test_a_reason_that_will_not_do_is_told_why_and_sent_nowhere(
    monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    screen, answers = screen_of(monkeypatch, "actions", SECURITY)
    told = text_of(say(screen, why))
    assert BAD[why] in told
    assert reasons(answers) == [None, None]
    assert fields_of(screen)["names-reason"] == why, "it can be mended"
    assert WHY in text_of(say(screen, WHY))


@pytest.mark.parametrize(
    "why", ["für die Prüfung", "γιατί διαγράφηκε;", "事件 4711 の調査です", "🔍 an incident"]
)
def test_a_reason_may_be_in_any_script(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    screen, answers = screen_of(monkeypatch, "actions", SECURITY)
    say(screen, why)
    assert reasons(answers)[-1] == why


def test_the_bounds_are_those_of_the_service() -> None:
    assert (reason.MIN_CHARS, reason.MAX_CHARS) == (MIN_REASON_CHARS, MAX_REASON_CHARS)
    assert reason.HEADER.lower() == REASON_HEADER

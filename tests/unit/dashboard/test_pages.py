"""What each page says of what the service answers, and what it asks for."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tallystick_dashboard.client import (
    DashboardError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    RefusedError,
    ServiceAwayError,
)
from tallystick_dashboard.pages.exports import STAGES, progress
from tests.requirements import requirement
from tests.unit.dashboard.screens import (
    ACTION,
    AUDITOR,
    VERIFIED,
    VIEWER,
    Answers,
    actions,
    markup_of,
    shown,
    text_of,
)

TOTALS: Mapping[str, int] = {
    "actions": 1_046,
    "failed": 3,
    "denied": 1,
    "unsealed": 2,
    "recovered": 0,
    "derived": 14,
    "unmasked_at_source": 0,
    "refusals": 0,
    "gaps": 5,
    "drops": 0,
    "masked": 30,
}
HOUR = 3_600_000_000
START = 1_795_000_000_000_000 // HOUR * HOUR
LOG = {"size": 1_210, "signed_size": 1_204, "signed_us": START, "signing_stopped": None}
OVERVIEW: Mapping[str, Any] = {
    "verification": VERIFIED,
    "log": LOG,
    "period": {"from_us": START, "to_us": START + 3 * HOUR},
    "totals": TOTALS,
    "hours": [{"hour_us": START + HOUR, "actions": 10, "failed": 3, "denied": 1}],
    "tools": [{"tool": "<b>", "server": "s&t", "actions": 9, "failed": 0, "denied": 1}],
    "agents": [{"agent": None, "actions": 9, "failed": 0, "denied": 1}],
}
SESSION: Mapping[str, Any] = {
    "session": "5e" * 16,
    "emitter": "laptop",
    "service": "support-agents",
    "first_us": START,
    "last_us": START + 1,
    "event_count": 9,
    "sealed_size": 7,
    "state": "silent",
    "gap": [{"from_seq": 3, "to_seq": 4}],
}
INTEGRITY: Mapping[str, Any] = {
    "verification": VERIFIED,
    "log": LOG,
    "checkpoints": [{"size": 1_204, "root": "naxv=", "signed_us": START, "note": "demo\n1204\n"}],
    "sessions": [{**SESSION, "session": "aa" * 16, "state": "open", "gap": []}, SESSION],
    "sessions_cut": False,
    "log_vkey": "demo+log",
    "service_vkey": "demo+service",
    "notices": [],
}
JOB: Mapping[str, Any] = {
    "id": "4dfcab01134c3dbc",
    "by": "account:a",
    "by_name": "audrey",
    "created_us": START,
    "from_us": START - HOUR,
    "to_us": START,
    "regime": "eu-ai-act",
    "has_card": True,
    "state": "done",
    "stage": "package",
    "done": 1,
    "total": 1,
    "error": "",
    "bytes": 3_632_765,
    "sha256": "08c61cd3" + "0" * 56,
    "entries": 1_204,
}
ANSWERS: Mapping[str, Any] = {
    "overview": OVERVIEW,
    "actions": actions({}),
    "integrity": INTEGRITY,
    "exports": [JOB],
    "traces": {"traces": [], "before": None},
}
PAGES = ("overview", "actions", "trace", "integrity", "exports")


# --- the shell of every page ------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_who_looks_and_how_far_the_log_is_verified(
    monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    told = text_of(shown(monkeypatch, page, Answers(**ANSWERS)).run())
    assert "audrey" in told
    assert "Verified to checkpoint 1,204" in told
    assert "Sign out" in told


@requirement("dashboard.rights")
@pytest.mark.parametrize("page", PAGES)
def test_every_run_of_a_page_asks_who_looks(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    answers = Answers(**ANSWERS)
    screen = shown(monkeypatch, page, answers).run()
    screen.run()
    assert len(answers.calls("me")) == 2


@requirement("dashboard.rights")
@pytest.mark.parametrize("page", PAGES)
def test_a_session_that_has_ended_leads_to_the_login(
    monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    answers = Answers(**ANSWERS, me=NotSignedInError("the session has ended"))
    screen = shown(monkeypatch, page, answers).run()
    assert 'class="ts-leave"' in markup_of(screen)
    assert "You are signed out" in text_of(screen)
    assert [name for name, _, _ in answers.asked] == ["me"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("place", ["me", "verification", "the page"])
def test_a_service_that_is_away_is_said_and_never_looks_like_an_empty_log(
    monkeypatch: pytest.MonkeyPatch, page: str, place: str
) -> None:
    away = ServiceAwayError("The service at http://s does not answer: connection refused")
    own = {"trace": "traces"}.get(page, page)
    answers = Answers(**{**ANSWERS, own if place == "the page" else place: away})
    told = text_of(shown(monkeypatch, page, answers).run())
    assert "The service does not answer" in told
    assert "connection refused" in told
    assert "tallystick up" in told
    assert not re.search(r"No (action|check|checkpoint|package|trace|data)", told)


@requirement("dashboard.filters")
def test_after_a_fault_the_page_has_its_filters_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(**ANSWERS)
    screen = shown(monkeypatch, "actions", answers)
    screen.query_params["tool"] = "git_log"
    screen.run()
    answers.answers["me"] = ServiceAwayError("The service at http://s does not answer")
    screen.run()
    screen.query_params.clear()
    screen.run()
    answers.answers["me"] = AUDITOR
    screen.run()
    (query,), _ = answers.calls("actions")[-1]
    assert isinstance(query, dict)
    assert query["tool"] == "git_log"


@requirement("dashboard.rights")
def test_the_login_leads_back_to_the_same_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(**ANSWERS, me=NotSignedInError("the session has ended"))
    screen = shown(monkeypatch, "actions", answers)
    screen.query_params["tool"] = "a&b"
    assert 'data-query="tool=a%26b"' in markup_of(screen.run())


@pytest.mark.parametrize(
    ("error", "headline"),
    [
        (NotAllowedError("needs export"), "You may not do this"),
        (NotFoundError("no trace"), "There is nothing under this name"),
        (RefusedError("bad period"), "The service refuses this"),
        (DashboardError("odd"), "The service refuses this"),
    ],
)
def test_each_fault_has_its_own_words(
    monkeypatch: pytest.MonkeyPatch, error: DashboardError, headline: str
) -> None:
    answers = Answers(**{**ANSWERS, "overview": error})
    told = text_of(shown(monkeypatch, "overview", answers).run())
    assert headline in told
    assert str(error) in told


@pytest.mark.parametrize(
    ("verification", "headline"),
    [
        ({**VERIFIED, "exit_code": 1}, "The log does not verify"),
        ({**VERIFIED, "exit_code": 2}, "Consistent to checkpoint 1,204"),
        ({**VERIFIED, "state": "running"}, "A new check is running"),
        ({**VERIFIED, "exit_code": None, "state": "never"}, "Not verified yet"),
        ({**VERIFIED, "exit_code": None, "state": "running"}, "Being verified"),
        ({**VERIFIED, "exit_code": None, "state": "failed", "error": "no room"}, "no room"),
    ],
)
def test_the_strip_says_verified_only_of_what_was_verified(
    monkeypatch: pytest.MonkeyPatch, verification: Mapping[str, Any], headline: str
) -> None:
    answers = Answers(**{**ANSWERS, "verification": verification})
    told = text_of(shown(monkeypatch, "overview", answers).run())
    assert headline in told
    assert ("Verified to" in told) is (verification["exit_code"] == 0)


def test_the_strip_names_what_the_check_did_not_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    [whole] = VERIFIED["steps"]
    steps = [
        whole,
        {**whole, "name": "columns", "checked": {}},
        {**whole, "name": "spans", "not_checked": 2},
    ]
    verification = {**VERIFIED, "steps": steps}
    answers = Answers(**{**ANSWERS, "verification": verification})
    told = text_of(shown(monkeypatch, "overview", answers).run())
    assert "own check, which did not cover: columns, spans." in told
    told = text_of(shown(monkeypatch, "overview", Answers(**ANSWERS)).run())
    assert "No fault found by the service's own check." in told


# --- overview ---------------------------------------------------------------------------------


def test_the_overview_states_each_number_and_leads_to_what_it_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = shown(monkeypatch, "overview", Answers(**ANSWERS)).run()
    told = text_of(screen)
    for label, number in (("Unsealed", "2"), ("Gaps", "5"), ("Actions", "1,046"), ("Denied", "1")):
        assert re.search(rf"{label}\s+{number}\b", told), label
    assert told.index("Integrity") < told.index("Activity")
    assert "6 not signed yet" in told
    links = re.findall(r'href="([^"]+)"', markup_of(screen))
    assert "/actions?period=24h&amp;outcome=denied" in links
    assert "/actions?period=24h&amp;tool=%3Cb%3E" in links


def test_the_overview_draws_each_hour_also_those_in_which_nothing_happened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = markup_of(shown(monkeypatch, "overview", Answers(**ANSWERS)).run())
    bars = re.findall(r'class="ts-bar" title="([^"]+)"', drawn)
    assert [re.findall(r"(\d+) (?:actions|failed|denied)", bar) for bar in bars] == [
        ["0", "0", "0"],
        ["10", "3", "1"],
        ["0", "0", "0"],
    ]


def test_an_overview_of_nothing_names_the_command_that_fills_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = {
        **OVERVIEW,
        "totals": dict.fromkeys(TOTALS, 0),
        "hours": [],
        "tools": [],
        "agents": [],
    }
    told = text_of(
        shown(monkeypatch, "overview", Answers(**{**ANSWERS, "overview": nothing})).run()
    )
    assert "tallystick run -- python agent.py" in told


@requirement("dashboard.filters")
def test_the_period_in_the_address_is_the_one_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = Answers(**ANSWERS)
    screen = shown(monkeypatch, "overview", answers)
    screen.query_params["period"] = "30d"
    screen.run()
    assert answers.calls("overview") == [(("30d",), {})]


# --- actions ----------------------------------------------------------------------------------


@requirement("dashboard.filters")
def test_filters_in_the_address_reach_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(**ANSWERS)
    screen = shown(monkeypatch, "actions", answers)
    given = {"period": "7d", "tool": " git_log", "outcome": "denied", "sealing": "derived"}
    for name, value in {**given, "before": "1234"}.items():
        screen.query_params[name] = value
    screen.run()
    [((query,), named)] = answers.calls("actions")
    assert query == {
        "from": "7d",
        "tool": "git_log",
        "agent": "",
        "principal": "",
        "outcome": "denied",
        "sealing": "derived",
    }
    assert named == {"before": "1234"}


@requirement("dashboard.filters")
def test_a_filter_that_is_chosen_starts_again_with_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = Answers(**ANSWERS)
    screen = shown(monkeypatch, "actions", answers)
    screen.query_params["before"] = "1234"
    screen.run()
    screen.selectbox(key="outcome").set_value("failure").run()
    (query,), named = answers.calls("actions")[-1]
    assert isinstance(query, dict)
    assert (query["outcome"], named) == ("failure", {"before": None})
    assert "before" not in screen.query_params


@requirement("dashboard.filters")
def test_older_pages_are_asked_for_by_the_cursor_and_newest_leads_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = Answers(**{**ANSWERS, "actions": actions({}, before="77")})
    screen = shown(monkeypatch, "actions", answers).run()
    screen.button(key="older").click().run()
    assert answers.calls("actions")[-1][1] == {"before": "77"}
    assert screen.query_params["before"] == "77"
    screen.button(key="newest").click().run()
    assert answers.calls("actions")[-1][1] == {"before": None}


def test_each_action_says_what_the_list_promises_and_leads_to_its_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = shown(monkeypatch, "actions", Answers(**ANSWERS)).run()
    told = re.sub(r"\s+", " ", text_of(screen))
    for words in (
        "2026-11-18",
        "success",
        "lookup",
        "planner",
        "alice authenticated",
        "7.05 ms",
        "sealed",
    ):
        assert words in told
    assert f"/trace?id={ACTION['trace_id']}&amp;span={ACTION['span_id']}" in markup_of(screen)


@pytest.mark.parametrize(
    ("row", "words", "missing"),
    [
        ({"sealing": "derived"}, "derived", "ts-icon-seal"),
        ({"sealing": "sealed", "faults": 1}, "changed", "ts-icon-seal"),
        ({"outcome": "denied"}, "ts-state ts-denied", "ts-icon-ok"),
        ({"outcome": "failure"}, "ts-state ts-failed", "ts-icon-ok"),
        ({"outcome": "of tomorrow", "sealing": "of tomorrow"}, "of tomorrow", "ts-icon-seal"),
        ({"trace_id": "", "span_id": "", "tool": ""}, "tool.completed", "/trace?id="),
        ({"duration_us": None, "principal": "", "agent": ""}, "not stated", "ms"),
    ],
)
def test_what_is_special_about_an_action_is_shown(
    monkeypatch: pytest.MonkeyPatch, row: dict[str, object], words: str, missing: str
) -> None:
    answers = Answers(**{**ANSWERS, "actions": actions(row)})
    drawn = markup_of(shown(monkeypatch, "actions", answers).run())
    table = drawn[drawn.index("<tbody") :]
    assert words in table
    assert missing not in table


@pytest.mark.parametrize(
    ("cursor", "before", "words"),
    [
        (None, None, "tallystick run -- python agent.py"),
        ("77", None, "There are older ones"),
        (None, "12", "There is nothing older"),
    ],
)
def test_a_page_without_actions_says_why(
    monkeypatch: pytest.MonkeyPatch, cursor: str | None, before: str | None, words: str
) -> None:
    nothing = actions({})._replace(frame=actions({}).frame.head(0), before=cursor)
    screen = shown(monkeypatch, "actions", Answers(**{**ANSWERS, "actions": nothing}))
    if before is not None:
        screen.query_params["before"] = before
    assert words in text_of(screen.run())
    assert [button.key for button in screen.button] == [
        *(["newest"] if before else []),
        *(["older"] if cursor else []),
    ]


def test_the_list_names_the_command_that_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = shown(monkeypatch, "actions", Answers(**ANSWERS))
    screen.query_params["tool"] = "a'b c"
    assert "tallystick actions --from 24h --tool 'a'\"'\"'b c'" in text_of(screen.run())


# --- integrity --------------------------------------------------------------------------------


def test_each_step_says_what_was_checked_and_what_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [
        {**VERIFIED["steps"][0], "number": 1, "name": "files", "checked": {}},
        {**VERIFIED["steps"][0], "found": 2, "findings": ["fault: seal <3>"]},
        {**VERIFIED["steps"][0], "name": "spans", "not_checked": 4},
        VERIFIED["steps"][0],
    ]
    checked = {**VERIFIED, "steps": steps}
    answers = Answers(**{**ANSWERS, "verification": checked})
    told = text_of(shown(monkeypatch, "integrity", answers).run())
    results = re.findall(r"does not hold|not checked\s{2}|in part|\bholds\b(?! and)", told)
    assert [one.strip() for one in results] == ["not checked", "does not hold", "in part", "holds"]
    assert re.search(r"nothing of this kind here\s+0\s+not checked", told), told
    assert "55 seals, 12 signatures" in told
    assert "seal <3>" in told


def test_sessions_with_something_missing_stand_first(monkeypatch: pytest.MonkeyPatch) -> None:
    told = text_of(shown(monkeypatch, "integrity", Answers(**ANSWERS)).run())
    assert "2 shown, 1 with something missing" in told
    assert "records 3 to 4" in told
    assert told.index("5e5e5e5e") < told.index("aaaaaaaa")


def test_a_check_is_asked_for_by_whoever_may(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(**ANSWERS, verify_now=VERIFIED)
    screen = shown(monkeypatch, "integrity", answers).run()
    screen.button(key="verify_now").click().run()
    assert len(answers.calls("verify_now")) == 1


@requirement("dashboard.rights")
def test_a_viewer_is_offered_no_check_and_no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(**ANSWERS, me=VIEWER)
    assert list(shown(monkeypatch, "integrity", answers).run().button) == []
    screen = shown(monkeypatch, "exports", answers).run()
    assert list(screen.button) == []
    assert "vera has read" in text_of(screen)
    assert answers.calls("exports") == []


def test_the_page_says_how_to_check_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told = text_of(shown(monkeypatch, "integrity", Answers(**ANSWERS)).run())
    assert "tallystick verify evidence.zip --policy policy.txt" in told
    assert "sha256sum --check --strict SHA256SUMS" in told
    assert "demo+log" in told


def test_before_the_first_check_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    none = {**VERIFIED, "state": "never", "exit_code": None, "steps": [], "at_us": None}
    answers = Answers(
        **{**ANSWERS, "verification": none, "integrity": {**INTEGRITY, "checkpoints": []}}
    )
    told = text_of(shown(monkeypatch, "integrity", answers).run())
    assert "No check has ended yet" in told
    assert "No checkpoint is signed yet" in told


# --- exports ----------------------------------------------------------------------------------


def test_a_package_is_asked_for_with_what_the_form_says(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(**ANSWERS, begin_export="4dfc")
    screen = shown(monkeypatch, "exports", answers).run()
    screen.text_input[0].set_value("2026-11-01")
    screen.text_area(key="card_text").set_value("system: x")
    screen.button[0].click().run()
    period = ("2026-11-01", "now")
    assert answers.calls("begin_export") == [((period, "eu-ai-act", "system: x"), {})]


def test_without_a_card_none_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(**ANSWERS, begin_export="4dfc")
    screen = shown(monkeypatch, "exports", answers).run()
    screen.button[0].click().run()
    assert answers.calls("begin_export") == [((("7d", "now"), "eu-ai-act", None), {})]


def test_a_card_that_is_refused_is_named_and_the_page_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = Answers(**ANSWERS, begin_export=RefusedError("the system card, line 1: <x>"))
    screen = shown(monkeypatch, "exports", answers).run()
    screen.button[0].click().run()
    told = text_of(screen)
    assert "No export was begun" in told
    assert "line 1: <x>" in told
    assert "08c61cd3" in told


def test_earlier_packages_are_listed_with_who_made_them_and_a_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = {**JOB, "state": "failed", "error": "the disk is nearly full"}
    screen = shown(monkeypatch, "exports", Answers(**{**ANSWERS, "exports": [JOB, failed]})).run()
    told = text_of(screen)
    for words in ("audrey", "EU AI Act", "3.63 MB", "08c61cd3", "the disk is nearly full"):
        assert words in told
    assert markup_of(screen).count('href="/download/4dfcab01134c3dbc"') == 1


def test_a_running_package_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    running = {**JOB, "state": "running", "stage": "tables", "done": 1, "total": 4}
    screen = shown(monkeypatch, "exports", Answers(**{**ANSWERS, "exports": [running]})).run()
    [bar] = screen.get("progress")
    assert bar.proto.text == "Stage 3 of 6, tables: 1 of 4"
    assert bar.proto.value == int(100 * (2 + 1 / 4) / 6)
    assert "/download/" not in markup_of(screen)


def test_progress_never_leaves_its_bounds() -> None:
    ends = [progress({"stage": stage, "done": 9, "total": 3}) for stage in STAGES]
    assert ends == sorted(ends)
    assert progress({"stage": "of tomorrow", "done": 0, "total": 0}) == 0
    assert max(ends) == 1

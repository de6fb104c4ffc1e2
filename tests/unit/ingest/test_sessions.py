"""Sessions: tokens that end by themselves, kept as digests, across restarts."""

import json
import stat
from pathlib import Path

import pytest

from tallystick.errors import ConfigError
from tallystick_ingest.auth import sessions as module
from tallystick_ingest.auth.sessions import (
    IDLE_US,
    SESSION_LIFE_US,
    SESSION_PREFIX,
    WRITE_EVERY_US,
    SessionBook,
)
from tests.stores import Clock


def book(directory: Path, clock: Clock) -> SessionBook:
    return SessionBook(directory / "sessions.json", clock)


def test_a_session_is_found_by_its_token_alone_and_kept_as_a_digest(tmp_path: Path) -> None:
    sessions = book(tmp_path, Clock())
    token, session = sessions.start("account-1")
    other, _ = sessions.start("account-1")
    assert token != other
    assert token.startswith(SESSION_PREFIX)
    found = sessions.find(token)
    assert found is not None
    assert found.subject == "account-1"
    assert [sessions.find(text) for text in (token[:-1], "", session.sha256, "\ud800")] == [
        None
    ] * 4
    file = tmp_path / "sessions.json"
    assert token.removeprefix(SESSION_PREFIX) not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_session_ends_after_an_hour_without_use(tmp_path: Path) -> None:
    clock = Clock()
    sessions = book(tmp_path, clock)
    token, _ = sessions.start("a")
    for _ in range(3):
        clock.now_us += IDLE_US - 1
        assert sessions.find(token) is not None
    clock.now_us += IDLE_US
    assert sessions.find(token) is None


def test_a_session_ends_with_the_day_however_much_it_is_used(tmp_path: Path) -> None:
    clock = Clock()
    sessions = book(tmp_path, clock)
    token, session = sessions.start("a")
    assert session.end_us == clock.now_us + SESSION_LIFE_US
    while clock.now_us + IDLE_US - 1 < session.end_us:
        clock.now_us += IDLE_US - 1
        assert sessions.find(token) is not None
    clock.now_us = session.end_us
    assert sessions.find(token) is None


def test_a_restart_keeps_sessions_and_what_was_ended_stays_ended(tmp_path: Path) -> None:
    clock = Clock()
    sessions = book(tmp_path, clock)
    kept, _ = sessions.start("a")
    ended, _ = sessions.start("a")
    removed, _ = sessions.start("b")
    assert sessions.end(ended)
    assert not sessions.end(ended)
    sessions.end_of("b")
    again = book(tmp_path, clock)
    assert [again.find(text) is not None for text in (kept, ended, removed)] == [True, False, False]


def test_a_restart_may_end_a_session_a_minute_early_and_never_late(tmp_path: Path) -> None:
    clock = Clock()
    sessions = book(tmp_path, clock)
    token, _ = sessions.start("a")
    clock.now_us += WRITE_EVERY_US - 1
    sessions.find(token)
    clock.now_us += IDLE_US - WRITE_EVERY_US + 1
    assert sessions.find(token) is not None
    assert book(tmp_path, clock).find(token) is not None
    clock.now_us += IDLE_US
    assert book(tmp_path, clock).find(token) is None


def test_the_number_of_sessions_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SESSIONS", 3)
    clock = Clock()
    sessions = book(tmp_path, clock)
    tokens = []
    for _ in range(5):
        clock.now_us += 1
        tokens.append(sessions.start("a")[0])
    assert [sessions.find(token) is not None for token in tokens] == [False] * 2 + [True] * 3
    assert len(json.loads((tmp_path / "sessions.json").read_text())["sessions"]) == 3


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"sessions":[1]}', '{"sessions":[{"sha256":"x"}]}']
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "sessions.json").write_text(content)
    with pytest.raises(ConfigError, match="logs in again"):
        book(tmp_path, Clock())

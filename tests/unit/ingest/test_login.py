"""Log-in: one answer for every reason, slower after each failure, never in the way of others."""

import threading
from pathlib import Path

import pytest

from tallystick.errors import AuthenticationError
from tallystick.testing import FakeClock
from tallystick_ingest.auth import login as module
from tallystick_ingest.auth.accounts import AccountBook
from tallystick_ingest.auth.login import (
    FREE_FAILURES,
    LONGEST_DELAY_S,
    MAX_WAITING,
    Login,
    TooManyAttemptsError,
)
from tallystick_ingest.auth.passwords import Cost, PasswordHash, is_password
from tallystick_ingest.otlp.incoming import BusyError
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.stores import Clock

WORDS = "four words make one"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def login(tmp_path: Path, clock: FakeClock) -> Login:
    accounts = AccountBook(tmp_path, Clock(), Cost(n=2, p=1))
    accounts.add("ada", "viewer", WORDS)
    return Login(accounts, clock.monotonic_s)


def fail(login: Login, name: str, times: int = 1) -> str:
    said = ""
    for _ in range(times):
        with pytest.raises(AuthenticationError) as refused:
            login.account(name, "wrong")
        said = str(refused.value)
    return said


def test_the_right_password_gives_the_account(login: Login) -> None:
    assert login.account("ada", WORDS).name == "ada"


@requirement("auth.accounts")
def test_an_unknown_name_and_a_wrong_password_get_one_answer_after_the_same_work(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Cost] = []
    real = is_password

    def counted(text: str, kept: PasswordHash) -> bool:
        checked.append(kept.cost)
        return real(text, kept)

    monkeypatch.setattr(module, "is_password", counted)
    assert fail(login, "ada") == fail(login, "bob")
    assert len(checked) == 2
    assert checked[0] == checked[1]


@requirement("auth.accounts")
@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_guessing_gets_slower_up_to_once_a_minute_and_even_the_right_word_has_to_wait(
    login: Login, clock: FakeClock, name: str
) -> None:
    fail(login, name, FREE_FAILURES)
    waits = []
    for _ in range(10):
        with pytest.raises(TooManyAttemptsError) as refused:
            login.account(name, WORDS)
        waits.append(refused.value.wait_s)
        clock.advance(refused.value.wait_s)
        fail(login, name)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    clock.advance(LONGEST_DELAY_S)
    if name == "ada":
        assert login.account("ada", WORDS).name == "ada"
        fail(login, "ada", FREE_FAILURES)


def test_one_name_does_not_slow_another(login: Login) -> None:
    fail(login, "bob", FREE_FAILURES)
    assert login.account("ada", WORDS).name == "ada"


def test_failures_are_forgotten_after_an_hour(login: Login, clock: FakeClock) -> None:
    fail(login, "ada", FREE_FAILURES)
    clock.advance(module.FORGET_AFTER_S + 1)
    fail(login, "ada", FREE_FAILURES)


def test_what_remembers_failures_is_bounded(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_NAMES", 3)
    fail(login, "ada", FREE_FAILURES)
    for number in range(3):
        fail(login, f"name-{number}")
    assert login.account("ada", WORDS).name == "ada"


def test_a_crowd_at_the_door_is_sent_away_and_the_rest_of_the_service_stays_free(
    login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, leave, sent_away = threading.Event(), threading.Event(), threading.Semaphore(0)

    def slow(text: str, kept: PasswordHash) -> bool:
        inside.set()
        return leave.wait(PATIENCE_S) and False

    monkeypatch.setattr(module, "is_password", slow)
    outcomes: list[type[Exception]] = []

    def attempt(number: int) -> None:
        try:
            login.account(f"name-{number}", "wrong")
        except (AuthenticationError, BusyError) as error:
            outcomes.append(type(error))
            sent_away.release()

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(MAX_WAITING + 3)]
    for thread in threads:
        thread.start()
    assert inside.wait(PATIENCE_S)
    assert [sent_away.acquire(timeout=PATIENCE_S) for _ in range(3)] == [True] * 3
    assert outcomes == [BusyError] * 3
    leave.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert outcomes.count(AuthenticationError) == MAX_WAITING

"""The service's check of itself: one at a time, bounded, and honest when there is no verdict."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tallystick.testing import FakeClock
from tallystick_ingest import verification as module
from tallystick_ingest.verification import Verifier
from tests.patience import PATIENCE_S

URL = "http://127.0.0.1:1"
Run = Callable[[str], tuple[int, bytes]]


def report(code: int = 0, size: int = 7, *, complete: bool = True) -> tuple[int, bytes]:
    fault = {"severity": "fault", "message": "not a statement", "place": {"log_index": 3}}
    step = {
        "number": 2,
        "name": "statements",
        "checked": {"statements": 5},
        "totals": {"fault": code, "not_checked": 0, "notice": 0},
        "findings": [fault] if code else [],
    }
    return code, json.dumps(
        {"tree_size": size, "exit": code, "complete": complete, "steps": [step]}
    ).encode()


class Bench:
    """A verifier whose runs are played; `spawned` counts those that began."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spawned: list[str] = []
        self.began = threading.Semaphore(0)
        self.play: Run = lambda _policy: report()
        self.policy = "log x\n"
        self.made: list[Verifier] = []
        self.clock = FakeClock()

        def spawn(_self: Verifier, _url: str, policy: str) -> tuple[int, bytes]:
            self.spawned.append(policy)
            self.began.release()
            return self.play(policy)

        monkeypatch.setattr(Verifier, "_spawn", spawn)

    def verifier(self, every_s: float = 0) -> Verifier:
        self.made.append(Verifier("token", lambda: self.policy, self.clock, every_s))
        return self.made[-1]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(monkeypatch)
    yield made
    for one in made.made:
        one.close()


def finished(verifier: Verifier) -> Any:
    """Wait until nothing runs."""
    assert verifier.wait(PATIENCE_S)
    return verifier.found


def test_nothing_runs_before_it_is_asked_where_that_is_the_setting(bench: Bench) -> None:
    verifier = bench.verifier()
    verifier.start(URL)
    assert (verifier.found.state, bench.spawned) == ("never", [])
    assert verifier.ask().state == "running"
    assert finished(verifier).state == "done"


def test_the_first_run_begins_with_the_service(bench: Bench) -> None:
    verifier = bench.verifier(every_s=300)
    verifier.start(URL)
    found = finished(verifier)
    assert (found.state, found.checkpoint, found.exit_code) == ("done", 7, 0)
    assert found.at_us == bench.clock.now_us()
    assert found.steps == (
        {
            "number": 2,
            "name": "statements",
            "checked": {"statements": 5},
            "found": 0,
            "not_checked": 0,
            "findings": [],
        },
    )


def test_what_is_wrong_is_told_with_its_place(bench: Bench) -> None:
    bench.play = lambda _policy: report(1)
    verifier = bench.verifier(300)
    verifier.start(URL)
    found = finished(verifier)
    assert (found.exit_code, found.steps[0]["found"]) == (1, 1)
    assert found.steps[0]["findings"] == ["fault: log_index 3: not a statement"]


def test_two_never_run_at_once_and_the_last_result_stands_meanwhile(bench: Bench) -> None:
    leave = threading.Event()
    verifier = bench.verifier(300)
    verifier.start(URL)
    before = finished(verifier)
    assert bench.began.acquire(timeout=PATIENCE_S)

    def wait(_policy: str) -> tuple[int, bytes]:
        leave.wait(PATIENCE_S)
        return report(size=9)

    bench.play = wait
    verifier.ask()
    assert bench.began.acquire(timeout=PATIENCE_S)
    for _ in range(5):
        shown = verifier.ask()
        assert (shown.state, shown.checkpoint) == ("running", before.checkpoint)
    leave.set()
    assert finished(verifier).checkpoint == 9
    assert len(bench.spawned) == 2


@pytest.mark.parametrize(
    "outcome",
    [
        (64, b""),
        (0, b"{}"),
        (0, b"[]"),
        (0, b"null"),
        (1, b"\xff"),
        (0, report(1)[1]),
        (-9, report(0)[1]),
        subprocess.TimeoutExpired("verify", 1),
        OSError(2, "no such file"),
    ],
    ids=str,
)
def test_a_run_without_a_verdict_has_failed_and_says_why(
    bench: Bench, outcome: tuple[int, bytes] | Exception
) -> None:
    def play(_policy: str) -> tuple[int, bytes]:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    bench.play = play
    verifier = bench.verifier(300)
    verifier.start(URL)
    found = finished(verifier)
    assert (found.state, found.exit_code, found.checkpoint) == ("failed", None, None)
    assert found.error is not None
    assert "verifier" in found.error
    bench.play = lambda _policy: report()
    verifier.ask()
    assert finished(verifier).state == "done"


def test_a_run_that_did_not_reach_its_end_says_so(bench: Bench) -> None:
    bench.play = lambda _policy: report(1, complete=False)
    verifier = bench.verifier(300)
    verifier.start(URL)
    assert "step 1" in str(finished(verifier).error)


def test_an_emitter_that_enrols_meanwhile_is_no_stranger(bench: Bench) -> None:
    def play(policy: str) -> tuple[int, bytes]:
        bench.policy = "log x\nemitter y\n"
        return report(0 if "emitter y" in policy else 2)

    bench.play = play
    verifier = bench.verifier(300)
    verifier.start(URL)
    assert finished(verifier).exit_code == 0
    assert bench.spawned == ["log x\n", "log x\nemitter y\n"]


def test_after_the_end_nothing_begins(bench: Bench) -> None:
    verifier = bench.verifier(300)
    verifier.close()
    verifier.start(URL)
    assert verifier.ask().state == "never"
    assert bench.spawned == []


def test_a_real_run_against_nobody_is_a_verdict_of_its_own() -> None:
    verifier = Verifier("token", lambda: "", FakeClock(), 0)
    verifier.start(URL)
    verifier.ask()
    found = finished(verifier)
    verifier.close()
    assert found.state in ("done", "failed")
    assert found.exit_code != 0
    assert module.MAX_RUN_S > 0

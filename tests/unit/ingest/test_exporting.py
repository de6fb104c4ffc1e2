"""The command's side of an export with a report: it waits, says how far, and fetches."""

import io
from pathlib import Path
from typing import Any

import pytest

from tallystick_ingest.exporting import LONGEST_WAIT_S, Wanted, export_report
from tallystick_ingest.questions import AnswerError

WANTED = Wanted({"from": 1, "to": None}, "eu-ai-act", "identity: {}")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Answers:
    """Questions that are answered from a list of jobs."""

    def __init__(self, *jobs: dict[str, Any]) -> None:
        self._jobs = iter(jobs)
        self.posted: Any = None
        self.asked: list[str] = []

    def post(self, path: str, body: object) -> dict[str, Any]:
        self.posted = (path, body)
        return {"id": "ab/../cd"}

    def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        return next(self._jobs)

    def download(self, path: str, query: object, target: Path) -> int:
        self.asked.append(path)
        return 7


def job(state: str, stage: str = "checks", done: int = 0, total: int = 31) -> dict[str, Any]:
    return {"state": state, "stage": stage, "done": done, "total": total, "error": "no room"}


def run(answers: Answers, terminal: io.StringIO) -> tuple[int, list[float]]:
    waits: list[float] = []
    questions: Any = answers
    size = export_report(questions, WANTED, Path("x.zip"), sleep=waits.append, terminal=terminal)
    return size, waits


def test_it_waits_with_growing_pauses_and_then_fetches() -> None:
    answers = Answers(*[job("running")] * 9, job("done"))
    size, waits = run(answers, io.StringIO())
    assert size == 7
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT_S
    assert answers.posted == (
        "/api/v1/exports",
        {"from": "1", "regime": "eu-ai-act", "card": "identity: {}"},
    )
    assert answers.asked[-1] == "/api/v1/exports/ab%2F..%2Fcd/package"


def test_a_terminal_is_told_how_far_it_is_and_left_clean() -> None:
    terminal = Terminal()
    run(
        Answers(job("running", "records", 2000, 40000), job("running", "later"), job("done")),
        terminal,
    )
    said = terminal.getvalue()
    assert "writing the records 2,000 of 40,000 ..." in said
    assert "working" in said
    assert said.endswith("\r\x1b[K")


def test_nothing_is_said_where_there_is_no_terminal() -> None:
    quiet = io.StringIO()
    run(Answers(job("running"), job("done")), quiet)
    assert quiet.getvalue() == ""


def test_an_export_that_failed_gives_its_reason() -> None:
    with pytest.raises(AnswerError, match="there is no package: no room"):
        run(Answers(job("failed")), io.StringIO())

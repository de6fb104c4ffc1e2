"""The command line's side of an export with a report: begin it, say how far it is, fetch it."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from tallystick_ingest.questions import AnswerError, Questions, segment

FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 1.0
STAGES: Final = {
    "records": "writing the records",
    "verification": "verifying what is exported",
    "tables": "making tables",
    "checks": "running the checks",
    "report": "writing the report",
    "package": "packing and signing",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported."""

    period: Mapping[str, object]
    regime: str
    card: str | None


def export_report(
    questions: Questions,
    wanted: Wanted,
    target: Path,
    *,
    sleep: Callable[[float], None] = time.sleep,
    terminal: TextIO | None = None,
) -> int:
    """Export into a file, which is there whole or not at all; return its size.

    Raises AnswerError with the service's reason, and ShipError when it does not answer.
    """
    period = {name: str(moment) for name, moment in wanted.period.items() if moment is not None}
    body = {**period, "regime": wanted.regime, "card": wanted.card}
    path = f"/api/v1/exports/{segment(str(questions.post('/api/v1/exports', body)['id']))}"
    line = _Line(terminal or sys.stderr)
    wait_s = FIRST_WAIT_S
    while (job := questions.get(path))["state"] == "running":
        line.say(job)
        sleep(wait_s)
        wait_s = min(LONGEST_WAIT_S, wait_s * 1.5)
    line.end()
    if job["state"] != "done":
        raise AnswerError(f"there is no package: {job['error']}")
    return questions.download(f"{path}/package", {}, target)


class _Line:
    """One line of a terminal that is written over; nothing where there is no terminal."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_terminal = out.isatty()

    def say(self, job: Mapping[str, Any]) -> None:
        if self._is_terminal:
            share = f" {job['done']:,} of {job['total']:,}" if job["total"] > 1 else ""
            stage = STAGES.get(str(job["stage"]), "working")
            print(f"\r\x1b[K{stage}{share} ...", end="", file=self._out, flush=True)

    def end(self) -> None:
        if self._is_terminal:
            print("\r\x1b[K", end="", file=self._out, flush=True)

"""A few checks of the verifier are taken out on every run; `python -m tests.mutation.run` takes all."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.checks import Check, checks_of
from tests.mutation.run import ROOT, all_checks

SAMPLE = 4


@pytest.mark.slow
@pytest.mark.parametrize("room", ["sdk/tallystick/verify", "sdk/tallystick/tlog"])
def test_a_check_that_is_taken_out_is_missed_by_a_test(room: str) -> None:
    command = [sys.executable, "-m", "tests.mutation.run", "--only", room, "--sample", str(SAMPLE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == f"{SAMPLE} checks taken out, 0 not missed", done.stdout


def test_every_file_of_the_verifier_has_checks_that_can_be_taken_out() -> None:
    found = {check.file.name for check, _ in all_checks()}
    assert {"sessions.py", "seals.py", "proofs.py", "note.py", "event.py", "admission.py"} <= found
    assert len(all_checks()) > 300


SOURCE = """
def f(a, b):
    if a or not 0 <= b < 9:
        raise ValueError(a)
    require_hash(a)
    try:
        findings.fault(1, "x")
    except KeyError as error:
        raise ValueError from error
    if a:
        return b
    return a
"""


def found(folder: Path) -> list[Check]:
    file = folder / "some.py"
    file.write_text(SOURCE, encoding="utf-8")
    return list(checks_of(file))


def test_checks_are_conditions_their_parts_reports_and_raises(tmp_path: Path) -> None:
    assert [(check.line, check.what) for check in found(tmp_path)] == [
        (3, "if a or not 0 <= b < 9"),
        (3, "if a or not 0 <= b < 9, without `a`"),
        (3, "if a or not 0 <= b < 9, without `not 0 <= b < 9`"),
        (5, "require_hash(a)"),
        (7, "findings.fault(1, 'x')"),
        (8, "raise in `except KeyError`"),
    ]


def test_each_mutant_is_the_file_without_its_check(tmp_path: Path) -> None:
    whole, first, second, require, report, handler = (check.source for check in found(tmp_path))
    assert "if False:" in whole
    assert "if not 0 <= b < 9:" in first
    assert "if a:\n        raise" in second
    assert "require_hash" not in require
    assert "findings" not in report
    assert "raise ValueError from error" not in handler
    assert "raise ValueError(a)" in handler

"""Take out one check at a time and see whether a test notices: `python -m tests.mutation.run`.

    python -m tests.mutation.run [--only TEXT] [--sample N] [--jobs N]

Each mutant runs in a child process that reads the changed module in place of the real one and stops
at the first test that fails. A check that nobody misses is printed; there should be none.
"""

import argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.checks import Check, checks_of

ROOT = Path(__file__).resolve().parent.parent.parent
FILE_TIMEOUT_S = 90
TIMEOUT_S = 600
"""Tests that run longer have noticed: a loop without its check may never end."""
NO_TESTS = int(pytest.ExitCode.NO_TESTS_COLLECTED)
SEED = 20_261_122
PROGRESS = 25
"""A line is printed after so many checks."""
SKIPPED = "not any_changed_column"
"""A hundred tests of one check, which test_columns.py makes in one."""
PRELOADED = ("cryptography.hazmat.primitives.asymmetric.ed25519", "duckdb", "pyarrow")
"""What the tests import and no mutant changes: loaded once, before the children are forked."""


@dataclass(frozen=True, slots=True)
class Room:
    """Some source files, and the tests that must miss a check of theirs."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = (
    Room(
        ("sdk/tallystick/tlog/*.py",),
        ("tests/unit/tlog", "tests/conformance", "tests/property/tlog"),
    ),
    Room(
        ("sdk/tallystick/event.py", "sdk/tallystick/profile.py"),
        ("tests/unit/test_event.py", "tests/unit/test_profile.py", "tests/property/test_event.py"),
    ),
    Room(
        ("sdk/tallystick/verify/*.py", "sdk/tallystick/span_record.py"),
        (
            "tests/unit/verify",
            "tests/unit/test_span_record.py",
            "tests/attacks/test_operator.py",
            "tests/attacks/test_forged_packages.py",
            "tests/attacks/test_holes_packages.py",
            "tests/attacks/test_data_directory.py",
        ),
    ),
    Room(
        (
            "ingest/tallystick_ingest/admission.py",
            "ingest/tallystick_ingest/screening.py",
            "ingest/tallystick_ingest/enrolment.py",
        ),
        ("tests/unit/ingest",),
    ),
)


Groups = tuple[tuple[str, ...], ...]
"""Test files that run in one process: first those of the changed file itself, then the others."""


def all_checks() -> list[tuple[Check, Groups]]:
    """Find every check, with the tests that answer for it."""
    found = []
    for room in ROOMS:
        for pattern in room.sources:
            for file in sorted(ROOT.glob(pattern)):
                tests = _test_files(room)
                own = tuple(test for test in tests if _is_own(test, file))
                others = tuple(sorted({*tests} - {*own}, key=_is_slow))
                groups = tuple(group for group in (own, others) if group)
                found += [(check, groups) for check in checks_of(file)]
    return found


def _test_files(room: Room) -> list[str]:
    found: list[Path] = []
    for name in room.tests:
        path = ROOT / name
        found += sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
    return [path.relative_to(ROOT).as_posix() for path in found]


def _is_slow(test: str) -> tuple[bool, str]:
    """Order tests: attacks make whole stores, and come last."""
    return test.startswith("tests/attacks/"), test


def _is_own(test: str, file: Path) -> bool:
    return test.endswith(f"/test_{file.stem}.py")


class _ChangedModule(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from other source than its file."""

    def __init__(self, name: str, check: Check) -> None:
        self._name = name
        self._check = check

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._check.file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._check.source, str(self._check.file), "exec"), module.__dict__)  # noqa: S102


def module_name(file: Path) -> str:
    """Give the import name of a source file, two folders below the root."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts[1:])


def first_to_miss(check: Check, groups: Groups) -> tuple[str, ...] | None:
    """Run tests without a check; return the first group of which one fails."""
    return next((group for group in groups if _fails(check, group)), None)


def _fails(check: Check | None, tests: Sequence[str]) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(_run(check, tests))
    deadline = time.monotonic() + (FILE_TIMEOUT_S if len(tests) == 1 else TIMEOUT_S)
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) not in (0, NO_TESTS)
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return True


def _run(check: Check | None, tests: Sequence[str]) -> int:
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        if check is not None:
            sys.meta_path.insert(0, _ChangedModule(module_name(check.file), check))
        arguments = [
            "-x",
            "-k",
            SKIPPED,
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--no-header",
        ]
        return int(pytest.main([*arguments, *(str(ROOT / test) for test in tests)]))


def main(arguments: Sequence[str]) -> int:
    """Run all mutants or a sample; exit code 1 when any survives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of FILE:LINE, as it is printed")
    parser.add_argument("--sample", type=int, default=0, help="so many checks, chosen by a seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    for name in PRELOADED:
        importlib.import_module(name)
    checks = [one for one in all_checks() if options.only in str(one[0])]
    if options.sample:
        checks = random.Random(SEED).sample(checks, min(options.sample, len(checks)))
    survivors, missing = take_out(checks, options.jobs)
    broken = [group for group in sorted(missing) if _fails(None, group)]
    for group in broken:
        print(f"of {', '.join(group)} one fails with every check in place, so it shows nothing")
    print(f"{len(checks)} checks taken out, {len(survivors)} not missed")
    for check in survivors:
        print(f"  {check}")
    return 1 if survivors or broken else 0


def take_out(
    checks: Sequence[tuple[Check, Groups]], jobs: int
) -> tuple[list[Check], set[tuple[str, ...]]]:
    """Take out each check alone; return those that nobody misses, and the tests that miss one."""
    survivors: list[Check] = []
    missing: set[tuple[str, ...]] = set()
    with ThreadPoolExecutor(jobs) as pool:
        tests = pool.map(lambda one: first_to_miss(*one), checks)
        for number, ((check, _), group) in enumerate(zip(checks, tests, strict=True), 1):
            if group is not None:
                missing.add(group)
            else:
                survivors.append(check)
                print(f"{number}/{len(checks)} NOT MISSED {check}", flush=True)
            if number % PROGRESS == 0:
                print(f"{number}/{len(checks)}", flush=True)
    return survivors, missing


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

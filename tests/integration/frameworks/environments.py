"""Runs a program in the environments of the frameworks, with and without `tallystick run` before it."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tallystick.event import Record
from tests.patience import PATIENCE_S
from tests.recorded import Recording

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = "tests.integration.frameworks.programs"
ENVIRONMENTS = {
    "old": ".venv-frameworks-old",
    "new": ".venv-frameworks-new",
    "mcp1": ".venv-mcp1",
    "agents-old": ".venv-agents-old",
    "agents-new": ".venv-agents-new",
}


@dataclass(frozen=True)
class Run:
    """What the steps of a program said, and what was recorded."""

    environment: str
    seen: dict[str, object]
    recording: Recording

    def ends(self, tool: str, **fields: object) -> list[Record]:
        """Give the last records of the calls of a tool, in their order."""
        found = self.recording.where(tool_name=tool, **fields)
        return [record for record in found if "outcome" in record.statement]


def python(environment: str) -> Path:
    place = ENVIRONMENTS[environment]
    found = ROOT / place / "bin" / "python"
    assert found.exists(), f"make {place}/ready builds the environment"
    return found


def start(
    environment: str, command: list[str], home: Path, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run Python with this command line, its records below `home`."""
    return subprocess.run(
        [python(environment), "-W", "ignore", *command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TALLYSTICK_HOME": str(home), **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def run(environment: str, program: str, home: Path, **more: str) -> Run:
    """Run a program by `tallystick run`; nothing in it knows."""
    command = ["-W", "ignore", "-m", f"{PROGRAMS}.{program}"]
    recorded = ["-m", "tallystick.cli", "run", "--", str(python(environment)), *command]
    return _run(environment, recorded, home, more)


def run_plain(environment: str, program: str, home: Path) -> Run:
    """Run it as it is."""
    return _run(environment, ["-m", f"{PROGRAMS}.{program}"], home, {})


def run_example(environment: str, example: str, home: Path, **more: str) -> Run:
    """Run an example, which starts recording by itself; what it prints is no report."""
    done = start(environment, [f"examples/{example}.py"], home, **more)
    assert done.returncode == 0, done.stderr
    return Run(environment, {"stdout": done.stdout}, Recording(home))


def _run(environment: str, command: list[str], home: Path, more: Mapping[str, str]) -> Run:
    done = start(environment, command, home, **more)
    assert done.returncode == 0, done.stderr
    reports = (line for line in done.stdout.splitlines() if line.startswith('{"'))
    steps = [json.loads(line) for line in reports]  # beside lines of some frameworks
    return Run(environment, {k: v for step in steps for k, v in step.items()}, Recording(home))

"""Programs that record, as processes of their own: started, killed and read back by the tests beside."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE_S

PRELUDE = """
import os, signal, sys, threading, time
import tallystick
from tallystick import runtime
from tallystick.event import Draft

def record(name, required=False, **disclosures):
    draft = Draft("tool.completed", {"tool.name": name, "outcome": "success"}, disclosures)
    return runtime.current().recorder.record(draft, required=required)

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

tallystick.instrument(frameworks=())
"""


PATIENT = {"TALLYSTICK_EXIT_FLUSH_MS": "60000"}
"""Two seconds are enough to deliver what is left, but not on a machine that is busy with other tests."""


def environment(home: Path, endpoint: str | None = None, **settings: object) -> dict[str, str]:
    """Give the environment of a program: nothing of ours leaks in, a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TALLYSTICK_")}
    stated = {f"TALLYSTICK_{name.upper()}": str(value) for name, value in settings.items()}
    service = {"TALLYSTICK_ENDPOINT": endpoint, **PATIENT} if endpoint else {}
    return {**kept, **service, **stated, "TALLYSTICK_HOME": str(home)}


def run(
    source: str, home: Path, endpoint: str | None = None, **settings: object
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(source)],
        env=environment(home, endpoint, **settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@contextmanager
def running(
    source: str, home: Path, endpoint: str | None = None, **settings: object
) -> Iterator[subprocess.Popen[bytes]]:
    """Give a running program; it is killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(source)],
        env=environment(home, endpoint, **settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


def lines_until(process: subprocess.Popen[bytes], count: int) -> list[str]:
    """Read so many lines of what a program says."""
    assert process.stdout is not None
    return [process.stdout.readline().decode().strip() for _ in range(count)]


def rest_of(process: subprocess.Popen[bytes]) -> list[str]:
    """Read what a dead program had said: whole lines alone."""
    assert process.stdout is not None
    return [line.decode() for line in process.stdout.read().split(b"\n")[:-1]]

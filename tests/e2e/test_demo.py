"""`make demo` in a terminal: after its story the dashboard stays open, its links work, Ctrl-C ends it."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from examples.demo.scene import environment_of
from tests.e2e.people import Visitor
from tests.patience import PATIENCE_S
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Terminal:
    """A program in a terminal of its own, whose screen can be read."""

    def __init__(self, command: list[str], place: Path) -> None:
        """Start it in the folder `place`."""
        self._screen, other = pty.openpty()
        self.process = subprocess.Popen(
            command,
            cwd=place,
            env=environment_of(place / "home"),
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
        )
        os.close(other)
        self.told = ""

    def read_until(self, words: str) -> str:
        """Read until the words stand on the screen; return all of it."""
        end = time.monotonic() + PATIENCE_S
        while words not in self.told:
            assert time.monotonic() < end, self.told[-4_000:]
            ready, _, _ = select.select([self._screen], [], [], 1)
            self.told += os.read(self._screen, 65_536).decode(errors="replace") if ready else ""
        return self.told

    def interrupt(self) -> int:
        """Press Ctrl-C; return the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """End what is still there."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_S)
        os.close(self._screen)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    started = Terminal([sys.executable, "-m", "examples.demo"], tmp_path)
    yield started
    started.close()


@requirement("dashboard.demo")
def test_the_demo_leaves_the_dashboard_open_in_a_terminal(
    terminal: Terminal, browser: Browser
) -> None:
    told = terminal.read_until("Ctrl-C ends it.")
    assert "the forgery was named" in told
    link = re.findall(r"http://\S+/login#\S+", told)[-1]
    trace = re.findall(r"http://\S+/trace\?id=[0-9a-f]{32}&span=[0-9a-f]{16}", told)[-1]
    assert told.rindex(link) < told.rindex(trace)
    with browser.new_context() as context:
        visitor = Visitor(context, trace.partition("/trace")[0])
        visitor.sign_in_with_link(link)
        visitor.page.goto(trace)
        visitor.settle()
        expect(visitor.part("trace_alarm")).to_contain_text(re.compile("denied", re.IGNORECASE))
        expect(visitor.part("detail")).to_contain_text("delete_customer")
        assert visitor.watcher.faults == []
    listening = listeners(link)
    assert listening
    assert terminal.interrupt() == 0
    assert not listening & listeners(link)


def listeners(link: str) -> set[str]:
    """Give the sockets that listen on the dashboard's port, by inode: another may take the port at once."""
    port = int(link.split(":")[2].partition("/")[0])
    table = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    sockets = [line.split() for line in table]
    return {one[9] for one in sockets if one[1].endswith(f":{port:04X}") and one[3] == "0A"}

"""A world to look at: the real service with its real dashboard, over what the demo's agents recorded."""

import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples.demo.scene import environment_of, work
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.serving import Service


class World:
    """A service below `root` whose dashboard answers at `url`."""

    def __init__(
        self, root: Path, *, is_apart: bool = False, environ: Mapping[str, str] | None = None
    ) -> None:
        """Name its folder and its port; nothing runs yet.

        A dashboard apart is a program of its own: it outlives the service. `environ` are settings of the service.
        """
        self.port = free_port()
        shown = "off" if is_apart else str(self.port)
        options = ("--dashboard-port", shown, "--admin-link", "--verify-every-s", "300")
        self.service = Service(root, options, environ or {})
        self._is_apart = is_apart
        self._dashboard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def link(self) -> str:
        """The newest one-time link that the service has printed."""
        return str(re.findall(rf"{self.url}/login#\S+", self.service.output)[-1])

    def start(self) -> "World":
        """Start both, and wait until the dashboard answers."""
        self.service.start()
        if self._is_apart:
            self._dashboard = self._start_dashboard()
        self.wait()
        return self

    def _start_dashboard(self) -> "subprocess.Popen[bytes]":
        service_url = f"http://127.0.0.1:{self.service.port}"
        command = [sys.executable, "-m", "tallystick_dashboard", "--service", service_url]
        with (self.service.root / "dashboard.txt").open("ab") as output:
            return subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(self.port)],
                env=self.service.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        """Wait until the dashboard answers."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/login", timeout=PATIENCE_S):  # noqa: S310 - ours
                    return
            except urllib.error.HTTPError as answer:
                raise AssertionError(f"/login answers {answer.code}") from answer
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"the dashboard does not answer:\n{self.service.output}")

    def end(self) -> None:
        """Stop everything, whatever state it is in."""
        if self._dashboard is not None:
            self._dashboard.terminate()
            self._dashboard.wait(PATIENCE_S)
        if self.service.process is not None and self.service.process.poll() is None:
            self.service.stop()

    def account(self, name: str, role: str) -> str:
        """Make an account; return its password."""
        made = self.service.tallystick("accounts", "add", name, "--role", role)
        assert made.returncode == 0, made.stdout + made.stderr
        [password] = re.findall(r"^\s*password\s+(\S+)\s*$", made.stdout, flags=re.MULTILINE)
        return str(password)

    def actions(self, **query: object) -> list[dict[str, Any]]:
        """Ask the service for actions, newest first."""
        asked = "&".join(f"{name}={value}" for name, value in {"limit": 1000, **query}.items())
        found: list[dict[str, Any]] = self.service.get(f"/api/v1/actions?{asked}")["actions"]
        return found

    def run(self, program: str, *arguments: str) -> None:
        """Run a Python program as a user of this home would: the SDK in it finds the service."""
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=environment_of(self.service.home),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def fill(root: Path) -> None:
    """Let the demo's agents work for a service below `root`; leave it stopped."""
    service = Service(root, ("--dashboard-port", "off", "--name", "demo.example/default")).start()
    try:
        place = root / "place"
        place.mkdir()
        work(place, environment_of(service.home))
    finally:
        assert service.stop() == 0


def copy(filled: Path, root: Path, *, is_apart: bool = False) -> World:
    """Make a world of its own out of a filled one."""
    shutil.copytree(filled / "home", root / "home")
    return World(root, is_apart=is_apart)

"""A world to look at: the real service with its real dashboard, over what the demo's agents recorded."""

import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from examples.demo.scene import environment_of, work
from tests.serving import READY_WITHIN_S, Service, free_port


class World:
    """A service below `root` whose dashboard answers at `url`."""

    def __init__(self, root: Path) -> None:
        """Name its folder and its port; nothing runs yet."""
        self.port = free_port()
        options = ("--dashboard-port", str(self.port), "--admin-link")
        self.service = Service(root, options)

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
        self.wait()
        return self

    def wait(self) -> None:
        """Wait until the dashboard answers."""
        end = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/login", timeout=5):  # noqa: S310 - ours
                    return
            except urllib.error.HTTPError as answer:
                raise AssertionError(f"/login answers {answer.code}") from answer
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"the dashboard does not answer:\n{self.service.output}")

    def end(self) -> None:
        """Stop everything, whatever state it is in."""
        if self.service.process is not None and self.service.process.poll() is None:
            self.service.stop()

    def account(self, name: str, role: str) -> str:
        """Make an account; return its password."""
        made = self.service.tallystick("accounts", "add", name, "--role", role)
        assert made.returncode == 0, made.stdout + made.stderr
        [password] = re.findall(r"^\s*password\s+(\S+)\s*$", made.stdout, flags=re.MULTILINE)
        return str(password)

    def actions(self, **query: object) -> list[dict[str, object]]:
        """Ask the service for actions, newest first."""
        asked = "&".join(f"{name}={value}" for name, value in {"limit": 1000, **query}.items())
        found: list[dict[str, object]] = self.service.get(f"/api/v1/actions?{asked}")["actions"]
        return found

    def run(self, program: Path) -> None:
        """Run a program as a user of this home would, recorded by the SDK."""
        environment = environment_of(self.service.home)
        subprocess.run(
            [environment["PATH"].partition(":")[0] + "/python", str(program)],
            env=environment,
            check=True,
            timeout=120,
            capture_output=True,
        )


def fill(root: Path) -> None:
    """Let the demo's agents work for a service below `root`; leave it stopped."""
    service = Service(root, ("--dashboard-port", "off", "--name", "demo.example/default")).start()
    try:
        place = root / "place"
        place.mkdir()
        work(place, environment_of(service.home))
    finally:
        assert service.stop() == 0


def copy(filled: Path, root: Path) -> World:
    """Make a world of its own out of a filled one."""
    shutil.copytree(filled / "home", root / "home")
    return World(root)

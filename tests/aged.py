"""A real service over a home whose records are old: made in this process by a clock that is set back."""

import subprocess
from pathlib import Path

from tallystick.clock import SystemClock
from tallystick.testing import FakeClock
from tests.patience import PATIENCE_S
from tests.retained import MONTH_S, OldService
from tests.serving import TALLYSTICK, Service

NAMES = ("alpha", "beta", "gamma")


class Person:
    """Somebody with an account, at a terminal of their own."""

    def __init__(self, service: Service, name: str, role: str) -> None:
        self.service, self.name = service, name
        said = service.tallystick("accounts", "add", name, "--role", role)
        self.password = said.stdout.split()[-1]

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command that asks for the password of `--as`."""
        return subprocess.run(
            [TALLYSTICK, command, "--as", self.name, *arguments],
            env=self.service.environment,
            input=f"{self.password}\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


def aged_service(
    root: Path, months: int, classes: str, *options: str
) -> tuple[Service, OldService]:
    """Return a service that is not started, over calls that came some months ago; and what made them, closed."""
    root.mkdir(parents=True, exist_ok=True)
    clock = FakeClock(SystemClock().now_us() - months * MONTH_S * 1_000_000)
    old = OldService(root / "home", classes, clock)
    old.calls(NAMES)
    old.close()
    environ = {"TALLYSTICK_RETENTION_FILE": str(root / "home" / "retention.toml")}
    return Service(root, options, environ), old

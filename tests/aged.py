"""A real service over a home whose records are old: made in this process by a clock that is set back."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tallystick.clock import SystemClock
from tallystick.testing import FakeClock
from tests.patience import PATIENCE_S
from tests.retained import MONTH_S, OldService
from tests.serving import TALLYSTICK, Service
from tests.stores import EMITTER

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

    def post(self, path: str, body: object) -> dict[str, Any]:
        """Decide over the API, in a session of one request."""
        headers = {"Content-Type": "application/json"}
        said = json.dumps({"name": self.name, "password": self.password}).encode()
        session = self.service.ask("POST", "/api/v1/login", said, headers).json["session"]
        headers |= {"Authorization": f"Bearer {session}"}
        answer = self.service.ask("POST", f"/api/v1{path}", json.dumps(body).encode(), headers)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found


def aged_service(root: Path, months: int, classes: str) -> Service:
    """Return a service that is not started, over calls that came some months ago."""
    root.mkdir(parents=True, exist_ok=True)
    clock = FakeClock(SystemClock().now_us() - months * MONTH_S * 1_000_000)
    old = OldService(root / "home", classes, clock)
    old.calls(NAMES)
    old.close()
    environ = {"TALLYSTICK_RETENTION_FILE": str(root / "home" / "retention.toml")}
    return Service(root, environ=environ)


def verified(service: Service) -> subprocess.CompletedProcess[str]:
    """Verify the store of a stopped service, under its own keys and that of the emitter of its calls."""
    policy = service.root / "policy"
    own = service.tallystick("keys", "policy").stdout
    policy.write_text(f"{own}emitter {EMITTER.key.vkey}\n")
    return service.tallystick("verify", "--data", str(service.data), "--policy", str(policy))

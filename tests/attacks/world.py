"""A world of its own to attack: a service, agents and the commands of a person, as real processes.

Everything of one world lies below one directory: the home of the agents, the service's data and
secrets, and, file by file, all that any process printed. Nothing of the product is imported.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.patience import PATIENCE_S
from tests.ports import free_port

PROGRAMS: Final = Path(__file__).parent / "programs"
TALLYSTICK: Final = str(Path(sys.executable).with_name("tallystick"))
LOG_NAME: Final = "attack.example/default"
SETTLED_WITHIN_S: Final = 400
"""Of programs that wait for this long and then say so: shorter than what waits for them."""
DELIVERED_WITHIN_MS: Final = 60_000
"""How long programs wait at their end for the service: tests look at what they have delivered."""
_LEFT_OUT: Final = ("TALLYSTICK_", "OTEL_", "PYTEST_", "COV_", "PYTHON")
_COMPILED: Final = str(Path(sys.prefix) / "pycache")
"""Programs start here some hundred times: each should find what it imports compiled."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """What it printed, one JSON value a line."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the service."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs, with the files that take what it prints."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def kill(self) -> None:
        """End it as a lost power supply would: no handler runs."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def finish(self, within_s: float = PATIENCE_S) -> Finished:
        """Wait for its end."""
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it hangs:\n{_text(self.out)}\n{_text(self.err)}") from None
        return Finished(code, _text(self.out), _text(self.err))


@dataclass(slots=True)
class World:
    """One deployment. Use `a_world`, which ends every process that is left."""

    root: Path
    port: int
    service: Running | None = None
    started: list[Running] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """Home of the agents, with credentials, keys and spool."""
        return self.root / "home"

    @property
    def data(self) -> Path:
        """The service's data directory."""
        return self.root / "service" / "data"

    @property
    def secrets(self) -> Path:
        """The service's keys."""
        return self.root / "service" / "secrets"

    @property
    def output(self) -> Path:
        """All that any process printed."""
        return self.root / "output"

    @property
    def spool(self) -> Path:
        """The agents' spool."""
        return self.home / "spool"

    @property
    def endpoint(self) -> str:
        """Address of the service."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self, **more: str) -> dict[str, str]:
        """Give a process nothing of the test run's own settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_LEFT_OUT)}
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPYCACHEPREFIX": _COMPILED,
            "TALLYSTICK_HOME": str(self.home),
            "TALLYSTICK_ENDPOINT": self.endpoint,
            "TALLYSTICK_EXIT_FLUSH_MS": str(DELIVERED_WITHIN_MS),
            **more,
        }

    def start(self, *options: str, wait: bool = True, **environment: str) -> None:
        """Start the service, and wait until it is ready unless told not to."""
        command = [TALLYSTICK, "up", "--port", str(self.port), "--data", str(self.data)]
        command += ["--secrets", str(self.secrets), "--name", LOG_NAME]
        command += ["--dashboard-port", "off", "--grpc-port", "off"]
        command += options
        self.service = self.spawn_command("up", command, **environment)
        if wait:
            until(self.is_ready, PATIENCE_S, lambda: _said(self.service))

    def is_ready(self) -> bool:
        """Whether the service answers; fails when its process has ended."""
        assert self.service is not None
        if self.service.process.poll() is not None:
            raise AssertionError(f"the service has ended: {_said(self.service)}")
        try:
            return self.ask("/readyz", key=None).status == http.client.OK
        except OSError:
            return False

    def kill(self) -> None:
        """Kill the service."""
        assert self.service is not None
        self.service.kill()
        self.service = None

    def stop(self) -> Finished:
        """Stop the service in order."""
        assert self.service is not None
        self.service.process.terminate()
        finished, self.service = self.service.finish(), None
        assert finished.code == 0, finished
        return finished

    def spawn(self, program: str, *arguments: object, **environment: str) -> Running:
        """Start a program of `programs/` under `tallystick run`."""
        command = [TALLYSTICK, "run", "--", sys.executable, str(PROGRAMS / program)]
        command += [str(one) for one in arguments]
        return self.spawn_command(program, command, **environment)

    def run(self, program: str, *arguments: object, **environment: str) -> Finished:
        """Run a program of `programs/` under `tallystick run` to its end, which must be good."""
        finished = self.spawn(program, *arguments, **environment).finish()
        assert finished.code == 0, finished
        return finished

    def tallystick(self, *arguments: str, **environment: str) -> Finished:
        """Run a command of the product to its end."""
        return self.spawn_command(arguments[0], [TALLYSTICK, *arguments], **environment).finish()

    def spawn_command(self, name: str, command: list[str], **environment: str) -> Running:
        """Start any command; what it prints goes to files of its own."""
        self.output.mkdir(parents=True, exist_ok=True)
        stem = f"{len(self.started):03d}-{name}"
        out, err = self.output / f"{stem}.out", self.output / f"{stem}.err"
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                command,
                env=self.environment(**environment),
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
            )
        running = Running(process, out, err)
        self.started.append(running)
        return running

    def api_key(self) -> str:
        """Give the key of this machine."""
        return str(json.loads((self.home / "credentials.json").read_bytes())["api_key"])

    def ask(self, path: str, key: str | None = "", **headers: str) -> Answer:
        """GET a path; `key` empty: that of this machine, None: none."""
        return self.request("GET", path, None, key, **headers)

    def request(
        self, method: str, path: str, body: bytes | None, key: str | None = "", **headers: str
    ) -> Answer:
        """Send one request over a connection of its own."""
        shown = self.api_key() if key == "" else key
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        authorization = {} if shown is None else {"Authorization": f"Bearer {shown}"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, {**authorization, **named})
            answer = connection.getresponse()
            stated = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, stated, answer.read())
        finally:
            connection.close()

    def records(self) -> list[dict[str, Any]]:
        """Give every log entry with what it commits to, as /api/v1/records does."""
        answer = self.ask("/api/v1/records?from=0&to=9999999")
        assert answer.status == http.client.OK, answer
        return [json.loads(line) for line in answer.body.splitlines()]

    def statements(self, **wanted: object) -> list[dict[str, Any]]:
        """Give the statements of all events whose fields have the wanted values."""
        found = [json.loads(one["statement"]) for one in self.records() if "statement" in one]
        return [
            one for one in found if all(one.get(name) == value for name, value in wanted.items())
        ]

    def policy(self) -> Path:
        """Write the auditor's trust policy, outside of home and data."""
        path = self.root / "policy.txt"
        finished = self.tallystick("keys", "policy", "--output", str(path))
        assert finished.code == 0, finished
        return path

    def verify_data(self, policy: Path) -> Finished:
        """Verify the stopped store."""
        assert self.service is None, "stop the service first"
        return self.tallystick("verify", "--data", str(self.data), "--policy", str(policy))

    def verify_live(self) -> Finished:
        """Verify the running service from outside."""
        where = ("--url", self.endpoint, "--policy", str(self.policy()))
        return self.tallystick("verify", *where)

    def verify_package(self, package: Path, policy: Path) -> Finished:
        """Verify an evidence package."""
        return self.tallystick("verify", str(package), "--policy", str(policy))

    def export(self, name: str = "evidence.zip") -> Path:
        """Fetch an evidence package of everything."""
        path = self.root / name
        finished = self.tallystick("export", "--from", "7d", "--to", "now", "--out", str(path))
        assert finished.code == 0, finished
        return path

    def end(self) -> None:
        """Kill what is left."""
        for one in self.started:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGKILL)
                one.process.wait(PATIENCE_S)


@contextmanager
def a_world(root: Path) -> Iterator[World]:
    """Give a world without a service yet, and end all its processes."""
    root.mkdir(parents=True, exist_ok=True)
    world = World(root, free_port())
    try:
        yield world
    finally:
        world.end()


def until(holds: Callable[[], bool], within_s: float, said: Callable[[], object]) -> None:
    """Wait until something holds; fail with what was said when it does not."""
    end_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end_s, f"not within {within_s} s: {said()}"
        time.sleep(0.02)


def _said(running: Running | None) -> str:
    return "nothing" if running is None else f"{_text(running.out)}\n{_text(running.err)}"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")

"""What the demonstration happens among: programs that run and stop, a repository, agents at work."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from examples.demo.tokens import Issuer

READY_WITHIN_S: Final = 300
"""A start takes a second or two, and much longer where the machine is busy."""
DELIVERED_WITHIN_MS: Final = 60_000
"""How long each program waits at its end for the service: the story looks at once at what was recorded."""
ACTORS: Final = ["agent:planner", "app:support-desk"]
SCOPES: Final = ["customers:read", "customers:write"]
ROOT: Final = Path(__file__).resolve().parents[2]


def work(place: Path, environment: Mapping[str, str]) -> None:
    """Run the customers' server and the agents, all under `tallystick run --`.

    `place` gets the repository and the issuer's key; `environment` says which home records.
    """
    repository, port = make_repository(place), free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    key = place / "issuer.pem"
    token = Issuer(key).issue("alice", SCOPES, url, ACTORS)
    recorded = ["tallystick", "run", "--", sys.executable, "-m"]
    server = {**environment, "OTEL_SERVICE_NAME": "customers"}
    with running([*recorded, "examples.demo.customers_server", str(port), str(key)], server):
        wait_for(url)
        subprocess.run(
            [*recorded, "examples.demo.agents", str(repository), url],
            env={**environment, "OTEL_SERVICE_NAME": "support-agents", "DEMO_TOKEN": token},
            check=True,
        )


def make_repository(place: Path) -> Path:
    """Make a real git repository with three commits."""
    repository = (place / "repository").absolute()
    repository.mkdir()
    git = ["git", "-C", str(repository), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for number in range(1, 4):
        (repository / "prices.txt").write_text(f"price list {number}\n", encoding="utf-8")
        subprocess.run([*git, "add", "prices.txt"], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", f"Price list {number}"], check=True)
    return repository


@contextmanager
def running(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Keep a program running; stop it as a service manager would."""
    print(f"$ {' '.join(command)}", flush=True)
    process = subprocess.Popen(command, env=environment, text=True)
    try:
        yield process
    finally:
        process.terminate()
        if process.wait(READY_WITHIN_S) != 0:
            print(f"{command[0]} ended with {process.returncode}", file=sys.stderr)


def wait_for(url: str) -> None:
    """Wait until something answers at `url`, whatever it says."""
    end_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end_s:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - http on this machine
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing answers at {url} after {READY_WITHIN_S} s")


def free_port(preferred: int = 0) -> int:
    """Give a port that nobody listens on: the preferred one where it is free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SystemExit("this machine has no free port on 127.0.0.1")


def environment_of(home: Path) -> dict[str, str]:
    """Give every program of the demonstration one home, apart from the user's own."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TALLYSTICK_HOME": str(home.absolute()),
        "TALLYSTICK_EXIT_FLUSH_MS": str(DELIVERED_WITHIN_MS),
    }

"""Run the demonstration from end to end: `python -m examples.demo`, or `make demo`.

It starts the service, lets two agents work with three MCP servers, prints what happened, proves it,
hands it to an auditor, then forges one value and shows that the forgery is found and named.
Everything lies in `.demo/`, made anew by each run. Exits with 0 when every step did what it should.
"""

import json
import os
import random
import shutil
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

from examples.demo.forgery import forge
from examples.demo.tokens import Issuer

PLACE: Final = Path(".demo")
DATA: Final = PLACE / "service" / "data"
SECRETS: Final = PLACE / "service" / "secrets"
AUDITOR: Final = PLACE / "auditor"
READY_WITHIN_S: Final = 30
ACTORS: Final = ["agent:planner", "app:support-desk"]
SCOPES: Final = ["customers:read", "customers:write"]


def main() -> int:
    """Tell the story; any step that fails ends it with an error."""
    shutil.rmtree(PLACE, ignore_errors=True)
    AUDITOR.mkdir(parents=True)
    environment = _environment()
    say("1. The service starts, with a log of its own and authentication on")
    with service(environment):
        say("2. Two agents work: one reads a repository, one looks after customers")
        started = time.time()
        work(environment)
        say("3. What happened")
        trace = show_actions(environment)
        say("4. One trace, from the agent's question to the server's answer")
        tallystick(environment, "trace", trace)
        say("5. The auditor's trust policy, kept outside the data directory")
        policy = AUDITOR / "policy.txt"
        tallystick(environment, "keys", "policy", "--output", str(policy))
        print(policy.read_text(encoding="utf-8"))
        say("6. An evidence package for the period")
        package = AUDITOR / "evidence.zip"
        period = ["--from", iso(started - 60), "--to", iso(time.time() + 60)]
        tallystick(environment, "export", *period, "--out", str(package))
    say("7. The package, verified by Tallystick, then by one file of plain Python")
    tallystick(environment, "verify", str(package), "--policy", str(policy))
    verify_with_the_standard_library(package, policy)
    say("8. The whole store, stopped, verified under the same policy")
    tallystick(environment, "verify", "--data", str(DATA), "--policy", str(policy))
    say("9. Somebody changes one value in a copy of the database")
    show_forgery(environment, policy)
    say("Done: everything was recorded, proven, and the forgery was named.")
    return 0


def say(line: str) -> None:
    """Print a heading."""
    print(f"\n\033[1m{line}\033[0m" if sys.stdout.isatty() else f"\n== {line}", flush=True)


def iso(unix_s: float) -> str:
    """Give a time in ISO 8601, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))


def tallystick(environment: Mapping[str, str], *arguments: str, expected: int = 0) -> str:
    """Run a command of ours, show what it prints, and insist on its exit code."""
    print(f"$ tallystick {' '.join(arguments)}", flush=True)
    done = subprocess.run(
        ["tallystick", *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, flush=True)
    if done.returncode != expected:
        raise SystemExit(f"tallystick {arguments[0]}: exit {done.returncode}, expected {expected}")
    return done.stdout


@contextmanager
def service(environment: Mapping[str, str]) -> Iterator[None]:
    """Keep `tallystick up` running."""
    port = environment["TALLYSTICK_ENDPOINT"].rpartition(":")[2]
    command = ["tallystick", "up", "--port", port, "--data", str(DATA), "--secrets", str(SECRETS)]
    with running([*command, "--name", "demo.example/default"], environment):
        wait_for(f"{environment['TALLYSTICK_ENDPOINT']}/readyz")
        yield


@contextmanager
def running(command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Keep a program running; stop it as a service manager would."""
    print(f"$ {' '.join(command)}", flush=True)
    process = subprocess.Popen(command, env=environment)
    try:
        yield
    finally:
        process.terminate()
        if process.wait(READY_WITHIN_S) != 0:
            print(f"{command[0]} ended with {process.returncode}", file=sys.stderr)


def wait_for(url: str) -> None:
    """Wait until something answers at `url`, whatever it says."""
    for _ in range(READY_WITHIN_S * 10):
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - http on this machine
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing answers at {url} after {READY_WITHIN_S} s")


def work(environment: Mapping[str, str]) -> None:
    """Run the customers' server and the agents, all under `tallystick run --`."""
    repository, port = make_repository(), free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    key = PLACE / "issuer.pem"
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


def make_repository() -> Path:
    """Make a real git repository with three commits."""
    place = (PLACE / "repository").absolute()
    place.mkdir()
    git = ["git", "-C", str(place), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for number in range(1, 4):
        (place / "prices.txt").write_text(f"price list {number}\n", encoding="utf-8")
        subprocess.run([*git, "add", "prices.txt"], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", f"Price list {number}"], check=True)
    return place


def show_actions(environment: Mapping[str, str]) -> str:
    """Print the actions; give the id of the trace in which something was denied."""
    tallystick(environment, "actions")
    denied = subprocess.run(
        ["tallystick", "actions", "--outcome", "denied", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return first_trace(denied.stdout)


def first_trace(lines: str) -> str:
    """Give the trace id of the first action in a list printed as JSON lines."""
    for line in lines.splitlines():
        trace = json.loads(line).get("trace_id")
        if trace:
            return str(trace)
    raise SystemExit("no denied action was recorded")


def verify_with_the_standard_library(package: Path, policy: Path) -> None:
    """Take verify.py out of the package and run it alone: no site-packages, no environment."""
    shutil.unpack_archive(package, AUDITOR / "evidence")
    command = [sys.executable, "-I", "-S", str(AUDITOR / "evidence" / "verify.py")]
    print("$ python3 -I -S verify.py evidence.zip --policy policy.txt", flush=True)
    subprocess.run([*command, str(package), "--policy", str(policy)], env={}, check=True)


def show_forgery(environment: Mapping[str, str], policy: Path) -> None:
    """Change one random value in a copy, and let the verifier find it."""
    copy = PLACE / "forged"
    shutil.copytree(DATA, copy)
    place = forge(copy, random.SystemRandom())
    print(f"changed: {place.description}")
    arguments = ("verify", "--data", str(copy), "--policy", str(policy))
    found = tallystick(environment, *arguments, expected=1)
    if place.column not in found or str(place.log_index) not in found:
        raise SystemExit(f"the verifier did not name {place.description}")


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    """Give every program of the demonstration one home, apart from the user's own."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(Path.cwd()),
        "TALLYSTICK_HOME": str((PLACE / "home").absolute()),
        "TALLYSTICK_ENDPOINT": f"http://127.0.0.1:{free_port()}",
    }


if __name__ == "__main__":
    sys.exit(main())

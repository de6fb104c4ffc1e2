"""Run the demonstration from end to end: `python -m examples.demo`, or `make demo`.

It starts the service, lets two agents work with three MCP servers, prints what happened, proves it,
hands it to an auditor, then forges one value and shows that the forgery is found and named. In a
terminal it then leaves the dashboard open until Ctrl-C; elsewhere it ends.
Everything lies in `.demo/`, made anew by each run. Exits with 0 when every step did what it should.
"""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from examples.demo.forgery import forge
from examples.demo.scene import environment_of, free_port, running, wait_for, work

PLACE: Final = Path(".demo")
DATA: Final = PLACE / "service" / "data"
SECRETS: Final = PLACE / "service" / "secrets"
AUDITOR: Final = PLACE / "auditor"
DASHBOARD_PORT: Final = 8501
"""The port people expect; another one where it is taken."""


class Spot(NamedTuple):
    """A call in a trace."""

    trace_id: str
    span_id: str


def main() -> int:
    """Tell the story; any step that fails ends it with an error."""
    shutil.rmtree(PLACE, ignore_errors=True)
    AUDITOR.mkdir(parents=True)
    environment = environment_of(PLACE / "home")
    environment["TALLYSTICK_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
    say("1. The service starts, with a log of its own and authentication on")
    with service(environment, "--dashboard-port", "off"):
        say("2. Two agents work: one reads a repository, one looks after customers")
        started = time.time()
        work(PLACE, environment)
        say("3. What happened")
        denied = show_actions(environment)
        say("4. One trace, from the agent's question to the server's answer")
        tallystick(environment, "trace", denied.trace_id)
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
    if sys.stdout.isatty():
        show_dashboard(environment, denied)
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
def service(environment: Mapping[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    """Keep `tallystick up` running."""
    port = environment["TALLYSTICK_ENDPOINT"].rpartition(":")[2]
    command = ["tallystick", "up", "--port", port, "--data", str(DATA), "--secrets", str(SECRETS)]
    with running([*command, "--name", "demo.example/default", *options], environment) as process:
        wait_for(f"{environment['TALLYSTICK_ENDPOINT']}/readyz")
        yield process


def show_actions(environment: Mapping[str, str]) -> Spot:
    """Print the actions; give the place of the one that was denied."""
    tallystick(environment, "actions")
    denied = subprocess.run(
        ["tallystick", "actions", "--outcome", "denied", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return first_spot(denied.stdout)


def first_spot(lines: str) -> Spot:
    """Give the place of the first action in a list printed as JSON lines."""
    for line in lines.splitlines():
        action = json.loads(line)
        if action.get("trace_id"):
            return Spot(action["trace_id"], action["span_id"])
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


def show_dashboard(environment: Mapping[str, str], denied: Spot) -> None:
    """Keep the service and its dashboard open until Ctrl-C."""
    port = free_port(DASHBOARD_PORT)
    say("10. The dashboard, over everything recorded above")
    with service(environment, "--dashboard-port", str(port), "--admin-link") as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/login")
        print("\nFirst sign in with the one-time link above. Then see the call that was denied:")
        print(f"  {url}/trace?id={denied.trace_id}&span={denied.span_id}")
        print("Ctrl-C ends it.", flush=True)
        try:
            process.wait()
        except KeyboardInterrupt:
            print(flush=True)
            return
        raise SystemExit("the service ended by itself")


if __name__ == "__main__":
    sys.exit(main())

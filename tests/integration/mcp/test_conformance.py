"""MCP's own conformance suite gives the same verdicts with and without recording, on both lines of mcp."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.javascript import installed
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.recorded import Recording
from tests.requirements import requirement

ROOT = Path(__file__).resolve().parents[3]
LOCKED = Path(__file__).with_name("conformance")
PROGRAMS = "tests.integration.mcp.conformance"
PYTHONS = {"mcp2": Path(sys.executable), "mcp1": ROOT / ".venv-mcp1" / "bin" / "python"}
RECORDED = [sys.executable, "-m", "tallystick.cli", "run", "--"]
CLIENT_SCENARIOS = (
    "initialize",
    "tools_call",
    "elicitation-sep1034-client-defaults",
    "auth/metadata-default",
    "auth/scope-step-up",
)
"""Those that need no settings of their own. `sse-retry` judges by milliseconds, which a busy machine does not keep."""
NOT_SERVED = {
    "elicitation-sep1330-enums",
    "logging-set-level",
    "resources-subscribe",
    "resources-unsubscribe",
    "tools-call-with-logging",
}
"""What everything.py does not offer; the suite says so with and without recording."""
STAMP = re.compile(r"-\d{4}-\d\d-\d\dT[\d-]+Z$")

Verdicts = dict[str, set[tuple[str, str]]]
"""Scenario -> its checks and what came of each."""

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@dataclass(frozen=True)
class Run:
    """What the suite said, and what was recorded meanwhile."""

    verdicts: Verdicts
    recording: Recording

    def passed(self) -> set[str]:
        return {
            scenario
            for scenario, checks in self.verdicts.items()
            if {status for _, status in checks} == {"SUCCESS"}
        }


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "TALLYSTICK_HOME": str(home)}


def command(version: str, program: str, before: list[str]) -> list[str]:
    assert PYTHONS[version].exists(), "`make test` builds the environments of mcp 1.x"
    return [*before, str(PYTHONS[version]), "-W", "ignore", "-m", f"{PROGRAMS}.{program}"]


def suite(home: Path, *words: str) -> None:
    """Run the suite, with its results below `home`. Its exit code says whether all scenarios passed: no matter."""
    entry = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    program = ["node", str(installed(LOCKED) / entry), *words, "-o", str(home / "results")]
    subprocess.run(
        program,
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )


def verdicts(results: Path) -> Verdicts:
    """Read the results. Which requests the suite saw (INFO) is left off: it may end before the last of them."""
    found: Verdicts = {}
    for file in results.rglob("checks.json"):
        scenario = STAMP.sub("", str(file.parent.relative_to(results))).removeprefix("server-")
        checks = json.loads(file.read_text(encoding="utf-8"))
        found[scenario] = {(one["id"], one["status"]) for one in checks if one["status"] != "INFO"}
    return found


@contextmanager
def served(version: str, before: list[str], home: Path) -> Iterator[str]:
    """Serve everything.py; give its address."""
    port = free_port()
    program = [*command(version, "everything", before), str(port)]
    server = subprocess.Popen(program, cwd=ROOT, env=environment(home))
    try:
        until_listening(server, port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def until_listening(server: subprocess.Popen[bytes], port: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        assert server.poll() is None, f"the server ended with {server.returncode}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")


def of_server(version: str, before: list[str], home: Path) -> Run:
    with served(version, before, home) as url:
        suite(home, "server", "--url", url)
    return Run(verdicts(home / "results"), Recording(home))


def of_client(version: str, before: list[str], home: Path) -> Run:
    client = shlex.join(command(version, "client", before))
    for scenario in CLIENT_SCENARIOS:
        suite(
            home,
            "client",
            "--command",
            client,
            "--scenario",
            scenario,
            "--timeout",
            str(PATIENCE_S * 1000),
        )
    return Run(verdicts(home / "results"), Recording(home))


def both(run: Callable[[str, list[str], Path], Run], version: str, home: Path) -> tuple[Run, Run]:
    """Give the run with recording and the one without."""
    (home / "recorded").mkdir()
    (home / "plain").mkdir()
    return run(version, RECORDED, home / "recorded"), run(version, [], home / "plain")


@requirement("sdk.host-never-broken")
@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_a_servers_verdicts_are_the_same_and_its_calls_are_recorded(
    version: str, tmp_path: Path
) -> None:
    recorded, plain = both(of_server, version, tmp_path)
    assert recorded.verdicts == plain.verdicts
    assert len(recorded.verdicts) == 30
    assert recorded.passed() == set(recorded.verdicts) - NOT_SERVED
    assert plain.recording.records == []
    ended = recorded.recording.where(type="tool.completed", observer="mcp_server")
    outcomes = {str(one.statement["tool.name"]): one.statement["outcome"] for one in ended}
    assert outcomes["test_simple_text"] == "success"
    assert outcomes["test_error_handling"] == "failure"
    assert len(outcomes) >= 8
    assert len(recorded.recording.where(type="resource.read", outcome="success")) >= 3
    assert len(recorded.recording.where(type="prompt.get", outcome="success")) >= 4
    assert recorded.recording.holes() == []


@requirement("sdk.host-never-broken")
@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_a_clients_verdicts_are_the_same_and_its_calls_are_recorded(
    version: str, tmp_path: Path
) -> None:
    recorded, plain = both(of_client, version, tmp_path)
    assert recorded.verdicts == plain.verdicts
    assert recorded.passed() == set(CLIENT_SCENARIOS)
    assert plain.recording.records == []
    ended = recorded.recording.where(type="tool.completed", observer="mcp_client")
    tools = {str(one.statement["tool.name"]) for one in ended}
    assert tools >= {"add_numbers", "test_client_elicitation_defaults"}
    assert recorded.recording.holes() == []

"""The soak: emitters side by side, one killed each second and replaced; nothing acknowledged may be missing.

The emitters share one home, one spool and one service, and differ in their `sync` mode. At the end one
healthy process delivers what the dead left; then every id that an emitter wrote down is looked for in the
log, each verification must be good, and the cost of a call must not have grown.
"""

import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.service import Service

EMITTERS: Final = 8
SECONDS: Final = 120
SHORT_SECONDS: Final = 15
PAUSE_MS: Final = 20
KILL_EVERY_S: Final = 1.0
VERIFY_EVERY: Final = 30
"""Kills between two verifications of the running service."""
START_WITHIN_S: Final = 120
SETTLE_WITHIN_S: Final = 120
FEWEST_CALLS: Final = 100
MODES: Final = ("none", "group", "each")
MOST_GROWTH: Final = 1.25
"""The median cost of a call in the last quarter, in times of the first: above, it is not flat."""
_SETTLE: Final = """
import dataclasses, json, pathlib, sys, time
import tallystick
tallystick.instrument(frameworks=())
tallystick.record("config.changed", note="a process that starts after the others died")
tallystick.flush(60)
def others():
    status = tallystick.status()
    names = {path.name.partition(".")[0] for path in pathlib.Path(status.spool_dir).glob("*.spool")}
    return sorted(names - {status.session or ""})
end_s = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end_s and others():
    time.sleep(0.1)
print(json.dumps({"left": others()} | dataclasses.asdict(tallystick.status()), default=dict))
"""


@dataclass(slots=True)
class Soak:
    """What the processes do, and what was seen of it."""

    place: Path
    service: Service
    pause_ms: int
    running: list[tuple[Path, subprocess.Popen[bytes]]] = field(default_factory=list)
    """Each emitter with its ledger, the oldest first."""
    started: int = 0
    killed: int = 0
    verifications: int = 0
    faults: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start one more emitter."""
        name = f"e{self.started}"
        mode = MODES[self.started % len(MODES)]
        ledger = self.place / f"{name}.ledger"
        command = [sys.executable, "-m", "bench.soak_emitter", str(ledger), name]
        process = subprocess.Popen([*command, str(self.pause_ms)], env=self._env(mode))
        self.running.append((ledger, process))
        self.started += 1

    def wait_for_work(self) -> None:
        """Wait until every emitter has recorded something. Raises SystemExit when one does not."""
        end_s = time.monotonic() + START_WITHIN_S
        while not all(ledger.exists() for ledger, _ in self.running):
            if time.monotonic() > end_s:
                raise SystemExit(f"an emitter records nothing within {START_WITHIN_S} s")
            time.sleep(0.1)

    def replace_one(self) -> None:
        """Kill the oldest emitter that has recorded something, if any, and start another."""
        at_work = (number for number, (ledger, _) in enumerate(self.running) if ledger.exists())
        number = next(at_work, None)
        if number is not None:
            self.kill(self.running.pop(number)[1])
            self.start()

    def kill(self, one: subprocess.Popen[bytes]) -> None:
        """Kill an emitter, as the OOM killer would."""
        if one.poll() is not None:
            self.faults.append(f"an emitter ended by itself with exit code {one.returncode}")
        one.send_signal(signal.SIGKILL)
        one.wait()
        self.killed += 1

    def settle(self) -> dict[str, Any]:
        """Let a healthy process deliver what is left; return its status."""
        command = [sys.executable, "-c", _SETTLE, str(SETTLE_WITHIN_S)]
        done = subprocess.run(command, env=self._env("none"), stdout=subprocess.PIPE, check=True)
        settled: dict[str, Any] = json.loads(done.stdout)
        for name in ("left", "lost", "alarms", "rejected", "spool_error"):
            if settled[name]:
                self.faults.append(f"{name}: {settled[name]}")
        return settled

    def verify(self, *where: str) -> None:
        """Verify; anything but exit 0 is a false alarm, since nobody tampers here."""
        self.verifications += 1
        policy = str(self.place / "policy.txt")
        self._tallystick("keys", "policy", "--output", policy)
        done = self._tallystick("verify", *where, "--policy", policy)
        if done.returncode != 0:
            self.faults.append(f"verify {where[0]} exits {done.returncode}:\n{done.stdout}")

    def _tallystick(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(Path(sys.executable).parent / "tallystick"), *arguments]
        return subprocess.run(
            command, env=self._env("none"), stdout=subprocess.PIPE, text=True, check=False
        )

    def _env(self, sync: str) -> dict[str, str]:
        kept = {name: one for name, one in os.environ.items() if not name.startswith("TALLYSTICK_")}
        home = {"TALLYSTICK_HOME": str(self.service.home), "TALLYSTICK_SYNC": sync}
        return {**kept, **home, "TALLYSTICK_TRACES": "false"}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One line of a ledger."""

    label: str
    at_s: float
    cost_us: float


def measure() -> list[str]:
    """Soak for two minutes with eight emitters."""
    return soak(EMITTERS, SECONDS, PAUSE_MS)


def measure_shortly() -> list[str]:
    """Soak for a quarter of a minute with four emitters."""
    return soak(EMITTERS // 2, SHORT_SECONDS, PAUSE_MS)


def soak(emitters: int, seconds: float, pause_ms: int) -> list[str]:
    """Run it and give the report's lines. Raises SystemExit for a loss, a false alarm or a growing cost."""
    with tempfile.TemporaryDirectory() as folder:
        one = Soak(Path(folder), Service(Path(folder)), pause_ms)
        try:
            _weather(one, emitters, seconds)
            settled = one.settle()
            one.verify("--url", one.service.url)
            stored = _stored_calls(one.service)
        finally:
            for _, emitter in one.running:
                emitter.kill()
            one.service.stop()
        one.verify("--data", str(one.service.data))
        acknowledged = _read_ledgers(one.place)
    lines = [
        f"{emitters} emitters for {seconds:.0f} s, {one.killed} of {one.started} killed by SIGKILL",
        _counted(one, acknowledged, stored),
        f"left in the spool: {len(settled['left'])}; alarms: {len(settled['alarms'])}; rejected: "
        f"{settled['rejected']}; verified {one.verifications} times",
        _flatness(one, acknowledged),
    ]
    if one.faults:
        raise SystemExit("\n".join([*lines, "FAULTS", *one.faults]))
    return lines


def _weather(one: Soak, emitters: int, seconds: float) -> None:
    for _ in range(emitters):
        one.start()
    one.wait_for_work()
    auditor: threading.Thread | None = None
    begin_s = time.monotonic()
    end_s = begin_s + seconds
    for number in itertools.count(1):
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            break
        time.sleep(max(0.0, min(begin_s + number * KILL_EVERY_S - time.monotonic(), left_s)))
        one.replace_one()
        if number % VERIFY_EVERY == 0:
            auditor = threading.Thread(target=one.verify, args=("--url", one.service.url))
            auditor.start()
    while one.running:
        one.kill(one.running.pop()[1])
    if auditor is not None:
        auditor.join()


def _stored_calls(service: Service) -> Counter[str]:
    url = f"{service.url}/api/v1/records?from=0&to=99999999"
    stored: Counter[str] = Counter()
    with urllib.request.urlopen(
        urllib.request.Request(url, headers=service.authorization), timeout=60
    ) as lines:
        for line in lines:
            entry = json.loads(line)
            statement = json.loads(entry["statement"]) if "statement" in entry else {}
            if statement.get("type") == "tool.completed":
                stored[statement["tool.call_id"]] += 1
    return stored


def _read_ledgers(place: Path) -> list[Acknowledged]:
    found: list[Acknowledged] = []
    for path in place.glob("*.ledger"):
        for line in path.read_text(encoding="ascii").splitlines():
            label, at_s, cost_us = line.split()
            found.append(Acknowledged(label, float(at_s), float(cost_us)))
    return sorted(found, key=lambda call: call.at_s)


def _counted(one: Soak, acknowledged: list[Acknowledged], stored: Counter[str]) -> str:
    lost = [call.label for call in acknowledged if stored[call.label] == 0]
    twice = [label for label, count in stored.items() if count > 1]
    if lost or not acknowledged:
        one.faults.append(f"{len(lost)} acknowledged calls are missing, such as {lost[:5]}")
    if twice:
        one.faults.append(f"{len(twice)} calls stand there twice, such as {twice[:5]}")
    return (
        f"{len(acknowledged):,} acknowledged calls: {len(lost)} lost, {len(twice)} doubled "
        f"({sum(stored.values()):,} in the log)"
    )


def _flatness(one: Soak, acknowledged: list[Acknowledged]) -> str:
    quarter = len(acknowledged) // 4
    if len(acknowledged) < FEWEST_CALLS:
        one.faults.append(f"{len(acknowledged)} calls are too few to say anything")
        return "caller's thread per call: not measured"
    costs = [
        statistics.median(call.cost_us for call in acknowledged[at * quarter : (at + 1) * quarter])
        for at in range(4)
    ]
    if costs[3] > costs[0] * MOST_GROWTH:
        one.faults.append(f"the cost of a call grew from {costs[0]:.0f} to {costs[3]:.0f} µs")
    shown = ", ".join(f"{cost:.0f}" for cost in costs)
    return f"caller's thread per call, median of each quarter: {shown} µs CPU"

"""One audited MCP tool call beside what others record of it: what it costs, and what is left to prove it.

Client and server of a call stand in one process, over streams in memory, and each instrumentation sees
both ends. The programs take turns, so that all of them meet the same weather; what a call costs without
any instrumentation is taken off. The peers live in an environment of their own, `.venv-peers`.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from bench.service import Service
from bench.sink import Arrived, Sink

PYTHON: Final = Path(".venv-peers/bin/python")
CALLS: Final = 100
ROUNDS: Final = 7
KILLED_CALLS: Final = 20
SETTLE_WITHIN_S: Final = 60
TALLYSTICK: Final = "tallystick"
YARDSTICK: Final = "opentelemetry"
BUDGET: Final = 6
"""Times what hand-written OpenTelemetry costs: `docs/adr/0019-what-a-call-may-cost.md` says why."""
SAYS: Final = {
    TALLYSTICK: "Tallystick: records, spans, masking, seals and signatures",
    YARDSTICK: "OpenTelemetry by hand: a span and a log record at each end",
    "openinference": "openinference-instrumentation-mcp, and the client's span for it to carry",
    "traceloop": "opentelemetry-instrumentation-mcp",
}
BARE: Final = "bare"
SIGNED: Final = {TALLYSTICK: "signed"}
_VERSIONS: Final = (
    "import importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in ('mcp', 'opentelemetry-sdk', "
    "'openinference-instrumentation-mcp', 'opentelemetry-instrumentation-mcp')))"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """µs of processor time for one call: on the thread that calls, and behind it."""

    caller_us: float
    behind_us: float


class Program:
    """A running `bench.peer_calls`."""

    def __init__(self, name: str, service: Service, sink: Sink) -> None:
        """Start it; it waits for a command."""
        kept = {
            n: one for n, one in os.environ.items() if not n.startswith(("TALLYSTICK_", "OTEL_"))
        }
        self._process = subprocess.Popen(
            [PYTHON, "-m", "bench.peer_calls", name, f"{sink.url}/{name}"],
            env={**kept, "TALLYSTICK_HOME": str(service.home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, label: str, calls: int) -> Cost:
        """Let it call the tool. Raises SystemExit when it cannot."""
        self._tell(f"run {label} {calls}")
        answer = self._process.stdout.readline() if self._process.stdout else ""
        if not answer:
            raise SystemExit(
                "a program of the comparison ended early; its own message stands above"
            )
        return Cost(**json.loads(answer))

    def die(self, label: str, calls: int) -> None:
        """Let it call the tool and be killed at once."""
        self._tell(f"die {label} {calls}")
        self._process.wait(60)

    def stop(self) -> None:
        """Let it end by itself. Idempotent."""
        self._process.communicate(timeout=60)

    def _tell(self, command: str) -> None:
        if self._process.stdin:
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()


def measure() -> list[str]:
    """Give the report's lines; what to install, where that is missing."""
    if not PYTHON.exists():
        return ["not measured: the peers are not installed; run `make .venv-peers/ready` first"]
    versions = subprocess.run(
        [PYTHON, "-c", _VERSIONS], stdout=subprocess.PIPE, text=True, check=True
    )
    costs, arrived = _costs()
    kept = _kept()
    lines = [
        versions.stdout.strip(),
        f"one tool call, client and server in one process, nothing recorded: {_median(costs[BARE]):.0f} µs CPU",
    ]
    return [
        *lines,
        *(line for name in SAYS for line in _report(name, costs, arrived[name], kept[name])),
    ]


def _costs() -> tuple[Mapping[str, list[Cost]], Mapping[str, Arrived]]:
    """Measure every program in turn, round by round; return what each cost and what arrived of it."""
    with _receivers() as (service, sink):
        programs = {name: Program(name, service, sink) for name in (BARE, *SAYS)}
        for program in programs.values():
            program.run("warm", CALLS)
        costs: dict[str, list[Cost]] = {name: [] for name in programs}
        for _ in range(ROUNDS):
            for name, program in programs.items():
                costs[name].append(program.run("timed", CALLS))
        for program in programs.values():
            program.stop()
        own = _arrived_records(service)
        service.stop()
        own.spans = _stored_spans(service)
        return costs, {**sink.arrived, TALLYSTICK: own}


def _kept() -> Mapping[str, int]:
    """Return of how many calls something is left when the process is killed right behind the last."""
    with _receivers() as (service, sink):
        for name in SAYS:
            Program(name, service, sink).die("killed", KILLED_CALLS)
        nextone = Program(TALLYSTICK, service, sink)
        nextone.run("next", 1)  # adopts what the dead one left
        end_s = time.monotonic() + SETTLE_WITHIN_S
        own = _arrived_records(service)
        while _killed(own) < KILLED_CALLS and time.monotonic() < end_s:
            time.sleep(0.2)
            own = _arrived_records(service)
        nextone.stop()
        service.stop()
        return {name: _killed(own if name == TALLYSTICK else sink.arrived[name]) for name in SAYS}


def _killed(arrived: Arrived) -> int:
    return sum(order.startswith("ord_killed_") for order in arrived.orders)


@contextmanager
def _receivers() -> Iterator[tuple[Service, Sink]]:
    with tempfile.TemporaryDirectory() as place:
        service, sink = Service(Path(place)), Sink()
        try:
            yield service, sink
        finally:
            sink.stop()
            service.stop()


def _arrived_records(service: Service) -> Arrived:
    """Return what the service has of the calls: read as anybody would, over its API."""
    url = f"{service.url}/api/v1/records?from=0&to=99999999"
    request = urllib.request.Request(url, headers=service.authorization)
    arrived = Arrived()
    with urllib.request.urlopen(request, timeout=60) as lines:
        for line in lines:
            text = line.decode()
            arrived.read(text)
            arrived.records += '\\"type\\":\\"tool.' in text
    return arrived


def _stored_spans(service: Service) -> int:
    [database] = service.data.glob("*.duckdb")
    with duckdb.connect(str(database), read_only=True) as connection:
        return int(connection.sql("SELECT count(*) FROM spans").fetchall()[0][0])


def _report(name: str, costs: Mapping[str, list[Cost]], arrived: Arrived, kept: int) -> list[str]:
    caller, behind = _added(costs, name)
    yardstick = sum(_added(costs, YARDSTICK))
    calls = CALLS * (ROUNDS + 1)
    content = "arguments and results" if arrived.orders else "no arguments, no results"
    masked = "in clear" if arrived.is_readable else "masked"
    budget = f" (budget {BUDGET})" if name == TALLYSTICK else ""
    return [
        f"{SAYS[name]}: {caller:.0f} µs on the caller's thread, {behind:.0f} behind it, "
        f"{(caller + behind) / yardstick:.2f} x OpenTelemetry by hand{budget}",
        f"    per call {arrived.spans / calls:.0f} spans and {arrived.records / calls:.0f} records; "
        f"{content}{f' {masked}' if arrived.orders else ''}; {SIGNED.get(name, 'not signed')}; "
        f"killed behind {KILLED_CALLS} calls: {kept} are left",
    ]


def _added(costs: Mapping[str, list[Cost]], name: str) -> tuple[float, float]:
    """Return what a call costs more than a bare one of the same round: at the caller, behind it."""
    pairs = list(zip(costs[name], costs[BARE], strict=True))
    return (
        statistics.median(one.caller_us - bare.caller_us for one, bare in pairs),
        statistics.median(one.behind_us - bare.behind_us for one, bare in pairs),
    )


def _median(costs: list[Cost]) -> float:
    return statistics.median(cost.caller_us + cost.behind_us for cost in costs)

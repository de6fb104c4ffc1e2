"""How fast foreign spans become durable and queryable, with masking, seals and syncs in force; and a kill -9."""

import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import foreign, in_force, sizes
from bench.machine import calibration_us
from bench.sending import Address, Answers, send
from bench.service import Service

REQUESTS: Final = 24
WARMING: Final = 2
SIZE_BUDGET_BYTES: Final = 6_000
"""Of 1.9 KB in protobuf that amount to an event: the span record and a signed record, both with its values."""
_COUNT: Final = """
import sys
from pathlib import Path
from tallystick_store.caught_up import CaughtUp
from tallystick_store.engine.duckdb import Database
from tallystick_store.opening import DATABASE_NAME

caught_up = CaughtUp(Path(sys.argv[1]))
database = Database.open_read_only(caught_up.directory / DATABASE_NAME)
print(database.rows(sys.argv[2])[0][0])
database.close()
caught_up.close()
"""
"""What a reader finds that starts nothing: the database, and the journal where that is ahead."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What a backend did with a load."""

    spans: int
    answers: Answers
    queryable_s: float
    """From the first request until all that was accepted could be asked for."""
    cpu_s: float
    """Of the backend's processes, until then."""
    stored: int
    """Counted by a fresh process after a kill -9, or by the backend's own database."""
    size_bytes: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    """Where they stand."""

    @property
    def cpu_us(self) -> float:
        """Processor time of a span that is stored."""
        return self.cpu_s / max(1, self.stored) * 1e6

    @property
    def queryable_per_s(self) -> float:
        """Spans that were stored, in the time until the last could be asked for."""
        return self.stored / self.queryable_s


def measure() -> list[str]:
    """Give the report's lines."""
    with tempfile.TemporaryDirectory() as place:
        reached, said = run(Path(place), foreign.load(REQUESTS))
    return [said, *lines(reached)]


def lines(reached: Reached) -> list[str]:
    """Say what was reached."""
    answers = reached.answers
    return [
        f"{reached.spans:,} foreign spans, {foreign.PER_REQUEST} a request, gzip: "
        f"{reached.spans / answers.spent_s:,.0f} accepted and durable/s, "
        f"{reached.queryable_per_s:,.0f} queryable/s; {reached.cpu_us:.0f} µs of processor time a span "
        f"({reached.cpu_us / calibration_us():.0f} x calibration)",
        f"answer p50 {answers.p50_ms:.0f} ms, p99 {answers.p99_ms:.0f} ms; not taken: {answers.refused} requests",
        f"after kill -9, counted by another process: {reached.stored:,} kept, {reached.spans - reached.stored} lost",
        "on disk after a clean stop, all files of data and secrets, per span: "
        + sizes.said(reached.sizes, max(1, reached.stored), SIZE_BUDGET_BYTES),
    ]


def run(place: Path, load: foreign.Load) -> tuple[Reached, str]:
    """Start the service, send it the load, kill it, count; say what was in force."""
    service = Service(place)
    said = in_force.require(service)
    address = Address(service.port, "/v1/traces", service.authorization)
    warm = send(address, foreign.load(WARMING, seed=5).bodies)
    service.settle()
    cpu, start = service.cpu_s(), time.perf_counter()
    answers = send(address, load.bodies)
    service.settle()
    queryable_s, cpu = time.perf_counter() - start, service.cpu_s() - cpu
    service.stop(signal.SIGKILL)
    before = 1 + warm.taken * foreign.PER_REQUEST
    stored = count(service, "SELECT count(*) FROM spans") - before
    again = Service(place)
    again.stop()  # in peace: what the write-ahead log held is compressed into the database
    share = load.spans / (load.spans + before)
    size = Counter({name: int(n * share) for name, n in sizes.by_place(place).items()})
    return Reached(load.spans, answers, queryable_s, cpu, stored, size.total(), size), said


def count(service: Service, query: str) -> int:
    """Ask the data of a service that was killed, by a fresh process."""
    command = [sys.executable, "-c", _COUNT, str(service.data), query]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)

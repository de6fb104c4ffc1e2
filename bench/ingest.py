"""How fast signed events become durable and queryable, and what is left of them after a kill -9."""

import http.client
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.emitter import Session, request
from bench.service import Service

SESSIONS: Final = 40
EVENTS: Final = 1000
PER_SEAL: Final = 500
CONNECTIONS: Final = 4
RATE_BUDGET: Final = 15_000
P99_BUDGET_MS: Final = 250
SINGLES: Final = 400
SINGLE_BUDGET_MS: Final = 10
SIZE_BUDGET_BYTES: Final = 1000
_COUNT: Final = """
import sys
from pathlib import Path
from tallystick_store.caught_up import CaughtUp
from tallystick_store.engine.duckdb import Database
from tallystick_store.opening import DATABASE_NAME

caught_up = CaughtUp(Path(sys.argv[1]))
database = Database.open_read_only(caught_up.directory / DATABASE_NAME)
print(database.rows("SELECT count(*) FROM events WHERE type = 'tool.completed'")[0][0])
database.close()
caught_up.close()
"""
"""What a reader finds that starts nothing: the database, and the journal where that is ahead."""


@dataclass(slots=True)
class Load:
    """Requests to send, and how the service answered."""

    requests: Iterator[bytes]
    lock: threading.Lock = field(default_factory=threading.Lock)
    latencies_ms: list[float] = field(default_factory=list)
    refused: int = 0

    def take(self) -> bytes | None:
        """Give the next request; None when there is none."""
        with self.lock:
            return next(self.requests, None)


def bodies(
    identity: Ed25519PrivateKey, sessions: int, events: int, per_seal: int
) -> list[list[bytes]]:
    """Make the requests of each session, in its order: the open first."""
    return [
        [request([batch]) for batch in Session(identity, seed).batches(events, per_seal)]
        for seed in range(sessions)
    ]


def send(service: Service, requests: list[bytes]) -> Load:
    """Send requests over a few connections that are kept alive, as fast as they are answered."""
    load = Load(iter(requests))
    threads = [threading.Thread(target=_sender, args=(service, load)) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return load


def _sender(service: Service, load: Load) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    headers = {
        **service.authorization,
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "gzip",
    }
    while (body := load.take()) is not None:
        start = time.perf_counter()
        connection.request("POST", "/v1/logs", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        with load.lock:
            load.latencies_ms.append((time.perf_counter() - start) * 1000)
            load.refused += answer.status != http.HTTPStatus.OK or bool(said)
    connection.close()


def measure() -> list[str]:
    """Give the report's lines."""
    identity = Ed25519PrivateKey.generate()
    made = bodies(identity, SESSIONS, EVENTS, PER_SEAL)
    with tempfile.TemporaryDirectory() as place:
        service = Service(Path(place))
        service.enrol(identity)
        opened = send(service, [session[0] for session in made])
        cpu, start = service.cpu_s(), time.perf_counter()
        load = send(service, [body for session in made for body in session[1:]])
        spent = time.perf_counter() - start
        _settle(service)
        settled, cpu = time.perf_counter() - start, service.cpu_s() - cpu
        singles = sorted(_singles(service))
        service.stop(signal.SIGKILL)
        kept = _count(service)
        again = Service(Path(place))
        again.stop()  # in peace: what the write-ahead log held is compressed into the database
        size = sum(path.stat().st_size for path in service.data.rglob("*") if path.is_file())
    sent = SESSIONS * EVENTS
    latencies = sorted(load.latencies_ms)
    return [
        f"start of the service: {service.start_s:.1f} s (budget 3)",
        f"{sent:,} signed events, {PER_SEAL} per seal and request, hashes, seals, fsync on: "
        f"{sent / spent:,.0f} durable/s, {sent / settled:,.0f} queryable/s (budget {RATE_BUDGET:,}), "
        f"{sent / cpu:,.0f} per CPU second",
        f"answer p50 {statistics.median(latencies):.0f} ms, p99 {_p99(latencies):.0f} ms "
        f"(budget {P99_BUDGET_MS} on a quiet machine), max {latencies[-1]:.0f} ms; "
        f"not taken: {load.refused + opened.refused} requests",
        f"one span a request, one connection: answer p50 {statistics.median(singles):.1f} ms "
        f"(budget {SINGLE_BUDGET_MS}), p99 {_p99(singles):.1f} ms",
        f"after kill -9, counted by another process: {kept:,} kept, {sent - kept} lost",
        f"start after the kill: {again.start_s:.1f} s",
        f"on disk after a clean stop, all files: {size / kept:.0f} bytes per event (budget {SIZE_BUDGET_BYTES})",
    ]


def _singles(service: Service) -> Iterator[float]:
    """Send spans one by one over one connection; yield how long each answer took, in ms."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    headers = {**service.authorization, "Content-Type": "application/json"}
    for number in range(SINGLES):
        now_ns = time.time_ns()
        span = {
            "traceId": f"{now_ns:032x}",
            "spanId": f"{now_ns:016x}",
            "name": f"look up {number}",
            "startTimeUnixNano": str(now_ns),
            "endTimeUnixNano": str(now_ns + 1000),
        }
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
        start = time.perf_counter()
        connection.request("POST", "/v1/traces", body, headers)
        said = connection.getresponse().read()
        if said != b"{}":
            raise SystemExit(f"a span was not taken: {said.decode()[:200]}")
        yield (time.perf_counter() - start) * 1000
    connection.close()


def _settle(service: Service) -> None:
    """Ask a question: its answer comes once the database holds what was accepted."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("GET", "/api/v1/status", headers=service.authorization)
    connection.getresponse().read()
    connection.close()


def _p99(latencies_ms: list[float]) -> float:
    """Return the 99th percentile of latencies in order."""
    return latencies_ms[len(latencies_ms) * 99 // 100]


def _count(service: Service) -> int:
    command = [sys.executable, "-c", _COUNT, str(service.data)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)

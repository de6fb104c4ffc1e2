"""How fast signed events and foreign spans become durable and queryable, and what a kill -9 leaves of them."""

import http.client
import json
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import in_force, sizes, spans
from bench.emitter import Session, request
from bench.sending import Address, p99, send
from bench.service import Service
from bench.sizes import BUDGET_BYTES, EVENTS, PER_SEAL, SESSIONS

WARMING: Final = 8
"""Requests before the clock starts, from as many sessions: the service's processes are there then."""
RATE_BUDGET: Final = 15_000
P99_BUDGET_MS: Final = 250
SINGLES: Final = 400
SINGLE_BUDGET_MS: Final = 10
EVENTS_KEPT: Final = (
    "SELECT count(*) FROM events WHERE type = 'tool.completed' AND origin = 'native'"
)


def bodies(
    identity: Ed25519PrivateKey, sessions: int, events: int, per_seal: int
) -> list[list[bytes]]:
    """Make the requests of each session, in its order: the open first."""
    return [
        [request([batch]) for batch in Session(identity, seed).batches(events, per_seal)]
        for seed in range(sessions)
    ]


def measure() -> list[str]:
    """Give the report's lines."""
    identity = Ed25519PrivateKey.generate()
    made = bodies(identity, SESSIONS, EVENTS, PER_SEAL)
    with tempfile.TemporaryDirectory() as place:
        service = Service(Path(place))
        said = in_force.require(service)
        service.enrol(identity)
        address = Address(service.port, "/v1/logs", service.authorization)
        opened = send(address, [session[0] for session in made])
        warm = send(address, [session.pop(1) for session in made[:WARMING]])
        service.settle()
        cpu, start = service.cpu_s(), time.perf_counter()
        answers = send(address, [body for session in made for body in session[1:]])
        service.settle()
        settled, cpu = time.perf_counter() - start, service.cpu_s() - cpu
        singles = sorted(_singles(service))
        service.stop(signal.SIGKILL)
        kept = spans.count(service, EVENTS_KEPT)
        again = Service(Path(place))
        again.stop()  # in peace: what the write-ahead log held is compressed into the database
        size = sizes.said(sizes.by_place(Path(place)), kept, BUDGET_BYTES)
    warmed = WARMING * PER_SEAL
    sent = SESSIONS * EVENTS - warmed
    return [
        f"start of the service: {service.start_s:.1f} s (budget 3); {said}",
        f"{sent:,} signed events, {PER_SEAL} per seal and request, hashes, seals, fsync on: "
        f"{sent / answers.spent_s:,.0f} durable/s, {sent / settled:,.0f} queryable/s (budget {RATE_BUDGET:,}), "
        f"{sent / cpu:,.0f} per CPU second, {cpu / sent * 1e6:.0f} µs of processor time an event",
        f"answer p50 {answers.p50_ms:.0f} ms, p99 {answers.p99_ms:.0f} ms "
        f"(budget {P99_BUDGET_MS} on a quiet machine), max {answers.latencies_ms[-1]:.0f} ms; "
        f"not taken: {answers.refused + opened.refused + warm.refused} requests",
        f"one span a request, one connection: answer p50 {statistics.median(singles):.1f} ms "
        f"(budget {SINGLE_BUDGET_MS}), p99 {p99(singles):.1f} ms",
        f"after kill -9, counted by another process: {kept:,} kept, {sent + warmed - kept} lost",
        f"start after the kill: {again.start_s:.1f} s",
        f"on disk after a clean stop, all files of data and secrets, each event of another person, per event: {size}",
        sizes.measure(identity),
        *spans.measure(),
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

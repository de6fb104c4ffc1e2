"""Two thousand agents at once: each a session that sends one signed, sealed event a second over its own connection.

An answer other than 200 is what an emitter makes of it: the event waits, and goes again a second later. What
is late shows as latency, which counts from the moment at which the event was due.
"""

import asyncio
import resource
import signal
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import in_force, spans
from bench.emitter import Session, request
from bench.ingest import EVENTS_KEPT
from bench.sending import Address, is_whole, p99, send
from bench.service import Service

SESSIONS: Final = 2_000
SECONDS: Final = 60
OPENS_PER_REQUEST: Final = 100
RETRY_S: Final = 1.0
DRAIN_S: Final = 60
"""How long what is late may still be sent."""
_OK: Final = b"HTTP/1.1 200"


@dataclass(slots=True)
class Course:
    """How it went."""

    latencies_ms: list[float] = field(default_factory=list)
    """From the moment at which an event was due to its acknowledgement."""
    refused: int = 0
    """Answers other than 200."""
    unsent: int = 0
    """Events that were never acknowledged."""


def measure() -> list[str]:
    """Give the report's lines."""
    return measure_of(SESSIONS, SECONDS)


def measure_of(sessions: int, seconds: int) -> list[str]:
    """Give the report's lines for so many sessions, each with an event a second for so long."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * sessions + 256)), hard))
    identity = Ed25519PrivateKey.generate()
    made = [[*Session(identity, seed).batches(seconds, 1)] for seed in range(sessions)]
    with tempfile.TemporaryDirectory() as place:
        service = Service(Path(place))
        said = in_force.require(service)
        service.enrol(identity)
        _open(service, [one[0] for one in made])
        bodies = [[request([batch]) for batch in one[1:]] for one in made]
        cpu, start = service.cpu_s(), time.perf_counter()
        course = asyncio.run(_run(service, bodies))
        spent, cpu = time.perf_counter() - start, service.cpu_s() - cpu
        service.stop(signal.SIGKILL)
        kept = spans.count(service, EVENTS_KEPT)
    acknowledged, latencies = len(course.latencies_ms), sorted(course.latencies_ms)
    return [
        f"{said}",
        f"{sessions:,} sessions, one event a second each for {seconds} s, a request each: "
        f"{acknowledged:,} of {sessions * seconds:,} acknowledged in {spent:.0f} s, {course.unsent} not sent in time, "
        f"{course.refused} answers other than 200",
        f"the service used {cpu / spent * 100:.0f} % of a core, {cpu / max(1, acknowledged) * 1e6:,.0f} µs an event",
        f"from due to acknowledged: p50 {statistics.median(latencies):,.0f} ms, p99 {p99(latencies):,.0f} ms",
        f"after kill -9, counted by another process: {kept:,} kept, {max(0, acknowledged - kept)} lost",
    ]


def _open(service: Service, opens: list[list[tuple[str, str]]]) -> None:
    address = Address(service.port, "/v1/logs", service.authorization)
    groups = range(0, len(opens), OPENS_PER_REQUEST)
    answers = send(address, [request(opens[at : at + OPENS_PER_REQUEST]) for at in groups])
    if answers.refused:
        raise SystemExit(f"{answers.refused} requests with the opens of sessions were not taken")


async def _run(service: Service, bodies: list[list[bytes]]) -> Course:
    course, start = Course(), time.perf_counter() + 1
    end = start + max(map(len, bodies)) + DRAIN_S
    step = 1 / len(bodies)
    await asyncio.gather(
        *(
            _session(service, waiting, start + place * step, end, course)
            for place, waiting in enumerate(bodies)
        )
    )
    return course


async def _session(
    service: Service, bodies: list[bytes], start: float, end: float, course: Course
) -> None:
    await asyncio.sleep(max(0.0, start - time.perf_counter()))
    head = "".join(
        f"{name}: {text}\r\n"
        for name, text in {
            **service.authorization,
            "Host": "127.0.0.1",
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
        }.items()
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    for second, body in enumerate(bodies):
        due = start + second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        text = f"POST /v1/logs HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode()
        while not await _is_taken(reader, writer, text + body):
            course.refused += 1
            if time.perf_counter() > end:
                course.unsent += len(bodies) - second
                writer.close()
                return
            await asyncio.sleep(RETRY_S)
        course.latencies_ms.append((time.perf_counter() - due) * 1000)
    writer.close()


async def _is_taken(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes
) -> bool:
    writer.write(message)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.lower().splitlines()
        if line.startswith(b"content-length:")
    ]
    said = await reader.readexactly(sum(lengths))
    return head.startswith(_OK) and is_whole(said)

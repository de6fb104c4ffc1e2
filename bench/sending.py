"""Sending requests over a few kept connections as fast as they are answered, and how the server answered."""

import http.client
import statistics
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

CONNECTIONS: Final = 4
PROTOBUF: Final = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
TIMEOUT_S: Final = 300


@dataclass(slots=True)
class Answers:
    """How a server answered."""

    spent_s: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    """In order of size, once all is sent."""
    taken: int = 0
    """Requests that were answered with 200 and without a partial success."""

    @property
    def p50_ms(self) -> float:
        """The median."""
        return statistics.median(self.latencies_ms)

    @property
    def p99_ms(self) -> float:
        """The 99th percentile."""
        return p99(self.latencies_ms)

    @property
    def refused(self) -> int:
        """Requests that were not taken, or not whole."""
        return len(self.latencies_ms) - self.taken


@dataclass(frozen=True, slots=True)
class Address:
    """Where OTLP/HTTP goes on this machine, and with which headers."""

    port: int
    path: str
    headers: Mapping[str, str]


def send(address: Address, bodies: Iterable[bytes], connections: int = CONNECTIONS) -> Answers:
    """Send every body once, gzipped protobuf, over kept connections; each waits for its answer."""
    answers, lock, waiting = Answers(), threading.Lock(), iter(bodies)
    threads = [
        threading.Thread(target=_sender, args=(address, waiting, lock, answers))
        for _ in range(connections)
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.spent_s = time.perf_counter() - start
    answers.latencies_ms.sort()
    return answers


def _sender(
    address: Address, waiting: Iterator[bytes], lock: threading.Lock, answers: Answers
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=TIMEOUT_S)
    while True:
        with lock:
            body = next(waiting, None)
        if body is None:
            break
        start = time.perf_counter()
        is_taken = _is_taken(connection, address, body)
        with lock:
            answers.latencies_ms.append((time.perf_counter() - start) * 1000)
            answers.taken += is_taken
    connection.close()


def _is_taken(connection: http.client.HTTPConnection, address: Address, body: bytes) -> bool:
    try:
        connection.request("POST", address.path, body, {**PROTOBUF, **address.headers})
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return False
    return answer.status == http.HTTPStatus.OK and is_whole(said)


def is_whole(said: bytes) -> bool:
    """Whether an answer reports no rejected record: the field has one number for spans and for logs."""
    return not ExportTraceServiceResponse.FromString(said).HasField("partial_success")


def p99(latencies_ms: Sequence[float]) -> float:
    """Return the 99th percentile of latencies in order."""
    return latencies_ms[len(latencies_ms) * 99 // 100]

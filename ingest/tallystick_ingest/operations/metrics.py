"""Metrics: what is counted as it happens. One registry for each service; no label holds what a sender chose.

The names are those of docs/operations.md. What has a value at any moment is read when somebody asks, in
gauges.py.
"""

from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.registry import Collector

from tallystick_ingest.otlp.answer import Signal
from tallystick_ingest.route import OTHER

Outcome = Literal["accepted", "duplicate", "conflict", "refused"]
Protocol = Literal["http", "grpc"]
SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)

_REQUEST_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_DISK_BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class Metrics:
    """The counts of one service since it started. Safe to use from several threads."""

    def __init__(self) -> None:
        """Count nothing yet; series that alerts ask for are there with 0."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "tallystick_requests",
            "Requests answered, by protocol, address and status (of gRPC: as HTTP counts it).",
            ["protocol", "route", "status"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "tallystick_request_duration_seconds",
            "Time from the head of a request to the end of its answer.",
            ["protocol", "route"],
            buckets=_REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self._records = Counter(
            "tallystick_records",
            "Log records, spans and metric points, by signal and by what came of them.",
            ["signal", "outcome"],
            registry=self.registry,
        )
        self._refused = Counter(
            "tallystick_refused",
            "Refused records, and whole requests that were refused, by signal and reason.",
            ["signal", "reason"],
            registry=self.registry,
        )
        self._commit_seconds = self._disk_histogram(
            "tallystick_commit_duration_seconds", "Time to make one group of requests durable."
        )
        self._append_seconds = self._disk_histogram(
            "tallystick_journal_sync_duration_seconds",
            "Of that, the time to write the group to the journal and sync it.",
        )
        for signal in SIGNALS:
            for outcome in get_args(Outcome):
                self._records.labels(signal, outcome)

    def _disk_histogram(self, name: str, sentence: str) -> Histogram:
        return Histogram(name, sentence, buckets=_DISK_BUCKETS_S, registry=self.registry)

    def register(self, collector: Collector) -> None:
        """Add what is read whenever somebody asks for the metrics."""
        self.registry.register(collector)

    def note_request(self, protocol: Protocol, route: str, status: int, duration_s: float) -> None:
        """Count an answer; `route` is the template of an address, never what a sender wrote."""
        self._requests.labels(protocol, route, str(status)).inc()
        self._request_seconds.labels(protocol, route).observe(duration_s)

    def note_records(self, signal: Signal, outcome: Outcome, count: int) -> None:
        """Count records of one signal."""
        if count:
            self._records.labels(signal, outcome).inc(count)

    def note_refused(self, signal: str, reason: str, count: int = 1) -> None:
        """Count refusals; `reason` is a word of verdict.py, and `signal` OTHER for what is not OTLP."""
        self._refused.labels(signal, reason).inc(count)

    def note_commit(self, duration_s: float, append_s: float) -> None:
        """Take note of how long a commit took, and of that the journal."""
        self._commit_seconds.observe(duration_s)
        self._append_seconds.observe(append_s)


def signal_of(path: str) -> str:
    """Return the signal that an OTLP path is for, OTHER for any other path."""
    name = path.removeprefix("/v1/")
    return name if name in SIGNALS else OTHER

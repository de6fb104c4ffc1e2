"""Metrics that have a value at any moment: read from the service whenever somebody asks for them.

Nothing here waits: neither for the database nor for a lock that a commit holds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final, Protocol, get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tallystick_ingest import VERSION
from tallystick_ingest.operations import readiness as parts
from tallystick_ingest.operations.readiness import readiness
from tallystick_ingest.verification import Verifier
from tallystick_ingest.workers.pool import BodyReaders
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.store import Store

_PARTS: Final = {
    "status": parts.Status,
    "journal": parts.Journal,
    "database": parts.Database,
    "log": parts.Log,
    "disk": parts.Disk,
}
_VERDICTS: Final = {0: "verified", 1: "wrong", 2: "consistent"}
_US: Final = 1_000_000


class Watched(Protocol):
    """What is read of the service."""

    store: Store
    verifier: Verifier
    is_closing: bool
    started_us: int

    @property
    def queue_bytes(self) -> int:
        """Bytes of requests that wait for the writer."""

    @property
    def in_progress_bytes(self) -> int:
        """Bytes of requests that are being received, decoded and masked."""

    @property
    def readers(self) -> BodyReaders | None:
        """The processes that read requests."""

    @property
    def active_sessions(self) -> int | None:
        """Sessions of emitters that were heard of lately."""

    @property
    def logins(self) -> int:
        """People who are logged in."""


class ServiceGauges(Collector):
    """Reads one service."""

    def __init__(self, service: Watched) -> None:
        """Read nothing yet."""
        self._service = service

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand, so that registering reads nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read everything as it is now."""
        service, store = self._service, self._service.store
        yield _gauge("build_info", "1; the version is the label.", 1, {"version": VERSION})
        yield _gauge("start_time_seconds", "When the service started.", service.started_us / _US)
        yield from _ready(service)
        yield _gauge(
            "journal_waiting_bytes", "Accepted, and not in the database yet.", store.waiting_bytes
        )
        yield _gauge("queue_bytes", "Requests that wait for the writer.", service.queue_bytes)
        yield _gauge(
            "in_progress_bytes", "Requests being received and decoded.", service.in_progress_bytes
        )
        if service.readers is not None:
            sentence = "Processes that decode and mask larger requests, begun so far."
            yield _gauge("intake_processes", sentence, service.readers.count)
        yield _gauge("log_entries", "Committed entries of the log.", store.size)
        yield from _checkpoint(store)
        size_bytes = _database_bytes(store.directory)
        if size_bytes is not None:
            yield _gauge("database_bytes", "Size of the database's files.", size_bytes)
        if service.active_sessions is not None:
            sentence = "Sessions of emitters that are not silent; counted once a minute."
            yield _gauge("sessions_active", sentence, service.active_sessions)
        yield _gauge("logins", "People who are logged in.", service.logins)
        yield from _verification(service.verifier)


def _ready(service: Watched) -> Iterator[Metric]:
    found = asdict(readiness(service.store, is_closing=service.is_closing))
    yield _gauge("ready", "Whether records are taken.", found["status"] == "ready")
    family = GaugeMetricFamily(
        "tallystick_part_state",
        "1 for the state in which a part is (/readyz).",
        labels=["part", "state"],
    )
    for part, states in _PARTS.items():
        for state in get_args(states):
            family.add_metric([part, state], found[part] == state)
    yield family


def _checkpoint(store: Store) -> Iterator[Metric]:
    newest = store.checkpoint
    yield _gauge(
        "checkpoint_entries", "Entries under the newest checkpoint.", newest.size if newest else 0
    )
    signed_s = store.publisher.newest_time_s
    if signed_s is not None:
        yield _gauge("checkpoint_time_seconds", "When this process last signed one.", signed_s)


def _verification(verifier: Verifier) -> Iterator[Metric]:
    found = verifier.found
    family = GaugeMetricFamily(
        "tallystick_verification",
        "1 for what the last verification that ended says of the log.",
        labels=["verdict"],
    )
    verdict = _VERDICTS.get(-1 if found.exit_code is None else found.exit_code)
    for word in (*_VERDICTS.values(), "none"):
        family.add_metric([word], word == (verdict or "none"))
    yield family
    if found.at_us is not None:
        yield _gauge("verification_time_seconds", "When it began.", found.at_us / _US)


def _database_bytes(directory: Path) -> int | None:
    """Return the size of database and write-ahead log; None when it cannot be read."""
    sizes = []
    for name in (DATABASE_NAME, f"{DATABASE_NAME}.wal"):
        try:
            sizes.append((directory / name).stat().st_size)
        except OSError:
            continue
    return sum(sizes) if sizes else None


def _gauge(
    name: str, sentence: str, value: float, labels: dict[str, str] | None = None
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tallystick_{name}", sentence, labels=list(labels or {}))
    family.add_metric(list((labels or {}).values()), value)
    return family

"""Readiness, part by part."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tallystick_ingest.operations.readiness import (
    FULL_DISK_BYTES,
    LOW_DISK_BYTES,
    Readiness,
    readiness,
)
from tallystick_store.journal.follower import MAX_WAITING_BYTES
from tests.requirements import requirement

pytestmark = requirement("operations.readiness")


@dataclass
class Publisher:
    failure: str | None = None


@dataclass
class Store:
    """A store in any state, as readiness sees it."""

    directory: Path = Path("/nowhere")
    publisher: Publisher = field(default_factory=Publisher)
    is_full: bool = False
    waiting_bytes: int = 0
    journal_failure: str | None = None
    failure: str | None = None
    signing_stopped: str | None = None
    evidence: str | None = None


def look(store: Store, free: int = LOW_DISK_BYTES, *, is_closing: bool = False) -> Readiness:
    return readiness(store, is_closing=is_closing, free_bytes=lambda _path: free)


def test_a_store_without_a_fault_is_ready() -> None:
    assert look(Store()) == Readiness("ready", "ok", "ok", "signing", "ok")


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        (Store(is_full=True), Readiness("full", "full", "ok", "signing", "ok")),
        (
            Store(journal_failure="EIO", failure="EIO"),
            Readiness("failed", "failed", "ok", "signing", "ok"),
        ),
        (Store(failure="refused"), Readiness("ready", "ok", "failing", "signing", "ok")),
        (
            Store(waiting_bytes=MAX_WAITING_BYTES // 2),
            Readiness("ready", "ok", "behind", "signing", "ok"),
        ),
        (
            Store(publisher=Publisher("ENOSPC")),
            Readiness("ready", "ok", "ok", "failing", "ok"),
        ),
        (
            Store(signing_stopped="forked", publisher=Publisher("ENOSPC")),
            Readiness("ready", "ok", "ok", "stopped", "ok"),
        ),
    ],
)
def test_each_part_is_named(store: Store, expected: Readiness) -> None:
    assert look(store) == expected


@pytest.mark.parametrize(
    ("store", "free", "is_closing", "status"),
    [
        (Store(evidence="restored"), LOW_DISK_BYTES, False, "evidence"),
        (Store(evidence="restored", is_full=True), 0, False, "evidence"),
        (Store(evidence="restored", journal_failure="EIO"), LOW_DISK_BYTES, False, "failed"),
        (Store(evidence="restored"), LOW_DISK_BYTES, True, "closing"),
    ],
)
def test_evidence_is_never_ready(store: Store, free: int, *, is_closing: bool, status: str) -> None:
    assert look(store, free, is_closing=is_closing).status == status


@pytest.mark.parametrize(
    ("free", "disk", "status"),
    [
        (LOW_DISK_BYTES - 1, "low", "ready"),
        (FULL_DISK_BYTES, "low", "ready"),
        (FULL_DISK_BYTES - 1, "full", "full"),
        (0, "full", "full"),
    ],
)
def test_a_disk_is_low_before_it_is_full(free: int, disk: str, status: str) -> None:
    found = look(Store(), free)
    assert (found.disk, found.status) == (disk, status)


def test_a_service_that_closes_says_so_whatever_else_is_wrong() -> None:
    assert look(Store(journal_failure="EIO"), 0, is_closing=True).status == "closing"


def test_a_disk_that_does_not_answer_is_unknown_and_stops_nothing(tmp_path: Path) -> None:
    found = readiness(Store(directory=tmp_path / "gone"), is_closing=False)
    assert (found.disk, found.status) == ("unknown", "ready")

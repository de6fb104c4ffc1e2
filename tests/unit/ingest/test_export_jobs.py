"""Exports as jobs: one at a time, on record, bounded, tidy, and never at the price of records."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import Clock
from tallystick.errors import ConfigError, StoreError
from tallystick_ingest import export_jobs
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.export_jobs import (
    FOLDER,
    KEPT_US,
    MAX_KEPT,
    MIN_FREE_BYTES,
    ExportBusyError,
    ExportJobs,
    Job,
)
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_store.evidence.export import ExportRequest, export_report
from tests.builder import START_US, Session
from tests.exporting import EVER_US, benign, store_log
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.store_log import StoreLog
from tests.verifying import verify_package

pytestmark = requirement("export.jobs")

CALLER = Caller("key-1", "somebody", ("export",))
LATER_US = START_US + 3_600_000_000
WHOLE = ExportRequest(0, EVER_US, "eu-ai-act")


class StillClock:
    """A clock that stands."""

    def __init__(self) -> None:
        self.us = LATER_US

    def now_us(self) -> int:
        return self.us

    def monotonic_s(self) -> float:
        return 0.0


class Book:
    """Takes note of accesses, or refuses to."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.is_busy = False

    def record(self, access: Any) -> None:
        if self.is_busy:
            raise BusyError("this cannot be recorded now")
        self.records.append(access)


class World:
    """Jobs over a store with a few calls."""

    def __init__(self, log: StoreLog) -> None:
        self.log = log
        self.clock, self.book = StillClock(), Book()
        self.jobs = self.again()

    def again(self) -> ExportJobs:
        clock: Clock = self.clock
        book: Any = self.book
        self.jobs = ExportJobs(self.log.store, self.log.signer(), book, clock)
        self.jobs.settle_s = 0
        return self.jobs

    @property
    def folder(self) -> Path:
        return self.log.directory / FOLDER

    def run(self, request: ExportRequest = WHOLE) -> Job:
        job = self.jobs.get(self.jobs.start(request, CALLER))
        assert job is not None
        self.wait()
        return job

    def wait(self) -> None:
        assert self.jobs._thread is not None  # noqa: SLF001 - there is nothing else to wait on
        self.jobs._thread.join(PATIENCE_S)  # noqa: SLF001
        assert not self.jobs._thread.is_alive(), "the export does not end"  # noqa: SLF001


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with store_log(tmp_path / "data") as log:
        benign(log, 2)
        world = World(log)
        yield world
        world.jobs.close()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hold every export before its first record until the event is set."""
    gate, real = threading.Event(), export_report

    def hold(*arguments: Any, **named: Any) -> Any:
        gate.wait(PATIENCE_S)
        return real(*arguments, **named)

    monkeypatch.setattr(export_jobs, "export_report", hold)
    yield gate
    gate.set()


def test_an_export_that_is_done_is_private_on_record_and_verifies(world: World) -> None:
    job = world.run()
    assert (job.state, job.error) == ("done", "")
    package = world.jobs.package(job)
    assert package.stat().st_size == job.bytes
    assert verify_package(package.read_bytes(), world.log.policy()).exit_code == 0
    assert world.folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in package.parent.iterdir()] == ["package.zip"]
    [access] = world.book.records
    assert (access.type, access.target, access.rows) == ("access.export", "export", job.entries)
    assert access.query["sha256"] == job.sha256


def test_one_export_runs_at_a_time(world: World, held: threading.Event) -> None:
    world.jobs.start(WHOLE, CALLER)
    with pytest.raises(ExportBusyError, match="another export is running"):
        world.jobs.start(WHOLE, CALLER)
    held.set()
    world.wait()
    assert world.run().state == "done"


def test_a_request_that_makes_no_sense_starts_nothing(world: World) -> None:
    for wrong in (ExportRequest(0, 1, "none"), ExportRequest(0, 1, "eu-ai-act", "a: b")):
        with pytest.raises(ConfigError):
            world.jobs.start(wrong, CALLER)
    assert world.jobs.list() == []


def test_an_export_that_cannot_be_put_on_record_is_not_handed_out(world: World) -> None:
    world.book.is_busy = True
    job = world.run()
    assert (job.state, job.error) == ("failed", "this cannot be recorded now")
    assert list(world.folder.iterdir()) == []


def test_a_few_are_kept_and_the_oldest_goes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_jobs, "export_report", _small)
    made = [world.run().id for _ in range(MAX_KEPT + 2)]
    assert [job["id"] for job in world.jobs.list()] == list(reversed(made[2:]))
    assert sorted(path.name for path in world.folder.iterdir()) == sorted(made[2:])


def _small(reader: object, request: object, signer: object, out: Any, **named: Any) -> Any:
    out.write(b"zip")
    return {"from_index": 0, "to_index": 1}


def test_an_export_is_gone_after_a_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_jobs, "export_report", _small)
    job = world.run()
    world.clock.us += KEPT_US
    assert world.jobs.get(job.id) is job
    world.clock.us += 1
    assert world.jobs.get(job.id) is None
    assert list(world.folder.iterdir()) == []


def test_a_restart_leaves_nothing_of_an_export_behind(world: World) -> None:
    world.run()
    (world.folder / "torn").mkdir()
    world.again()
    assert world.jobs.list() == []
    assert not world.folder.exists()


@pytest.mark.parametrize("stage", ["start", "checks"])
def test_an_export_ends_before_the_disk_is_full(world: World, stage: str) -> None:
    rooms = iter([MIN_FREE_BYTES] * (0 if stage == "start" else 6))
    world.jobs.free_bytes = lambda: next(rooms, MIN_FREE_BYTES - 1)
    if stage == "start":
        with pytest.raises(StoreError, match="has 255 MiB left: expected 256 MiB"):
            world.jobs.start(WHOLE, CALLER)
        return
    job = world.run()
    assert job.state == "failed"
    assert "make room, then export again" in job.error
    assert list(world.folder.iterdir()) == []


def test_a_disk_that_refuses_fails_the_export_and_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **named: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_jobs, "export_report", full)
    job = world.run()
    assert (job.state, job.error) == (
        "failed",
        "the export cannot be written: No space left on device",
    )
    assert list(world.folder.iterdir()) == []


def test_a_fault_of_ours_fails_the_export_and_says_no_more_than_that(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(*arguments: object, **named: object) -> object:
        raise KeyError("secret")

    monkeypatch.setattr(export_jobs, "export_report", wrong)
    job = world.run()
    assert (job.state, job.error) == ("failed", "the export failed; the service's log says where")
    assert "an export failed" in caplog.text


def test_a_service_that_stops_ends_its_export(world: World, held: threading.Event) -> None:
    job = world.jobs.get(world.jobs.start(WHOLE, CALLER))
    assert job is not None
    closing = threading.Thread(target=world.jobs.close)
    closing.start()
    while not world.jobs._closing.is_set():  # noqa: SLF001 - what close() sets first
        time.sleep(0)
    held.set()
    closing.join(PATIENCE_S)
    world.wait()
    assert job.state == "failed"
    assert "the service is stopping" in job.error
    with pytest.raises(StoreError, match="the service is stopping"):
        world.jobs.start(WHOLE, CALLER)
    assert list(world.folder.iterdir()) == []


def test_a_period_that_ends_later_than_now_ends_now_and_waits_for_its_last_seals(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(world.log, "late")
    session.open()
    session.call(1)
    world.clock.us = world.log.now_us + 1
    world.jobs.settle_s = 7

    def wait(seconds: float) -> None:
        assert seconds == 7
        session.seal()

    monkeypatch.setattr(world.jobs._closing, "wait", wait)  # noqa: SLF001 - time passes there
    job = world.run()
    assert job.request.to_us == world.clock.us
    verified = verify_package(world.jobs.package(job).read_bytes(), world.log.policy())
    assert verified.exit_code == 0
    assert job.entries == world.log.store.size - 1  # the seal stands in the context

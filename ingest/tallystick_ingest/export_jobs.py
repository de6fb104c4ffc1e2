"""Exports with a report as jobs: one at a time, a few kept, gone after a day or with a restart.

A job works in a directory of its own below `exports/` in the data directory (0700). It is on record
(`access.export`) before anybody can fetch what it made; it ends early when the disk gets short, so that
records can still be written. Safe to use from several threads.
"""

import hashlib
import logging
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from tallystick.clock import Clock
from tallystick.errors import StoreError, TallystickError
from tallystick.profile import JsonValue
from tallystick_ingest.access_book import AccessBook
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.drafts import Access
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_store.checkpoints import LogSigner
from tallystick_store.evidence.export import (
    Appraiser,
    ExportRequest,
    check_request,
    export_report,
)
from tallystick_store.evidence.store_reader import StoreReader, written_from_one_file
from tallystick_store.store import Store

MAX_KEPT: Final = 10
KEPT_US: Final = 24 * 3600 * 1_000_000
MIN_FREE_BYTES: Final = 256 * 1024**2
"""What an export leaves free on the disk of the store: several minutes of records at full load."""
FOLDER: Final = "exports"
SETTLE_S: Final = 2.0
"""How long an export that ends now waits for the seals of the last records: emitters seal within 50 ms,
and what they send after the end of the period still vouches for what was received before it."""
_ID_BYTES: Final = 8
_PACKAGE: Final = "package.zip"
_STOP_S: Final = 10.0

_log = logging.getLogger("tallystick.exports")


class ExportBusyError(TallystickError):
    """Another export is running."""


class StoppedError(TallystickError):
    """The export was told to end."""


@dataclass(slots=True)
class Job:
    """One export; changed by its thread alone, but for `removed`."""

    id: str
    caller: Caller
    request: ExportRequest
    created_us: int
    state: Literal["running", "done", "failed"] = "running"
    stage: str = "records"
    done: int = 0
    total: int = 1
    error: str = ""
    bytes: int = 0
    sha256: str = ""
    entries: int = 0

    def shown(self) -> dict[str, Any]:
        """Return what people see of it."""
        return {
            "id": self.id,
            "by": self.caller.id,
            "by_name": self.caller.name,
            "created_us": self.created_us,
            "from_us": self.request.from_us,
            "to_us": self.request.to_us,
            "regime": self.request.regime,
            "has_card": bool(self.request.card.strip()),
            "state": self.state,
            "stage": self.stage,
            "done": self.done,
            "total": self.total,
            "error": self.error,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "entries": self.entries,
        }


class ExportJobs:
    """The exports of one service."""

    def __init__(self, store: Store, signer: LogSigner, accesses: AccessBook, clock: Clock) -> None:
        """Remove what an earlier run left behind."""
        self._store = store
        self._signer = signer
        self._accesses = accesses
        self._clock = clock
        self._folder = store.directory / FOLDER
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._thread: threading.Thread | None = None
        self._appraiser = Appraiser()
        self._closing = threading.Event()
        self._dropped = 0
        """How often values went, so that what is being written is written again."""
        self.settle_s = SETTLE_S
        self.free_bytes: Callable[[], int] = lambda: shutil.disk_usage(store.directory).free
        """How much room the disk of the store has."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, request: ExportRequest, caller: Caller) -> str:
        """Begin an export; return its id. A period that ends later than now ends now.

        Raises ConfigError for a request that makes no sense, ExportBusyError while another one runs, and
        StoreError where there is no room.
        """
        check_request(request)
        self._require_room()
        with self._lock:
            if self._closing.is_set():
                raise StoreError("the service is stopping: ask again when it runs")
            if any(job.state == "running" for job in self._jobs.values()):
                raise ExportBusyError("another export is running: wait until it is done")
            now_us = self._clock.now_us()
            ended = replace(request, to_us=min(request.to_us, now_us))
            job = Job(secrets.token_hex(_ID_BYTES), caller, ended, now_us)
            self._jobs[job.id] = job
            for old in list(self._jobs)[:-MAX_KEPT]:
                self._remove(old)
            self._thread = threading.Thread(
                target=self._run, args=(job,), name="export", daemon=True
            )
            self._thread.start()
        return job.id

    def list(self) -> list[dict[str, Any]]:
        """Return every export that is kept, the newest first."""
        self.sweep()
        with self._lock:
            return [job.shown() for job in reversed(self._jobs.values())]

    def get(self, export_id: str) -> Job | None:
        """Return one export; None where there is none."""
        self.sweep()
        return self._jobs.get(export_id)

    def package(self, job: Job) -> Path:
        """Return where the package of an export that is done stands."""
        return self._folder / job.id / _PACKAGE

    def sweep(self) -> None:
        """Remove what is older than a day."""
        oldest_us = self._clock.now_us() - KEPT_US
        with self._lock:
            for job in list(self._jobs.values()):
                if job.state != "running" and job.created_us < oldest_us:
                    self._remove(job.id)

    def drop(self) -> None:
        """Remove every package that is done, and write one that is being written again: values have gone."""
        with self._lock:
            self._dropped += 1
            for job in list(self._jobs.values()):
                if job.state == "done":
                    self._remove(job.id)

    def close(self) -> None:
        """End the export that runs, and wait for it."""
        with self._lock:
            self._closing.set()
            thread = self._thread
        self._appraiser.stop()
        if thread is not None:
            thread.join(_STOP_S)

    def _run(self, job: Job) -> None:
        place = self._folder / job.id
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            place.mkdir(mode=0o700)
            self._export(job, place)
        except (TallystickError, BusyError, OSError) as error:
            self._fail(job, _reason(error))
        except Exception:  # noqa: BLE001 - a job that died must not look like one that runs
            _log.exception("an export failed")
            self._fail(job, "the export failed; the service's log says where")
        finally:
            _tidy(place, keep=job.state == "done")

    def _export(self, job: Job, place: Path) -> None:
        if job.created_us - job.request.to_us < self.settle_s * 1_000_000:
            self._closing.wait(self.settle_s)
        while job.state == "running":
            dropped = self._dropped
            self._make(job, place)
            if dropped == self._dropped:
                self.record(job, "export")
            with self._lock:
                job.state = "done" if dropped == self._dropped else "running"

    def _make(self, job: Job, place: Path) -> None:
        package = place / _PACKAGE
        with package.open("wb") as out:
            manifest = written_from_one_file(out, lambda: self._write(job, place / "work", out))
        with package.open("rb") as file:
            job.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        job.bytes = package.stat().st_size
        job.entries = int(manifest["to_index"]) - int(manifest["from_index"])

    def _write(self, job: Job, work: Path, out: BinaryIO) -> dict[str, JsonValue]:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        return export_report(
            StoreReader(self._store, self._signer.key),
            job.request,
            self._signer,
            out,
            place=work,
            created_us=self._clock.now_us(),
            progress=lambda stage, done, total: self._tell(job, stage, done, total),
            appraise=self._appraiser,
        )

    def record(self, job: Job, target: str, caller: Caller | None = None) -> None:
        """Put on record that an export left, or is ready to leave. Raises BusyError."""
        query = {
            "from_us": job.request.from_us,
            "to_us": job.request.to_us,
            "regime": job.request.regime,
            "sha256": job.sha256,
        }
        self._accesses.record(
            Access("access.export", target, caller or job.caller, query, job.entries)
        )

    def _tell(self, job: Job, stage: str, done: int, total: int) -> None:
        """Take note of progress; raises what ends the work early."""
        if self._closing.is_set():
            raise StoppedError("the service is stopping: the export was not finished")
        self._require_room()
        job.stage, job.done, job.total = stage, done, max(1, total)

    def _require_room(self) -> None:
        free = self.free_bytes()
        if free < MIN_FREE_BYTES:
            raise StoreError(
                f"the disk of the store has {free >> 20} MiB left: expected {MIN_FREE_BYTES >> 20} MiB, "
                "which are kept for records; make room, then export again"
            )

    def _fail(self, job: Job, reason: str) -> None:
        job.error = reason
        job.state = "failed"

    def _remove(self, export_id: str) -> None:
        self._jobs.pop(export_id, None)
        shutil.rmtree(self._folder / export_id, ignore_errors=True)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"the export cannot be written: {error.strerror or 'the disk refuses'}"
    return str(error)


def _tidy(place: Path, *, keep: bool) -> None:
    """Leave the package alone, or nothing."""
    shutil.rmtree(place / "work" if keep else place, ignore_errors=True)

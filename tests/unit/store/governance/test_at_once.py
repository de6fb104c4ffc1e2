"""Backup, erasure, merging and the emptying of the journal at the same time: none stops another, none undoes one."""

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

import pytest

from tallystick.profile import encode
from tallystick_store.archive.archive import Archive
from tallystick_store.archive.part import Manifest
from tallystick_store.archive.subject_keys import SubjectKeys
from tallystick_store.blobs import BlobFiles, blob_digest
from tallystick_store.engine.rewrite import rewrite
from tallystick_store.governance import erasing
from tallystick_store.governance.backup import read_backup, restore_blobs, take_backup
from tallystick_store.governance.subjects import subjects_of
from tallystick_store.rows import EventRow
from tallystick_store.store import Store
from tests.erasable import ADA
from tests.patience import PATIENCE_S
from tests.stores import ORIGIN, START_US, subject_keys, write
from tests.unit.store.governance.world import World, values_in_archive

TEN_DAYS_US = 10 * 24 * 3600 * 1_000_000


class WatchedLock:
    """A lock that says when somebody has to wait for it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.has_waited = threading.Event()

    def __enter__(self) -> Self:
        if not self._lock.acquire(blocking=False):
            self.has_waited.set()
            self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def watch(store: Store, monkeypatch: pytest.MonkeyPatch) -> WatchedLock:
    """Have the archive of a store behind a watched lock."""
    lock = WatchedLock()
    monkeypatch.setattr(archive_of(store), "writing", lock)
    monkeypatch.setattr(store.archiver, "writing", lock)
    return lock


def archive_of(store: Store) -> Archive:
    archive = store.archiver.archive
    assert archive is not None
    return archive


def behind(call: Callable[[], Any]) -> Future[Any]:
    """Run something in a thread that ends with the test at the latest."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "data")
    yield made
    made.close()


def backed_up(world: World) -> Path:
    target = world.directory.with_name("backup")
    take_backup(world.store, target, START_US)
    return target


def test_a_backup_that_meets_the_emptying_of_the_journal_ends_and_so_does_that(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.store
    begun: list[Future[Any]] = []
    lock = watch(store, monkeypatch)
    run_now, leave = store.archiver.run_now, store._segments.leave  # noqa: SLF001 - a moment in its midst

    def run_for_backup(**settings: bool) -> None:
        if begun:
            lock.has_waited.set()  # as far as a backup comes that holds the archive
        run_now(**settings)

    def leave_late() -> None:
        if not begun:
            begun.append(behind(lambda: backed_up(world)))
            assert lock.has_waited.wait(PATIENCE_S)
        leave()

    monkeypatch.setattr(store.archiver, "run_now", run_for_backup)
    monkeypatch.setattr(store._segments, "leave", leave_late)  # noqa: SLF001 - as above
    behind(store.trim_journal).result(PATIENCE_S)
    assert read_backup(begun[0].result(PATIENCE_S)).size == store.size


def test_commits_go_on_while_an_erasure_waits_for_a_backup(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, erasure = world.store, world.erasure(principal=ADA)
    begun: list[Future[Any]] = []
    lock, copytree = watch(store, monkeypatch), shutil.copytree

    def copy_late(source: Path, target: Path) -> Path:
        monkeypatch.setattr(shutil, "copytree", copytree)
        begun.append(behind(lambda: erasing.carry_out(store, erasure)))
        assert lock.has_waited.wait(PATIENCE_S)
        behind(lambda: write(store, [world.shared.call(9)])).result(PATIENCE_S)
        return copytree(source, target)

    monkeypatch.setattr(shutil, "copytree", copy_late)
    assert read_backup(backed_up(world)).size == erasure.log_index
    assert begun[0].result(PATIENCE_S).keys == 3
    assert store.size == erasure.log_index + 1


def test_a_merge_during_an_erasure_brings_nothing_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.store
    store.trim_journal()
    write(store, [world.shared.call(9)])
    store.trim_journal()
    archive, lock = archive_of(store), watch(store, monkeypatch)
    is_destroyed = threading.Event()
    merges: list[Future[Any]] = []
    write_part, destroy = archive._write, archive.keys.destroy  # noqa: SLF001 - between reading and writing

    def write_late(*part: Any) -> Manifest:
        lock.has_waited.set()
        assert is_destroyed.wait(PATIENCE_S)
        return write_part(*part)

    def subjects_late(*asked: Any) -> Any:
        merge = store.archiver.merge_closed_days
        merges.append(behind(lambda: merge(START_US + TEN_DAYS_US)))
        assert lock.has_waited.wait(PATIENCE_S)
        return subjects_of(*asked)

    def destroy_and_say(subjects: Any) -> int:
        count = destroy(subjects)
        is_destroyed.set()
        return count

    monkeypatch.setattr(archive, "_write", write_late)
    monkeypatch.setattr(erasing, "subjects_of", subjects_late)
    monkeypatch.setattr(archive.keys, "destroy", destroy_and_say)
    assert world.erase(principal=ADA).keys == 3
    merges[0].result(PATIENCE_S)
    assert len(archive.parts) == 1
    world.close()
    archived = values_in_archive(world.directory)
    assert "ada-" not in archived
    assert "bob-params" in archived


def backed_up_before_the_rewriting(
    world: World, monkeypatch: pytest.MonkeyPatch, **wanted: str
) -> int:
    """Take a backup in the midst of an erasure; return how many large values today's keys open in it."""
    backups: list[Path] = []

    def rewrite_late(*settings: Any) -> None:
        backups.append(backed_up(world))
        rewrite(*settings)

    monkeypatch.setattr(erasing, "rewrite", rewrite_late)
    world.erase(**wanted)
    assert read_backup(backups[0]).blobs_left == 0
    keys, blobs = SubjectKeys(subject_keys(world.directory)), world.directory.with_name("blobs")
    return restore_blobs(backups[0], BlobFiles(blobs), keys, ORIGIN)


def test_a_backup_during_an_erasure_holds_no_large_value_of_the_erased(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert backed_up_before_the_rewriting(world, monkeypatch, principal=ADA) == 0


def test_a_backup_during_an_erasure_holds_no_large_value_of_one_record_under_the_key_of_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, content = world.store, b'"another large value"'
    store.blobs.put(blob_digest(content), content)
    said = encode({"digest": f"sha256:{blob_digest(content)}"}).decode()
    record = world.shared.record(disclosures={"result.blob": said}, principal__ref=ADA)
    write(store, [EventRow(record)])
    wanted = {"log_index": str(store.size - 1)}
    assert backed_up_before_the_rewriting(world, monkeypatch, **wanted) == 1, "of the other records"

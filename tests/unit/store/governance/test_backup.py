"""Backup and restore: the same log, nothing in clear, no fork, and nothing that was erased since."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.errors import StoreError
from tallystick_store.blobs import blob_digest
from tallystick_store.governance.backup import read_backup, take_backup
from tallystick_store.governance.erasing import carry_out
from tallystick_store.governance.ledger import LEDGER_NAME
from tallystick_store.governance.restore import NOTHING, ForkError, Known, Restoring, restore
from tallystick_store.opening import DATABASE_NAME, EVIDENCE_NAME
from tallystick_store.snapshot import take_snapshot
from tests.erasable import ADA, BLOB
from tests.files import bytes_of
from tests.requirements import requirement
from tests.stores import (
    LOG,
    START_US,
    damage,
    open_archived,
    rows_of,
    subject_keys,
    verify_data,
    write,
)
from tests.unit.store.governance.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "data")
    yield made
    made.close()


def backed_up(world: World, name: str = "backup") -> Path:
    target = world.directory.with_name(name)
    take_backup(world.store, target, START_US)
    return target


def restored(
    world: World, backup: Path, known: Known = NOTHING, *, as_evidence: bool = False
) -> Restoring:
    target = world.directory.with_name("restored")
    if not subject_keys(target).exists():
        shutil.copytree(subject_keys(world.directory).parent, subject_keys(target).parent)
    return restore(backup, target, LOG.key, subject_keys(target), known, as_evidence=as_evidence)


@requirement("backup.restore")
def test_a_restored_backup_is_the_same_log_and_goes_on(world: World) -> None:
    backup = backed_up(world)
    world.close()
    made = restored(world, backup)
    target = world.directory.with_name("restored")
    assert rows_of(target) == rows_of(world.directory)
    assert (made.blobs, made.erasures, made.fork, made.database.lost) == (1, 0, None, ())
    store = open_archived(target)
    assert b"".join(store.blobs.blocks(blob_digest(BLOB)) or ()) == BLOB
    write(store, [world.shared.call(9), world.shared.seal()])
    store.publisher.publish_now()
    assert store.signing_stopped is None
    store.close()
    report = verify_data(target)
    assert report.exit_code == 0, report.text


@requirement("backup.restore")
def test_no_value_stands_in_a_backup_in_clear(world: World) -> None:
    everything = bytes_of(backed_up(world))
    for value in (b"ada-", b"bob-", b"the large value"):
        assert value not in everything, value


@requirement("backup.fork")
def test_a_log_that_went_on_does_not_go_on_from_a_backup(world: World) -> None:
    backup = backed_up(world)
    write(world.store, [world.shared.call(9), world.shared.seal()])
    newest = world.store.publisher.publish_now()
    assert newest is not None
    known = Known((newest.note,))
    with pytest.raises(ForkError, match="states 13 entries and the backup holds 11"):
        restored(world, backup, known)
    assert not world.directory.with_name("restored").exists()
    made = restored(world, backup, known, as_evidence=True)
    assert made.fork is not None
    store = open_archived(world.directory.with_name("restored"))
    assert "a signed checkpoint states 13 entries" in str(store.signing_stopped)
    store.close()


@requirement("backup.fork")
def test_what_is_restored_as_evidence_is_never_signed_whatever_is_known(world: World) -> None:
    made = restored(world, backed_up(world), as_evidence=True)
    assert "restored as evidence" in str(made.fork)
    for _ in range(2):
        store = open_archived(world.directory.with_name("restored"))
        assert (store.evidence, store.signing_stopped) == (made.fork, made.fork)
        store.close()


@requirement("backup.fork")
@pytest.mark.parametrize("is_fork", [True, False])
def test_a_backup_of_evidence_is_evidence_however_often_it_is_restored(
    world: World, *, is_fork: bool
) -> None:
    backup, known = backed_up(world), NOTHING
    if is_fork:
        write(world.store, [world.shared.call(9), world.shared.seal()])
        newest = world.store.publisher.publish_now()
        known = Known(() if newest is None else (newest.note,))
    why = restored(world, backup, known, as_evidence=True).fork
    for place in ("restored", "again"):
        directory = world.directory.with_name(place)
        store = open_archived(directory)
        assert (store.evidence is not None, store.signing_stopped is not None) == (True, True)
        target = world.directory.with_name(f"backup of {place}")
        take_backup(store, target, START_US)
        snapshot = world.directory.with_name(f"snapshot of {place}")
        take_snapshot(store, snapshot)
        store.close()
        assert (snapshot / EVIDENCE_NAME).read_text() == f"{why}\n"
        into = world.directory.with_name("again" if place == "restored" else "once more")
        shutil.copytree(subject_keys(directory).parent, subject_keys(into).parent)
        with pytest.raises(ForkError, match="restore it as evidence"):
            restore(target, into, LOG.key, subject_keys(into))
        assert not into.exists()
        assert restore(target, into, LOG.key, subject_keys(into), as_evidence=True).fork == why


@requirement("backup.fork")
def test_a_later_erasure_proves_that_the_log_went_on(world: World) -> None:
    backup = backed_up(world)
    write(world.store, [world.shared.call(9), world.shared.seal()])
    carry_out(world.store, world.erasure(principal=ADA))
    known = Known(ledgers=(world.directory / LEDGER_NAME,))
    with pytest.raises(ForkError, match="an erasure was decided at entry 13"):
        restored(world, backup, known)


@requirement("backup.erased")
@pytest.mark.parametrize("keys", ["newest", "older"])
def test_what_was_erased_since_does_not_come_back(world: World, keys: str) -> None:
    target = world.directory.with_name("restored")
    backup = backed_up(world)
    if keys == "older":
        shutil.copytree(subject_keys(world.directory).parent, subject_keys(target).parent)
    erasure = world.erasure(principal=ADA)
    decided_before = type(erasure)(erasure.request, 10, erasure.values, erasure.blobs)
    carry_out(world.store, decided_before)
    made = restored(world, backup, Known(ledgers=(world.directory / LEDGER_NAME,)))
    assert (made.erasures, made.database.lost) == (1, ())
    rows = rows_of(target)
    assert "ada-" not in repr(rows)
    assert "bob-id" in repr(rows)
    store = open_archived(target)
    [open_one] = store.ledger.unfinished
    carry_out(store, open_one)
    assert store.ledger.unfinished == ()
    store.close()
    everything = bytes_of(target)
    assert b"ada-" not in everything
    assert b"the large value" not in everything


@pytest.mark.parametrize("path", ["archive", "blobs", LEDGER_NAME, "checkpoint"])
@pytest.mark.parametrize("change", ["edited", "missing"])
def test_a_damaged_backup_is_named_and_nothing_is_restored(
    world: World, path: str, change: str
) -> None:
    backup = backed_up(world)
    found = backup / path
    (backup / LEDGER_NAME).write_bytes((backup / LEDGER_NAME).read_bytes())
    file = min(one for one in found.rglob("*") if one.is_file()) if found.is_dir() else found
    if file.stat().st_size < 10:
        file.write_bytes(b"x" * 20)
    else:
        damage(file, change)
    with pytest.raises(StoreError, match=str(file)):
        restored(world, backup)
    assert not world.directory.with_name("restored").exists()


def test_a_backup_of_another_log_and_a_directory_in_use_are_refused(world: World) -> None:
    backup = backed_up(world)
    listed = backup / "backup.json"
    listed.write_text(listed.read_text().replace("log.example/tenant", "log.example/other"))
    with pytest.raises(StoreError, match=r"is of the log log\.example/other"):
        restored(world, backup)
    with pytest.raises(StoreError, match="is not empty"):
        restore(backup, world.directory, LOG.key, subject_keys(world.directory))
    with pytest.raises(StoreError, match="exists"):
        take_backup(world.store, backup, START_US)


def test_a_backup_says_what_it_holds(world: World) -> None:
    made = read_backup(backed_up(world))
    assert (made.size, made.origin, made.blobs_left, made.created_us) == (11, LOG.name, 0, START_US)
    assert not any(DATABASE_NAME in name for name in made.files)


@pytest.mark.parametrize("kind", ["backup", "restored", "snapshot"])
def test_everything_is_on_disk_before_a_directory_has_its_name(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    backup, place = backed_up(world, "earlier"), world.directory.with_name(kind)
    sync, replace = os.fsync, Path.replace
    synced: set[int] = set()
    lacking: list[Path] = []

    def note(descriptor: int) -> None:
        synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    def look(path: Path, target: Path) -> Path:
        if target == place:
            found = (path, *path.rglob("*"))
            lacking.extend(one for one in found if one.stat().st_ino not in synced)
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "replace", look)
    if kind == "backup":
        backed_up(world)
    elif kind == "restored":
        restored(world, backup)
    else:
        take_snapshot(world.store, place)
    assert any(place.iterdir())
    assert lacking == []

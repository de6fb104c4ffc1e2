"""A rebuilt database: the same rows and the same tree as the one that was lost, or none at all."""

import resource
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tallystick.errors import StoreError
from tallystick.tlog.note import VerifierKey
from tallystick_store.archive import database as database_module
from tallystick_store.archive.archive import ARCHIVE_FOLDER
from tallystick_store.archive.database import Rebuilding, rebuild_database
from tallystick_store.archive.subject_keys import Subject, SubjectKeys
from tallystick_store.engine.duckdb import Database, log_of
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.schema import EVENTS
from tests.requirements import requirement
from tests.stores import (
    LOG,
    Emitter,
    damage,
    edit,
    open_archived,
    rows_of,
    subject_keys,
    verify_data,
    write,
)
from tests.unit.store.archive.test_archive import fill


def rebuilt(directory: Path) -> Rebuilding:
    return rebuild_database(directory, LOG.key, subject_keys(directory))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A stopped store of several parts and checkpoints, closed in order."""
    directory, emitter = tmp_path / "data", Emitter()
    store = open_archived(directory)
    fill(store, emitter)
    store.publisher.publish_now()
    store.trim_journal()
    write(store, [emitter.call(8), emitter.seal()])
    store.publisher.publish_now()
    store.close()
    return directory


@requirement("store.archive")
@pytest.mark.parametrize("lost", ["missing", "edited", "cut"])
def test_every_table_is_what_it_was(data: Path, lost: str) -> None:
    before, head = rows_of(data), (data / "log/checkpoint").read_bytes()
    place = data / DATABASE_NAME
    if lost == "missing":
        place.unlink()
    elif lost == "edited":
        edit(data, "UPDATE events SET tool_name = 'other', disclosures = NULL")
    else:
        place.write_bytes(place.read_bytes()[:4096])
    result = rebuilt(data)
    assert rows_of(data) == before
    assert (result.size, result.lost, result.notices) == (12, (), ())
    assert (result.replaced is None) == (lost == "missing")
    store = open_archived(data)
    assert store.signing_stopped is None
    assert store.notices == ()
    store.close()
    assert (data / "log/checkpoint").read_bytes() == head
    report = verify_data(data)
    assert report.exit_code == 0, str(report)


def test_what_stands_in_the_journal_alone_is_rebuilt_too(tmp_path: Path) -> None:
    data, emitter = tmp_path / "data", Emitter()
    store = open_archived(data)
    fill(store, emitter)
    store.trim_journal()
    write(store, [emitter.call(8), emitter.seal()])
    store.publisher.publish_now()
    killed = Path(shutil.copytree(data, tmp_path / "killed"))
    shutil.copytree(subject_keys(data).parent, subject_keys(killed).parent)
    store.close()
    (killed / DATABASE_NAME).unlink()
    (killed / f"{DATABASE_NAME}.wal").unlink(missing_ok=True)
    result = rebuilt(killed)
    assert (result.size, result.groups) == (12, 1)
    assert rows_of(killed) == rows_of(data)


def test_a_disk_that_is_full_at_the_last_checkpoint_leaves_the_old_database(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, (soft, hard) = rows_of(data), resource.getrlimit(resource.RLIMIT_FSIZE)
    hold_against = database_module._hold_against  # noqa: SLF001 - the last step before it

    def fill_disk(directory: Path, database: Database, key: VerifierKey) -> Any:
        held = hold_against(directory, database, key)
        resource.setrlimit(resource.RLIMIT_FSIZE, (database.path.stat().st_size, hard))
        return held

    monkeypatch.setattr(database_module, "_hold_against", fill_disk)
    try:
        with pytest.raises(StoreError, match="File too large"):
            rebuilt(data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert databases_in(data) == [DATABASE_NAME]
    assert rows_of(data) == before


def test_a_log_that_stays_beside_the_new_file_is_no_database(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = Database.close

    def close_without_checkpoint(database: Database) -> None:
        close(database)
        log_of(database.path).write_bytes(b"what was not folded in")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "close", close_without_checkpoint)
        with pytest.raises(StoreError, match="was not finished: its log is still there"):
            rebuilt(data)
    assert databases_in(data) == [DATABASE_NAME]


def test_the_log_of_the_old_database_goes_with_it(data: Path) -> None:
    log = log_of(data / DATABASE_NAME)
    log.write_bytes(b"the rest of a damaged database")
    result = rebuilt(data)
    assert result.replaced is not None
    assert log_of(result.replaced).read_bytes() == b"the rest of a damaged database"
    assert databases_in(data) == [
        DATABASE_NAME,
        result.replaced.name,
        log_of(result.replaced).name,
    ]
    (data / DATABASE_NAME).rename(result.replaced)
    log.write_bytes(b"the rest of a database that is gone")
    assert rebuilt(data).replaced is None
    assert not log.exists()


def test_a_kill_before_the_old_log_went_is_said_and_done_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of(data)
    with duckdb.connect(str(data / DATABASE_NAME)) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("CREATE TABLE left_in_the_log (value BIGINT)")
    log = log_of(data / DATABASE_NAME)
    replace = Path.replace

    def die(path: Path, target: Path) -> Path:
        if path == log:
            raise KeyboardInterrupt
        return replace(path, target)

    assert log.exists()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            rebuilt(data)
    with pytest.raises(StoreError, match="does not open"):
        open_archived(data)
    rebuilt(data)
    assert rows_of(data) == before


def databases_in(directory: Path) -> list[str]:
    return sorted(one.name for one in directory.iterdir() if one.name.startswith(DATABASE_NAME))


def test_a_damaged_part_is_named_and_the_old_database_stays(data: Path) -> None:
    before = rows_of(data)
    path = min((data / ARCHIVE_FOLDER).rglob("events.parquet"))
    damage(path, "edited")
    with pytest.raises(StoreError, match=r"events\.parquet was changed"):
        rebuilt(data)
    assert rows_of(data) == before
    assert databases_in(data) == [DATABASE_NAME]


def test_a_missing_part_is_a_hole_and_nothing_is_guessed(data: Path) -> None:
    first = min((data / ARCHIVE_FOLDER).iterdir())
    shutil.rmtree(first)
    with pytest.raises(StoreError, match="expected a part that begins with group 1"):
        rebuilt(data)


def test_an_archive_that_ends_too_early_contradicts_the_checkpoint(data: Path) -> None:
    last = max((data / ARCHIVE_FOLDER).iterdir())
    shutil.rmtree(last)
    with pytest.raises(StoreError, match="is not this log: a signed checkpoint states 12 entries"):
        rebuilt(data)


def test_values_whose_keys_are_gone_are_counted(data: Path) -> None:
    at, session = map(EVENTS.column_names.index, ("log_index", "session"))
    [whose] = [str(row[session]) for row in rows_of(data)["events"] if row[at] == 3]
    assert SubjectKeys(subject_keys(data)).destroy([Subject(f"{1:032x}", whose)]) == 1
    result = rebuilt(data)
    assert result.lost == (3,)
    store = open_archived(data)
    assert store.signing_stopped is None
    store.close()

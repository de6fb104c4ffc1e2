"""A rebuilt database: the same rows and the same tree as the one that was lost, or none at all."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from tallystick.errors import StoreError
from tallystick_store.archive.archive import ARCHIVE_FOLDER
from tallystick_store.archive.database import Rebuilding, rebuild_database
from tallystick_store.opening import DATABASE_NAME
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


def test_a_damaged_part_is_named_and_the_old_database_stays(data: Path) -> None:
    before = rows_of(data)
    path = min((data / ARCHIVE_FOLDER).rglob("events.parquet"))
    damage(path, "edited")
    with pytest.raises(StoreError, match=r"events\.parquet was changed"):
        rebuilt(data)
    assert rows_of(data) == before
    assert sorted(one.name for one in data.iterdir() if one.name.startswith(DATABASE_NAME)) == [
        DATABASE_NAME
    ]


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
    with sqlite3.connect(subject_keys(data)) as keys:
        keys.execute("DELETE FROM keys WHERE principal = ?", (f"{1:032x}",))
    result = rebuilt(data)
    assert result.lost == (3,)
    store = open_archived(data)
    assert store.signing_stopped is None
    store.close()

"""Formats of the database: another version's file is left alone, and an older one is made anew beside it."""

import hashlib
from pathlib import Path

import duckdb
import pytest

from tallystick.errors import StoreError
from tallystick_store.archive.database import rebuild_database
from tallystick_store.format import KNOWN, FormatError, require_format
from tallystick_store.opening import DATABASE_NAME
from tests.requirements import requirement
from tests.stores import (
    LOG,
    Emitter,
    edit,
    open_archived,
    rows_of,
    subject_keys,
    verify_data,
    write,
)

pytestmark = requirement("store.format")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A stopped store of this version, closed in order."""
    directory, emitter = tmp_path / "data", Emitter()
    store = open_archived(directory)
    write(store, [emitter.opened(), *(emitter.call(number) for number in range(3)), emitter.seal()])
    store.publisher.publish_now()
    store.trim_journal()
    store.close()
    return directory


def written_by(data: Path, version: int) -> str:
    """Make the database one of another version, which had a table less; return its digest."""
    edit(data, f"UPDATE meta SET value = '{version}' WHERE key = 'schema'; DROP TABLE checkpoints")  # noqa: S608
    return digest(data)


def digest(data: Path) -> str:
    return hashlib.sha256((data / DATABASE_NAME).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (KNOWN + 1, "written by a newer version: format .* nothing was changed"),
        (KNOWN - 1, "written by an older version: format .*run `tallystick rebuild`"),
    ],
)
def test_another_versions_file_is_left_alone(data: Path, version: int, said: str) -> None:
    before = written_by(data, version)
    for _ in range(2):
        with pytest.raises(FormatError, match=said):
            open_archived(data)
    assert digest(data) == before
    with duckdb.connect(str(data / DATABASE_NAME), read_only=True) as connection:
        found = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    assert ("checkpoints",) not in found


def test_an_older_file_is_made_anew_and_kept(data: Path) -> None:
    before, head = rows_of(data), (data / "log" / "checkpoint").read_bytes()
    old = written_by(data, KNOWN - 1)
    made = rebuild_database(data, LOG.key, subject_keys(data))
    assert made.replaced is not None
    assert hashlib.sha256(made.replaced.read_bytes()).hexdigest() == old
    assert rows_of(data) == before
    store = open_archived(data)
    assert (store.signing_stopped, store.notices) == (None, ())
    store.close()
    assert (data / "log" / "checkpoint").read_bytes() == head
    assert verify_data(data).exit_code == 0


@pytest.mark.parametrize("found", ["", "x", "-1", "1.0", "\u0661", "9" * 40])
def test_what_is_no_format_is_refused(found: str) -> None:
    with pytest.raises(StoreError, match="states no format"):
        require_format(found)


def test_this_versions_own_format_is_known(data: Path) -> None:
    require_format(str(KNOWN))
    open_archived(data).close()

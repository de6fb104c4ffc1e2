"""What the journal lost is archived from the database: all of it, in parts that fit into memory."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import StoreError
from tallystick_store.archive.archive import ARCHIVE_FOLDER, Archive
from tallystick_store.archive.database import rebuild_database
from tallystick_store.rows import EventRow, Merge, Tombstones
from tallystick_store.store import Store
from tallystick_store.tombstones import make_tombstones
from tests.stores import (
    LOG,
    Emitter,
    edit,
    open_archived,
    open_store,
    rows_of,
    subject_keys,
    write,
)
from tests.unit.store.archive.test_archive import archive_of, fill

MODULE = "tallystick_store.archive.from_database"
DELETED = (3, 4)
"""Two calls, at the end of a stretch of five entries and at its last but one."""


def bury(store: Store, *indexes: int) -> None:
    """Write the tombstones of some events, authorised by an entry that is archived by then."""
    table = make_tombstones(store.database, indexes, [], authorised_by=1)
    write(store, [Tombstones(table)])


def unarchived(directory: Path) -> None:
    """Leave a stopped store that has no archive, and of which two entries are deleted."""
    store = open_store(directory)
    fill(store, Emitter())
    bury(store, *DELETED)
    store.close()
    edit(directory, f"DELETE FROM events WHERE log_index IN {DELETED}")  # noqa: S608 - two numbers


def spans_of(directory: Path) -> list[tuple[int, int, int, int]]:
    return [
        (part.first_group, part.last_group, part.first_entry, part.end_entry)
        for part in archive_of(directory).parts
    ]


def require_same_when_rebuilt(directory: Path) -> None:
    before = rows_of(directory)
    made = rebuild_database(directory, LOG.key, subject_keys(directory))
    assert made.lost == ()
    after = rows_of(directory)
    assert {name: sorted(map(repr, rows)) for name, rows in after.items()} == {
        name: sorted(map(repr, rows)) for name, rows in before.items()
    }


@pytest.mark.parametrize(
    ("entries", "size_bytes", "expected"),
    [
        (1000, 1 << 20, [(1, 5, 0, 10)]),
        (5, 1 << 20, [(1, 1, 0, 5), (2, 5, 5, 10)]),
        (4, 1 << 20, [(1, 1, 0, 4), (2, 2, 4, 8), (3, 5, 8, 10)]),
        (1000, 1, [(1, 1, 0, 1), (2, 2, 1, 2), (3, 3, 2, 3), (4, 4, 3, 5), (5, 5, 5, 10)]),
    ],
    ids=["at-once", "by-entries", "by-fewer-entries", "by-bytes-until-the-last-number"],
)
def test_a_long_log_becomes_several_parts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entries: int,
    size_bytes: int,
    expected: list[tuple[int, int, int, int]],
) -> None:
    monkeypatch.setattr(f"{MODULE}.STRETCH_ENTRIES", entries)
    monkeypatch.setattr(f"{MODULE}.STRETCH_BYTES", size_bytes)
    data = tmp_path / "data"
    unarchived(data)
    store = open_archived(data)
    [notice] = store.notices
    assert "the groups 1 to 5 were not in the journal" in notice
    store.close()
    assert spans_of(data) == expected
    require_same_when_rebuilt(data)


def test_what_was_cut_short_goes_on_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.STRETCH_ENTRIES", 3)
    data, append = tmp_path / "data", Archive.append
    unarchived(data)

    def append_two(self: Archive, *rows: Any, **settings: Any) -> None:
        if len(self.parts) == 2:
            raise StoreError("the archive cannot be written: No space left on device")
        append(self, *rows, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "append", append_two)
        with pytest.raises(StoreError, match="No space left"):
            open_archived(data)
    store = open_archived(data)
    assert "the groups 3 to 5 were not in the journal" in store.notices[0]
    store.close()
    assert [span[2:] for span in spans_of(data)] == [(0, 3), (3, 6), (6, 9), (9, 10)]
    require_same_when_rebuilt(data)


@pytest.mark.parametrize("lost", [1, 2])
def test_what_was_said_later_of_archived_entries_is_archived_again(
    tmp_path: Path, lost: int
) -> None:
    data, emitter = tmp_path / "data", Emitter()
    store = open_archived(data)
    late = emitter.call(1).record
    write(store, [EventRow(late._replace(disclosures=late.disclosures[:1])), emitter.call(2)])
    store.trim_journal()
    bury(store, 0)
    store.trim_journal()
    write(store, [Merge(0, (late.disclosures[1].line,)), emitter.call(3)])
    bury(store, 1)
    store.close()
    for path in sorted((data / ARCHIVE_FOLDER).iterdir())[-lost:]:
        shutil.rmtree(path)
    again = open_archived(data)
    assert "were not in the journal" in again.notices[0]
    again.close()
    require_same_when_rebuilt(data)

"""The archive: everything that was accepted is in it, erasable values under keys alone."""

import hashlib
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tallystick.errors import StoreError
from tallystick_store.archive.archive import ARCHIVE_FOLDER, CLOSED_AFTER_US, Archive
from tallystick_store.archive.part import read_tables
from tallystick_store.archive.subject_keys import Subject, SubjectKeys
from tallystick_store.archive.values import open_values
from tallystick_store.journal.contents import Tables
from tallystick_store.journal.segments import segment_files
from tallystick_store.rows import EventRow, Merge
from tallystick_store.schema import EVENTS
from tallystick_store.store import Store
from tests.files import bytes_of
from tests.stores import (
    ORIGIN,
    START_US,
    Clock,
    Emitter,
    open_archived,
    open_store,
    spans,
    subject_keys,
    write,
)

DAY_US = 24 * 3600 * 1_000_000


def fill(store: Store, emitter: Emitter, calls: int = 3) -> None:
    """Commit 10 entries: a session, calls with and without a person, spans, and a line that came late."""
    write(store, [emitter.opened(), emitter.seal()])
    write(store, [emitter.call(number, principal__ref=f"{number:032x}") for number in range(calls)])
    late = emitter.call(7).record
    write(
        store,
        [
            EventRow(late._replace(disclosures=late.disclosures[:1])),
            emitter.call(8),
            emitter.seal(),
        ],
    )
    write(store, [Merge(calls + 2, (late.disclosures[1].line,)), spans(1, 2), spans(3)])


def archive_of(directory: Path) -> Archive:
    return Archive(directory / ARCHIVE_FOLDER, ORIGIN, SubjectKeys(subject_keys(directory)))


def test_what_the_journal_held_is_archived_when_it_is_emptied(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = open_archived(data)
    fill(store, Emitter())
    store.trim_journal()
    assert segment_files(data / "journal") == []
    archive = archive_of(data)
    assert (archive.size, archive.last_group) == (store.size, 4)
    assert [part.name for part in archive.parts] == ["000000000001-000000000004"]
    store.close()


def test_no_value_stands_in_the_archive_in_clear(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = open_archived(data)
    fill(store, Emitter())
    store.close()
    everything = bytes_of(data / ARCHIVE_FOLDER)
    assert b"person-" not in everything
    assert b"span 1" not in everything
    assert b"lookup" in everything, "statements are kept in clear"


def test_each_person_in_each_session_and_each_trace_has_a_key(tmp_path: Path) -> None:
    data, emitter = tmp_path / "data", Emitter()
    store = open_archived(data)
    fill(store, emitter)
    store.close()
    archive = archive_of(data)
    [part] = archive.parts
    rows = read_tables(archive.folder / part.name, part)["values"].to_pylist()
    found = {Subject(row["principal"], row["context"]) for row in rows}
    assert found == {
        *(Subject(f"{number:032x}", emitter.session) for number in range(3)),
        Subject("", emitter.session),
        Subject("", "ab" * 16),
    }
    assert len({row["key_id"] for row in rows}) == len(rows)
    assert stat.S_IMODE(subject_keys(data).stat().st_mode) == 0o600


def test_a_start_archives_what_a_killed_service_left_in_the_journal(tmp_path: Path) -> None:
    data, emitter = tmp_path / "data", Emitter()
    store = open_archived(data)
    write(store, [emitter.opened(), emitter.seal()])
    store.trim_journal()
    write(store, [emitter.call(1)])
    store.database.rows("SELECT 1")
    store.publisher.close()
    store._follower.close()  # noqa: SLF001 - as far as a kill lets it come
    store.database.close()
    store._lock.release()  # noqa: SLF001 - as the end of the process does
    again = open_archived(data)
    assert again.notices == ()
    write(again, [emitter.call(2)])
    again.trim_journal()
    assert segment_files(data / "journal") == []
    assert archive_of(data).size == again.size == 4
    again.close()
    third = open_archived(data)
    assert (third.notices, third.size) == ((), 4)
    third.close()


def test_what_the_journal_lost_is_archived_from_the_database(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = open_store(data)
    fill(store, Emitter())
    store.close()
    again = open_archived(data)
    [notice] = again.notices
    assert "the groups 1 to 4 were not in the journal" in notice
    assert archive_of(data).size == again.size
    again.close()
    third = open_archived(data)
    assert third.notices == ()
    third.close()


def test_parts_of_a_day_that_is_over_become_one(tmp_path: Path) -> None:
    data, emitter, clock = tmp_path / "data", Emitter(), Clock()
    store = open_archived(data)
    for day in range(2):
        clock.now_us = START_US + day * DAY_US
        for number in range(3):
            call = emitter.call(number) if day or number else emitter.opened()
            write(store, [call], clock=clock)
            store.trim_journal()
    before = [part.name for part in archive_of(data).parts]
    store.archiver.merge_closed_days(START_US + DAY_US)
    after = archive_of(data).parts
    assert len(before) == 6
    assert [(part.first_group, part.last_group) for part in after] == [
        (1, 3),
        (4, 4),
        (5, 5),
        (6, 6),
    ]
    store.archiver.merge_closed_days(START_US + 2 * DAY_US + CLOSED_AFTER_US)
    assert [part.name for part in archive_of(data).parts] == [
        "000000000001-000000000003",
        "000000000004-000000000006",
    ]
    write(store, [emitter.call(9)], clock=clock)
    store.close()
    assert archive_of(data).size == 7
    assert sum(_rows(archive_of(data))) == 7


@pytest.mark.parametrize("how", ["merge", "drop", "rewrite"])
def test_parts_that_are_written_again_make_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    data, emitter = tmp_path / "data", Emitter()
    store, erased = open_archived(data), Subject(f"{1:032x}", emitter.session)
    fill(store, emitter)
    store.trim_journal()
    write(store, [emitter.call(2, principal__ref=f"{1:032x}")])
    store.close()
    archive, opened = archive_of(data), open_values

    def destroy_behind(*block: Any) -> Any:
        values = opened(*block)
        archive.keys.destroy([erased])
        return values

    monkeypatch.setattr("tallystick_store.archive.archive.open_values", destroy_behind)
    if how == "merge":
        archive.merge_closed_days(START_US + 2 * DAY_US)
    elif how == "drop":
        archive.drop([2])
    else:
        archive.rewrite_parts(frozenset([erased]), lambda owned: owned[1].log_index != 2)
    assert archive.keys.keys_of([erased]) == {}
    rows = [
        row for part in archive.parts for one in archive.read(part).tables for row in _calls(one)
    ]
    assert {row["log_index"] for row in rows if row["disclosures"] is None} >= {3, store.size - 1}


def _calls(tables: Tables) -> list[dict[str, Any]]:
    events = tables.get(EVENTS.name, pa.table({})).to_pylist()
    return [row for row in events if row["type"] == "tool.completed"]


def _rows(archive: Archive) -> list[int]:
    read = [archive.read(part) for part in archive.parts]
    return [len(one.get(EVENTS.name, pa.table({}))) for part in read for one in part.tables]


def test_a_file_that_was_changed_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = open_archived(data)
    fill(store, Emitter())
    store.close()
    (path,) = (data / ARCHIVE_FOLDER).rglob("events.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    archive = archive_of(data)
    with pytest.raises(StoreError, match=r"events\.parquet was changed: expected SHA-256"):
        archive.read(archive.parts[0])


def test_a_block_stands_for_its_own_part_and_subject_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    store = open_archived(data)
    fill(store, Emitter())
    store.close()
    archive = archive_of(data)
    (path,) = (data / ARCHIVE_FOLDER).rglob("values.parquet")
    table = pq.read_table(path)
    at = table.column_names.index("log_index")
    swapped = table.set_column(at, "log_index", table["log_index"].take(pa.array([1, 0, 2, 3, 4])))
    pq.write_table(swapped, path)
    manifest = path.with_name("manifest.json")
    old, new = archive.parts[0].files["values.parquet"], _sha256(path)
    manifest.write_text(manifest.read_text().replace(old, new))
    changed = archive_of(data)
    with pytest.raises(StoreError, match="is not what was sealed under key"):
        changed.read(changed.parts[0])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_without_its_keys_the_store_does_not_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    open_archived(data).close()
    store = open_archived(data)
    fill(store, Emitter())
    store.close()
    with pytest.raises(StoreError, match="cannot be continued without the subject keys"):
        open_store(data)
    subject_keys(data).unlink()
    with pytest.raises(StoreError, match="restore the newest copy"):
        open_archived(data)


def test_while_the_archive_cannot_be_written_the_journal_keeps_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    store = open_archived(data)
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr("tallystick_store.archive.archive.write_part", fail)
        fill(store, Emitter())
        with pytest.raises(StoreError, match="No space left on device"):
            store.trim_journal()
    assert len(segment_files(data / "journal")) == 1
    store.trim_journal()
    assert segment_files(data / "journal") == []
    assert archive_of(data).size == store.size
    store.close()

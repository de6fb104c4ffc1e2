"""A database file written anew: values are gone from the disk, nothing else is, at whatever moment it ends."""

import os
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from tallystick.errors import StoreError
from tallystick_store.engine import rewrite as module
from tallystick_store.engine.cursors import OpenCursors
from tallystick_store.engine.duckdb import Database, new_file_of
from tallystick_store.engine.rewrite import Keep, rewrite
from tallystick_store.schema import LATE_DISCLOSURES, row_batch
from tests.patience import PATIENCE_S
from tests.requirements import requirement

SECRET = "the-secret-of-entry-"
ALL_BUT_MARKED = {
    "late_disclosures": Keep("log_index NOT IN (SELECT log_index FROM marked)"),
}
READ = "SELECT log_index, line FROM late_disclosures"


def rows(first: int, end: int) -> dict[str, pa.Table]:
    lines = [(index, f"{SECRET}{index}.") for index in range(first, end)]
    return {"late_disclosures": row_batch(LATE_DISCLOSURES, lines)}


def on_disk(folder: Path, text: str) -> list[str]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in found if text.encode() in path.read_bytes()]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database.open(tmp_path / "data.duckdb")
    made.insert(rows(0, 100))
    return made


@requirement("retention.bytes-gone")
def test_marked_rows_are_gone_from_every_file_and_the_others_stand_in_order(
    database: Database, tmp_path: Path
) -> None:
    database.insert(rows(100, 110))
    rewrite(database, ALL_BUT_MARKED, [3, 105])
    kept = [index for index in range(110) if index not in (3, 105)]
    assert database.rows(READ) == [(index, f"{SECRET}{index}.") for index in kept]
    database.insert(rows(110, 111))
    database.close()
    assert not on_disk(tmp_path, f"{SECRET}3.")
    assert not on_disk(tmp_path, f"{SECRET}105.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.duckdb"]
    again = Database.open(tmp_path / "data.duckdb")
    assert again.rows("SELECT count(*) FROM late_disclosures") == [(109,)]
    again.close()


def test_a_column_can_be_emptied(database: Database, tmp_path: Path) -> None:
    emptied = {"line": "CASE WHEN log_index NOT IN (SELECT log_index FROM marked) THEN line END"}
    rewrite(database, {"late_disclosures": Keep(replaced=emptied)}, [7])
    assert database.rows(f"{READ} WHERE log_index = 7") == [(7, None)]
    database.close()
    assert not on_disk(tmp_path, f"{SECRET}7.")


def test_rows_that_come_while_it_copies_are_not_lost(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = module._copy  # noqa: SLF001 - others append at the moment in the middle
    calls: list[int] = []

    def slow(*arguments: object) -> dict[str, int]:
        if not calls:
            calls.append(1)
            through = copy(*arguments)  # type: ignore[arg-type]
            database.insert(rows(100, 105))
            return through
        return copy(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_copy", slow)
    rewrite(database, ALL_BUT_MARKED, [0])
    assert [index for index, _ in database.rows(READ)] == list(range(1, 105))
    database.close()


@pytest.mark.parametrize("step", ["_copy", "_require_complete", "sync_whole"])
def test_what_fails_leaves_the_old_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(module, step, fail)
    with pytest.raises(StoreError, match="No space"):
        rewrite(database, ALL_BUT_MARKED, [0])
    monkeypatch.undo()
    assert database.rows("SELECT count(*) FROM late_disclosures") == [(100,)]
    rewrite(database, ALL_BUT_MARKED, [0])
    assert database.rows("SELECT count(*) FROM late_disclosures") == [(99,)]
    database.close()
    assert not on_disk(tmp_path, f"{SECRET}0.")


def test_a_start_removes_what_a_crash_left_of_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    new_file_of(path).write_bytes(b"half of it")
    Database.open(path).close()
    assert not new_file_of(path).exists()


def test_the_exchange_waits_for_a_reader_who_may_open_a_second_cursor(database: Database) -> None:
    has_cursor, may_end, read = threading.Event(), threading.Event(), []

    def reader() -> None:
        with database.cursor() as cursor:
            has_cursor.set()
            may_end.wait(PATIENCE_S)
            read.extend(database.rows_at_once("SELECT count(*) FROM late_disclosures"))
            read.extend(cursor.execute("SELECT count(*) FROM late_disclosures").fetchall())

    threads = [threading.Thread(target=reader)]
    threads[0].start()
    has_cursor.wait(PATIENCE_S)
    threads.append(threading.Thread(target=rewrite, args=(database, ALL_BUT_MARKED, [0])))
    threads[1].start()
    may_end.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(read) == 2
    assert database.rows("SELECT count(*) FROM late_disclosures") == [(99,)]
    database.close()


def test_an_exchange_gives_up_where_a_cursor_stays_open() -> None:
    cursors = OpenCursors(0.01)
    held = threading.Event()

    def reader() -> None:
        with cursors.one():
            held.set()
            release.wait(PATIENCE_S)

    release = threading.Event()
    thread = threading.Thread(target=reader)
    thread.start()
    held.wait(PATIENCE_S)
    with pytest.raises(StoreError, match="a query"), cursors.none():
        pass
    release.set()
    thread.join(PATIENCE_S)
    with cursors.one():
        pass


def test_two_at_a_time_follow_each_other(database: Database) -> None:
    threads = [
        threading.Thread(target=rewrite, args=(database, ALL_BUT_MARKED, [index]))
        for index in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [index for index, _ in database.rows(READ)] == list(range(3, 100))
    database.close()

"""The follower: every group reaches the database once, whatever the database does meanwhile."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tallystick.errors import StoreError
from tallystick_store.archive.archiver import Archiver
from tallystick_store.engine.duckdb import Database
from tallystick_store.journal.contents import Tables, encode_tables
from tallystick_store.journal.follower import Follower
from tallystick_store.journal.replay import last_applied, replay
from tallystick_store.journal.segments import Segments, segment_files
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.schema import LATE_DISCLOSURES, row_batch
from tests.patience import PATIENCE_S
from tests.stores import Emitter, open_store, write

Insert = Callable[[Database, Tables], None]


class Followed:
    """A database, a journal below it, and the follower between them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = Database.open(directory / "db.duckdb")
        self.notices = replay(self.database, directory)
        self.segments = Segments(directory / "journal", last_applied(self.database) + 1)
        self.archiver = Archiver(None, self.database, self.segments, lambda: self.follower.applied)
        self.follower = Follower(self.database, self.segments, self.archiver.wake)

    def put(self, *numbers: int) -> None:
        for number in numbers:
            tables = {LATE_DISCLOSURES.name: row_batch(LATE_DISCLOSURES, [(number, "line")])}
            payload = encode_tables(tables)
            self.follower.put(self.segments.append(payload), tables, len(payload))

    def rows(self) -> list[int]:
        sql = "SELECT log_index FROM late_disclosures ORDER BY log_index"
        return [number for (number,) in self.database.rows_at_once(sql)]

    def close(self) -> None:
        self.follower.close()
        self.archiver.close()
        self.segments.close()
        self.database.close()


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    one = Followed(tmp_path)
    yield one
    one.close()


class Held:
    """Holds every insert until it is let go, and notes how many rows it adds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.sizes: list[int] = []
        insert = Database.insert

        def held(database: Database, batches: Tables) -> None:
            self.began.set()
            assert self.go.wait(PATIENCE_S)
            self.sizes.append(batches[LATE_DISCLOSURES.name].num_rows)
            insert(database, batches)

        monkeypatch.setattr(Database, "insert", held)


def failing(monkeypatch: pytest.MonkeyPatch, times: int, *, persists: bool) -> None:
    """Let the first inserts fail, after they were made or instead."""
    monkeypatch.setattr("tallystick_store.journal.follower.RETRY_S", 0.0)
    insert, left = Database.insert, [times]

    def fail(database: Database, batches: Tables) -> None:
        left[0] -= 1
        if left[0] >= 0 and persists:
            insert(database, batches)
        if left[0] >= 0:
            raise StoreError("the disk is full")
        insert(database, batches)

    monkeypatch.setattr(Database, "insert", fail)


def test_what_was_put_is_there_once_it_has_settled(followed: Followed) -> None:
    followed.put(1, 2, 3)
    followed.follower.settle()
    assert followed.rows() == [1, 2, 3]
    assert (followed.follower.applied, followed.follower.waiting_bytes) == (3, 0)


def test_who_reads_waits_for_what_was_put_before_and_for_nothing_else(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.follower.settle(0.0)
    held = Held(monkeypatch)
    followed.put(1)
    assert held.began.wait(PATIENCE_S)
    with pytest.raises(StoreError, match="the database is behind"):
        followed.follower.settle(0.0)
    held.go.set()
    followed.follower.settle()
    assert followed.rows() == [1]


def test_what_waits_goes_in_one_transaction(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    followed.put(1)
    assert held.began.wait(PATIENCE_S)
    followed.put(*range(2, 40))
    held.go.set()
    followed.follower.settle()
    assert followed.rows() == list(range(1, 40))
    assert held.sizes == [1, 38]
    assert followed.database.rows_at_once("SELECT count(*), max(number) FROM applied") == [(39, 39)]


def test_so_much_waits_that_nothing_more_may_be_taken(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    followed.put(1)
    full = [followed.follower.is_full]
    monkeypatch.setattr("tallystick_store.journal.follower.MAX_WAITING_BYTES", 10)
    full.append(followed.follower.is_full)
    held.go.set()
    followed.follower.settle()
    full.append(followed.follower.is_full)
    assert full == [False, True, False]


@pytest.mark.parametrize("persists", [False, True], ids=["not-done", "done-all-the-same"])
def test_a_failed_insert_is_made_up_for_and_counts_once(
    followed: Followed, monkeypatch: pytest.MonkeyPatch, *, persists: bool
) -> None:
    failing(monkeypatch, 2, persists=persists)
    followed.put(1)
    followed.follower.settle()
    followed.put(2, 3)
    followed.follower.settle()
    assert followed.rows() == [1, 2, 3]
    assert followed.follower.failure is None


def test_while_the_database_refuses_its_reason_is_said_and_the_journal_keeps_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = Followed(tmp_path)
    with monkeypatch.context() as patch:
        failing(patch, 1_000_000, persists=False)
        followed.put(1, 2)
        with pytest.raises(StoreError, match="behind what was accepted"):
            followed.follower.settle(0.0)
        followed.close()
        assert followed.follower.failure == "the disk is full"
    again = Followed(tmp_path)
    assert again.rows() == [1, 2]
    assert again.notices == ()
    again.close()


def test_the_journal_goes_once_the_database_has_it(followed: Followed, tmp_path: Path) -> None:
    followed.put(1, 2)
    followed.follower.settle()
    followed.archiver.run_now(also_open=True)
    assert segment_files(tmp_path / "journal") == []
    followed.put(3)
    followed.follower.settle()
    assert followed.rows() == [1, 2, 3]


def test_a_start_empties_the_journal_into_the_database_once(tmp_path: Path) -> None:
    first = Followed(tmp_path)
    first.put(1)
    first.close()
    (tmp_path / "journal").mkdir(exist_ok=True)
    segments = Segments(tmp_path / "journal", 2)
    for number in (2, 3):
        late = row_batch(LATE_DISCLOSURES, [(number, "line")])
        segments.append(encode_tables({LATE_DISCLOSURES.name: late}))
    segments.close()
    for _ in range(2):
        again = Followed(tmp_path)
        assert again.rows() == [1, 2, 3]
        assert again.notices == ()
        again.close()
    assert segment_files(tmp_path / "journal") == []


def test_a_torn_group_is_dropped_and_a_damaged_one_is_kept_for_people(tmp_path: Path) -> None:
    Followed(tmp_path).close()
    folder = tmp_path / "journal"
    segments = Segments(folder, 1)
    for number in (1, 2):
        late = row_batch(LATE_DISCLOSURES, [(number, "line")])
        segments.append(encode_tables({LATE_DISCLOSURES.name: late}))
    segments.close()
    [(_, path)] = segment_files(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    torn = Followed(tmp_path)
    assert torn.rows() == [1]
    assert len(torn.notices) == 1
    assert "its write was cut short" in torn.notices[0]
    torn.close()
    path.write_bytes(whole[:-1] + b"X")
    damaged = Followed(tmp_path)
    assert damaged.rows() == [1]
    assert len(damaged.notices) == 1
    assert "records may be lost" in damaged.notices[0]
    aside = folder / f"{path.name}.aside"
    assert aside.read_bytes() == whole[:-1] + b"X"
    assert aside.stat().st_mode & 0o777 == 0o600
    damaged.close()


def test_all_behind_a_hole_is_kept_for_people_whatever_was_kept_before(tmp_path: Path) -> None:
    Followed(tmp_path).close()
    folder = tmp_path / "journal"
    for life in (1, 2):
        for first in (life, life + 2):  # the group between is missing
            segments = Segments(folder, first)
            late = row_batch(LATE_DISCLOSURES, [(first, "line")])
            segments.append(encode_tables({LATE_DISCLOSURES.name: late}))
            segments.close()
        again = Followed(tmp_path)
        assert again.rows() == list(range(1, life + 1))
        [notice] = again.notices
        assert f"group {life + 1} is missing before it" in notice
        assert segment_files(folder) == []
        assert len(list(folder.iterdir())) == life
        again.close()


def test_a_group_that_was_cut_after_others_followed_it_is_no_short_write(tmp_path: Path) -> None:
    Followed(tmp_path).close()
    folder = tmp_path / "journal"
    for first in (1, 2):
        segments = Segments(folder, first)
        late = row_batch(LATE_DISCLOSURES, [(first, "line")])
        segments.append(encode_tables({LATE_DISCLOSURES.name: late}))
        segments.close()
    [(_, cut), _] = segment_files(folder)
    cut.write_bytes(cut.read_bytes()[:-1])
    again = Followed(tmp_path)
    assert again.rows() == []
    assert ["records may be lost" in notice for notice in again.notices] == [True, True]
    again.close()


def test_what_the_database_only_claims_to_hold_is_not_removed(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [emitter.opened(), emitter.seal()])
    store.close()
    store = open_store(tmp_path)
    with store.database._insert_lock:  # noqa: SLF001 - the database stands still
        write(store, [emitter.call()])
        killed = Path(shutil.copytree(tmp_path, tmp_path.with_name("killed")))
    store.close()
    with duckdb.connect(str(killed / DATABASE_NAME)) as connection:
        connection.execute("INSERT INTO applied VALUES (2)").fetchall()
    again = open_store(killed)
    assert again.size == 2
    [notice] = again.notices
    assert "the database says that it holds this, and does not" in notice
    assert [path.name for path in (killed / "journal").iterdir()] == ["000000000002.journal.aside"]
    again.close()

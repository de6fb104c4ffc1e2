"""A stopped store is changed in one place: any column of any table, any row, any file of the log."""

import random
import shutil
from pathlib import Path

import duckdb
import pytest

from tallystick_store.opening import DATABASE_NAME
from tallystick_store.rows import Admitted, Merge
from tallystick_store.schema import TABLES, TOMBSTONES, Column
from tests.builder import Session, fill
from tests.requirements import requirement
from tests.store_log import StoreLog
from tests.verifying import found, messages, steps, verify_data

CELLS = [
    pytest.param(table.name, column, id=f"{table.name}.{column.name}")
    for table in TABLES
    if table != TOMBSTONES  # those are changed where something was deleted: test_deletion.py
    for column in table.columns
]

# ruff: noqa: S608 - the SQL is made of names of our own schema
pytestmark = requirement("verify.any-column")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> StoreLog:
    """A closed store with rows in every table, a partial tile and a late disclosure."""
    log = StoreLog(tmp_path_factory.mktemp("honest") / "data")
    fill(log)
    session = Session(log, "late")
    session.open()
    record = session.record("tool.completed", {"params": "{}", "result": "[]"}, tool__name="t")
    lines = [disclosure.line for disclosure in record.disclosures]
    record_without = type(record)(record.line, record.statement, record.disclosures[:1])
    index = session.ship(record_without)
    session.close()
    group = log.store.group()
    group.add(Admitted("sender-1", (Merge(index, (lines[1],)),), None), log.now_us)
    log.store.commit(group)
    log.store.close()
    log.notes = log.notes[:0]
    return log


@pytest.fixture
def copy(log: StoreLog, tmp_path: Path) -> Path:
    return Path(shutil.copytree(log.directory, tmp_path / "data"))


def change(directory: Path, *statements: str) -> None:
    with duckdb.connect(str(directory / DATABASE_NAME)) as connection:
        for statement in statements:
            connection.execute(statement)


def rows_of(directory: Path, table: str) -> list[int]:
    with duckdb.connect(str(directory / DATABASE_NAME), read_only=True) as connection:
        found = connection.execute(f'SELECT rowid FROM "{table}" ORDER BY rowid').fetchall()
    return [row for (row,) in found]


def other_value(column: Column, value: object, chance: random.Random) -> object:
    """Give another value of the column's type, or none at all."""
    if value is not None and chance.random() < 0.3:
        return None
    if column.sql in ("BIGINT", "INTEGER"):
        return (value if isinstance(value, int) else 6) + chance.choice((-1, 1, 1_000_000))
    if column.sql == "BOOLEAN":
        return not value
    if column.sql == "BLOB":
        return (
            bytes([*(value if isinstance(value, bytes) else b"?")[:-1], chance.randrange(256)])
            + b"!"
        )
    return f"{value or ''}x"


def test_a_clean_copy_verifies(log: StoreLog, copy: Path) -> None:
    report = verify_data(copy, log.policy())
    assert (report.exit_code, found(report)) == (0, [])
    assert report.findings.checked[3, "rows of events"] == 23


@pytest.mark.parametrize(
    ("table", "column"), [("events", "outcome"), ("seals", "old_size"), ("spans", "name")]
)
def test_a_column_of_each_table_is_compared(
    log: StoreLog, copy: Path, table: str, column: str
) -> None:
    change(copy, f"UPDATE {table} SET {column} = 77 WHERE rowid = 1")
    report = verify_data(copy, log.policy())
    assert (report.exit_code, steps(report)) == (1, [3])
    assert f"{column}: stored" in messages(report, 3)


@pytest.mark.parametrize(("column", "value"), [("size", "1"), ("root", "'x'::BLOB")])
def test_a_column_of_a_stored_checkpoint_is_compared(
    log: StoreLog, copy: Path, column: str, value: str
) -> None:
    change(copy, f"UPDATE checkpoints SET {column} = {value} WHERE rowid = 1")
    report = verify_data(copy, log.policy())
    assert (report.exit_code, steps(report)) == (1, [3])
    assert f"checkpoints, column {column}: size 22: stored" in messages(report, 3)


def test_a_checkpoint_that_is_stored_twice_is_named(log: StoreLog, copy: Path) -> None:
    change(copy, "INSERT INTO checkpoints SELECT * FROM checkpoints WHERE rowid = 0")
    report = verify_data(copy, log.policy())
    assert (report.exit_code, steps(report)) == (1, [3])
    assert "2 rows hold the same checkpoint" in messages(report, 3)


@pytest.mark.parametrize(("table", "column"), CELLS)
def test_any_changed_column_of_any_row_is_named(
    log: StoreLog, copy: Path, table: str, column: Column
) -> None:
    chance = random.Random(f"{table}.{column.name}")
    row = chance.choice(rows_of(copy, table))
    with duckdb.connect(str(copy / DATABASE_NAME)) as connection:
        query = f'SELECT "{column.name}" FROM "{table}" WHERE rowid = ?'
        ((value,),) = connection.execute(query, [row]).fetchall()
        wanted = other_value(column, value, chance)
        connection.execute(
            f'UPDATE "{table}" SET "{column.name}" = ? WHERE rowid = ?', [wanted, row]
        )
    report = verify_data(copy, log.policy())
    assert report.exit_code == 1
    places = [finding.place for finding in found(report)]
    is_late = table == "late_disclosures"
    assert any(place.table == table or (is_late and place.log_index) for place in places)


@pytest.mark.parametrize("table", ["events", "seals", "spans", "checkpoints", "meta"])
def test_a_removed_row_is_named(log: StoreLog, copy: Path, table: str) -> None:
    rows = rows_of(copy, table)
    chosen = rows[-1] if table == "checkpoints" else random.Random(table).choice(rows)
    change(copy, f"DELETE FROM {table} WHERE rowid = {chosen}")
    report = verify_data(copy, log.policy())
    assert report.exit_code == 1
    assert any(finding.place.table == table or finding.step in (8, 9) for finding in found(report))


def test_a_repeated_row_is_named(log: StoreLog, copy: Path) -> None:
    change(copy, "INSERT INTO events SELECT * FROM events WHERE log_index = 5")
    report = verify_data(copy, log.policy())
    assert "events, log index 5: a second row" in messages(report, 3)


def test_a_row_without_an_entry_is_named(log: StoreLog, copy: Path) -> None:
    change(
        copy, "INSERT INTO seals SELECT * REPLACE (log_index + 500 AS log_index) FROM seals LIMIT 1"
    )
    report = verify_data(copy, log.policy())
    assert report.exit_code == 1
    assert any(finding.place.table == "seals" for finding in found(report))


def test_two_rows_that_change_places_are_named(log: StoreLog, copy: Path) -> None:
    change(
        copy,
        "UPDATE events SET log_index = CASE log_index WHEN 5 THEN 6 ELSE 5 END"
        " WHERE log_index IN (5, 6)",
    )
    report = verify_data(copy, log.policy())
    assert "events, log index 5, column rx_us" in messages(report, 3)


def test_a_tail_that_is_cut_behind_the_newest_checkpoint_is_named(
    log: StoreLog, copy: Path
) -> None:
    for table in ("events", "seals", "spans", "late_disclosures"):
        change(copy, f"DELETE FROM {table} WHERE log_index >= 30")
    report = verify_data(copy, log.policy())
    assert report.exit_code == 1
    assert "entries 30 to 36 are gone" in messages(report, 9)


def test_a_tail_that_is_cut_with_its_checkpoints_leaves_the_file_behind(
    log: StoreLog, copy: Path
) -> None:
    for table in ("events", "seals", "spans", "late_disclosures"):
        change(copy, f"DELETE FROM {table} WHERE log_index >= 30")
    change(copy, "DELETE FROM checkpoints WHERE size > 30")
    report = verify_data(copy, log.policy())
    assert {9, 10} <= set(steps(report))
    assert "not in the database" in messages(report, 10)


def log_files(directory: Path) -> list[str]:
    return sorted(
        file.relative_to(directory / "log").as_posix()
        for file in (directory / "log").rglob("*")
        if file.is_file() and file.name != "checkpoint"
    )


def test_any_edited_byte_of_any_tile_is_named(log: StoreLog, copy: Path) -> None:
    for path in log_files(copy):
        file = copy / "log" / path
        content = bytearray(file.read_bytes())
        position = random.Random(path).randrange(len(content))
        content[position] ^= 0x10
        file.write_bytes(content)
        report = verify_data(copy, log.policy())
        assert report.exit_code == 1
        assert {f"log/{path}"} <= {finding.place.file for finding in found(report)}
        content[position] ^= 0x10
        file.write_bytes(content)
    assert verify_data(copy, log.policy()).exit_code == 0


def test_a_missing_tile_is_named(log: StoreLog, copy: Path) -> None:
    needed = [path for path in log_files(copy) if path.endswith("/37")]
    assert len(needed) == 2
    for path in needed:
        (copy / "log" / path).unlink()
    report = verify_data(copy, log.policy())
    assert [f"log/{path}: is missing" in messages(report, 9) for path in needed] == [True, True]


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("tile/0/stray", b"x", "no tile and no bundle"),
        ("tile/0/000.p/0", b"", "is not 0 wide"),
        ("tile/0/x000/000.p/3", b"x" * 96, "is not where its tile stands"),
        ("tile/0/000.p/200", b"x" * 6400, "is beyond the log"),
        ("tile/3/000.p/1", b"x" * 32, "is beyond the log"),
        ("tile/64/000.p/1", b"x" * 32, "no tile level 64"),
        ("tile/0/000.p/9", b"x" * 31, "holds 31 bytes of hashes: expected 288"),
        ("tile/entries/000.p/9", b"x", "does not hold 9 whole entries"),
    ],
)
def test_a_stray_file_is_named(
    log: StoreLog, copy: Path, path: str, content: bytes, message: str
) -> None:
    file = copy / "log" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    assert f"log/{path}: " in messages(verify_data(copy, log.policy()), 9)
    assert message in messages(verify_data(copy, log.policy()), 9)


def test_what_a_cut_write_left_behind_is_a_notice(log: StoreLog, copy: Path) -> None:
    (copy / "log" / "tile" / "0" / "000.tmp").write_bytes(b"half")
    report = verify_data(copy, log.policy())
    assert report.exit_code == 0
    assert "cut short" in messages(report, 9, "notice")


def test_a_missing_bundle_is_named_and_the_rows_stand_in_for_it(log: StoreLog, copy: Path) -> None:
    shutil.rmtree(copy / "log" / "tile" / "entries")
    report = verify_data(copy, log.policy())
    assert steps(report) == [9]
    assert "log/tile/entries/000.p/37: is missing" in messages(report, 9)


@pytest.mark.parametrize("column", ["sender", "rx_us"])
def test_a_row_that_gives_no_entry_is_named_where_no_bundle_holds_it(
    log: StoreLog, copy: Path, column: str
) -> None:
    shutil.rmtree(copy / "log" / "tile" / "entries")
    change(copy, f"UPDATE events SET {column} = NULL WHERE log_index = 5")
    report = verify_data(copy, log.policy())
    assert "events, log index 5: the row gives no entry" in messages(report, 3)


@pytest.mark.parametrize("table", ["events", "seals", "spans"])
def test_a_row_that_no_entry_of_the_log_commits_to_is_named(
    log: StoreLog, copy: Path, table: str
) -> None:
    added = f"SELECT * REPLACE (10000 AS log_index) FROM {table} WHERE rowid = 1"
    change(copy, f"INSERT INTO {table} {added}")
    report = verify_data(copy, log.policy())
    assert report.exit_code == 1
    assert f"{table}, log index 10000, column log_index: a row has no entry" in messages(report, 3)


@pytest.mark.parametrize("content", [b"", b"x", b"\xff", b"log.example/tenant\n1\n"])
def test_a_checkpoint_file_that_is_none_is_a_fault(
    log: StoreLog, copy: Path, content: bytes
) -> None:
    (copy / "log" / "checkpoint").write_bytes(content)
    assert verify_data(copy, log.policy()).exit_code == 1


def test_a_store_that_was_not_stopped_in_order_verifies_and_says_what_is_not_signed(
    tmp_path: Path,
) -> None:
    log = StoreLog(tmp_path / "data")
    session = Session(log)
    session.open()
    log.publish()
    session.call(1)
    session.seal()
    copy = shutil.copytree(log.directory, tmp_path / "killed")
    log.store.close()
    report = verify_data(copy, log.policy())
    assert (report.exit_code, found(report)) == (0, [])
    assert "2 entries stand behind the newest checkpoint" in messages(report, 9, "notice")


@pytest.mark.parametrize("jobs", [1, 2])
def test_more_processes_find_the_same(log: StoreLog, copy: Path, jobs: int) -> None:
    change(copy, "UPDATE events SET tool_name = 'other' WHERE log_index = 5")
    report = verify_data(copy, log.policy(), jobs=jobs)
    assert [str(finding.place) for finding in found(report)] == [
        "events, log index 5, column tool_name"
    ]

"""The database: inserts as a whole, files that other versions read, errors of one kind."""

from pathlib import Path

import duckdb
import pytest

from tallystick.errors import StoreError
from tallystick_store.engine.duckdb import ALL_TABLES, Database
from tallystick_store.schema import LATE_DISCLOSURES, META, row_batch


def open_database(directory: Path) -> Database:
    return Database.open(directory / "some.duckdb")


def test_a_new_file_has_the_tables(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    assert database.table_names() == {table.name for table in ALL_TABLES}
    database.close()
    again = open_database(tmp_path)
    assert again.table_names() == {table.name for table in ALL_TABLES}
    again.close()


def test_the_storage_version_is_stated(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    [(tags,)] = database.rows("SELECT tags FROM duckdb_databases() WHERE path IS NOT NULL")
    assert tags["storage_version"].startswith("v1.5")
    [(threshold,)] = database.rows("SELECT current_setting('checkpoint_threshold')")
    assert threshold in ("244.1 MiB", "256.0 MiB")
    database.close()


def test_an_insert_is_of_all_tables_or_none(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    good = row_batch(LATE_DISCLOSURES, [(1, "line")])
    bad = row_batch(META, [("key", "value")]).rename_columns(["key", "nothing"])
    with pytest.raises(StoreError, match="nothing"):
        database.insert({"late_disclosures": good, "meta": bad})
    assert database.rows("SELECT * FROM late_disclosures") == []
    database.insert({"late_disclosures": good})
    assert database.rows("SELECT * FROM late_disclosures") == [(1, "line")]
    database.close()


@pytest.mark.parametrize("text", ["", "NUL \x00 inside", "𝔘nicode ☃", "line\nfeed", "x" * 100_000])
def test_texts_come_back_as_they_were(tmp_path: Path, text: str) -> None:
    database = open_database(tmp_path)
    database.insert({"late_disclosures": row_batch(LATE_DISCLOSURES, [(1, text)])})
    assert database.rows("SELECT line FROM late_disclosures") == [(text,)]
    database.close()
    again = Database.open_read_only(tmp_path / "some.duckdb")
    assert again.arrow("SELECT line FROM late_disclosures").to_pylist() == [{"line": text}]
    again.close()


def test_a_file_opened_for_reading_is_not_written(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    database = Database.open_read_only(tmp_path / "some.duckdb")
    with pytest.raises(StoreError, match="read-only"):
        database.insert({"meta": row_batch(META, [("a", "b")])})
    database.close()


def test_a_database_is_usable_after_it_was_opened_again(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    database.insert({"meta": row_batch(META, [("a", "b")])})
    database.reopen()
    database.insert({"meta": row_batch(META, [("c", "d")])})
    assert database.rows("SELECT count(*) FROM meta") == [(2,)]
    database.close()


def test_errors_are_ours(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with pytest.raises(StoreError, match="the database refused"):
        database.rows("SELECT nonsense")
    with pytest.raises(StoreError):
        database.arrow("SELECT nonsense")
    database.close()
    with pytest.raises(StoreError):
        database.rows("SELECT 1")


def test_nothing_is_fetched_from_the_network(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
        assert database.rows(f"SELECT current_setting('{setting}')") == [(False,)]
    database.close()


def test_a_copy_opens_with_all_rows(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    for number in range(3):
        database.insert({"meta": row_batch(META, [(str(number), "x")])})
        database.copy_to(tmp_path / f"copy-{number}.duckdb")
    database.close()
    for number in range(3):
        with duckdb.connect(str(tmp_path / f"copy-{number}.duckdb"), read_only=True) as copy:
            assert copy.execute("SELECT count(*) FROM meta").fetchall() == [(number + 1,)]

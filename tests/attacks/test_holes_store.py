"""A database that was prepared: what its catalog holds beside rows, and files that are none."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tallystick_store.opening import DATABASE_NAME
from tests.builder import fill
from tests.requirements import requirement
from tests.store_log import StoreLog
from tests.verifying import messages, verify_data

pytestmark = requirement("verify.any-column")

SHOWN_TO_THE_VERIFIER = (
    "CREATE SCHEMA hidden",
    "CREATE TABLE hidden.events AS SELECT * FROM events",
    "DROP TABLE main.events",
    (
        "CREATE VIEW main.events AS SELECT * REPLACE"
        " (CASE WHEN current_setting('access_mode') = 'read_only' THEN tool_name"
        " ELSE 'harmless' END AS tool_name) FROM hidden.events"
    ),
)
"""The verifier, which reads only, sees what was signed, and the service, which writes, does not."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> StoreLog:
    log = StoreLog(tmp_path_factory.mktemp("honest") / "data")
    fill(log)
    log.store.close()
    return log


@pytest.fixture
def copy(log: StoreLog, tmp_path: Path) -> Path:
    return Path(shutil.copytree(log.directory, tmp_path / "data"))


def change(directory: Path, *statements: str) -> None:
    with duckdb.connect(str(directory / DATABASE_NAME)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(SHOWN_TO_THE_VERIFIER, id="a view in place of a table"),
        pytest.param(("CREATE SCHEMA other",), id="a schema"),
        pytest.param(("CREATE VIEW other AS SELECT 1 AS one",), id="a view"),
        pytest.param(("CREATE MACRO max(x) AS 5",), id="a function in place of max"),
        pytest.param(("CREATE MACRO count(x) AS 5",), id="a function in place of count"),
        pytest.param(
            ("CREATE MACRO duckdb_columns() AS TABLE SELECT 1 AS one",), id="a catalog of its own"
        ),
        pytest.param(
            (
                "CREATE MACRO max(x) AS 5",
                "CREATE MACRO duckdb_functions() AS TABLE SELECT 1 AS one WHERE false",
            ),
            id="a function that is kept out of the catalog",
        ),
        pytest.param(("CREATE INDEX one ON events (log_index)",), id="an index"),
        pytest.param(("CREATE SEQUENCE one",), id="a sequence"),
        pytest.param(("CREATE TYPE one AS ENUM ('a')",), id="a type"),
        pytest.param(
            ("ALTER TABLE events ALTER tool_name SET DEFAULT 'harmless'",), id="a default"
        ),
        pytest.param(
            (
                "DROP TABLE meta",
                "CREATE TABLE meta (key VARCHAR, value VARCHAR AS (current_setting('access_mode')))",
            ),
            id="a column that is made up when it is read",
        ),
        pytest.param(
            ("CREATE SCHEMA other", "CREATE TABLE other.events AS SELECT * FROM events"),
            id="a table of the same name elsewhere",
        ),
    ],
)
def test_a_catalog_that_holds_anything_but_the_tables_is_refused(
    log: StoreLog, copy: Path, statements: tuple[str, ...]
) -> None:
    change(copy, *statements)
    report = verify_data(copy, log.policy())
    assert report.exit_code == 1
    assert "not those of this version" in messages(report, 1)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO meta VALUES (NULL, NULL)",
        "INSERT INTO meta VALUES (NULL, 'x')",
        "INSERT INTO meta VALUES ('origin', NULL)",
    ],
)
def test_a_row_of_nothing_in_meta_is_named(log: StoreLog, copy: Path, statement: str) -> None:
    change(copy, statement)
    report = verify_data(copy, log.policy())
    assert report.exit_code == 1
    assert "meta" in messages(report, 3)


def test_a_repeated_checkpoint_is_named(log: StoreLog, copy: Path) -> None:
    change(copy, "INSERT INTO checkpoints SELECT * FROM checkpoints ORDER BY size LIMIT 1")
    report = verify_data(copy, log.policy())
    assert "checkpoints: " in messages(report, 3)


def loop(file: Path) -> None:
    file.symlink_to(file.name)


def endless(file: Path) -> None:
    file.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000.p/{}", "tile/entries/000.p/{}"])
@pytest.mark.parametrize("put", [os.mkfifo, loop, endless, os.mkdir])
def test_what_is_no_file_is_named_and_never_waited_for(
    log: StoreLog, copy: Path, name: str, put: Callable[[Path], None]
) -> None:
    path = name.format(max(int(file.name) for file in (copy / "log/tile/0/000.p").iterdir()))
    (copy / "log" / path).unlink()
    put(copy / "log" / path)
    report = verify_data(copy, log.policy())  # one that waits is ended by its time limit
    assert report.exit_code == 1

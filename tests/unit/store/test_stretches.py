"""Rows of known places are found by conditions that name these places and nothing else."""

from pathlib import Path

import pyarrow as pa
import pytest

from tallystick_store.engine.duckdb import Database
from tallystick_store.schema import LATE_DISCLOSURES
from tallystick_store.stretches import NEAR, Stretch, around, conditions_at

ROWS = 400_000


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database.open(tmp_path / "data.duckdb")
    lines = pa.array(["line"] * ROWS)
    made.insert(
        {LATE_DISCLOSURES.name: pa.table({"log_index": pa.array(range(ROWS)), "line": lines})}
    )
    return made


@pytest.mark.parametrize(
    ("wanted", "queries"),
    [
        ([], 0),
        ([7], 1),
        ([9, 3, 3, 250], 1),
        ([1, 300_000], 2),
        (list(range(0, ROWS, 100)), 4),
        (list(range(0, 3_000, 2)), 2),
    ],
)
def test_the_conditions_give_exactly_the_rows_in_order(
    database: Database, wanted: list[int], queries: int
) -> None:
    conditions = list(conditions_at(wanted))
    sql = "SELECT log_index FROM late_disclosures WHERE {} ORDER BY log_index"
    found = [index for one in conditions for (index,) in database.rows(sql.format(one))]
    assert found == sorted(set(wanted))
    assert len(conditions) == queries
    database.close()


def test_many_places_that_are_far_from_each_other_are_read_together() -> None:
    assert len(list(conditions_at(range(0, 20_000_000, 200_000)))) == 1


def test_what_is_near_stands_behind_the_last() -> None:
    assert around([5, 3, 9]) == Stretch(3, 9 + NEAR)

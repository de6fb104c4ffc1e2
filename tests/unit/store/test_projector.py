"""Projections are made window by window, again where they are missing, and show nobody more than the rows do."""

import random
from pathlib import Path

import pytest

from tallystick.errors import StoreError
from tallystick_store.engine.duckdb import Database
from tallystick_store.overview import read_overview
from tallystick_store.projections.projector import Projector
from tallystick_store.projections.tables import PROJECTIONS
from tallystick_store.projections.windows import project, projected_end
from tallystick_store.query import Query
from tallystick_store.reach import Reach
from tallystick_store.store import Store
from tests.property.store.test_projections import PERIODS, rows_of
from tests.stores import Emitter, edit, open_store, write

WINDOW = 16


def filled(directory: Path) -> Store:
    store = open_store(directory)
    write(store, rows_of(random.Random(1)))
    return store


def contents(database: Database) -> list[list[tuple[object, ...]]]:
    tables = (f'SELECT * FROM "{table.name}" ORDER BY ALL' for table in PROJECTIONS)  # noqa: S608 - tables.py
    return [database.rows(sql) for sql in tables]


def test_only_complete_windows_are_projected(tmp_path: Path) -> None:
    store = filled(tmp_path)
    projector = Projector(store.database, lambda: store.size, WINDOW)
    projector.catch_up()
    assert projected_end(store.database) == store.size // WINDOW * WINDOW
    assert projector.catch_up() == 0
    projector.close()
    store.close()


def test_the_same_log_gives_the_same_projections(tmp_path: Path) -> None:
    store = filled(tmp_path)
    for start in range(0, store.size - WINDOW, WINDOW):
        store.database.insert(project(store.database, start, start + WINDOW))
    made = contents(store.database)
    store.close()
    edit(tmp_path, "; ".join(f'DROP TABLE "{table.name}"' for table in PROJECTIONS))
    store = open_store(tmp_path)
    assert projected_end(store.database) == 0
    for start in range(0, store.size - WINDOW, WINDOW):
        store.database.insert(project(store.database, start, start + WINDOW))
    assert contents(store.database) == made
    store.close()


@pytest.mark.parametrize("reach", [Reach(agents=("planner",)), Reach(has_payload=False)])
def test_projections_show_nobody_more_than_the_rows_do(tmp_path: Path, reach: Reach) -> None:
    store = filled(tmp_path)
    reader = store.database.within(reach)
    query = Query(reader)

    def answers() -> list[object]:
        overviews = [read_overview(reader, *period) for period in PERIODS]
        return [*overviews, query.traces(None, None, 50, None), query.sessions()]

    expected = answers()
    store.database.insert(project(store.database, 0, store.size))
    assert answers() == expected
    assert bool(reader.rows("SELECT 1 FROM trace_parts LIMIT 1")) == reach.is_full
    store.close()


def test_a_window_with_a_hole_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [emitter.call(number) for number in range(40)])
    store.database.insert(project(store.database, 0, 10))
    store.database.insert(project(store.database, 20, 30))
    assert projected_end(store.database) == 0
    assert Query(store.database).sessions().sessions[0].event_count == 40
    projector = Projector(store.database, lambda: store.size, 10)
    with pytest.raises(StoreError, match="projections have a hole"):
        projector.catch_up()
    projector.close()
    store.close()

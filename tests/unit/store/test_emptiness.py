"""A column in which nothing stands is not read, and is read from the moment on at which something stands there."""

from pathlib import Path

from tallystick_store.actions import ActionFilter
from tallystick_store.engine.duckdb import Database
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.query import Query
from tallystick_store.rows import EventRow
from tallystick_store.schema import EVENTS
from tallystick_store.store import Store
from tests.stores import Emitter, edit, open_store, write


def _faults(store: Store) -> set[str]:
    page = Query(store.database).actions(ActionFilter())
    return {fault.column for one in page.actions for fault in one.event.faults}


def test_a_column_is_empty_until_a_record_fills_it(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    memory = store.database.memory
    assert memory.empty_columns == set(EVENTS.column_names)
    write(store, [emitter.call(1)])
    _faults(store)  # waits for the database
    assert "resource_uri" in memory.empty_columns
    assert not {"log_index", "statement", "tool_name"} & memory.empty_columns
    read = emitter.record("resource.read", {"resource.uri": "file:///a"}, action__id="ab" * 16)
    write(store, [EventRow(read)])
    assert _faults(store) == set()
    assert "resource_uri" not in memory.empty_columns
    known = memory.empty_columns
    store.close()
    opened = open_store(tmp_path)
    assert opened.database.memory.empty_columns == known
    opened.close()


def test_what_somebody_wrote_into_an_empty_column_is_seen(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    write(store, [Emitter().call(1)])
    store.close()
    edit(tmp_path, "UPDATE events SET prompt_name = 'from outside'")
    store = open_store(tmp_path)
    assert _faults(store) == {"prompt_name"}
    store.close()


def test_a_file_without_the_table_has_no_empty_columns(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    Database.open(path).close()
    edit(tmp_path, "DROP TABLE events")
    database = Database.open_read_only(path)
    assert database.memory.empty_columns == set()
    database.close()

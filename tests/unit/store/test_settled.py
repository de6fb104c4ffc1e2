"""What projections do not hold is looked for once; what a later window brings is found all the same."""

from pathlib import Path

from tallystick_store.actions import ActionFilter
from tallystick_store.engine.duckdb import Database
from tallystick_store.engine.memory import MAX_KEYS, Memory
from tallystick_store.engine.rewrite import rewrite
from tallystick_store.overview import read_overview
from tallystick_store.projections.settled import ends_held, native_held, overruling
from tallystick_store.projections.tables import ACTION_PARTS, key, key_of
from tallystick_store.projections.windows import project
from tallystick_store.query import Query
from tallystick_store.rows import EventRow
from tallystick_store.store import Store
from tests.stores import Emitter, open_store, write

ACTION, TRACE, SPAN = "a" * 32, "b" * 32, "c" * 16


def started(directory: Path) -> tuple[Store, Emitter]:
    """Return a store of which one window is projected: an action that began, and a span that was read."""
    store, emitter = open_store(directory), Emitter()
    opened = emitter.opened()
    begun = emitter.record("tool.started", action__id=ACTION)
    read = emitter.record(
        origin="derived", signed=False, action__id="d" * 32, trace__id=TRACE, span__id=SPAN
    )
    write(store, [opened, EventRow(begun), EventRow(read)])
    store.database.insert(project(store.database, 0, 3))
    return store, emitter


def keys() -> tuple[list[int], list[int]]:
    return [key(ACTION)], [key(TRACE + SPAN)]


def shown(store: Store) -> tuple[int, int]:
    """Return how many actions the list and the overview show."""
    counted = read_overview(store.database, 0, 2**53).totals.actions
    return len(Query(store.database).actions(ActionFilter()).actions), counted


def test_keys_are_those_that_the_database_computes(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "data.duckdb")
    texts = ["", "a", ACTION, "Grüße 🙂"]
    rows = database.rows(f"SELECT text, {key_of('text')} FROM (SELECT unnest(?) AS text)", [texts])  # noqa: S608 - own words
    assert rows == [(text, key(text)) for text in texts]
    database.close()


def test_what_was_not_there_is_found_when_a_later_window_holds_it(tmp_path: Path) -> None:
    store, emitter = started(tmp_path)
    actions, spans = keys()
    assert ends_held(store.database, 3, actions) == native_held(store.database, 3, spans) == set()
    assert store.database.memory.absent_from(ACTION_PARTS.name) == {actions[0]: 3}
    assert overruling(store.database, 3) == (frozenset(), frozenset())
    assert shown(store) == (2, 2)
    end = emitter.record(action__id=ACTION, trace__id=TRACE, span__id=SPAN)
    write(store, [EventRow(end)])
    assert shown(store) == (1, 1)
    store.database.insert(project(store.database, 3, 4))
    assert ends_held(store.database, 4, actions) == set(actions)
    assert native_held(store.database, 4, spans) == set(spans)
    assert overruling(store.database, 4) == (frozenset(actions), frozenset(spans))
    assert shown(store) == (1, 1)
    store.close()


def test_a_file_that_is_written_anew_is_looked_at_anew(tmp_path: Path) -> None:
    store, _ = started(tmp_path)
    ends_held(store.database, 3, keys()[0])
    rewrite(store.database, {}, [])
    assert store.database.memory == Memory(empty_columns=store.database.memory.empty_columns)
    store.close()


def test_what_is_remembered_is_bounded() -> None:
    memory = Memory()
    memory.absent_from("table").update(dict.fromkeys(range(MAX_KEYS + 1), 1))
    assert memory.absent_from("table") == {}

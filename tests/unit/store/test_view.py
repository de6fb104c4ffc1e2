"""What admission sees: the committed rows and, over them, those of the group."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.errors import StoreError
from tallystick.tlog.tree import leaf_hash
from tallystick_store.group import Group
from tallystick_store.rows import Admitted, EventRow, Merge, Row, StoredRecord
from tallystick_store.store import Store
from tests.stores import START_US, Emitter, open_store, span, spans, write


def add(group: Group, *rows: Row) -> None:
    group.add(Admitted("sender-1", rows, None), START_US)


def both_ways(store: Store, *rows: Row) -> Iterator[Group]:
    """Give a group that shows the rows as pending, then one that shows them as committed."""
    pending = store.group()
    add(pending, *rows)
    yield pending
    write(store, rows)
    yield store.group()


def test_a_session_is_known_once_a_row_of_it_is_kept(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    assert store.group().view.session(emitter.session) is None
    rows = (emitter.opened(), emitter.call(), emitter.seal())
    for group in both_ways(store, *rows):
        state = group.view.session(emitter.session)
        assert state is not None
        assert (state.sender, state.max_seq, state.event_count) == ("sender-1", 1, 2)
        assert (state.sealed_size, state.opened_index) == (2, 0)
        assert state.statement is not None
        assert state.statement["session.key"] == emitter.keys.key.vkey
    store.close()


def test_a_session_without_its_open_has_no_statement(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    emitter.opened()
    for group in both_ways(store, emitter.call()):
        state = group.view.session(emitter.session)
        assert state is not None
        assert (state.opened_index, state.statement, state.max_seq) == (None, None, 1)
    store.close()


def test_only_a_session_open_at_the_first_place_opens_a_session(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    other = emitter.call()
    emitter.seq = 0
    opened = emitter.opened()
    again = emitter.opened()
    for group in both_ways(store, other, opened, again):
        state = group.view.session(emitter.session)
        assert state is not None
        assert state.opened_index == 1
    store.close()
    store = open_store(tmp_path)
    state = store.group().view.session(emitter.session)
    assert state is not None
    assert state.opened_index == 1
    store.close()


def test_the_sender_of_a_session_is_that_of_its_first_row(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    opened, seal = emitter.opened(), emitter.seal()
    group = store.group()
    group.add(Admitted("first", (seal,), None), START_US)
    group.add(Admitted("second", (opened,), None), START_US)
    store.commit(group)
    for _ in range(2):
        state = store.group().view.session(emitter.session)
        assert state is not None
        assert state.sender == "first"
        assert store.group().view.seals_over(emitter.session, 0, 1) == (seal.body,)
        store.close()
        store = open_store(tmp_path)
    store.close()


def test_a_session_that_only_a_seal_tells_of_is_known(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    emitter.opened()
    seal = emitter.seal()
    write(store, [seal])
    store.close()
    store = open_store(tmp_path)
    state = store.group().view.session(emitter.session)
    assert state is not None
    assert (state.max_seq, state.sealed_size, state.event_count) == (-1, 1, 0)
    store.close()


def test_leaf_hashes_of_a_conflict_are_both_given(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    first = emitter.opened()
    emitter.seq = 0
    second = emitter.call()
    expected = {0: (first.record.leaf_hash, second.record.leaf_hash)}
    for group in both_ways(store, first, second):
        assert group.view.leaf_hashes(emitter.session, [0, 1, 7]) == expected
    assert store.group().view.leaf_hashes("0" * 32, [0]) == {}
    assert store.group().view.leaf_hashes(emitter.session, []) == {}
    store.close()


def test_committed_and_pending_rows_of_a_session_are_seen_together(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    one, two = emitter.opened(), emitter.call()
    write(store, [one])
    group = store.group()
    add(group, two)
    assert group.view.leaf_hashes(emitter.session, range(5)) == {
        0: (one.record.leaf_hash,),
        1: (two.record.leaf_hash,),
    }
    state = group.view.session(emitter.session)
    assert state is not None
    assert (state.max_seq, state.event_count, state.opened_index) == (1, 2, 0)
    store.close()


def test_stored_records_tell_their_place_and_disclosures(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    row = emitter.call()
    lines = frozenset(disclosure.line for disclosure in row.record.disclosures)
    for group in both_ways(store, row):
        assert group.view.stored(emitter.session, [0]) == {
            0: (StoredRecord(row.record.leaf_hash, 0, lines),)
        }
    store.close()


def test_late_disclosures_count_as_stored(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    row = emitter.call()
    bare = EventRow(type(row.record)(row.record.line, row.record.statement, ()))
    first, second = (disclosure.line for disclosure in row.record.disclosures)
    write(store, [bare])
    for group in both_ways(store, Merge(0, (first,))):
        [stored] = group.view.stored(emitter.session, [0])[0]
        assert stored.disclosures == {first}
    group = store.group()
    add(group, Merge(0, (second,)))
    [stored] = group.view.stored(emitter.session, [0])[0]
    assert stored.disclosures == {first, second}
    assert store.size == 1
    store.close()


def test_seals_are_found_by_size_and_by_what_they_cover(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    opened, first = emitter.opened(), emitter.seal()
    calls, second = (emitter.call(), emitter.call()), emitter.seal()
    bodies = [first.body, second.body]
    for group in both_ways(store, opened, first, *calls, second):
        view = group.view
        assert view.seal_hashes(emitter.session, [1, 2, 3]) == {
            1: (leaf_hash(bodies[0].encode()),),
            3: (leaf_hash(bodies[1].encode()),),
        }
        assert view.seals_over(emitter.session, 0, 1) == (bodies[0],)
        assert view.seals_over(emitter.session, 1, 2) == (bodies[1],)
        assert view.seals_over(emitter.session, 0, 9) == tuple(bodies)
        assert view.seals_over(emitter.session, 3, 9) == ()
        assert view.seal_hashes(emitter.session, []) == {}
    store.close()


def test_a_span_that_was_kept_lately_is_known_also_after_a_restart(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for group in both_ways(store, spans(1, 2)):
        assert group.view.is_recent_span(leaf_hash(span(2)))
        assert not group.view.is_recent_span(leaf_hash(span(3)))
    store.close()
    store = open_store(tmp_path)
    assert store.group().view.is_recent_span(leaf_hash(span(1)))
    store.close()


def test_only_the_newest_spans_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick_store.known.RECENT_SPANS", 2)
    store = open_store(tmp_path)
    write(store, [spans(1, 2)], [spans(3)])
    for _ in range(2):
        view = store.group().view
        found = [view.is_recent_span(leaf_hash(span(n))) for n in (1, 2, 3)]
        assert found == [False, True, True]
        store.close()
        store = open_store(tmp_path)
    store.close()


def test_what_is_known_survives_a_restart(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    rows = (emitter.opened(), emitter.call(), emitter.seal())
    write(store, rows)
    before = store.group().view.session(emitter.session)
    store.close()
    store = open_store(tmp_path)
    assert store.group().view.session(emitter.session) == before
    store.close()


def test_a_group_sees_only_what_stands_before_it(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [emitter.opened()])
    late, early = emitter.call(), store.group()
    add(early, late)
    assert early.view.leaf_hashes(emitter.session, [1]) == {1: (late.record.leaf_hash,)}
    assert store.group().view.leaf_hashes(emitter.session, [1]) == {}
    store.close()


def test_the_open_of_many_sessions_is_read_again_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick_store.known._OPENS_KEPT", 1)
    store = open_store(tmp_path)
    emitters = [Emitter(name) for name in ("a", "b", "c")]
    write(store, [emitter.opened() for emitter in emitters])
    for emitter in emitters:
        state = store.group().view.session(emitter.session)
        assert state is not None
        assert state.statement is not None
        assert state.statement["session"] == emitter.session
    store.close()


def test_a_group_that_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    add(store.group(), emitter.opened(), spans(1))
    assert store.group().view.session(emitter.session) is None
    assert not store.group().view.is_recent_span(leaf_hash(span(1)))
    store.close()


def test_a_statement_that_was_edited_in_the_file_is_named(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [emitter.opened()])
    store.database.settle()
    with store.database._transaction() as cursor:  # noqa: SLF001 - what an intruder would do
        cursor.execute("UPDATE events SET statement = '{}'").fetchall()
    store.close()
    store = open_store(tmp_path)
    with pytest.raises(StoreError, match="log index 0 is not what was admitted"):
        store.group().view.session(emitter.session)
    store.close()

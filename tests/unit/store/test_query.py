"""What people ask: actions, traces, sessions, counts and ranges."""

from base64 import b64encode
from pathlib import Path

import duckdb
import pytest

from tallystick.errors import StoreError
from tallystick_store.actions import ActionFilter
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.query import Query
from tallystick_store.records import log_records
from tallystick_store.rows import EventRow, Merge
from tallystick_store.store import Store
from tests.stores import START_US, Clock, Emitter, open_store, span, spans, write

TRACE = "ab" * 16


def action(
    emitter: Emitter, number: int, type_: str = "tool.completed", **fields: object
) -> EventRow:
    """Give one record of action `number`."""
    disclosures = {"principal.id": f"person-{number}"}
    named = {"action__id": f"{number:032x}", "tool__name": f"tool-{number % 3}"}
    return EventRow(emitter.record(type_, disclosures, **(named | fields)))


def listed(store: Store, wanted: ActionFilter | None = None, limit: int = 50) -> list[int]:
    """Page through all actions; give their numbers."""
    query, found, before = Query(store.database), [], None
    while True:
        page = query.actions(wanted or ActionFilter(), limit=limit, before=before)
        assert len(page.actions) <= limit
        found += [int(str(one.event.statement["action.id"]), 16) for one in page.actions]
        before = page.before
        if before is None:
            return found


@pytest.mark.parametrize("limit", [1, 3, 50, 10_000])
def test_actions_come_newest_first_one_row_each(tmp_path: Path, limit: int) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    rows = []
    for number in range(10):
        rows.append(action(emitter, number, "tool.started"))
        if number % 2:
            rows.append(action(emitter, number, outcome="success"))
    write(store, [emitter.opened(), *rows])
    assert listed(store, limit=limit) == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    store.close()


def test_a_started_action_without_an_end_is_unknown(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(
        store,
        [
            action(emitter, 1, "tool.started"),
            action(emitter, 2, "tool.started"),
            action(emitter, 2, "tool.denied", outcome="denied"),
            action(emitter, 3, "resource.read", outcome="success"),
        ],
    )
    page = Query(store.database).actions(ActionFilter())
    assert [(one.event.statement["type"], one.outcome) for one in page.actions] == [
        ("resource.read", "success"),
        ("tool.denied", "denied"),
        ("tool.started", "unknown"),
    ]
    assert listed(store, ActionFilter(outcome="unknown")) == [1]
    assert listed(store, ActionFilter(outcome="denied")) == [2]
    assert len(Query(store.database).action(f"{2:032x}")) == 2
    store.close()


def test_the_reading_of_a_span_is_hidden_behind_a_native_record_of_it(tmp_path: Path) -> None:
    store, emitter, service = open_store(tmp_path), Emitter(), Emitter("service")
    same = {"trace__id": TRACE, "span__id": "1" * 16}
    other = {"trace__id": TRACE, "span__id": "2" * 16}
    native = action(emitter, 1, outcome="success", **same)
    derived = []
    for number, ids in ((2, same), (3, other)):
        row = action(service, number, outcome="success", signed=False, **ids)
        statement = row.record.statement | {"origin": "derived"}
        derived.append(EventRow(type(row.record)(row.record.line, statement, ())))
    write(store, [native, *derived])
    assert listed(store) == [3, 1]
    store.close()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ActionFilter(tool="tool-1"), [4, 1]),
        (ActionFilter(agent="planner"), [2]),
        (ActionFilter(principal="person-3"), [3]),
        (ActionFilter(principal="pseudonym"), [2]),
        (ActionFilter(type="prompt.get"), [5]),
        (ActionFilter(session=Emitter().session, tool="tool-0"), [3, 0]),
        (ActionFilter(session="0" * 32), []),
        (ActionFilter(from_us=START_US + 4), [5, 4]),
        (ActionFilter(from_us=START_US + 1, to_us=START_US + 3), [2, 1]),
        (ActionFilter(tool="x' OR '1'='1"), []),
    ],
)
def test_filters_narrow_the_list(tmp_path: Path, wanted: ActionFilter, expected: list[int]) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    extra = {"agent__name": "planner", "principal__ref": "pseudonym"}
    rows = [action(emitter, n, **(extra if n == 2 else {})) for n in range(5)]
    write(store, [*rows, action(emitter, 5, "prompt.get")])
    assert listed(store, wanted) == expected
    assert listed(store, wanted, limit=1) == expected
    store.close()


def test_a_trace_is_its_events_and_spans(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    mine = action(emitter, 1, trace__id=TRACE)
    write(store, [mine, action(emitter, 2), spans(1, 2)], clock=Clock(77))
    trace = Query(store.database).trace(TRACE)
    [event] = trace.events
    assert (event.log_index, event.rx_us, event.sender) == (0, 77, "sender-1")
    assert event.leaf_hash == mine.record.leaf_hash
    assert event.disclosures == {"principal.id": "person-1"}
    assert [one.span["name"] for one in trace.spans] == ["span 1", "span 2"]
    assert Query(store.database).trace("00" * 16).events == ()
    store.close()


def test_late_disclosures_are_part_of_the_event(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    record = action(emitter, 1).record
    [disclosure] = record.disclosures
    write(store, [EventRow(type(record)(record.line, record.statement, ()))])
    query = Query(store.database)
    assert query.action(f"{1:032x}")[0].disclosures == {}
    write(store, [Merge(0, (disclosure.line,))], [Merge(0, (disclosure.line,))])
    assert query.action(f"{1:032x}")[0].disclosures == {"principal.id": "person-1"}
    [found] = log_records(store.database, 0, 1)
    assert found.disclosures == (disclosure.line,)
    store.close()


def test_events_are_sealed_recovered_or_neither(tmp_path: Path) -> None:
    store, dead, heir = open_store(tmp_path), Emitter("dead"), Emitter("heir")
    opened, seal = dead.opened(), dead.seal()
    first, second = action(dead, 1), action(dead, 2)
    recovered = EventRow(
        heir.record(
            "session.recovered",
            recovered__session=dead.session,
            recovered__first_seq=1,
            recovered__leaves=[b64encode(first.record.leaf_hash).decode()],
        )
    )
    write(store, [opened, seal, first, second, recovered])
    query = Query(store.database)
    states = [one.event.sealing for one in query.actions(ActionFilter()).actions]
    assert states == ["unsealed", "unsealed"]
    write(store, [heir.seal()])
    states = [one.event.sealing for one in query.actions(ActionFilter()).actions]
    assert states == ["unsealed", "recovered"]
    write(store, [dead.seal()])
    states = [one.event.sealing for one in query.actions(ActionFilter()).actions]
    assert states == ["sealed", "sealed"]
    store.close()


def test_the_event_behind_the_last_seal_is_unsealed(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [emitter.opened(), action(emitter, 1), emitter.seal(), action(emitter, 2)])
    page = Query(store.database).actions(ActionFilter())
    assert [one.event.sealing for one in page.actions] == ["unsealed", "sealed"]
    store.close()


def test_a_seal_that_was_edited_covers_nothing(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [action(emitter, 1), emitter.seal()])
    store.close()
    with duckdb.connect(str(tmp_path / DATABASE_NAME)) as connection:
        connection.execute("UPDATE seals SET body = replace(body, 'old 0', 'old 1')").fetchall()
    store = open_store(tmp_path)
    [one] = Query(store.database).actions(ActionFilter()).actions
    assert one.event.sealing == "unsealed"
    store.close()


def test_a_conflicting_record_is_not_sealed_by_the_seal_of_the_other(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    first = action(emitter, 1)
    seal = emitter.seal()
    emitter.seq = 0
    write(store, [first, action(emitter, 2), seal])
    page = Query(store.database).actions(ActionFilter())
    assert [one.event.sealing for one in page.actions] == ["unsealed", "sealed"]
    store.close()


def test_sessions_and_counts_add_up(tmp_path: Path) -> None:
    store, one, two = open_store(tmp_path), Emitter("one"), Emitter("two")
    write(store, [one.opened(), two.opened(), one.seal(), one.closed(), one.seal(), spans(1, 2)])
    query = Query(store.database)
    assert [
        (s.session, s.event_count, s.sealed_size, s.is_closed) for s in query.sessions().sessions
    ] == [
        (one.session, 2, 2, True),
        (two.session, 1, 0, False),
    ]
    counts = query.counts()
    assert (counts["events"], counts["seals"], counts["spans"], counts["sessions"]) == (3, 2, 2, 2)
    assert (counts["event:session.open"], counts["checkpoints"]) == (2, 0)
    store.close()


def test_receive_times_give_a_range_of_the_log(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    for now_us in (100, 200, 300):
        write(store, [emitter.call(), spans(1, 2)], clock=Clock(now_us))
    query = Query(store.database)
    assert query.entries_between(0, 1000) == (0, 6)
    assert query.entries_between(200, 300) == (2, 4)
    assert query.entries_between(101, 200) == (2, 2)
    assert query.entries_between(1000, 0) == (6, 6)
    store.close()


def test_the_log_is_streamed_in_order_with_the_exact_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick_store.records.WINDOW", 3)
    store, emitter = open_store(tmp_path), Emitter()
    opened, seal, call = emitter.opened(), emitter.seal(), emitter.call()
    write(store, [opened, seal, spans(1, 2), call, *(emitter.call() for _ in range(5))])
    records = list(log_records(store.database, 0, 9))
    assert [record.log_index for record in records] == list(range(9))
    assert records[0].statement == opened.record.line.decode()
    assert records[1].seal == seal.body
    assert records[2].spans == (span(1).decode(), span(2).decode())
    assert records[3].disclosures == tuple(d.line for d in call.record.disclosures)
    assert [record.kind for record in records[:4]] == ["event", "seal", "spans", "event"]
    assert [record.log_index for record in log_records(store.database, 4, 6)] == [4, 5]
    store.close()


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_actions_are_told_apart_by_their_seals(tmp_path: Path, limit: int) -> None:
    store, emitter, dead, heir = open_store(tmp_path), Emitter(), Emitter("dead"), Emitter("heir")
    derived = action(heir, 5, signed=False, span__id="1" * 16, trace__id=TRACE).record
    made = type(derived)(derived.line, derived.statement | {"origin": "derived"}, ())
    lost = action(dead, 3)
    adoption = heir.record(
        "session.recovered",
        recovered__session=dead.session,
        recovered__first_seq=0,
        recovered__leaves=[b64encode(lost.record.leaf_hash).decode()],
    )
    sealed = [action(emitter, 1), action(emitter, 2)]
    write(store, [*sealed, emitter.seal(), lost, EventRow(made), EventRow(adoption), heir.seal()])
    write(store, [action(emitter, 4)])
    for sealing, expected in {"sealed": [2, 1], "recovered": [3], "unsealed": [4]}.items():
        assert listed(store, ActionFilter(sealing=sealing), limit) == expected  # type: ignore[arg-type]
    store.close()


def test_a_filter_by_seals_looks_at_so_many_and_goes_on_behind_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick_store.actions.MAX_LOOKED_AT", 4)
    monkeypatch.setattr("tallystick_store.actions._SEALING_FETCH", 2)
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [action(emitter, 9)])
    other = Emitter("sealed")
    write(store, [*(action(other, number) for number in range(8)), other.seal()])
    page = Query(store.database).actions(ActionFilter(sealing="unsealed"))
    assert (page.actions, page.before) == ((), 5)
    assert listed(store, ActionFilter(sealing="unsealed")) == [9]
    store.close()


def test_traces_are_listed_newest_first_with_who_and_how_they_ended(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    one, two = "1" * 32, "2" * 32
    write(
        store,
        [
            action(emitter, 1, outcome="success", trace__id=one, agent__name="planner"),
            action(emitter, 2, "tool.started", trace__id=two),
            action(emitter, 2, "tool.denied", outcome="denied", trace__id=two),
            action(emitter, 3, outcome="failure", trace__id=two),
            action(emitter, 4, "tool.started", trace__id=two),
            spans(1, 2),
        ],
    )
    query = Query(store.database)
    page = query.traces(None, None, 50, None)
    assert [(t.trace_id, t.actions, t.failed, t.denied, t.spans) for t in page.traces] == [
        (TRACE, 0, 0, 0, 2),
        (two, 3, 1, 1, 0),
        (one, 1, 0, 0, 0),
    ]
    assert (page.traces[2].agent, page.traces[2].principal) == ("planner", "person-1")
    assert (page.traces[1].from_us, page.traces[1].to_us) == (START_US + 1, START_US + 4)
    first = query.traces(None, None, 1, None)
    rest = query.traces(None, None, 5, first.before)
    assert [*first.traces, *rest.traces] == [*page.traces]
    assert rest.before is None
    assert [t.trace_id for t in query.traces(START_US, START_US + 1, 5, None).traces] == [one]
    store.close()


def test_a_trace_that_is_too_large_says_that_it_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick_store.query.MAX_TRACE_ROWS", 3)
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [*(action(emitter, n, trace__id=TRACE) for n in range(5)), spans(1, 2, 3)])
    found = Query(store.database).trace(TRACE)
    assert (len(found.events), len(found.spans), found.is_cut) == (3, 3, True)
    store.close()


def test_a_key_that_only_a_changed_row_names_is_not_trusted(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    added = [
        EventRow(emitter.record("key.added", key__name=name, key__purpose="emitter"))
        for name in ("one", "two", "three")
    ]
    write(store, added)
    store.close()
    with duckdb.connect(str(tmp_path / DATABASE_NAME)) as connection:
        connection.execute("UPDATE events SET statement = 'x' WHERE log_index = 0").fetchall()
        connection.execute(
            "UPDATE events SET statement = replace(statement, 'two', 'mallory') WHERE log_index = 1"
        ).fetchall()
    store = open_store(tmp_path)
    names = [one["key.name"] for one in Query(store.database).keys_added("sender-1")]
    assert names == ["three"]
    store.close()


@pytest.mark.parametrize("stretch", [1, 2, 7])
def test_actions_are_found_however_far_apart_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    monkeypatch.setattr("tallystick_store.actions._STRETCH", stretch)
    store, emitter = open_store(tmp_path), Emitter()
    rows = [emitter.opened() if n % 9 else action(emitter, n) for n in range(40)]
    write(store, rows)
    for limit in (1, 2, 50):
        assert listed(store, limit=limit) == [36, 27, 18, 9, 0]
    assert listed(store, ActionFilter(tool="no tool")) == []
    store.close()


@pytest.mark.parametrize("assignment", ["statement = '{'", "statement = NULL", "leaf_hash = NULL"])
def test_a_session_whose_opening_was_changed_has_no_key(tmp_path: Path, assignment: str) -> None:
    store, emitter, other = open_store(tmp_path), Emitter(), Emitter("other")
    write(store, [emitter.opened(), other.opened()])
    store.close()
    with duckdb.connect(str(tmp_path / DATABASE_NAME)) as connection:
        change = f"UPDATE events SET {assignment} WHERE log_index = 0"  # noqa: S608 - the attack
        connection.execute(change).fetchall()
    store = open_store(tmp_path)
    query = Query(store.database)
    with pytest.raises(StoreError, match="log index 0 is not what was admitted"):
        query.session_open(emitter.session)
    assert query.session_open(other.session) is not None
    assert query.session_open("0" * 32) is None
    store.close()

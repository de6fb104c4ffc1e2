"""The first look: counts equal what lists show, holes are found, silence is told from an end."""

import random
from dataclasses import asdict
from pathlib import Path

import duckdb
import pytest

from tallystick_store.actions import ActionFilter
from tallystick_store.gaps import find_gaps
from tallystick_store.integrity import SILENCE_US, newest_checkpoints, session_integrity
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.overview import Overview, read_overview
from tallystick_store.projections.calls import HOUR_US
from tallystick_store.query import Query
from tallystick_store.rows import EventRow, Row, SpanBatch, SpanRow
from tallystick_store.schema import TOMBSTONES, row_batch
from tallystick_store.store import Store
from tests.requirements import requirement
from tests.stores import START_US, Clock, Emitter, open_store, span, spans, write

END_US = START_US + 1_000_000
TRACE = "ab" * 16


def overview(store: Store, from_us: int = 0, to_us: int = END_US) -> Overview:
    return read_overview(store.database, from_us, to_us)


def test_an_empty_store_has_an_overview(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    found = overview(store)
    assert set(asdict(found.totals).values()) == {0}
    assert (found.hours, found.tools, found.agents) == ((), (), ())
    store.close()


def mixed(rng: random.Random) -> list[Row]:
    """Print calls of every kind: started, ended, refused, failed, derived, hidden behind native."""
    rows: list[Row] = []
    native, service = Emitter("native"), Emitter("service")
    for number in range(60):
        fields: dict[str, object] = {
            "action__id": f"{number:032x}",
            "tool__name": rng.choice(["read", "write", "send"]),
            "server__name": rng.choice(["desk", "mail"]),
            "agent__name": rng.choice(["planner", "clerk"]),
            "trace__id": TRACE,
            "span__id": f"{number % 40 + 1:016x}",
            "mask__hits": {"params:email": rng.randrange(3)},
        }
        kind = rng.choice(["tool.completed", "tool.denied", "started", "prompt.get", "derived"])
        if kind == "derived":
            fields |= {"origin": "derived", "signed": False, "outcome": "success"}
            rows.append(EventRow(service.record("tool.completed", {}, **fields)))
            continue
        if rng.random() < 0.5 or kind == "started":
            rows.append(EventRow(native.record("tool.started", {}, **fields)))
        if kind != "started":
            outcome = "denied" if kind == "tool.denied" else rng.choice(["success", "failure"])
            outcome = rng.choice([outcome, "timeout"]) if outcome == "failure" else outcome
            rows.append(EventRow(native.record(kind, {}, outcome=outcome, **fields)))
        if number == 40:
            rows.append(native.seal())
    return rows


@requirement("use.periods")
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("period", [(0, END_US), (START_US + 7, START_US + 31)])
def test_the_counts_are_those_of_the_actions_that_are_listed(
    tmp_path: Path, seed: int, period: tuple[int, int]
) -> None:
    store = open_store(tmp_path)
    write(store, mixed(random.Random(seed)))
    wanted = ActionFilter(*period)
    listed = Query(store.database).actions(wanted, limit=1000).actions
    found = overview(store, *period)
    totals = found.totals
    denied = [one for one in listed if one.outcome == "denied"]
    failed = [one for one in listed if one.outcome in ("failure", "timeout")]
    assert (totals.actions, totals.failed, totals.denied) == (len(listed), len(failed), len(denied))
    proofs = [one.event.proof for one in listed]
    assert [totals.unsealed, totals.recovered, totals.derived] == [
        proofs.count(name) for name in ("unsealed", "recovered", "derived")
    ]
    hits = [one.event.statement["mask.hits"]["params:email"] for one in listed]
    assert totals.masked == sum(hits)
    for counts in (found.hours, found.tools, found.agents):
        assert sum(row[-1].actions for row in counts) == len(listed)
        assert sum(row[-1].failed for row in counts) == len(failed)
    tools = {(tool, server): counts.actions for tool, server, counts in found.tools}
    assert tools == {key: sum(_tool(one.event.statement) == key for one in listed) for key in tools}
    store.close()


def _tool(statement: dict[str, object]) -> tuple[object, object]:
    return statement["tool.name"], statement["server.name"]


def test_hours_are_those_of_the_actions(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    first = emitter.call(1)
    emitter.seq += HOUR_US
    write(store, [first, emitter.call(2)])
    found = overview(store, 0, END_US + HOUR_US)
    start = START_US // HOUR_US * HOUR_US
    assert [(hour_us, counts.actions) for hour_us, counts in found.hours] == [
        (start, 1),
        (start + HOUR_US, 1),
    ]
    store.close()


def test_what_was_refused_lost_and_unmasked_is_counted(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    laden = span(3).replace(b'"hits":{}', b'"hits":{"attributes:email":1}')
    write(
        store,
        [
            EventRow(emitter.record("log.reject", reject__counts={"unknown_key": 2, "x": 3})),
            EventRow(emitter.record("log.reject", reject__counts={"unknown_key": 2, "x": 3})),
            EventRow(emitter.record("log.drop", drop__count=4)),
            SpanBatch((SpanRow.of(span(2)), SpanRow.of(laden))),
        ],
    )
    totals = overview(store).totals
    assert (totals.refusals, totals.drops, totals.unmasked_at_source) == (10, 4, 1)
    assert overview(store, END_US, END_US + 1).totals.refusals == 0
    store.close()


def test_a_changed_count_breaks_no_overview(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [EventRow(emitter.record("log.reject", reject__counts={"x": 3})), emitter.call(5)])
    store.close()
    with duckdb.connect(str(tmp_path / DATABASE_NAME)) as connection:
        for cell in ("'{'", "'[1]'", '\'{"x":"y"}\'', "NULL"):
            change = f"UPDATE events SET reject_counts = {cell}, mask_hits = {cell}"  # noqa: S608
            connection.execute(change).fetchall()
            connection.execute("UPDATE events SET session = NULL, seq = NULL").fetchall()
    store = open_store(tmp_path)
    totals = overview(store).totals
    assert (totals.refusals, totals.masked, totals.actions, totals.unsealed) == (0, 0, 1, 1)
    assert session_integrity(store.database, START_US)[0]
    store.close()


@requirement("session.silence-is-a-gap")
def test_every_hole_of_a_session_is_found(tmp_path: Path) -> None:
    store, emitter, whole = open_store(tmp_path), Emitter(), Emitter("whole")
    rows = [emitter.call(n) for n in range(10)]
    seal = emitter.seal()
    kept = [row for row in rows if row.record.seq in (2, 3, 6)]
    write(store, [*kept, kept[0], seal, whole.opened(), whole.seal()])
    found = find_gaps(store.database, [emitter.session, whole.session])
    assert found == {emitter.session: [(0, 1), (4, 5), (7, 9)]}
    assert overview(store).totals.gaps == 3
    assert find_gaps(store.database, []) == {}
    store.close()


def test_a_session_of_which_the_oldest_records_were_deleted_has_no_hole(tmp_path: Path) -> None:
    store, emitter, other = open_store(tmp_path), Emitter(), Emitter("other")
    rows = [emitter.call(number) for number in range(6)]
    write(store, [*(other.call(number) for number in range(3)), *rows[3:]])
    deleted = [
        (
            *(number, START_US, "sender-1", rows[number].record.leaf_hash, "event", None),
            *(emitter.session, number, 9),
        )
        for number in range(3)
    ]
    store.database.insert({TOMBSTONES.name: row_batch(TOMBSTONES, deleted)})
    assert overview(store).totals.gaps == 0
    store.close()


@requirement("session.silence-is-a-gap")
def test_a_session_is_open_closed_or_silent(tmp_path: Path) -> None:
    store, done, runs, died = open_store(tmp_path), Emitter("a"), Emitter("b"), Emitter("c")
    now_us = START_US + 10 * SILENCE_US
    write(store, [died.opened()], clock=Clock(START_US))
    write(store, [done.opened(), done.closed()], clock=Clock(START_US + 1))
    write(store, [runs.opened()], clock=Clock(now_us - SILENCE_US))
    sessions, is_cut = session_integrity(store.database, now_us)
    assert [(one.summary.session, one.phase) for one in sessions] == [
        (runs.session, "open"),
        (done.session, "closed"),
        (died.session, "silent"),
    ]
    assert not is_cut
    assert session_integrity(store.database, now_us, 2)[1]
    store.close()


def test_the_newest_checkpoints_come_with_when_they_were_signed(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    for number in range(3):
        write(store, [emitter.call(), spans(number + 1)], clock=Clock(START_US + number))
        store.publisher.publish_now()
    found = newest_checkpoints(store.database, 2)
    assert [(one.size, one.signed_us) for one in found] == [(6, START_US + 2), (4, START_US + 1)]
    assert store.checkpoint is not None
    assert (found[0].note, found[0].root) == (
        store.checkpoint.note,
        store.checkpoint.checkpoint.root,
    )
    store.close()

"""Answers with projections are those of the rows alone, whatever came in, in which order, and how far they reach."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.event import Record
from tallystick.tlog.encoding import to_base64
from tallystick_store import actions
from tallystick_store.actions import ActionFilter
from tallystick_store.engine.duckdb import Reader
from tallystick_store.overview import read_overview
from tallystick_store.projections.calls import HOUR_US
from tallystick_store.projections.windows import project, projected_end
from tallystick_store.query import Query
from tallystick_store.rows import EventRow, Row, SpanBatch, SpanRow
from tallystick_store.statistics import new_tools, tool_statistics, who_uses_what
from tallystick_store.store import Store
from tallystick_store.trace_index import TracePlace
from tests.requirements import requirement
from tests.stores import START_US, Emitter, open_store, span, write

SESSIONS = 4
ROWS = 150
TRACES = [f"{number:032x}" for number in range(1, 9)]
TYPES = (
    *("tool.started", "tool.completed", "tool.completed", "tool.denied", "prompt.get"),
    *("log.reject", "log.drop", "session.close", "access.read"),
)
PERIODS = (
    (0, 2**53),
    (START_US, START_US + 2 * HOUR_US),
    (START_US + HOUR_US // 3, START_US + HOUR_US // 2),
    (START_US + HOUR_US // 2, START_US + 5 * HOUR_US // 2),
)
FILTERS = (
    ActionFilter(),
    ActionFilter(agent="clerk", tool="send"),
    ActionFilter(principal_refs=(f"{1:032x}", f"{9:032x}")),
    ActionFilter(session=Emitter("session 1").session),
)


def rows_of(source: random.Random) -> list[Row]:
    """Print records of every kind from a few sessions, in a wild order: late ones, twice the same, never sealed."""
    emitters = [Emitter(f"session {number}") for number in range(SESSIONS)]
    rows: list[Row] = [emitter.opened() for emitter in emitters]
    held: list[Row] = []
    for _ in range(ROWS):
        row = _row(source, source.choice(emitters))
        (held if source.random() < 0.1 else rows).append(row)
        if source.random() < 0.1:
            rows.append(source.choice(rows))
        if held and source.random() < 0.08:
            rows.append(held.pop(source.randrange(len(held))))
    adopter, dead = emitters[0], emitters[-1]
    records = [row.record for row in rows if isinstance(row, EventRow)]
    newest = max(one.seq for one in records if one.session == dead.session)
    lost = {one.seq: one for one in records if one.session == dead.session and one.seq > newest - 3}
    rows.append(EventRow(_recovery(adopter, list(lost.values()))))
    rows.append(adopter.seal())
    return rows


def _recovery(adopter: Emitter, lost: list[Record]) -> Record:
    return adopter.record(
        "session.recovered",
        recovered__session=lost[0].session,
        recovered__first_seq=min(one.seq for one in lost),
        recovered__leaves=[to_base64(one.leaf_hash) for one in sorted(lost, key=_seq)],
    )


def _seq(record: Record) -> int:
    return record.seq


def _row(source: random.Random, emitter: Emitter) -> Row:
    drawn = source.random()
    if drawn < 0.05:
        emitter.record()  # so that there is something to seal, and a hole
        return emitter.seal()
    start_us = START_US + source.randrange(3 * HOUR_US)
    if drawn < 0.15:
        return SpanBatch(
            tuple(SpanRow.of(_span(source, start_us)) for _ in range(source.randrange(1, 4)))
        )
    type_ = source.choice(TYPES)
    fields: dict[str, object] = {"time_us": start_us, "trace__id": source.choice(TRACES)}
    if type_.startswith(("tool", "prompt")):
        fields |= _call(source, type_, start_us)
    elif type_ == "log.reject":
        fields |= {"reject__counts": {"unknown_key": source.randrange(4)}}
    elif type_ == "log.drop":
        fields |= {"drop__count": source.randrange(4)}
    disclosed = {"principal.id": f"person {source.randrange(3)}"} if source.random() < 0.5 else {}
    return EventRow(emitter.record(type_, disclosed, **fields))


def _call(source: random.Random, type_: str, start_us: int) -> dict[str, object]:
    fields: dict[str, object] = {
        "action__id": f"{source.randrange(60):032x}",
        "span__id": f"{source.randrange(1, 12):016x}",
        "tool__name": source.choice(["read", "write", "send"]),
        "server__name": source.choice(["desk", "mail"]),
        "agent__name": source.choice(["planner", "clerk"]),
        "principal__ref": f"{source.randrange(4):032x}",
        "mask__hits": {"params:email": source.randrange(3)},
    }
    if type_ != "tool.started":
        fields["outcome"] = source.choice(["success", "failure", "timeout", "denied"])
        fields |= {"span__start_us": start_us, "span__end_us": start_us + source.randrange(90_000)}
    if source.random() < 0.3:
        fields |= {"origin": "derived", "signed": False}
    return fields


def _span(source: random.Random, start_us: int) -> bytes:
    record = span(start_us * 1000, source.choice(TRACES)).decode()
    record = record.replace(
        f'"span_id":"{start_us * 1000:016x}"', f'"span_id":"{source.randrange(16**16):016x}"'
    )
    return record.replace(
        '"hits":{}', source.choice(['"hits":{}', '"hits":{"name:email":1}'])
    ).encode()


def answers(reader: Reader) -> Iterator[object]:
    """Ask everything that may be answered from projections."""
    query = Query(reader)
    for period in PERIODS:
        yield read_overview(reader, *period)
        yield list(_traces(query, period))
        yield tool_statistics(reader, *period, is_hourly=True)
        yield new_tools(reader, *period)
        yield who_uses_what(reader, *period)
    for wanted in FILTERS:
        yield list(_actions(query, wanted))
    yield list(_sessions(query))
    yield query.counts()
    yield [query.trace(trace) for trace in TRACES[:3]]
    yield [query.action(f"{number:032x}") for number in range(6)]


def _actions(query: Query, wanted: ActionFilter) -> Iterator[object]:
    before: int | None = None
    while True:
        page = query.actions(wanted, limit=20, before=before)
        yield from page.actions
        before = page.before
        if before is None:
            return


def _traces(query: Query, period: tuple[int, int]) -> Iterator[object]:
    before: TracePlace | None = None
    while True:
        page = query.traces(*period, 3, before)
        yield from page.traces
        before = page.before
        if before is None:
            return


def _sessions(query: Query) -> Iterator[object]:
    before: int | None = None
    while True:
        page = query.sessions(3, before)
        yield from page.sessions
        before = page.before
        if before is None:
            return


def project_to(store: Store, source: random.Random, end: int) -> None:
    """Project the log up to `end`, in windows of any length."""
    while (start := projected_end(store.database)) < end:
        upto = min(end, start + source.randrange(1, 90))
        store.database.insert(project(store.database, start, upto))


@requirement("use.projections")
@pytest.mark.parametrize("seed", range(4))
def test_answers_do_not_depend_on_how_far_the_projections_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    for name, value in (("_STRETCH", 20), ("_LONGER", 2), ("_RARE", 50)):
        monkeypatch.setattr(actions, name, value)
    source, store = random.Random(seed), open_store(tmp_path)
    rows = rows_of(source)
    while rows:
        count = source.randrange(1, 40)
        write(store, rows[:count])
        del rows[:count]
    expected = list(answers(store.database))
    for part in (0.4, 0.7, 1.0):
        project_to(store, source, int(store.size * part))
        assert list(answers(store.database)) == expected
    store.close()

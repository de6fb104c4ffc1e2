"""Any trace that strangers can send comes out as rows, each span and each record in exactly one."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tallystick_dashboard.trace.columns import columns_of
from tallystick_dashboard.trace.model import read_trace
from tallystick_dashboard.trace.tree import ROOT, grow
from tests.requirements import requirement
from tests.unit.dashboard.traces import START_US, answer, call, event, span

_IDS = st.sampled_from(["a1", "b2", "c3", "d4", "e5", "f6"])
_PARENTS = st.one_of(st.just(""), _IDS, st.just("gone"))
_TEXTS = st.text(max_size=20)
_TIMES = st.one_of(st.integers(0, 2**63), st.integers(START_US, START_US + 10**7))


@st.composite
def graphs(draw: st.DrawFn) -> list[int]:
    count = draw(st.integers(0, 40))
    parent = st.integers(ROOT, count - 1) if count else st.nothing()
    return draw(st.lists(parent, min_size=count, max_size=count))


@requirement("dashboard.any-parents")
@given(graphs())
def test_any_graph_of_parents_ends_and_shows_each_row_once(parents: list[int]) -> None:
    forest = grow(parents, [(0, index) for index in range(len(parents))])
    assert Counter(forest.order) == Counter(range(len(parents)))
    place = {index: at for at, index in enumerate(forest.order)}
    for index, parent in enumerate(parents):
        if parent == ROOT or index in forest.cut:
            assert forest.depths[place[index]] == 0
        else:
            assert forest.depths[place[index]] == forest.depths[place[parent]] + 1
            assert place[parent] < place[index]


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    start, end = draw(_TIMES), draw(_TIMES)
    return span(
        draw(_IDS),
        draw(_PARENTS),
        start_ns=str(start),
        end_ns=str(end),
        name=draw(_TEXTS),
        service=draw(_TEXTS),
        kind=draw(st.integers(0, 9)),
        status=draw(st.integers(0, 9)),
        attributes=draw(
            st.one_of(st.none(), st.dictionaries(_TEXTS, st.one_of(_TEXTS, st.integers())))
        ),
    )


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    index = draw(st.integers(0, 10**6))
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["tool.started", "tool.completed", "tool.denied"]))
        origin = draw(st.sampled_from(["native", "derived"]))
        stated = {"type": kind, "origin": origin, "tool__name": draw(_TEXTS)}
        return call(index, draw(_IDS), draw(_IDS), draw(_PARENTS), **stated)
    if draw(st.booleans()):
        return {"log_index": index, "statement": None, "faults": [{"column": "line"}]}
    kind = draw(st.sampled_from(["authz.decision", "tooldef.observed", "log.gap"]))
    return event(index, type=kind, span__id=draw(_IDS))


@requirement("dashboard.any-parents")
@given(
    st.lists(records(), max_size=12, unique_by=lambda one: one["log_index"]),
    st.lists(spans(), max_size=12),
)
def test_every_span_and_every_record_is_in_exactly_one_row(
    events: list[dict[str, Any]], found: list[dict[str, Any]]
) -> None:
    trace = read_trace("t", answer(events, found))
    shown = Counter(index for row in trace.rows for index in row.draft.log_indexes)
    assert shown == Counter(one["log_index"] for one in events)
    rows = Counter(row.draft.span_id for row in trace.rows if row.draft.span_id)
    for span_id, count in Counter(one["span_id"] for one in found).items():
        assert rows[span_id] >= count
    assert len({row.id for row in trace.rows}) == len(trace.rows)
    columns = columns_of(trace)
    assert all(start is None or start >= 0 for start in columns["start"])
    assert all(length is None or length >= 0 for length in columns["length"])

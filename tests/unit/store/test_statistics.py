"""Statistics are those of the actions that are listed, and a percentile is within what is promised of it."""

import math
import random
from collections import Counter
from pathlib import Path

from tallystick_store.actions import ActionFilter
from tallystick_store.projections.calls import HOUR_US
from tallystick_store.projections.windows import project
from tallystick_store.query import Query
from tallystick_store.rows import EventRow
from tallystick_store.statistics import new_tools, tool_statistics, who_uses_what
from tests.property.store.test_projections import rows_of
from tests.requirements import requirement
from tests.stores import START_US, Emitter, open_store, write

PERIOD = (START_US, START_US + 3 * HOUR_US)
PROMISED = 0.05


def test_counts_are_those_of_the_actions_that_are_listed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    write(store, rows_of(random.Random(7)))
    listed = [
        one.event.statement
        for one in Query(store.database).actions(ActionFilter(*PERIOD), limit=1000).actions
    ]
    tools, is_cut = tool_statistics(store.database, *PERIOD)
    assert not is_cut
    expected = Counter((said["server.name"], said["tool.name"]) for said in listed)
    assert {(one.server, one.tool): one.actions for one in tools} == expected
    uses, _ = who_uses_what(store.database, *PERIOD)
    keys = ("agent.name", "server.name", "tool.name", "principal.ref")
    assert {(one.agent, one.server, one.tool, one.person): one.actions for one in uses} == Counter(
        tuple(said[key] for key in keys) for said in listed
    )
    hourly, _ = tool_statistics(store.database, *PERIOD, is_hourly=True)
    hours = Counter(said["time_us"] // HOUR_US * HOUR_US for said in listed)
    found: Counter[int] = Counter()
    for one in hourly:
        found[one.hour_us or 0] += one.actions
    assert found == hours
    assert len(who_uses_what(store.database, *PERIOD, 2)[0]) == 2
    store.close()


@requirement("use.percentiles")
def test_a_percentile_is_within_five_percent_of_the_action_at_its_rank(tmp_path: Path) -> None:
    store, emitter, source = open_store(tmp_path), Emitter(), random.Random(1)
    durations = sorted(round(source.lognormvariate(9, 2)) for _ in range(400))
    rows = [
        emitter.call(number, span__start_us=START_US, span__end_us=START_US + duration)
        for number, duration in enumerate(durations)
    ]
    write(store, rows)
    for _ in range(2):
        [one] = tool_statistics(store.database, *PERIOD)[0]
        assert (one.actions, one.measured) == (400, 400)
        for share, told in ((0.5, one.p50_us), (0.95, one.p95_us), (0.99, one.p99_us)):
            exact = durations[math.ceil(share * len(durations)) - 1]
            assert told is not None
            assert abs(told - exact) <= PROMISED * exact
        store.database.insert(project(store.database, 0, store.size))
    store.close()


def test_a_duration_that_nobody_measured_is_in_no_percentile(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    at_once = emitter.call(2, span__start_us=START_US, span__end_us=START_US)
    write(store, [emitter.call(1), at_once])
    [one] = tool_statistics(store.database, *PERIOD)[0]
    assert (one.actions, one.measured, one.p50_us, one.p99_us) == (2, 1, 0, 0)
    store.close()


def test_a_tool_is_new_once(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()

    def use(tool: str, after_us: int) -> EventRow:
        fields = {"tool__name": tool, "time_us": START_US + after_us}
        record = emitter.record("tool.completed", {}, action__id=f"{emitter.seq:032x}", **fields)
        return EventRow(record)

    write(store, [use("read", 5), use("send", HOUR_US), use("read", HOUR_US + 5), use("read", 3)])
    found, is_cut = new_tools(store.database, START_US, START_US + 2 * HOUR_US)
    assert [(one.tool, one.first_us - START_US, one.log_index) for one in found] == [
        ("send", HOUR_US, 1),
        ("read", 3, 3),
    ]
    assert not is_cut
    assert [one.tool for one in new_tools(store.database, START_US + 4, PERIOD[1])[0]] == ["send"]
    store.close()

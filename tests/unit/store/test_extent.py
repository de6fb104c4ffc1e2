"""What of a period is taken from projections, and that no call counts twice or not at all where the two meet."""

from pathlib import Path

import pytest

from tallystick_store.overview import read_overview
from tallystick_store.projections import extent as extents
from tallystick_store.projections.calls import DAY_US, HOUR_US
from tallystick_store.projections.extent import days_of
from tallystick_store.projections.windows import project
from tallystick_store.rows import EventRow
from tallystick_store.statistics import tool_statistics, who_uses_what
from tallystick_store.store import Store
from tests.stores import START_US, Emitter, open_store, write

MIDNIGHT_US = START_US // DAY_US * DAY_US
QUARTER_US = HOUR_US // 4
CALLS = 3 * 96
"""Three days, a call every quarter of an hour."""
WINDOW = 20
"""Five hours."""
EDGES_US = (0, 1, QUARTER_US, HOUR_US, 7 * HOUR_US + 3, 24 * HOUR_US, 25 * HOUR_US, 31 * HOUR_US)
PERIODS = [
    (MIDNIGHT_US + start, MIDNIGHT_US + start + length)
    for start in EDGES_US
    for length in (QUARTER_US, 5 * HOUR_US, 24 * HOUR_US, 41 * HOUR_US)
]
ROLLING_DAY = (MIDNIGHT_US + 7 * HOUR_US + 3, MIDNIGHT_US + 31 * HOUR_US + 3)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened, emitter = open_store(tmp_path), Emitter()
    times = [MIDNIGHT_US + number * QUARTER_US for number in range(CALLS)]
    times += [MIDNIGHT_US + 90 * QUARTER_US, MIDNIGHT_US + 7 * HOUR_US]  # late
    write(opened, [_call(emitter, number, time_us) for number, time_us in enumerate(times)])
    return opened


def _call(emitter: Emitter, number: int, time_us: int) -> EventRow:
    fields = {"agent__name": f"agent {number % 3}", "principal__ref": f"{number % 2:032x}"}
    action = f"{number - number % 5 // 4:032x}"
    kind = "tool.started" if number % 5 == 3 else "tool.completed"
    ended = {"outcome": "success"} if kind == "tool.completed" else {}
    stated = {"action__id": action, "tool__name": "read", "time_us": time_us, **fields, **ended}
    return EventRow(emitter.record(kind, {}, **stated))


@pytest.mark.parametrize("most_pieces", [0, 32])
def test_calls_count_once_wherever_a_period_cuts_days_and_windows(
    store: Store, monkeypatch: pytest.MonkeyPatch, most_pieces: int
) -> None:
    monkeypatch.setattr(extents, "MAX_PIECES", most_pieces)
    expected = [_answers(store, *period) for period in PERIODS]
    for start in range(0, store.size - WINDOW, WINDOW):
        store.database.insert(project(store.database, start, start + WINDOW))
    assert [_answers(store, *period) for period in PERIODS] == expected
    store.close()


def test_of_a_day_that_is_cut_only_the_windows_at_the_edges_are_read(store: Store) -> None:
    for start in range(0, store.size - WINDOW, WINDOW):
        store.database.insert(project(store.database, start, start + WINDOW))
    read = sum(
        store.database.rows(f"SELECT count(*) FROM events WHERE {where}")[0][0]  # noqa: S608 - of the store
        for where in days_of(store.database, *ROLLING_DAY).raw
    )
    calls = (ROLLING_DAY[1] - ROLLING_DAY[0]) // QUARTER_US
    assert 0 < read < calls // 2
    store.close()


def test_of_many_hours_the_newest_are_looked_at_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = tool_statistics(store.database, 0, 2**53, is_hourly=True)
    for most in (1, 50, 60):
        monkeypatch.setattr("tallystick_store.statistics.MAX_ROWS", most)
        newest, is_cut = tool_statistics(store.database, 0, 2**53, is_hourly=True)
        assert newest == whole[:most]
        assert is_cut
    store.close()


def _answers(store: Store, from_us: int, to_us: int) -> tuple[object, ...]:
    return (
        who_uses_what(store.database, from_us, to_us),
        tool_statistics(store.database, from_us, to_us),
        read_overview(store.database, from_us, to_us),
    )

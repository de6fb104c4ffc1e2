"""How tools fare: counts and durations of each by hour or over a period, tools never seen before, and who uses what.

An action counts here exactly when `actions.list_actions` shows it. A percentile is read from classes of durations,
each 1.1 times as long as the one before: it is within 5 % of the action at that rank.
"""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.projections.calls import (
    CALLS,
    DAY_US,
    DURATION_RATIO,
    HOUR_US,
    SEEN_TOOLS,
    SUMS,
)
from tallystick_store.projections.extent import days_of, hours_of
from tallystick_store.projections.reading import Grouping, counted, overruling_keys
from tallystick_store.projections.tables import DURATION_HOURS, TOOLS_SEEN, WHO_DAYS
from tallystick_store.projections.windows import projected_end

MAX_ROWS: Final = 10_000
"""Rows of one answer."""
_HOURS_AT_ONCE: Final = 48
"""Hours that are looked at first; then as many as it takes where they are alike, and at most four times as many."""
_PERCENTS: Final = (50, 95, 99)

_TOOLS: Final = f"""
    {{counted}},
    classes AS (
        SELECT {{hour}} AS hour, server, tool, duration, {SUMS} FROM counted GROUP BY ALL
    )
    SELECT hour, server, tool, {SUMS}, list(duration) FILTER (duration IS NOT NULL),
           list(actions) FILTER (duration IS NOT NULL)
    FROM classes WHERE actions > 0 GROUP BY hour, server, tool
    ORDER BY hour DESC, 4 DESC, server, tool LIMIT {MAX_ROWS + 1}
"""  # noqa: S608 - own words
_NEW: Final = f"""
    SELECT server, tool, min(first_us) AS first_us, arg_min(first_index, (first_us, first_index)) FROM (
        SELECT server, tool, first_us, first_index FROM {TOOLS_SEEN.name} WHERE upto <= $1
        UNION ALL
        {SEEN_TOOLS.format(calls=f"{CALLS} AND log_index >= $1")}
    )
    GROUP BY server, tool HAVING min(first_us) >= $2 AND min(first_us) < $3
    ORDER BY first_us DESC, server, tool LIMIT {MAX_ROWS + 1}
"""  # noqa: S608 - own words
_WHO: Final = f"""
    {{counted}}
    SELECT agent, server, tool, person, {SUMS} FROM counted
    GROUP BY agent, server, tool, person HAVING sum(actions) > 0
    ORDER BY 5 DESC, agent, server, tool, person LIMIT $3
"""  # noqa: S608 - own words


@dataclass(frozen=True, slots=True)
class ToolStatistics:
    """One tool in one hour, or in the whole period."""

    hour_us: int | None
    """Start of the hour; None: the whole period."""
    server: str
    tool: str
    """Or prompt; empty where nobody named one."""
    actions: int
    failed: int
    denied: int
    measured: int
    """Actions of which the duration is known: the percentiles are those of these."""
    p50_us: int | None
    p95_us: int | None
    p99_us: int | None


@dataclass(frozen=True, slots=True)
class NewTool:
    """A tool, and where it was seen for the first time."""

    server: str
    tool: str
    first_us: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Use:
    """How often an agent used a tool for a person."""

    agent: str
    server: str
    tool: str
    person: str
    """The keyed pseudonym (`principal.ref`); empty where nobody was named."""
    actions: int
    failed: int
    denied: int


def tool_statistics(
    reader: Reader, from_us: int, to_us: int, *, is_hourly: bool = False
) -> tuple[list[ToolStatistics], bool]:
    """Return each tool of [from_us, to_us), and whether there are more than MAX_ROWS; newest hours first."""
    ask = _tools_by_hour if is_hourly else _tools
    rows = reader.consistently(lambda: ask(reader, from_us, to_us))
    return [_statistics(row) for row in rows[:MAX_ROWS]], len(rows) > MAX_ROWS


def new_tools(reader: Reader, from_us: int, to_us: int) -> tuple[list[NewTool], bool]:
    """Return the tools first seen in [from_us, to_us), newest first, and whether there are more than MAX_ROWS."""
    rows = reader.consistently(lambda: reader.rows(_NEW, [projected_end(reader), from_us, to_us]))
    return [NewTool(*row) for row in rows[:MAX_ROWS]], len(rows) > MAX_ROWS


def who_uses_what(
    reader: Reader, from_us: int, to_us: int, limit: int = MAX_ROWS
) -> tuple[list[Use], bool]:
    """Return agents x tools x people of [from_us, to_us), most used first, and whether there are more."""
    limit = max(1, min(limit, MAX_ROWS))
    rows = reader.consistently(lambda: _who(reader, from_us, to_us, limit + 1))
    return [Use(*row[:7]) for row in rows[:limit]], len(rows) > limit


def _tools_by_hour(reader: Reader, from_us: int, to_us: int) -> list[Row]:
    """Look at the newest hours first, and no further back than an answer reaches."""
    found: list[Row] = []
    high, length = to_us, _HOURS_AT_ONCE * HOUR_US
    while high > from_us and len(found) <= MAX_ROWS:
        low = max(from_us, (high - length) // HOUR_US * HOUR_US)
        rows = _tools(reader, low, high, is_hourly=True)
        found += rows
        likely = length * (MAX_ROWS + 1 - len(found)) // max(1, len(rows))
        high, length = low, min(max(HOUR_US, likely), 4 * length)
    return found[: MAX_ROWS + 1]


def _tools(reader: Reader, from_us: int, to_us: int, *, is_hourly: bool = False) -> list[Row]:
    extent = hours_of(reader, from_us, to_us)
    columns = ("server", "tool", "duration")
    by = Grouping.of(", ".join(("unit", *columns) if is_hourly else columns))
    sql = _TOOLS.format(
        counted=counted(extent, DURATION_HOURS, HOUR_US, columns, by),
        hour=f"unit * {HOUR_US}" if is_hourly else "NULL::BIGINT",
    )
    return reader.rows(sql, overruling_keys(reader, extent))


def _who(reader: Reader, from_us: int, to_us: int, limit: int) -> list[Row]:
    extent = days_of(reader, from_us, to_us)
    columns = ("agent", "server", "tool", "person")
    calls = counted(extent, WHO_DAYS, DAY_US, columns, Grouping.of(", ".join(columns)))
    return reader.rows(_WHO.format(counted=calls), [*overruling_keys(reader, extent), limit])


def _statistics(row: Row) -> ToolStatistics:
    hour_us, server, tool, actions, failed, denied, _, _, durations, counts = row
    classes = sorted(zip(durations or (), counts or (), strict=True))
    reached = list(accumulate(count for _, count in classes))
    measured = reached[-1] if reached else 0
    p50, p95, p99 = (
        _middle_us(classes[bisect_left(reached, -(-measured * percent // 100))][0])
        if measured
        else None
        for percent in _PERCENTS
    )
    return ToolStatistics(hour_us, server, tool, actions, failed, denied, measured, p50, p95, p99)


def _middle_us(duration_class: int) -> int:
    """Return the duration from which both ends of a class differ by the same share."""
    if duration_class < 0:
        return 0
    return round(DURATION_RATIO**duration_class * 2 * DURATION_RATIO / (1 + DURATION_RATIO))

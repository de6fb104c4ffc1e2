"""How tools fare: counts and durations of each by hour or over a period, tools never seen before, and who uses what.

An action counts here exactly when `actions.list_actions` shows it. A percentile is read from classes of durations,
each 1.1 times as long as the one before: it is within 5 % of the action at that rank.
"""

from dataclasses import dataclass
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
from tallystick_store.projections.reading import Extent, counted
from tallystick_store.projections.tables import DURATION_HOURS, TOOLS_SEEN, WHO_DAYS
from tallystick_store.projections.windows import projected_end

MAX_ROWS: Final = 10_000
"""Rows of one answer."""
_SHARES: Final = (0.5, 0.95, 0.99)

_TOOLS: Final = f"""
    {counted(DURATION_HOURS, HOUR_US, ("server", "tool", "duration"))},
    classes AS (
        SELECT {{hour}} AS hour, server, tool, duration, {SUMS} FROM counted GROUP BY ALL
    ),
    ranked AS (
        SELECT *,
               sum(actions) FILTER (duration IS NOT NULL) OVER (
                   PARTITION BY hour, server, tool ORDER BY duration NULLS LAST
               ) AS reached,
               sum(actions) FILTER (duration IS NOT NULL) OVER (PARTITION BY hour, server, tool)
                   AS measured
        FROM classes WHERE actions > 0
    )
    SELECT hour, server, tool, {SUMS}, coalesce(any_value(measured), 0)::BIGINT,
           {", ".join(f"min(duration) FILTER (reached >= ceil({share} * measured))" for share in _SHARES)}
    FROM ranked GROUP BY hour, server, tool
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
    {counted(WHO_DAYS, DAY_US, ("agent", "server", "tool", "person"))}
    SELECT agent, server, tool, person, {SUMS} FROM counted
    GROUP BY agent, server, tool, person HAVING sum(actions) > 0
    ORDER BY 5 DESC, agent, server, tool, person LIMIT $12
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
    sql = _TOOLS.format(hour=f"unit * {HOUR_US}" if is_hourly else "NULL::BIGINT")
    rows = reader.consistently(
        lambda: reader.rows(sql, Extent.of(reader, from_us, to_us, HOUR_US).parameters(reader))
    )
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
    rows = reader.consistently(
        lambda: reader.rows(
            _WHO, [*Extent.of(reader, from_us, to_us, DAY_US).parameters(reader), limit + 1]
        )
    )
    return [Use(*row[:7]) for row in rows[:limit]], len(rows) > limit


def _statistics(row: Row) -> ToolStatistics:
    hour_us, server, tool, actions, failed, denied, _, _, measured, *classes = row
    p50, p95, p99 = (_middle_us(one) for one in classes)
    return ToolStatistics(hour_us, server, tool, actions, failed, denied, measured, p50, p95, p99)


def _middle_us(duration_class: int | None) -> int | None:
    """Return the duration from which both ends of a class differ by the same share."""
    if duration_class is None:
        return None
    if duration_class < 0:
        return 0
    return round(DURATION_RATIO**duration_class * 2 * DURATION_RATIO / (1 + DURATION_RATIO))

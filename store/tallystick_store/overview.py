"""Counts over a period: actions and how they ended, by hour, tool and agent; what was not as it should be.

An action counts here exactly when `actions.list_actions` shows it. Hours are added up from the projections;
whether an action is sealed is told by its place below the seals of its session.
"""

from dataclasses import dataclass
from typing import Final

import orjson

from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.projections.calls import HOUR_US, SUMS
from tallystick_store.projections.extent import hours_of
from tallystick_store.projections.reading import Grouping, counted, noted, overruling_keys
from tallystick_store.projections.tables import TOOL_HOURS
from tallystick_store.sessions import count_gaps, unreached_states

MAX_TOOLS: Final = 20
MAX_AGENTS: Final = 100

_BY: Final = Grouping(
    "unit, tool, server, agent, grouping(unit, tool, agent) AS of",
    "GROUPING SETS ((), (unit), (tool, server), (agent))",
)
_GROUPS: Final = f"""
    {{counted}}
    SELECT unit, tool, server, agent, of, {SUMS} FROM counted GROUP BY ALL
"""  # noqa: S608 - own words
_OF_ALL, _OF_HOUR, _OF_TOOL, _OF_AGENT = 0b111, 0b011, 0b101, 0b110
"""grouping(): a bit for each key that a row is not grouped by."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Actions, and how many of them failed or were refused."""

    actions: int
    failed: int
    denied: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of the whole period. The first six are numbers of actions."""

    actions: int
    failed: int
    denied: int
    unsealed: int
    recovered: int
    derived: int
    unmasked_at_source: int
    """Foreign spans in which the service had to mask something."""
    refusals: int
    """Records and requests that the service refused."""
    gaps: int
    """Runs of missing sequence numbers, in sessions that were heard of."""
    drops: int
    """Records that emitters say they lost."""
    masked: int
    """Values that were masked in the actions."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What happened in [from_us, to_us)."""

    from_us: int
    to_us: int
    totals: Totals
    hours: tuple[tuple[int, Counts], ...]
    """Start of each hour (µs) in which there were actions, oldest first."""
    tools: tuple[tuple[str, str, Counts], ...]
    """Tool or prompt, and server; the MAX_TOOLS most used."""
    agents: tuple[tuple[str, Counts], ...]
    """Agents, the MAX_AGENTS busiest; an empty name: nobody said."""
    is_cut: bool
    """Whether there are further tools or agents."""


def read_overview(database: Reader, from_us: int, to_us: int) -> Overview:
    """Count what happened in [from_us, to_us) by the clocks of the emitters."""
    return database.consistently(lambda: _overview(database, from_us, to_us))


def _overview(database: Reader, from_us: int, to_us: int) -> Overview:
    extent = hours_of(database, from_us, to_us)
    calls = counted(extent, TOOL_HOURS, HOUR_US, ("agent", "server", "tool"), _BY)
    rows = database.rows(_GROUPS.format(counted=calls), overruling_keys(database, extent))
    groups = [row for row in rows if row[4] == _OF_ALL or row[5]]
    [total] = [row for row in groups if row[4] == _OF_ALL]
    counts = _counts(total)
    unsealed, recovered = unreached_states(database, from_us, to_us)
    noted_texts = database.rows(noted(extent))
    totals = Totals(
        actions=counts.actions,
        failed=counts.failed,
        denied=counts.denied,
        unsealed=unsealed,
        recovered=recovered,
        derived=int(total[8] or 0),
        unmasked_at_source=sum(row[2] for row in noted_texts if row[0] == "span.unmasked"),
        refusals=sum(_sum_of(row[1]) * row[2] for row in noted_texts if row[0] == "log.reject"),
        gaps=count_gaps(database, from_us, to_us),
        drops=sum(int(row[1]) * row[2] for row in noted_texts if row[0] == "log.drop"),
        masked=int(total[9] or 0),
    )
    tools = [(row[1], row[2], _counts(row)) for row in groups if row[4] == _OF_TOOL and row[1]]
    agents = [(row[3], _counts(row)) for row in groups if row[4] == _OF_AGENT]
    return Overview(
        from_us,
        to_us,
        totals,
        tuple(sorted((row[0] * HOUR_US, _counts(row)) for row in groups if _is_hour(row))),
        tuple(sorted(tools, key=lambda one: (-one[2].actions, one[:2]))[:MAX_TOOLS]),
        tuple(sorted(agents, key=lambda one: (-one[1].actions, one[0]))[:MAX_AGENTS]),
        is_cut=len(tools) > MAX_TOOLS or len(agents) > MAX_AGENTS,
    )


def _is_hour(row: Row) -> bool:
    return bool(row[4] == _OF_HOUR)


def _counts(row: Row) -> Counts:
    return Counts(int(row[5] or 0), int(row[6] or 0), int(row[7] or 0))


def _sum_of(text: str | None) -> int:
    try:
        counts = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return 0  # the row has a fault, and shows it where it is read
    values = counts.values() if isinstance(counts, dict) else ()
    return sum(value for value in values if isinstance(value, int))

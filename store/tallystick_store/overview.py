"""Counts over a period: actions and how they ended, by hour, tool and agent; what was not as it should be.

An action counts here exactly when `actions.list_actions` shows it. Whether one is sealed is told by its
place below the seals of its session; only those that no seal reaches are looked at one by one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from tallystick.tlog.tree import leaf_hash
from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.gaps import find_gaps
from tallystick_store.sealing import Leaf, sealing_of
from tallystick_store.shown_actions import COUNTS, SHOWN

MAX_TOOLS: Final = 20
MAX_AGENTS: Final = 100
HOUR_US: Final = 3_600_000_000

_SHOWN: Final = SHOWN.format(period="time_us >= $1 AND time_us < $2")
_GROUPS: Final = f"""
    SELECT time_us // {HOUR_US} AS hour, coalesce(tool_name, prompt_name, '') AS tool,
           coalesce(server_name, '') AS server, coalesce(agent_name, '') AS agent, mask_hits,
           grouping(hour, tool, agent, mask_hits) AS of, {COUNTS},
           count(*) FILTER (origin = 'derived') AS derived
    FROM ({_SHOWN})
    GROUP BY GROUPING SETS ((), (hour), (tool, server), (agent), (mask_hits))
"""  # noqa: S608 - own words
_OF_ALL, _OF_HOUR, _OF_TOOL, _OF_AGENT, _OF_HITS = 0b1111, 0b0111, 0b1011, 0b1101, 0b1110
"""grouping(): a bit for each key that a row is not grouped by."""
_UNREACHED: Final = f"""
    SELECT log_index FROM ({_SHOWN}) a
    LEFT JOIN (SELECT session, max(size) AS sealed FROM seals GROUP BY session) s
    ON s.session = a.session
    WHERE origin = 'native' AND (seq IS NULL OR seq >= coalesce(sealed, 0))
"""  # noqa: S608 - own words
_LEAVES: Final = """
    SELECT session, seq, statement FROM events WHERE log_index IN (SELECT unnest(?))
"""
_UNMASKED: Final = """
    SELECT count(*) FROM spans
    WHERE start_ns >= $1 * 1000 AND start_ns < $2 * 1000 AND NOT contains(record, '"hits":{}')
"""
_REFUSED: Final = """
    SELECT reject_counts, count(*) FROM events
    WHERE type = 'log.reject' AND time_us >= $1 AND time_us < $2 GROUP BY 1
"""
_DROPPED: Final = """
    SELECT coalesce(sum(drop_count), 0) FROM events
    WHERE type = 'log.drop' AND time_us >= $1 AND time_us < $2
"""
_SESSIONS: Final = """
    SELECT DISTINCT session FROM events
    WHERE time_us >= $1 AND time_us < $2 AND session IS NOT NULL
"""


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
    period = (from_us, to_us)
    groups = database.rows(_GROUPS, period)
    [total] = [row for row in groups if row[5] == _OF_ALL]
    counts = _counts(total)
    states = _unreached(database, period)
    ((unmasked,),) = database.rows(_UNMASKED, period)
    ((dropped,),) = database.rows(_DROPPED, period)
    sessions = [session for (session,) in database.rows(_SESSIONS, period)]
    totals = Totals(
        actions=counts.actions,
        failed=counts.failed,
        denied=counts.denied,
        unsealed=states.count("unsealed"),
        recovered=states.count("recovered"),
        derived=int(total[9]),
        unmasked_at_source=int(unmasked),
        refusals=_summed(database.rows(_REFUSED, period)),
        gaps=sum(map(len, find_gaps(database, sessions).values())),
        drops=int(dropped),
        masked=_summed((row[4], row[6]) for row in groups if row[5] == _OF_HITS),
    )
    tools = [(row[1], row[2], _counts(row)) for row in groups if row[5] == _OF_TOOL and row[1]]
    agents = [(row[3], _counts(row)) for row in groups if row[5] == _OF_AGENT]
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
    return bool(row[5] == _OF_HOUR and row[0] is not None)


def _counts(row: Row) -> Counts:
    return Counts(int(row[6]), int(row[7]), int(row[8]))


def _unreached(database: Reader, period: tuple[int, int]) -> list[str]:
    """Return the state of each native action that no seal of its session reaches."""
    unreached = [log_index for (log_index,) in database.rows(_UNREACHED, period)]
    leaves = [
        Leaf(session or "", -1 if seq is None else seq, leaf_hash((line or "").encode()))
        for session, seq, line in (database.rows(_LEAVES, [unreached]) if unreached else [])
    ]
    states = sealing_of(database, leaves)
    return [states[leaf] for leaf in leaves]


def _summed(rows: Iterable[tuple[str | None, int]]) -> int:
    """Add up counts in JSON, each as often as it stands there."""
    return sum(_sum_of(text) * int(times) for text, times in rows)


def _sum_of(text: str | None) -> int:
    try:
        counts = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return 0  # the row has a fault, and shows it where it is read
    values = counts.values() if isinstance(counts, dict) else ()
    return sum(value for value in values if isinstance(value, int))

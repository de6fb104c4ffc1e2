"""Answers from projections and, behind the newest window, from rows: the same as from rows alone.

What every reader shares: how far the projections reach, where a period touches their hours, and which
records other records overrule. `$1` to `$5` are the parameters of an Extent in all SQL here.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick_store.engine.duckdb import Reader
from tallystick_store.projections.calls import ACTION_KEY, CALLS, COUNTS, HOUR_US, SPAN_KEY
from tallystick_store.projections.places import stretches_of_actions
from tallystick_store.projections.tables import (
    ACTION_PARTS,
    NATIVE_SPANS,
    UNSURE_CALLS,
    key_of,
)
from tallystick_store.projections.windows import NOTED, projected_end
from tallystick_store.schema import Table
from tallystick_store.shown_actions import ENDS, quoted
from tallystick_store.stretches import Stretch

_EDGES: Final = (
    ("log_index >= $1", "$2", "$3"),
    ("log_index < $1", "$2", "$4"),
    ("log_index < $1", "$5", "$3"),
)
"""What is read as rows: behind the projections all of the period, before it what is not of whole hours."""

_ENDED: Final = f"""
    SELECT action_id FROM events WHERE action_id IN (SELECT unnest($1))
    AND type IN ({quoted(*ENDS)}) AND log_index >= $2 AND log_index <= $3
"""  # noqa: S608 - own words


@dataclass(frozen=True, slots=True)
class Extent:
    """A period [from_us, to_us), and what of it the projections hold in whole units: [low_us, high_us)."""

    upto: int
    from_us: int
    to_us: int
    low_us: int
    high_us: int

    @classmethod
    def of(cls, reader: Reader, from_us: int, to_us: int, unit_us: int) -> "Extent":
        """Find it out for projections by `unit_us`."""
        low, high = -(-from_us // unit_us) * unit_us, to_us // unit_us * unit_us
        if low >= high:
            low = high = to_us
        return cls(projected_end(reader), from_us, to_us, low, high)

    @property
    def parameters(self) -> list[int]:
        """The values of $1 to $5."""
        return [self.upto, self.from_us, self.to_us, self.low_us, self.high_us]


def counted(table: Table, unit_us: int, columns: Sequence[str]) -> str:
    """Return `WITH ... counted`: rows of `unit`, the columns and the counts, to be added up.

    Calls that do not count, since a record elsewhere overrules them, stand there once more with negative counts.
    """
    names, counts = ", ".join(columns), ", ".join(COUNTS)
    unit = f"time_us // {unit_us} AS unit"
    raw = " UNION ALL ".join(
        f"{CALLS} AND {where} AND time_us >= {low} AND time_us < {high}"
        for where, low, high in _EDGES
    )
    return f"""
        WITH raw AS MATERIALIZED ({raw}),
        unsure AS MATERIALIZED (
            SELECT action_key, span_key, {unit}, {names}, {counts} FROM {UNSURE_CALLS.name}
            WHERE upto <= $1 AND time_us >= $4 AND time_us < $5
            UNION ALL
            SELECT {ACTION_KEY}, {SPAN_KEY}, {unit}, {names}, {counts} FROM raw
            WHERE is_start OR is_derived
        ),
        {ended_of("SELECT action_key FROM unsure")},
        {_native_of("SELECT span_key FROM unsure")},
        overruled AS (
            SELECT * FROM unsure WHERE action_key IN (SELECT action_key FROM ended)
            OR span_key IN (SELECT span_key FROM native)
        ),
        counted AS (
            SELECT unit, {names}, {counts} FROM {table.name}
            WHERE upto <= $1 AND unit >= $4 // {unit_us} AND unit < $5 // {unit_us}
            UNION ALL
            SELECT {unit}, {names}, {counts} FROM raw
            UNION ALL
            SELECT unit, {names}, {", ".join(f"-{name}" for name in COUNTS)} FROM overruled
        )
    """  # noqa: S608 - own words


def noted() -> str:
    """Return a SELECT of what was noted in the period: what, value, times; to be added up."""
    raw = " UNION ALL ".join(_noted_rows(*edge) for edge in _EDGES)
    return f"""
        SELECT what, value, sum(times)::BIGINT AS times FROM (
            SELECT what, value, times FROM noted_hours
            WHERE upto <= $1 AND unit >= $4 // {HOUR_US} AND unit < $5 // {HOUR_US}
            UNION ALL {raw}
        ) GROUP BY ALL
    """  # noqa: S608 - own words


def ended_actions(reader: Reader, action_ids: Collection[str], near: Stretch) -> set[str]:
    """Return those of the actions whose end is kept; where most ends stand is looked first."""
    found = _ended_in(reader, action_ids, near) if action_ids else set()
    rest = sorted(set(action_ids) - found)
    for stretch in stretches_of_actions(reader, rest) if rest else ():
        found |= _ended_in(reader, rest, stretch)
    return found


def _ended_in(reader: Reader, action_ids: Iterable[str], stretch: Stretch) -> set[str]:
    return {str(one) for (one,) in reader.rows(_ENDED, [sorted(action_ids), *stretch])}


def ended_of(starts: str) -> str:
    """Return the CTE `ended`: of the keys that a SELECT gives, those of actions whose end is kept."""
    key = key_of("action_id")
    return f"""
        ended AS MATERIALIZED (
            SELECT action_key FROM {ACTION_PARTS.name}
            WHERE upto <= $1 AND has_end AND action_key IN ({starts})
            UNION ALL
            SELECT {key} FROM events
            WHERE log_index >= $1 AND type IN ({quoted(*ENDS)}) AND {key} IN ({starts})
        )
    """  # noqa: S608 - own words


def _native_of(readings: str) -> str:
    key = key_of("trace_id || span_id")
    return f"""
        native AS MATERIALIZED (
            SELECT span_key FROM {NATIVE_SPANS.name} WHERE upto <= $1 AND span_key IN ({readings})
            UNION ALL
            SELECT {key} FROM events
            WHERE log_index >= $1 AND origin = 'native' AND trace_id IS NOT NULL
            AND span_id IS NOT NULL AND {key} IN ({readings})
        )
    """  # noqa: S608 - own words


def _noted_rows(where: str, low: str, high: str) -> str:
    rows = NOTED.format(
        events=f"{where} AND time_us >= {low} AND time_us < {high}",
        spans=f"{where} AND start_ns >= {low} * 1000 AND start_ns < {high} * 1000",
    )
    return f"SELECT what, value, times FROM ({rows})"  # noqa: S608 - own words

"""Answers from projections and, behind the newest window, from rows: the same as from rows alone.

What every reader shares: the calls of a period, counted, and which records other records overrule.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from tallystick_store.engine.duckdb import Reader
from tallystick_store.projections.calls import ACTION_KEY, CALLS, COUNTS, SPAN_KEY, SUMS
from tallystick_store.projections.extent import Extent
from tallystick_store.projections.places import near_and_behind, stretches_of_actions
from tallystick_store.projections.settled import ends_held, native_held, overruling
from tallystick_store.projections.tables import ACTION_PARTS, UNSURE_CALLS, key, key_of
from tallystick_store.projections.windows import NOTED, projected_end
from tallystick_store.schema import Table
from tallystick_store.shown_actions import ENDS, quoted
from tallystick_store.stretches import Stretch

_ENDED: Final = f"""
    SELECT action_id FROM events WHERE action_id IN (SELECT unnest($1))
    AND type IN ({quoted(*ENDS)}) AND log_index >= $2 AND log_index <= $3
"""  # noqa: S608 - own words


class Grouping(NamedTuple):
    """By what calls are counted, as SQL.

    The projections are grouped by themselves: texts that come from a table are compared by numbers.
    """

    shown: str
    sets: str

    @classmethod
    def of(cls, columns: str) -> "Grouping":
        """Group by columns."""
        return cls(columns, columns)


def counted(
    extent: Extent, table: Table, unit_us: int, columns: Sequence[str], by: Grouping
) -> str:
    """Return `WITH ... counted`: counts by some of `unit` and the columns, to be added up.

    Calls that do not count, since a record elsewhere overrules them, stand there once more with negative counts.
    $1 and $2 are what `overruling_keys` returns.
    """
    names, counts = ", ".join(columns), ", ".join(COUNTS)
    unit = f"time_us // {unit_us} AS unit"
    less = f"{unit}, {names}, {', '.join(f'-{name} AS {name}' for name in COUNTS)}"
    return f"""
        WITH raw AS MATERIALIZED (
            SELECT *, {ACTION_KEY} AS action_key, {SPAN_KEY} AS span_key FROM ({_raw(extent)})
        ),
        ended AS MATERIALIZED (
            SELECT unnest($1::BIGINT[]) AS action_key UNION ALL {_ended_near(extent)}
        ),
        native AS MATERIALIZED (
            SELECT unnest($2::BIGINT[]) AS span_key UNION ALL {_native_near(extent)}
        ),
        rest AS (
            SELECT {unit}, {names}, {counts} FROM raw
            UNION ALL
            {_overruled(less, UNSURE_CALLS.name, extent.unsure)}
            UNION ALL
            {_overruled(less, "raw", "is_start OR is_derived")}
        ),
        counted AS (
            SELECT {by.shown}, {SUMS} FROM {table.name} WHERE {extent.held} GROUP BY {by.sets}
            UNION ALL
            SELECT {by.shown}, {SUMS} FROM rest GROUP BY {by.sets}
        )
    """  # noqa: S608 - own words


def _overruled(columns: str, table: str, where: str) -> str:
    """Return a SELECT of calls for which there is a key in `ended` or `native`.

    Both keys in one condition: the database then keeps the keys at hand, and not all calls that are unsure.
    """
    return f"""
        SELECT {columns} FROM {table} WHERE ({where})
        AND (action_key IN (SELECT action_key FROM ended) OR span_key IN (SELECT span_key FROM native))
    """  # noqa: S608 - own words


def overruling_keys(reader: Reader, extent: Extent) -> list[object]:
    """Return the keys of actions and spans that overrule calls of a period from far away of what is read as rows."""
    if not extent.upto:
        return [[], []]
    ended, native = overruling(reader, extent.upto)
    rows = reader.rows(_open(extent))
    starts, readings = ({row[place] for row in rows} - {None} for place in (0, 1))
    ended |= ends_held(reader, extent.upto, starts)
    native |= native_held(reader, extent.upto, readings)
    return [list(ended), list(native)]


def noted(extent: Extent) -> str:
    """Return a SELECT of what was noted in a period of hours: what, value, times; to be added up."""
    behind = (f"log_index >= {extent.upto}", extent.from_us, extent.to_us)
    cut = [(f"log_index < {extent.upto}", *one) for one in extent.cut]
    raw = " UNION ALL ".join(_noted_rows(*one) for one in (behind, *cut))
    return f"""
        SELECT what, value, sum(times)::BIGINT AS times FROM (
            SELECT what, value, times FROM noted_hours WHERE {extent.held}
            UNION ALL {raw}
        ) GROUP BY ALL
    """  # noqa: S608 - own words


def ended_actions(reader: Reader, action_ids: Collection[str], near: Stretch) -> set[str]:
    """Return those of the actions whose end is kept; where most ends stand is looked first."""
    if not action_ids:
        return set()
    upto = projected_end(reader)
    first, last = near_and_behind(near, upto)
    found = _ended_in(reader, action_ids, first)
    rest = sorted(set(action_ids) - found)
    if not rest:
        return found
    held = ends_held(reader, upto, map(key, rest))
    projected = [one for one in rest if key(one) in held]
    for stretch in stretches_of_actions(reader, projected) if projected else ():
        found |= _ended_in(reader, projected, stretch)
    return found | (_ended_in(reader, rest, last) if last else set())


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


def _ended_near(extent: Extent) -> str:
    """Return a SELECT of keys of actions that end near what is read as rows."""
    key_sql = key_of("action_id")
    return " UNION ALL ".join(
        f"SELECT {key_sql} FROM events"  # noqa: S608 - own words
        f" WHERE {where} AND type IN ({quoted(*ENDS)}) AND action_id IS NOT NULL"
        for where in extent.places
    )


def _native_near(extent: Extent) -> str:
    """Return a SELECT of keys of spans of which a native record near what is read as rows tells."""
    key_sql = key_of("trace_id || span_id")
    return " UNION ALL ".join(
        f"SELECT {key_sql} FROM events WHERE {where} AND origin = 'native'"  # noqa: S608 - own words
        " AND trace_id IS NOT NULL AND span_id IS NOT NULL"
        for where in extent.places
    )


def _raw(extent: Extent) -> str:
    return " UNION ALL ".join(f"{CALLS} AND {where}" for where in extent.raw)


def _open(extent: Extent) -> str:
    """Return a SELECT of what is read as rows and may not count, unless a record near it says so."""
    return f"""
        WITH unsure AS MATERIALIZED (
            SELECT {ACTION_KEY} AS action_key, {SPAN_KEY} AS span_key FROM ({_raw(extent)})
            WHERE is_start OR is_derived
        ),
        ended(action_key) AS ({_ended_near(extent)}),
        native(span_key) AS ({_native_near(extent)})
        SELECT action_key, span_key FROM unsure
        WHERE (action_key IS NOT NULL AND action_key NOT IN (SELECT action_key FROM ended))
        OR (span_key IS NOT NULL AND span_key NOT IN (SELECT span_key FROM native))
    """  # noqa: S608 - own words


def _noted_rows(where: str, low_us: int, high_us: int) -> str:
    rows = NOTED.format(
        events=f"{where} AND time_us >= {low_us} AND time_us < {high_us}",
        spans=f"{where} AND start_ns >= {low_us} * 1000 AND start_ns < {high_us} * 1000",
    )
    return f"SELECT what, value, times FROM ({rows})"  # noqa: S608 - own words

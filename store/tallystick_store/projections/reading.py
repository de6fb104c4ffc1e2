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
from tallystick_store.projections.settled import ends_held, native_held, overruling
from tallystick_store.projections.tables import ACTION_PARTS, UNSURE_CALLS, key, key_of
from tallystick_store.projections.windows import NOTED, projected_end
from tallystick_store.schema import Table
from tallystick_store.shown_actions import ENDS, quoted
from tallystick_store.stretches import END, Stretch, around

_NOWHERE: Final = Stretch(0, -1)
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
    def period(self) -> list[int]:
        """The values of $1 to $5."""
        return [self.upto, self.from_us, self.to_us, self.low_us, self.high_us]

    def parameters(self, reader: Reader) -> list[object]:
        """Return the values of $1 to $11, of which `counted` tells."""
        if not self.upto:
            return [*self.period, [], [], *_NOWHERE, *_NOWHERE]
        edges = [_extent(reader, where, self.period) for where in _EDGES[1:]]
        ended, native = overruling(reader, self.upto)
        rows = reader.rows(_OPEN, [*self.period, *edges[0], *edges[1]])
        starts, readings = ({row[place] for row in rows} - {None} for place in (0, 1))
        ended |= ends_held(reader, self.upto, starts)
        native |= native_held(reader, self.upto, readings)
        return [*self.period, list(ended), list(native), *edges[0], *edges[1]]


def _extent(reader: Reader, edge: tuple[str, str, str], period: list[int]) -> Stretch:
    """Return where calls of an edge stand, and what is near behind."""
    where, low, high = (_named(one, period) for one in edge)
    sql = (
        "SELECT min(log_index), max(log_index) FROM events"  # noqa: S608 - own words and numbers
        f" WHERE {where} AND time_us >= {low} AND time_us < {high}"
    )
    ((first, last),) = reader.rows(sql)
    return _NOWHERE if first is None else around([first, last])


def _named(condition: str, period: list[int]) -> str:
    """Put the numbers in the place of $1 to $5."""
    for place, value in enumerate(period, start=1):
        condition = condition.replace(f"${place}", str(value))
    return condition


def counted(table: Table, unit_us: int, columns: Sequence[str]) -> str:
    """Return `WITH ... counted`: rows of `unit`, the columns and the counts, to be added up.

    Calls that do not count, since a record elsewhere overrules them, stand there once more with negative counts.
    $6 and $7 are the keys of actions and spans that overrule below $1; $8 to $11 are the two stretches around what
    is read as rows before that.
    """
    names, counts = ", ".join(columns), ", ".join(COUNTS)
    unit = f"time_us // {unit_us} AS unit"
    return f"""
        WITH raw AS MATERIALIZED ({_RAW}),
        unsure AS MATERIALIZED (
            SELECT action_key, span_key, {unit}, {names}, {counts} FROM {UNSURE_CALLS.name}
            WHERE upto <= $1 AND time_us >= $4 AND time_us < $5
            UNION ALL
            SELECT {ACTION_KEY}, {SPAN_KEY}, {unit}, {names}, {counts} FROM raw
            WHERE is_start OR is_derived
        ),
        ended AS MATERIALIZED (
            SELECT unnest($6::BIGINT[]) AS action_key UNION ALL {_ended_near("$8", "$9", "$10", "$11")}
        ),
        native AS MATERIALIZED (
            SELECT unnest($7::BIGINT[]) AS span_key UNION ALL {_native_near("$8", "$9", "$10", "$11")}
        ),
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
    if not rest:
        return found
    upto = projected_end(reader)
    held = ends_held(reader, upto, map(key, rest))
    projected = [one for one in rest if key(one) in held]
    for stretch in stretches_of_actions(reader, projected) if projected else ():
        found |= _ended_in(reader, projected, stretch)
    return found | _ended_in(reader, rest, Stretch(upto, END))


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


def _ended_near(*stretches: str) -> str:
    """Return a SELECT of keys of actions that end behind the projections, or in stretches (first, last, ...)."""
    key_sql = key_of("action_id")
    return " UNION ALL ".join(
        f"SELECT {key_sql} FROM events WHERE {where} AND type IN ({quoted(*ENDS)})"  # noqa: S608 - own words
        f" AND {key_sql} IN (SELECT action_key FROM unsure)"
        for where in _places(stretches)
    )


def _native_near(*stretches: str) -> str:
    key_sql = key_of("trace_id || span_id")
    return " UNION ALL ".join(
        f"SELECT {key_sql} FROM events WHERE {where} AND origin = 'native'"  # noqa: S608 - own words
        f" AND trace_id IS NOT NULL AND span_id IS NOT NULL AND {key_sql} IN (SELECT span_key FROM unsure)"
        for where in _places(stretches)
    )


def _places(stretches: Sequence[str]) -> list[str]:
    pairs = zip(stretches[::2], stretches[1::2], strict=True)
    return [
        "log_index >= $1",
        *(f"log_index >= {low} AND log_index <= {high}" for low, high in pairs),
    ]


_RAW: Final = " UNION ALL ".join(
    f"{CALLS} AND {where} AND time_us >= {low} AND time_us < {high}" for where, low, high in _EDGES
)
_OPEN: Final = f"""
    WITH unsure AS MATERIALIZED (
        SELECT {ACTION_KEY} AS action_key, {SPAN_KEY} AS span_key FROM ({_RAW})
        WHERE is_start OR is_derived
    ),
    ended(action_key) AS ({_ended_near("$6", "$7", "$8", "$9")}),
    native(span_key) AS ({_native_near("$6", "$7", "$8", "$9")})
    SELECT action_key, span_key FROM unsure
    WHERE (action_key IS NOT NULL AND action_key NOT IN (SELECT action_key FROM ended))
    OR (span_key IS NOT NULL AND span_key NOT IN (SELECT span_key FROM native))
"""  # noqa: S608 - own words
"""What is read as rows and may not count, unless a record near it says so."""


def _noted_rows(where: str, low: str, high: str) -> str:
    rows = NOTED.format(
        events=f"{where} AND time_us >= {low} AND time_us < {high}",
        spans=f"{where} AND start_ns >= {low} * 1000 AND start_ns < {high} * 1000",
    )
    return f"SELECT what, value, times FROM ({rows})"  # noqa: S608 - own words

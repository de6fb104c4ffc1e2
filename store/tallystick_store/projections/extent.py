"""What of a period the projections hold, and what is read as rows: behind them, and where the period cuts their units.

Conditions are SQL in which all numbers stand as they are: the database skips rows by constants alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tallystick_store.engine.duckdb import Reader
from tallystick_store.projections.calls import DAY_US, HOUR_US
from tallystick_store.projections.tables import PROJECTED, TOOL_HOURS
from tallystick_store.projections.windows import projected_end
from tallystick_store.stretches import Stretch, around, united

MAX_PIECES: Final = 32
"""Of the log that are read at an edge of days; where there would be more, all of that day is read."""

_HOURS_OF_DAY: Final = DAY_US // HOUR_US
_WINDOWS: Final = f"""
    SELECT start, upto, first, last FROM {PROJECTED.name} JOIN (
        SELECT upto, min(unit) AS first, max(unit) AS last FROM {TOOL_HOURS.name}
        WHERE upto <= $1 AND unit >= $2 AND unit < $3 GROUP BY upto
    ) USING (upto) ORDER BY start
"""  # noqa: S608 - own words
"""Windows with calls in some hours, and the first and the last of these hours."""


class Edge(NamedTuple):
    """What is read as rows though it stands below the end of the projections."""

    where: str
    """The condition on rows of `events`."""
    near: Stretch
    """Where these stand, and what is near behind them."""


class _Held(NamedTuple):
    """Conditions on what counts from projections: on their rows by `unit`, and on `unsure_calls`."""

    units: str
    unsure: str


@dataclass(frozen=True, slots=True)
class Extent:
    """A period [from_us, to_us), and what of it the projections hold, which end at `upto`."""

    upto: int
    from_us: int
    to_us: int
    held: str
    """The condition on rows of the projections by `unit` that count."""
    unsure: str
    """The condition on rows of `unsure_calls` that are among these."""
    cut: tuple[tuple[int, int], ...]
    """What of the period lies in no whole unit."""
    edges: tuple[Edge, ...]

    @property
    def raw(self) -> list[str]:
        """The conditions on rows of `events` that are read as they are; no row fulfils two of them."""
        behind = f"log_index >= {self.upto} AND {_within(self.from_us, self.to_us)}"
        return [behind, *(edge.where for edge in self.edges)]

    @property
    def places(self) -> list[str]:
        """The conditions on rows of `events` near those that are read as they are."""
        near = (edge.near for edge in self.edges)
        return [
            f"log_index >= {self.upto}",
            *(f"log_index >= {low} AND log_index <= {high}" for low, high in near),
        ]


def hours_of(reader: Reader, from_us: int, to_us: int) -> Extent:
    """Return the extent of a period in projections by hours."""
    upto = projected_end(reader)
    low, high = _whole(from_us, to_us, HOUR_US)
    cut = _cut(from_us, to_us, low, high)
    edges = [_edge(reader, upto, [Stretch(0, upto - 1)], *one) for one in cut] if upto else []
    units, unsure = _held(upto, low, high, HOUR_US)
    return Extent(upto, from_us, to_us, units, unsure, cut, tuple(one for one in edges if one))


def days_of(reader: Reader, from_us: int, to_us: int) -> Extent:
    """Return the extent of a period in projections by days.

    Of a day that the period cuts, a window counts as it stands in the projections where all its calls of that day
    lie in the period: rows are read where an edge of the period lies, and not all those of a day.
    """
    upto = projected_end(reader)
    low, high = _whole(from_us, to_us, DAY_US)
    cut = tuple(piece for one in _cut(from_us, to_us, low, high) for piece in _by_day(*one))
    held, edges = [_held(upto, low, high, DAY_US)], []
    for start, end in cut if upto else ():
        uptos, pieces = _windows(reader, upto, start, end)
        if uptos:
            chosen = f"upto IN ({', '.join(map(str, uptos))})"
            unsure = f"{chosen} AND {_within(start, end)}"
            held.append(_Held(f"{chosen} AND unit = {start // DAY_US}", unsure))
        edge = _edge(reader, upto, pieces, start, end) if pieces else None
        edges += [edge] if edge else []
    units, unsure = (" OR ".join(f"({one})" for one in names) for names in zip(*held, strict=True))
    return Extent(upto, from_us, to_us, units, unsure, cut, tuple(edges))


def _windows(reader: Reader, upto: int, start: int, end: int) -> tuple[list[int], list[Stretch]]:
    """Return the ends of windows of which all calls of a day lie in a part of it, and where other calls may stand."""
    day = start // DAY_US * _HOURS_OF_DAY
    windows = reader.rows(_WINDOWS, [upto, day, day + _HOURS_OF_DAY])
    low, high = -(-start // HOUR_US), end // HOUR_US
    whole = [window for window in windows if window[2] >= low and window[3] < high]
    rest = [
        Stretch(window[0], window[1] - 1)
        for window in windows
        if window not in whole and window[3] >= start // HOUR_US and window[2] * HOUR_US < end
    ]
    pieces = united(rest, 0)
    if len(pieces) > MAX_PIECES:
        return [], [Stretch(0, upto - 1)]
    return [window[1] for window in whole], pieces


def _edge(
    reader: Reader, upto: int, pieces: Sequence[Stretch], start: int, end: int
) -> Edge | None:
    """Return what stands below `upto` in pieces of the log and in [start, end); None where nothing does."""
    runs = " OR ".join(f"(log_index >= {low} AND log_index <= {high})" for low, high in pieces)
    where = f"log_index < {upto} AND ({runs}) AND {_within(start, end)}"
    sql = f"SELECT min(log_index), max(log_index) FROM events WHERE {where}"  # noqa: S608 - own numbers
    ((first, last),) = reader.rows(sql)
    if first is None:
        return None
    return Edge(f"{where} AND log_index >= {first} AND log_index <= {last}", around([first, last]))


def _whole(from_us: int, to_us: int, unit_us: int) -> tuple[int, int]:
    """Return what of a period lies in whole units; nothing, at its end, where there is none."""
    low, high = -(-from_us // unit_us) * unit_us, to_us // unit_us * unit_us
    return (low, high) if low < high else (to_us, to_us)


def _cut(from_us: int, to_us: int, low: int, high: int) -> tuple[tuple[int, int], ...]:
    return tuple(one for one in ((from_us, low), (high, to_us)) if one[0] < one[1])


def _by_day(start: int, end: int) -> list[tuple[int, int]]:
    days = range(start // DAY_US, -(-end // DAY_US))
    return [(max(start, day * DAY_US), min(end, (day + 1) * DAY_US)) for day in days]


def _held(upto: int, low: int, high: int, unit_us: int) -> _Held:
    return _Held(
        f"upto <= {upto} AND unit >= {low // unit_us} AND unit < {high // unit_us}",
        f"upto <= {upto} AND {_within(low, high)}",
    )


def _within(start: int, end: int) -> str:
    return f"time_us >= {start} AND time_us < {end}"

"""Which traces are the newest of a period: found from the newest window of the log backwards.

A part of a trace that lies wholly within the period counts as it stands in the projections; where one
reaches over an edge of the period, the rows of that trace say what of it lies inside.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.projections.places import extent_behind
from tallystick_store.projections.tables import PROJECTED, TRACE_PARTS, key
from tallystick_store.projections.windows import TRACES, projected_end
from tallystick_store.stretches import END, Stretch

_PERIOD: Final = {
    "events": "time_us >= $1 AND time_us < $2",
    "spans": "start_ns >= $1 * 1000 AND start_ns < $2 * 1000",
}
_EXTENT: Final = "trace_id, first_index, last_index, first_us, last_us, end_us, spans"
_STANDING: Final = """
    SELECT trace_id FROM events
    WHERE trace_id <> '' AND log_index >= $3 AND log_index <= $4
    AND time_us >= $1 AND time_us < $2
    UNION
    SELECT trace_id FROM spans
    WHERE trace_id <> '' AND log_index >= $3 AND log_index <= $4
    AND start_ns >= $1 * 1000 AND start_ns < $2 * 1000
"""
"""Traces with a row in a stretch of the log that lies in the period."""
_LAST: Final = """
    SELECT max(log_index) FROM (
        SELECT max(log_index) AS log_index FROM events WHERE log_index >= $1
        UNION ALL SELECT max(log_index) FROM spans WHERE log_index >= $1
    )
"""
_ROWS: Final = (
    f"SELECT {_EXTENT} FROM"  # noqa: S608 - own words
    f" ({TRACES.format(where='log_index >= $3 AND log_index <= $4 AND trace_id IN (SELECT unnest($5))', **_PERIOD)})"
)
_WINDOWS_OF: Final = f"""
    SELECT min(upto), max(upto) FROM {TRACE_PARTS.name} WHERE trace_key IN (SELECT unnest($1))
"""  # noqa: S608 - own words
"""Of all windows as few columns as can be are read: each takes some more."""
_PLACES: Final = f"""
    SELECT trace_key, min(upto), max(upto), min(first_index), max(last_index) FROM {TRACE_PARTS.name}
    WHERE upto >= $3 AND upto <= $4 AND upto <= $1 AND trace_key IN (SELECT unnest($2))
    GROUP BY trace_key
"""  # noqa: S608 - own words
_PARTS: Final = f"""
    SELECT {_EXTENT} FROM {TRACE_PARTS.name}
    WHERE last_us >= $1 AND first_us < $2 AND upto >= $3 AND upto <= $4
    AND trace_key IN (SELECT unnest($5))
"""  # noqa: S608 - own words
_CANDIDATES: Final = f"""
    SELECT trace_id, max(last_index) AS newest FROM {TRACE_PARTS.name}
    WHERE last_us >= $1 AND first_us < $2 AND upto > $3 AND upto <= $4 AND last_index < $5
    GROUP BY trace_id ORDER BY newest DESC LIMIT $6
"""  # noqa: S608 - own words
_WINDOWS: Final = (
    f"SELECT upto FROM {PROJECTED.name} WHERE upto <= $1 AND start < $2 ORDER BY upto DESC"  # noqa: S608 - own words
)
_BEHIND: Final = 2_048
_LONGER: Final = 4
"""Entries behind the projections that are looked through at first, and how much more each time."""
_SLICE: Final = 4
"""Traces that are looked at at once for each that is asked for: some belong to the page before."""


class FoundTrace(NamedTuple):
    """A trace as far as it lies in the period; `newest` is a log index."""

    trace_id: str
    newest: int
    from_us: int | None
    to_us: int | None
    spans: int


class TracePlace(NamedTuple):
    """Where a page ended: a batch of spans is the newest entry of all traces in it, which go by their ids."""

    newest: int
    trace_id: str


def newest_traces(
    reader: Reader, period: tuple[int, int], place: TracePlace, count: int
) -> tuple[list[FoundTrace], Stretch | None]:
    """Return the newest `count` traces of [from_us, to_us) behind a place, newest first, and where they stand."""
    search = _Search(reader, period, place, projected_end(reader), count)
    for bound in search.steps():
        if search.count_from(bound) >= count:
            break
    found = sorted(search.found.values(), key=lambda one: (-one.newest, one.trace_id))[:count]
    return found, search.extent([one.trace_id for one in found])


@dataclass(slots=True)
class _Search:
    reader: Reader
    period: tuple[int, int]
    place: TracePlace
    upto: int
    count: int
    found: dict[str, FoundTrace] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _places: dict[int, Stretch] = field(default_factory=dict)

    def steps(self) -> Iterator[int]:
        """Look further and further back; yield the log index from which on nothing is left to find."""
        yield from self._behind()
        for low, high in self._stretches():
            cursor, limit = self.place.newest + 1, _SLICE * self.count
            while True:
                asked = [*self.period, low, high, cursor, limit]
                rows = self.reader.rows(_CANDIDATES, asked)
                self._add([trace_id for trace_id, _ in rows])
                if len(rows) < limit:
                    break
                if rows[-1][1] + 1 == cursor:
                    limit *= 2  # so many traces end in one batch of spans
                cursor = rows[-1][1] + 1
                yield cursor
            yield low

    def _behind(self) -> Iterator[int]:
        """Look through what stands behind the projections."""
        if self.place.newest < self.upto:
            return
        ((last,),) = self.reader.rows(_LAST, [self.upto])
        top, length = -1 if last is None else min(last, self.place.newest), _BEHIND
        while top >= self.upto:
            low = max(self.upto, top - length + 1)
            rows = self.reader.rows(_STANDING, [*self.period, low, top])
            self._add([trace_id for (trace_id,) in rows])
            yield low
            top, length = low - 1, length * _LONGER

    def extent(self, trace_ids: Sequence[str]) -> Stretch | None:
        """Return the first and the last log index of the records of traces that were looked at."""
        parts = [self._places[one] for one in map(key, trace_ids) if one in self._places]
        behind = extent_behind(self.reader, self.upto, trace_ids)
        parts += [behind] if behind else []
        if not parts:
            return None
        return Stretch(min(one.low for one in parts), max(one.high for one in parts))

    def count_from(self, bound: int) -> int:
        """Return how many were found that are at least as new as `bound`."""
        return sum(one.newest >= bound for one in self.found.values())

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """Yield runs of windows, the newest first, each twice as long as the one before."""
        ends = [upto for (upto,) in self.reader.rows(_WINDOWS, [self.upto, self.place.newest + 1])]
        at, length = 0, 1
        while at < len(ends):
            after = min(at + length, len(ends))
            yield (ends[after] if after < len(ends) else 0), ends[at]
            at, length = after, length * 2

    def _add(self, trace_ids: Sequence[str]) -> None:
        """Put together what lies in the period of traces that were not looked at yet."""
        asked = [one for one in trace_ids if one not in self._seen]
        if not asked:
            return
        self._seen.update(asked)
        united: dict[str, FoundTrace] = {}
        for row in (*self._rows(self.upto, END, asked), *self._inside(asked)):
            _unite(united, row)
        self.found |= {one.trace_id: one for one in united.values() if self._is_behind(one)}

    def _is_behind(self, one: FoundTrace) -> bool:
        newest, trace_id = self.place
        return one.newest < newest or (one.newest == newest and one.trace_id > trace_id)

    def _inside(self, trace_ids: Sequence[str]) -> list[Row]:
        """Return what the projections hold of traces in the period."""
        keys = [key(one) for one in trace_ids]
        ((low, high),) = self.reader.rows(_WINDOWS_OF, [keys]) if self.upto else [(None, None)]
        if low is None:
            return []
        places = self.reader.rows(_PLACES, [self.upto, keys, low, high])
        if not places:
            return []
        self._places |= {row[0]: Stretch(row[3], row[4]) for row in places}
        windows = min(row[1] for row in places), max(row[2] for row in places)
        parts = self.reader.rows(_PARTS, [*self.period, *windows, keys])
        from_us, to_us = self.period
        over = {row[0] for row in parts if row[3] < from_us or row[4] >= to_us}
        if not over:
            return parts
        low = min(row[1] for row in parts if row[0] in over)
        high = max(row[2] for row in parts if row[0] in over)
        rows = self._rows(low, min(high, self.upto - 1), list(over))
        return [*(row for row in parts if row[0] not in over), *rows]

    def _rows(self, low: int, high: int, trace_ids: Sequence[str]) -> list[Row]:
        """Return what rows in a stretch of the log tell of traces in the period."""
        return self.reader.rows(_ROWS, [*self.period, low, high, list(trace_ids)])


def _unite(found: dict[str, FoundTrace], row: Row) -> None:
    """Add a part, or rows put together, to what is known of a trace."""
    trace_id, _, newest, first_us, _, end_us, spans = row
    known = found.get(trace_id)
    if known is None:
        found[trace_id] = FoundTrace(trace_id, newest, first_us, end_us, spans)
        return
    found[trace_id] = FoundTrace(
        trace_id,
        max(known.newest, newest),
        min((us for us in (known.from_us, first_us) if us is not None), default=None),
        max((us for us in (known.to_us, end_us) if us is not None), default=None),
        known.spans + spans,
    )

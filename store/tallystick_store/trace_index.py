"""Which traces are the newest of a period: found from the newest window of the log backwards.

A part of a trace that lies wholly within the period counts as it stands in the projections; where one
reaches over an edge of the period, the rows of that trace say what of it lies inside.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.projections.tables import PROJECTED, TRACE_PARTS, key_of
from tallystick_store.projections.windows import TRACES, projected_end

_PERIOD: Final = {
    "events": "time_us >= $1 AND time_us < $2",
    "spans": "start_ns >= $1 * 1000 AND start_ns < $2 * 1000",
}
_EXTENT: Final = "trace_id, first_index, last_index, first_us, last_us, end_us, spans"
_BEHIND: Final = f"SELECT {_EXTENT} FROM ({TRACES.format(where='log_index >= $3', **_PERIOD)})"  # noqa: S608 - own words
_ROWS: Final = (
    f"SELECT {_EXTENT} FROM"  # noqa: S608 - own words
    f" ({TRACES.format(where='log_index >= $3 AND log_index <= $4 AND trace_id IN (SELECT unnest($5))', **_PERIOD)})"
)
_PARTS: Final = f"""
    SELECT {_EXTENT} FROM {TRACE_PARTS.name}
    WHERE last_us >= $1 AND first_us < $2 AND upto <= $3
    AND trace_key IN (SELECT {key_of("id")} FROM (SELECT unnest($4) AS id))
"""  # noqa: S608 - own words
_CANDIDATES: Final = f"""
    SELECT trace_id, max(last_index) AS newest FROM {TRACE_PARTS.name}
    WHERE last_us >= $1 AND first_us < $2 AND upto > $3 AND upto <= $4 AND last_index < $5
    GROUP BY trace_id ORDER BY newest DESC LIMIT $6
"""  # noqa: S608 - own words
_WINDOWS: Final = (
    f"SELECT upto FROM {PROJECTED.name} WHERE upto <= $1 AND start < $2 ORDER BY upto DESC"  # noqa: S608 - own words
)
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
) -> list[FoundTrace]:
    """Return the newest `count` traces of [from_us, to_us) behind a place, newest first."""
    search = _Search(reader, period, place, projected_end(reader), count)
    for bound in search.steps():
        if search.count_from(bound) >= count:
            break
    return sorted(search.found.values(), key=lambda one: (-one.newest, one.trace_id))[:count]


@dataclass(slots=True)
class _Search:
    reader: Reader
    period: tuple[int, int]
    place: TracePlace
    upto: int
    count: int
    found: dict[str, FoundTrace] = field(default_factory=dict)
    _behind: dict[str, FoundTrace] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def steps(self) -> Iterator[int]:
        """Look further and further back; yield the log index from which on nothing is left to find."""
        for row in self.reader.rows(_BEHIND, [*self.period, self.upto]):
            _unite(self._behind, row)
        self._add(list(self._behind))
        yield self.upto
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
        self._seen.update(asked)
        united = {one: self._behind[one] for one in asked if one in self._behind}
        for row in self._inside(asked):
            _unite(united, row)
        self.found |= {one.trace_id: one for one in united.values() if self._is_behind(one)}

    def _is_behind(self, one: FoundTrace) -> bool:
        newest, trace_id = self.place
        return one.newest < newest or (one.newest == newest and one.trace_id > trace_id)

    def _inside(self, trace_ids: Sequence[str]) -> list[Row]:
        if not trace_ids or not self.upto:
            return []
        from_us, to_us = self.period
        parts = self.reader.rows(_PARTS, [*self.period, self.upto, list(trace_ids)])
        over = {row[0] for row in parts if row[3] < from_us or row[4] >= to_us}
        if not over:
            return parts
        low = min(row[1] for row in parts if row[0] in over)
        high = max(row[2] for row in parts if row[0] in over)
        rows = self.reader.rows(_ROWS, [*self.period, low, high, list(over)])
        return [*(row for row in parts if row[0] not in over), *rows]


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

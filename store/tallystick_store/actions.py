"""The list of actions: one row per tool call, resource read or prompt, newest first.

A call is every record with one `action.id`. The record that ended it stands for it, or the one that
started it while there is no end. A page costs the same wherever it is: it goes by log index.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.events import Proof, StoredEvent, read_events_at
from tallystick_store.projections.places import (
    near_and_behind,
    stretches_of_calls,
    stretches_of_session,
    stretches_of_traces,
)
from tallystick_store.projections.reading import ended_actions
from tallystick_store.projections.settled import native_held
from tallystick_store.projections.tables import key
from tallystick_store.projections.windows import projected_end
from tallystick_store.published import PublishedLog
from tallystick_store.sealing import leaves_at, sealing_of
from tallystick_store.shown_actions import ENDS, START, UNKNOWN, quoted
from tallystick_store.stretches import END, Stretch, around

MAX_PAGE: Final = 1000
MAX_LOOKED_AT: Final = 30_000
"""Candidates of one page: a filter by seals has to look at each, and goes on behind its `before`."""

_OVERFETCH: Final = 1.5
"""A page looks at this many candidates per action at first: a start and a span of the same call are left out."""
_STRETCH: Final = 20_000
_LONGER: Final = 8
"""Log indexes that are looked through at first, and how much more each time."""
_RARE: Final = 2_000_000
"""A stretch that would be longer than this: it is found out first where such calls stand at all."""
_SEALING_FETCH: Final = 3_000
"""Candidates at once where each has to be looked at."""
_NATIVE: Final = """
    SELECT trace_id, span_id FROM events
    WHERE trace_id IN (SELECT unnest($1)) AND origin = 'native'
    AND log_index >= $2 AND log_index <= $3
"""


@dataclass(frozen=True, slots=True)
class Action:
    """One action: the record that ended it, or the one that started it when there is no end."""

    event: StoredEvent
    outcome: str


@dataclass(frozen=True, slots=True)
class ActionPage:
    """Actions, newest first; `before` asks for the page behind it, None when this is the last.

    A page with a `before` may hold fewer actions than asked for, or none.
    """

    actions: tuple[Action, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """What to list; None means any. Times are those of the events, [from_us, to_us)."""

    from_us: int | None = None
    to_us: int | None = None
    agent: str | None = None
    tool: str | None = None
    principal: str | None = None
    """The id as disclosed, or the keyed pseudonym."""
    principal_refs: tuple[str, ...] | None = None
    """Keyed pseudonyms, any of them."""
    outcome: str | None = None
    type: str | None = None
    session: str | None = None
    sealing: Proof | None = None

    def conditions(self) -> tuple[list[str], list[object]]:
        """Return SQL conditions and their parameters."""
        known: list[tuple[str, object]] = [
            ("time_us >= ?", self.from_us),
            ("time_us < ?", self.to_us),
            ("agent_name = ?", self.agent),
            ("tool_name = ?", self.tool),
            ("? IN (principal_id, principal_ref)", self.principal),
            ("principal_ref IN (SELECT unnest(?))", self._refs),
            ("type = ?", self.type),
            ("session = ?", self.session),
            ("origin = ?", self._origin),
        ]
        used = [(sql, value) for sql, value in known if value is not None]
        conditions, parameters = [sql for sql, _ in used], [value for _, value in used]
        if self.outcome == UNKNOWN:
            conditions.append(f"(type = '{START}' OR outcome = '{UNKNOWN}')")
        elif self.outcome is not None:
            conditions.append("outcome = ?")
            parameters.append(self.outcome)
        return conditions, parameters

    @property
    def _refs(self) -> list[str] | None:
        return None if self.principal_refs is None else list(self.principal_refs)

    @property
    def _origin(self) -> str | None:
        """What a filter by seals says of the origin: only native records are told apart by them."""
        if self.sealing is None:
            return None
        return "derived" if self.sealing == "derived" else "native"


def list_actions(
    database: Reader,
    wanted: ActionFilter,
    *,
    limit: int,
    before: int | None,
    published: PublishedLog | None = None,
) -> ActionPage:
    """Return at most `limit` (and MAX_PAGE) actions with a log index below `before`.

    Left out: a start whose end is kept, and the reading of a foreign span of which a native record
    tells too.
    """
    limit = max(1, min(limit, MAX_PAGE))
    return database.consistently(lambda: _page(database, wanted, limit, before, published))


def _page(
    database: Reader,
    wanted: ActionFilter,
    limit: int,
    before: int | None,
    published: PublishedLog | None,
) -> ActionPage:
    fetch = _SEALING_FETCH if wanted.sealing else round(limit * _OVERFETCH) + 1
    chosen: list[int] = []
    looked_at, top = 0, _top(database) if before is None else before
    while len(chosen) <= limit and looked_at < MAX_LOOKED_AT and top > 0:
        candidates, top = _candidates(database, wanted, fetch, top)
        looked_at += len(candidates)
        chosen += _sealed_so(database, _shown(database, candidates), wanted.sealing)
    page = chosen[:limit]
    events = read_events_at(database, page, published)
    actions = tuple(Action(event, outcome_of(event)) for event in reversed(events))
    if len(chosen) > limit:
        return ActionPage(actions, page[-1])
    return ActionPage(actions, top or None)


def _top(database: Reader) -> int:
    """Return a log index below which every event stands."""
    upto = projected_end(database)
    ((largest,),) = database.rows("SELECT max(log_index) FROM events WHERE log_index >= ?", [upto])
    return upto if largest is None else int(largest) + 1


def _candidates(
    database: Reader, wanted: ActionFilter, limit: int, top: int
) -> tuple[list[Row], int]:
    """Return the newest `limit` candidates below `top`, and the index from which on to look further.

    The database is asked for one stretch of the log after the other, each longer than the one before:
    it skips the rows outside a stretch, and does not find the newest of all rows by itself.
    """
    is_rare = False
    places = _places(database, wanted, is_rare=is_rare)
    conditions, parameters = wanted.conditions()
    conditions += ["action_id IS NOT NULL", f"type IN ({quoted(*ENDS, START)})"]
    sql = (
        "SELECT log_index, type, action_id, origin, trace_id, span_id FROM events"  # noqa: S608 - own words
        f" WHERE {' AND '.join(conditions)} AND log_index >= ? AND log_index < ?"
        " ORDER BY log_index DESC LIMIT ?"
    )
    found: list[Row] = []
    stretch = _STRETCH
    while top > 0 and len(found) < limit:
        if stretch > _RARE and not is_rare:
            is_rare = True
            places = _places(database, wanted, is_rare=is_rare)
        low, top = _newest_of(places, top, stretch)
        wanted_count = limit - len(found)
        rows = database.rows(sql, [*parameters, low, top, wanted_count])
        found += rows
        top = int(rows[-1][0]) if len(rows) == wanted_count else low
        stretch = _next_length(stretch, len(rows), limit - len(found))
    return found, top


def _places(database: Reader, wanted: ActionFilter, *, is_rare: bool) -> list[Stretch]:
    """Return where candidates stand, in the order of the log."""
    if wanted.session is not None:
        return stretches_of_session(database, wanted.session)
    if is_rare:
        return stretches_of_calls(database, wanted.agent, wanted.tool, wanted.principal_refs)
    return [Stretch(0, END)]


def _next_length(length: int, found: int, wanted: int) -> int:
    """Return how far to look next: what it takes where candidates stay as frequent, and at most _LONGER as far."""
    likely = length * wanted * _OVERFETCH / found if found else math.inf
    return round(min(max(_STRETCH, likely), length * _LONGER))


def _newest_of(places: Sequence[Stretch], top: int, length: int) -> tuple[int, int]:
    """Return the newest log indexes [low, top) of some places below `top`, at most so many; (0, 0) for none."""
    for place in reversed(places):
        if place.low < top:
            end = min(top, place.high + 1)
            return max(place.low, end - length), end
    return 0, 0


def _shown(database: Reader, candidates: Sequence[Row]) -> list[int]:
    if not candidates:
        return []
    near = around([row[0] for row in candidates])
    ended = ended_actions(database, {row[2] for row in candidates if row[1] == START}, near)
    derived = {
        (row[4], row[5])
        for row in candidates
        if row[3] == "derived" and row[4] and row[5] is not None
    }
    native = _native(database, derived, near)
    return [
        log_index
        for log_index, type_, action_id, origin, trace_id, span_id in candidates
        if not (type_ == START and action_id in ended)
        and not (origin == "derived" and (trace_id, span_id) in native)
    ]


def _sealed_so(database: Reader, log_indexes: list[int], wanted: Proof | None) -> list[int]:
    """Return those of native records that are sealed as wanted."""
    if wanted is None or wanted == "derived" or not log_indexes:
        return log_indexes
    leaves = leaves_at(database, log_indexes)
    states = sealing_of(database, list(leaves.values()), around(log_indexes))
    return [one for one in log_indexes if (states[leaves[one]] if one in leaves else "") == wanted]


def _native(
    database: Reader, spans: Collection[tuple[str, str]], near: Stretch
) -> set[tuple[str, str]]:
    """Return those of the spans, each of a trace, of which a native record tells."""
    if not spans:
        return set()
    upto = projected_end(database)
    first, last = near_and_behind(near, upto)
    found = _native_in(database, spans, first)
    rest = {key(trace + span): (trace, span) for trace, span in set(spans) - found}
    if not rest:
        return found
    held = [rest[one] for one in native_held(database, upto, rest)]
    for stretch in (
        stretches_of_traces(database, sorted({trace for trace, _ in held})) if held else ()
    ):
        found |= _native_in(database, held, stretch)
    return found | (_native_in(database, rest.values(), last) if last else set())


def _native_in(
    database: Reader, spans: Iterable[tuple[str, str]], stretch: Stretch
) -> set[tuple[str, str]]:
    asked = sorted({trace for trace, _ in spans})
    rows = database.rows(_NATIVE, [asked, *stretch])
    return {(str(trace), str(span)) for trace, span in rows}


def outcome_of(event: StoredEvent) -> str:
    """Return how an action ended, as the record that stands for it says."""
    stated = event.said("outcome") or UNKNOWN
    return UNKNOWN if event.said("type") == START else str(stated)

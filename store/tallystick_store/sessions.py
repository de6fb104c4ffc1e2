"""Sessions, from what the projections hold of each and the rows behind them: a few parts for any length.

A session is listed by its newest record. Whether it has holes, and which of its records no seal reaches, is
told from the extents of its parts; only where these leave it open are rows looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.gaps import find_gaps
from tallystick_store.projections.reading import ended_of
from tallystick_store.projections.tables import PROJECTED, SESSION_PARTS, key_of
from tallystick_store.projections.windows import SESSIONS, projected_end
from tallystick_store.sealing import leaves_at, sealing_of
from tallystick_store.shown_actions import ENDS, START, quoted
from tallystick_store.stretches import around

MAX_SESSIONS: Final = 1_000
"""Sessions of one page."""
_END: Final = 2**63 - 1
_PARTS_OF_A_SESSION: Final = 2
_FURTHER: Final = 4
"""How many parts are looked at first for each session of a page, and how many times as many each time."""

_COLUMNS: Final = (
    "session, first_index, last_index, sender, emitter, service, first_us, last_us, heard_us,"
    " events, min_seq, max_seq, is_run, is_closed, sealed"
)
_BEHIND: Final = f"""
    behind AS MATERIALIZED (SELECT {_COLUMNS} FROM ({SESSIONS.replace("$2", str(_END))}))
"""  # noqa: S608 - own words
"""Parts of what stands behind the projections, which end at `$1`."""
_PARTS: Final = f"""
    parts AS MATERIALIZED (
        FROM (SELECT {_COLUMNS} FROM {SESSION_PARTS.name} WHERE upto <= $1 UNION ALL FROM behind) p
        SEMI JOIN chosen c ON c.session IS NOT DISTINCT FROM p.session
    )
"""  # noqa: S608 - own words
"""All parts of the sessions in `chosen`."""
_OF_PERIOD: Final = f"""
    WITH {_BEHIND},
    chosen AS (
        SELECT session FROM {SESSION_PARTS.name} WHERE upto <= $1 AND last_us >= $2 AND first_us < $3
        UNION SELECT session FROM behind WHERE last_us >= $2 AND first_us < $3
    ),
    {_PARTS}
"""  # noqa: S608 - own words
"""Sessions that may have a record in [$2, $3)."""

_SIZES: Final = f"""
    SELECT upto, count(*) FROM {SESSION_PARTS.name}
    WHERE upto IN (SELECT upto FROM {PROJECTED.name} WHERE upto <= $1 AND start < $2)
    GROUP BY upto ORDER BY upto DESC
"""  # noqa: S608 - own words
_PAGE: Final = f"""
    WITH {_BEHIND},
    chosen AS (
        SELECT session FROM {SESSION_PARTS.name} WHERE upto > $4
        AND upto IN (SELECT upto FROM {PROJECTED.name} WHERE upto <= $1 AND start < $2)
        UNION SELECT session FROM behind
    ),
    {_PARTS}
    SELECT session, arg_min(sender, first_index) AS sender, coalesce(max(emitter), ''),
           coalesce(max(service), ''), min(first_us), max(last_us), sum(events)::BIGINT,
           max(max_seq), coalesce(max(sealed), 0), coalesce(bool_or(is_closed), false),
           coalesce(max(heard_us), 0), max(last_index) AS newest
    FROM parts GROUP BY session HAVING max(last_index) < $2
    ORDER BY newest DESC LIMIT $3
"""  # noqa: S608 - own words
_COUNT: Final = f"""
    SELECT count(DISTINCT session) FROM (
        SELECT session FROM {SESSION_PARTS.name} WHERE upto <= $1 AND first_index IS NOT NULL
        UNION ALL SELECT session FROM events WHERE log_index >= $1
    )
"""  # noqa: S608 - own words
_HOLED: Final = f"""
    {_OF_PERIOD}
    SELECT session, min(first_index), max(last_index) FROM (
        SELECT *, max(max_seq) OVER (
            PARTITION BY session ORDER BY min_seq, max_seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached FROM parts WHERE session IS NOT NULL
    )
    GROUP BY session
    HAVING max(last_us) >= $2 AND min(first_us) < $3 AND (
        bool_or(first_index IS NOT NULL AND NOT coalesce(is_run, false))
        OR bool_or(min_seq > coalesce(reached, -1) + 1) OR max(sealed) > max(max_seq) + 1
    )
"""  # noqa: S608 - own words
_IN_PERIOD: Final = """
    SELECT DISTINCT session FROM events
    WHERE time_us >= $1 AND time_us < $2 AND log_index >= $3 AND log_index <= $4
    AND session IN (SELECT unnest($5))
"""
_OPEN_ENDED: Final = f"""
    {_OF_PERIOD},
    sizes AS (SELECT session, coalesce(max(sealed), 0) AS sealed FROM parts GROUP BY session)
    SELECT p.session, any_value(s.sealed), min(first_index)
    FROM parts p JOIN sizes s ON s.session IS NOT DISTINCT FROM p.session
    WHERE first_index IS NOT NULL
    AND (p.session IS NULL OR NOT coalesce(is_run, false) OR max_seq >= s.sealed)
    GROUP BY p.session
"""  # noqa: S608 - own words
_UNREACHED: Final = f"""
    WITH beyond AS MATERIALIZED (
        SELECT log_index, o.session,
               CASE WHEN type = '{START}' THEN {key_of("action_id")} END AS action_key
        FROM events e JOIN (SELECT unnest($2) AS session, unnest($3) AS sealed) o
        ON o.session IS NOT DISTINCT FROM e.session
        WHERE log_index >= {{low}} AND time_us >= {{from_us}} AND time_us < {{to_us}}
        AND action_id IS NOT NULL AND type IN ({quoted(*ENDS, START)}) AND origin = 'native'
        AND (seq IS NULL OR seq >= o.sealed)
    ),
    {ended_of("SELECT action_key FROM beyond")},
    unreached AS (
        SELECT log_index, session FROM beyond
        WHERE action_key IS NULL OR action_key NOT IN (SELECT action_key FROM ended)
    )
"""  # noqa: S608 - own words
"""The database skips rows by numbers that stand there as they are."""
_RECOVERED: Final = """
    SELECT DISTINCT recovered_session FROM events
    WHERE type = 'session.recovered' AND recovered_session IN (SELECT unnest($1))
"""


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One session; `is_closed` is false for one that runs and for one that ended in silence."""

    session: str
    sender: str
    emitter: str
    service: str
    first_us: int
    last_us: int
    event_count: int
    max_seq: int
    sealed_size: int
    is_closed: bool
    heard_us: int
    """When the service received its newest record."""


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Sessions; `before` asks for the page behind it, None when this is the last."""

    sessions: tuple[SessionSummary, ...]
    before: int | None


def list_sessions(
    reader: Reader, *, limit: int = MAX_SESSIONS, before: int | None = None
) -> SessionPage:
    """Return sessions, the one that was heard of last first, at most `limit` (and MAX_SESSIONS).

    `before` is the log index of a record: listed are sessions whose newest record stands below it.
    """
    limit = max(1, min(limit, MAX_SESSIONS))
    below = _END if before is None else before
    rows = reader.consistently(lambda: _newest(reader, below, limit + 1))
    page = tuple(SessionSummary(*row[:-1]) for row in rows[:limit])
    return SessionPage(page, int(rows[limit - 1][-1]) if len(rows) > limit else None)


def _newest(reader: Reader, below: int, count: int) -> list[Row]:
    upto = projected_end(reader)
    rows: list[Row] = []
    for low in _lows(reader, upto, below, count):
        rows = reader.rows(_PAGE, [upto, below, count, low])
        if len(rows) == count and rows[-1][-1] >= low:
            break
    return rows


def _lows(reader: Reader, upto: int, below: int, count: int) -> Iterator[int]:
    """Yield the log index from which on to look for the newest sessions, further back each time and 0 at last."""
    wanted, seen = _PARTS_OF_A_SESSION * count, 0
    for end, parts in reader.rows(_SIZES, [upto, below]):
        if seen >= wanted:
            yield int(end)
            wanted *= _FURTHER
        seen += parts
    yield 0


def count_sessions(reader: Reader) -> int:
    """Return how many sessions there are."""
    return int(reader.rows(_COUNT, [projected_end(reader)])[0][0])


def count_gaps(reader: Reader, from_us: int, to_us: int) -> int:
    """Return the number of runs of missing records, of the sessions with a record in [from_us, to_us)."""
    found = reader.rows(_HOLED, [projected_end(reader), from_us, to_us])
    if not found:
        return 0
    low, high = min(row[1] for row in found), max(row[2] for row in found)
    asked = [from_us, to_us, low, high, [row[0] for row in found]]
    sessions = [session for (session,) in reader.rows(_IN_PERIOD, asked)]
    return sum(map(len, find_gaps(reader, sessions, (low, high)).values()))


def unreached_states(reader: Reader, from_us: int, to_us: int) -> tuple[int, int]:
    """Return how many native calls of the period no seal reaches: (unsealed, recovered)."""
    upto = projected_end(reader)
    open_ended = reader.rows(_OPEN_ENDED, [upto, from_us, to_us])
    if not open_ended:
        return 0, 0
    sessions, sizes, lows = zip(*open_ended, strict=True)
    asked = [upto, list(sessions), list(sizes)]
    unreached = _UNREACHED.format(low=min(lows), from_us=from_us, to_us=to_us)
    counts = f"{unreached} SELECT session, count(*) FROM unreached GROUP BY session"  # noqa: S608 - own words
    rows: dict[str | None, int] = dict(reader.rows(counts, asked))
    known = [session for session in rows if session is not None]
    adopted = [one for (one,) in reader.rows(_RECOVERED, [known])] if known else []
    if not adopted:
        return sum(rows.values()), 0
    which = f"{unreached} SELECT log_index FROM unreached WHERE session IN (SELECT unnest($4))"  # noqa: S608 - own words
    indexes = [log_index for (log_index,) in reader.rows(which, [*asked, adopted])]
    leaves = leaves_at(reader, indexes)
    states = sealing_of(reader, list(leaves.values()), around(indexes))
    recovered = sum(states[leaf] == "recovered" for leaf in leaves.values())
    return sum(rows.values()) - recovered, recovered

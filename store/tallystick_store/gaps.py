"""Holes in the sequence numbers of sessions: records that were made and never arrived.

One that was deleted under authority did arrive: its tombstone says so.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tallystick_store.engine.duckdb import Reader

MAX_GAPS: Final = 10_000
"""Holes that are read at once."""

_GAPS: Final = f"""
    WITH stated AS (
        SELECT session, seq FROM events WHERE log_index >= $2 AND log_index <= $3
        UNION ALL
        SELECT session, seq FROM tombstones
    ), holed AS (
        SELECT session FROM stated WHERE session IN (SELECT unnest($1))
        GROUP BY session HAVING count(DISTINCT seq) <= max(seq)
    )
    SELECT session, previous + 1, seq - 1 FROM (
        SELECT session, seq, lag(seq, 1, -1) OVER (PARTITION BY session ORDER BY seq) AS previous
        FROM (SELECT DISTINCT session, seq FROM stated
              WHERE session IN (SELECT session FROM holed) AND seq IS NOT NULL)
    )
    WHERE seq > previous + 1
    UNION ALL
    SELECT e.session, top + 1, sealed - 1
    FROM (SELECT session, max(seq) AS top FROM stated
          WHERE session IN (SELECT unnest($1)) GROUP BY session) e
    JOIN (SELECT session, max(size) AS sealed FROM seals GROUP BY session) s
    ON s.session = e.session
    WHERE sealed > top + 1
    ORDER BY 1, 2 LIMIT {MAX_GAPS}
"""  # noqa: S608 - own words


_OPENED: Final = """
    SELECT DISTINCT session FROM events
    WHERE type = 'session.open' AND session IN (SELECT unnest($1))
"""


class Gap(NamedTuple):
    """Sequence numbers from `from_seq` to `to_seq`, both missing."""

    from_seq: int
    to_seq: int


def find_gaps(
    database: Reader, sessions: Sequence[str], within: tuple[int, int] = (0, 2**63 - 1)
) -> dict[str, list[Gap]]:
    """Return the holes of each session that has any.

    The end may be missing too, where a seal states more records than there are. `within` are the first
    and the last log index of the records that are there; those that were deleted may stand outside. Left out:
    sessions of which a reader sees a part alone, for what is beyond its reach is no hole.
    """
    found: dict[str, list[Gap]] = {}
    whole = _whole(database, sessions)
    for session, first, last in database.rows(_GAPS, [whole, *within]) if whole else []:
        found.setdefault(session, []).append(Gap(first, last))
    return found


def _whole(database: Reader, sessions: Sequence[str]) -> list[str]:
    """Return the sessions that a reader sees from their opening on."""
    if database.reach.is_full:
        return list(sessions)
    if not database.reach.has_whole_sessions:
        return []
    return [session for (session,) in database.rows(_OPENED, [list(sessions)])]

"""What there is to say of a store's integrity without proving it: checkpoints, sessions, holes.

Proofs are the verifier's; this is what a person looks at first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tallystick_store.engine.duckdb import Reader
from tallystick_store.gaps import Gap, find_gaps
from tallystick_store.sessions import MAX_SESSIONS, SessionSummary, list_sessions

MAX_CHECKPOINTS: Final = 50
SILENCE_US: Final = 3 * 60 * 1_000_000
"""Three heartbeats that did not come."""

SessionPhase: TypeAlias = Literal["open", "closed", "silent"]

_CHECKPOINTS: Final = (
    "SELECT size, root, note FROM checkpoints ORDER BY size DESC NULLS LAST LIMIT ?"
)
_RECEIVED: Final = """
    SELECT log_index + 1, max(rx_us) FROM (
        SELECT log_index, rx_us FROM events WHERE log_index + 1 IN (SELECT unnest($1))
        UNION ALL SELECT log_index, rx_us FROM seals WHERE log_index + 1 IN (SELECT unnest($1))
        UNION ALL SELECT log_index, rx_us FROM spans WHERE log_index + 1 IN (SELECT unnest($1)))
    GROUP BY 1
"""
_ACTIVE: Final = "SELECT count(DISTINCT session) FROM events WHERE rx_us >= ?"


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """One row of `checkpoints`."""

    size: int
    root: bytes
    note: str
    signed_us: int | None
    """When the last entry below it was received: it was signed within a second of that."""


@dataclass(frozen=True, slots=True)
class SessionIntegrity:
    """One session, how it stands, and what is missing of it."""

    summary: SessionSummary
    phase: SessionPhase
    gaps: tuple[Gap, ...]


def newest_checkpoints(database: Reader, limit: int = MAX_CHECKPOINTS) -> list[StoredCheckpoint]:
    """Return the largest stored checkpoints, largest first, as they are stored."""
    rows = [row for row in database.rows(_CHECKPOINTS, [limit]) if row[0] is not None]
    received: dict[int, int] = dict(database.rows(_RECEIVED, [[row[0] for row in rows]]))
    return [
        StoredCheckpoint(size, root or b"", note or "", received.get(size))
        for size, root, note in rows
    ]


def session_integrity(
    database: Reader, now_us: int, limit: int = MAX_SESSIONS
) -> tuple[Sequence[SessionIntegrity], bool]:
    """Return the sessions that were heard of last, and whether there are more."""
    page = list_sessions(database, limit=limit)
    shown = page.sessions
    gaps = find_gaps(database, [one.session for one in shown])
    sessions = [
        SessionIntegrity(one, _phase(one, now_us), tuple(gaps.get(one.session, ())))
        for one in shown
    ]
    return sessions, page.before is not None


def _phase(session: SessionSummary, now_us: int) -> SessionPhase:
    if session.is_closed:
        return "closed"
    return "silent" if now_us - session.heard_us > SILENCE_US else "open"


def active_sessions(database: Reader, now_us: int) -> int:
    """Count the sessions that are not silent: of which a record was received in the last SILENCE_US."""
    return int(database.rows(_ACTIVE, [now_us - SILENCE_US])[0][0])

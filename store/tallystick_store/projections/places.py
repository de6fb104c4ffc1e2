"""Where in the log the records of a trace or of an action stand: a few stretches of log indexes.

The database skips what lies outside a stretch, so that a question about one trace costs the same however
long the log is.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from tallystick_store.engine.duckdb import Reader
from tallystick_store.projections.tables import (
    ACTION_PARTS,
    PROJECTED,
    SESSION_PARTS,
    TRACE_PARTS,
    WHO_DAYS,
    key,
)
from tallystick_store.projections.windows import WINDOW, projected_end
from tallystick_store.stretches import END, Stretch, united

MAX_STRETCHES: Final = 8
"""Of one question; more are read as one."""
_FEW: Final = 3
"""Keys that are compared one by one: faster than a join up to here.

Where all windows are looked through, no condition on `upto` stands beside: it would double the time."""
_BEHIND: Final = """
    SELECT min(log_index), max(log_index) FROM events
    WHERE log_index >= $1 AND trace_id IN (SELECT unnest($2))
"""
_OF_SESSION: Final = f"""
    SELECT first_index, last_index FROM {SESSION_PARTS.name}
    WHERE upto <= $1 AND session = $2 AND first_index IS NOT NULL ORDER BY first_index
"""  # noqa: S608 - own words
_OF_CALLS: Final = f"""
    SELECT start, upto - 1 FROM {PROJECTED.name} WHERE upto <= $1
    AND upto IN (SELECT upto FROM {WHO_DAYS.name} WHERE {{}}) ORDER BY start
"""  # noqa: S608 - own words


def stretches_of_traces(reader: Reader, trace_ids: Sequence[str]) -> list[Stretch]:
    """Return where records and spans of these traces stand, in the order of the log."""
    return _stretches(reader, TRACE_PARTS.name, "trace_key", trace_ids)


def extent_behind(reader: Reader, upto: int, trace_ids: Sequence[str]) -> Stretch | None:
    """Return the first and the last log index from `upto` on of the events of these traces; None for none."""
    ((low, high),) = reader.rows(_BEHIND, [upto, list(trace_ids)])
    return None if low is None else Stretch(int(low), int(high))


def near_and_behind(near: Stretch, upto: int) -> tuple[Stretch, Stretch | None]:
    """Return where to look first and last: near by and behind the projections, once where the two meet."""
    if near.high + 1 < upto or near.low > upto + WINDOW:
        return near, Stretch(upto, END)
    return Stretch(min(near.low, upto), END), None


def stretches_of_actions(reader: Reader, action_ids: Sequence[str]) -> list[Stretch]:
    """Return where records of these actions stand, in the order of the log."""
    return _stretches(reader, ACTION_PARTS.name, "action_key", action_ids)


def stretches_of_session(reader: Reader, session: str) -> list[Stretch]:
    """Return where records of a session stand, in the order of the log."""
    upto = projected_end(reader)
    parts = reader.rows(_OF_SESSION, [upto, session]) if upto else []
    return _joined([*(Stretch(*row) for row in parts), Stretch(upto, END)])


def stretches_of_calls(
    reader: Reader, agent: str | None, tool: str | None, people: Sequence[str] | None
) -> list[Stretch]:
    """Return where calls of an agent, of a tool and of any of some pseudonyms stand; None means any."""
    upto = projected_end(reader)
    known: list[tuple[str, object]] = [
        ("agent = ${}", agent),
        ("tool = ${}", tool),
        ("person IN (SELECT unnest(${}))", None if people is None else list(people)),
    ]
    used = [(sql, value) for sql, value in known if value is not None]
    if not upto or not used:
        return [Stretch(0, END)]
    conditions = [sql.format(number) for number, (sql, _) in enumerate(used, start=2)]
    asked = [upto, *(value for _, value in used)]
    parts = reader.rows(_OF_CALLS.format(" AND ".join(conditions)), asked)
    return _joined([*(Stretch(*row) for row in parts), Stretch(upto, END)])


def _stretches(reader: Reader, table: str, column: str, texts: Sequence[str]) -> list[Stretch]:
    upto = projected_end(reader)
    keys = [key(text) for text in dict.fromkeys(texts)]
    if not upto or not keys:
        return [Stretch(upto, END)]
    asked = ", ".join(map(str, keys)) if len(keys) <= _FEW else "SELECT unnest($1)"
    sql = (
        f"SELECT first_index, last_index, upto FROM {table}"  # noqa: S608 - tables.py
        f" WHERE {column} IN ({asked}) ORDER BY first_index"
    )
    rows = reader.rows(sql, [] if len(keys) <= _FEW else [keys])
    parts = [Stretch(low, high) for low, high, end in rows if end <= upto]
    return _joined([*parts, Stretch(upto, END)])


def _joined(parts: Iterable[Stretch]) -> list[Stretch]:
    """Unite what touches, or is no further apart than what is read at once anyway."""
    found = united(parts, WINDOW)
    if len(found) > MAX_STRETCHES:
        return [Stretch(found[0].low, found[-1].high)]
    return found

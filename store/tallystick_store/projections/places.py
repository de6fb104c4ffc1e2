"""Where in the log the records of a trace or of an action stand: a few stretches of log indexes.

The database skips what lies outside a stretch, so that a question about one trace costs the same however
long the log is.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from tallystick_store.engine.duckdb import Reader
from tallystick_store.projections.tables import ACTION_PARTS, TRACE_PARTS, key_of
from tallystick_store.projections.windows import WINDOW, projected_end

MAX_STRETCHES: Final = 8
"""Of one question; more are read as one."""
_END: Final = 2**63 - 1
_EXTENT: Final = f"""
    SELECT min(low), max(high) FROM (
        SELECT min(first_index) AS low, max(last_index) AS high FROM {TRACE_PARTS.name}
        WHERE upto <= $1 AND trace_key IN (SELECT {key_of("id")} FROM (SELECT unnest($2) AS id))
        UNION ALL
        SELECT min(log_index), max(log_index) FROM events
        WHERE log_index >= $1 AND trace_id IN (SELECT unnest($2))
    )
"""  # noqa: S608 - own words


class Stretch(NamedTuple):
    """Log indexes from `low` to `high`, both included."""

    low: int
    high: int


def stretches_of_traces(reader: Reader, trace_ids: Sequence[str]) -> list[Stretch]:
    """Return where records and spans of these traces stand, in the order of the log."""
    return _stretches(reader, TRACE_PARTS.name, "trace_key", trace_ids)


def extent_of_traces(reader: Reader, trace_ids: Sequence[str]) -> Stretch:
    """Return the first and the last log index of the records of these traces, spans left out."""
    upto = projected_end(reader)
    ((low, high),) = reader.rows(_EXTENT, [upto, list(trace_ids)])
    return Stretch(0, -1) if low is None else Stretch(int(low), int(high))


def stretches_of_actions(reader: Reader, action_ids: Sequence[str]) -> list[Stretch]:
    """Return where records of these actions stand, in the order of the log."""
    return _stretches(reader, ACTION_PARTS.name, "action_key", action_ids)


def _stretches(reader: Reader, table: str, column: str, texts: Sequence[str]) -> list[Stretch]:
    upto = projected_end(reader)
    keys = f"SELECT {key_of('text')} FROM (SELECT unnest($2) AS text)"  # noqa: S608 - own words
    sql = (
        f"SELECT first_index, last_index FROM {table}"  # noqa: S608 - tables.py
        f" WHERE upto <= $1 AND {column} IN ({keys}) ORDER BY first_index"
    )
    parts = [Stretch(*row) for row in reader.rows(sql, [upto, list(texts)])] if upto else []
    return _joined([*parts, Stretch(upto, _END)])


def _joined(parts: Iterable[Stretch]) -> list[Stretch]:
    """Unite what touches, or is no further apart than what is read at once anyway."""
    found: list[Stretch] = []
    for low, high in parts:
        if found and low <= found[-1].high + WINDOW:
            found[-1] = Stretch(found[-1].low, max(high, found[-1].high))
        else:
            found.append(Stretch(low, high))
    if len(found) > MAX_STRETCHES:
        return [Stretch(found[0].low, found[-1].high)]
    return found

"""Where in the log the records of a trace or of an action stand: a few stretches of log indexes.

The database skips what lies outside a stretch, so that a question about one trace costs the same however
long the log is.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from tallystick_store.engine.duckdb import Reader
from tallystick_store.projections.tables import ACTION_PARTS, TRACE_PARTS, key
from tallystick_store.projections.windows import WINDOW, projected_end
from tallystick_store.stretches import END, Stretch

MAX_STRETCHES: Final = 8
"""Of one question; more are read as one."""
_FEW: Final = 3
"""Keys that are compared one by one: faster than a join up to here."""
_BEHIND: Final = """
    SELECT min(log_index), max(log_index) FROM events
    WHERE log_index >= $1 AND trace_id IN (SELECT unnest($2))
"""


def stretches_of_traces(reader: Reader, trace_ids: Sequence[str]) -> list[Stretch]:
    """Return where records and spans of these traces stand, in the order of the log."""
    return _stretches(reader, TRACE_PARTS.name, "trace_key", trace_ids)


def extent_behind(reader: Reader, upto: int, trace_ids: Sequence[str]) -> Stretch | None:
    """Return the first and the last log index from `upto` on of the events of these traces; None for none."""
    ((low, high),) = reader.rows(_BEHIND, [upto, list(trace_ids)])
    return None if low is None else Stretch(int(low), int(high))


def stretches_of_actions(reader: Reader, action_ids: Sequence[str]) -> list[Stretch]:
    """Return where records of these actions stand, in the order of the log."""
    return _stretches(reader, ACTION_PARTS.name, "action_key", action_ids)


def _stretches(reader: Reader, table: str, column: str, texts: Sequence[str]) -> list[Stretch]:
    upto = projected_end(reader)
    keys = [key(text) for text in dict.fromkeys(texts)]
    asked = ", ".join(map(str, keys)) if len(keys) <= _FEW else "SELECT unnest($2)"
    sql = (
        f"SELECT first_index, last_index FROM {table}"  # noqa: S608 - tables.py
        f" WHERE upto <= $1 AND {column} IN ({asked}) ORDER BY first_index"
    )
    parameters: list[object] = [upto] if len(keys) <= _FEW else [upto, keys]
    parts = [Stretch(*row) for row in reader.rows(sql, parameters)] if upto and keys else []
    return _joined([*parts, Stretch(upto, END)])


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

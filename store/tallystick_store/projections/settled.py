"""Which ends of actions and native records of spans the projections hold: what is not there is looked for once.

The parts of a window never change. A key that no window up to a log index holds is looked for behind that alone,
and the calls among the projections that others overrule are found out once for each new window. What is kept
for that is as long as the file is (`engine/memory.py`); without it answers are the same.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from tallystick_store.engine.duckdb import Reader
from tallystick_store.projections.tables import ACTION_PARTS, NATIVE_SPANS, UNSURE_CALLS
from tallystick_store.projections.windows import projected_end
from tallystick_store.stretches import END

_FEW: Final = 3
"""Keys that are compared one by one: faster than a join up to here."""


_TYPES: Final = """
    SELECT type, count(*) FROM events
    WHERE log_index >= $1 AND log_index < $2 GROUP BY type
"""


class _Keys(NamedTuple):
    """Where keys stand that overrule."""

    table: str
    column: str
    condition: str
    unsure: str
    """The column of `unsure_calls` that holds what they overrule."""


_ENDS: Final = _Keys(ACTION_PARTS.name, "action_key", "has_end", "action_key")
_NATIVE: Final = _Keys(NATIVE_SPANS.name, "span_key", "true", "span_key")


def ends_held(reader: Reader, upto: int, action_keys: Iterable[int]) -> set[int]:
    """Return those of the keys of actions whose end stands below `upto`, where the projections end."""
    return _held(reader, _ENDS, upto, set(action_keys))


def native_held(reader: Reader, upto: int, span_keys: Iterable[int]) -> set[int]:
    """Return those of the keys of spans of which a native record tells below `upto`."""
    return _held(reader, _NATIVE, upto, set(span_keys))


def overruling(reader: Reader, upto: int) -> tuple[frozenset[int], frozenset[int]]:
    """Return the keys of actions and of spans by which calls in the projections up to `upto` do not count."""
    memory = reader.memory
    known, ended, native = memory.overruling
    if known > upto:
        known, ended, native = 0, frozenset(), frozenset()
    if known < upto:
        ended |= _overruling(reader, _ENDS, known, upto)
        native |= _overruling(reader, _NATIVE, known, upto)
        memory.overruling = upto, ended, native
    return ended, native


def count_types(reader: Reader) -> Counter[str]:
    """Return how many events there are of each type; those that the projections reach are counted once."""
    upto, memory = projected_end(reader), reader.memory
    known, counts = memory.types
    if known > upto:
        known, counts = 0, {}
    held = Counter(counts)
    if known < upto:
        held += _types(reader, known, upto)
        memory.types = upto, held
    return held + _types(reader, upto, END)


def _types(reader: Reader, start: int, end: int) -> Counter[str]:
    return Counter(dict(reader.rows(_TYPES, [start, end])))


def _overruling(reader: Reader, keys: _Keys, known: int, upto: int) -> set[int]:
    """Return the keys that overrule calls up to `upto` and are not known to from what stands below `known`."""
    table, column, condition, unsure = keys
    later = f"""
        SELECT DISTINCT {column} FROM {table} WHERE {condition} AND upto > $1 AND upto <= $2
        AND {column} IN (SELECT {unsure} FROM {UNSURE_CALLS.name} WHERE upto <= $2)
    """  # noqa: S608 - own words
    found = {int(one) for (one,) in reader.rows(later, [known, upto])}
    if not known:
        return found
    new = f"SELECT {unsure} FROM {UNSURE_CALLS.name} WHERE upto > $1 AND upto <= $2"  # noqa: S608 - own words
    asked = {one for (one,) in reader.rows(new, [known, upto]) if one is not None}
    return found | _held(reader, keys, known, asked)


def _held(reader: Reader, keys: _Keys, upto: int, asked: Collection[int]) -> set[int]:
    memory = reader.memory.absent_from(keys.table)
    absent = {one: memory.get(one, 0) for one in asked}
    never = [one for one, below in absent.items() if below == 0]
    before = [one for one, below in absent.items() if 0 < below < upto]
    found = _among(reader, keys, 0, upto, never) if upto else set()
    found |= (
        _among(reader, keys, min(absent[one] for one in before), upto, before) if before else set()
    )
    if upto:
        memory |= {one: max(upto, below) for one, below in absent.items() if one not in found}
    return found


def _among(reader: Reader, keys: _Keys, after: int, upto: int, asked: list[int]) -> set[int]:
    if not asked:
        return set()
    later = f" AND upto > {after}" if after else ""
    there = _chosen(reader, keys, asked, later)
    return set(_chosen(reader, keys, there, f" AND upto <= {upto} AND {keys.condition}{later}"))


def _chosen(reader: Reader, keys: _Keys, asked: list[int], further: str) -> list[int]:
    """Return those of the keys that stand in rows with a further condition; without one it takes half the time."""
    if not asked:
        return []
    is_few = len(asked) <= _FEW
    listed = ", ".join(map(str, asked)) if is_few else "SELECT unnest($1)"
    sql = f"SELECT DISTINCT {keys.column} FROM {keys.table} WHERE {keys.column} IN ({listed}){further}"  # noqa: S608 - own words and numbers
    return [int(one) for (one,) in reader.rows(sql, [] if is_few else [asked])]

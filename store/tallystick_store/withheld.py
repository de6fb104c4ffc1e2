"""What a reader is not shown of an event, held against its record all the same.

Whoever lacks the right to a text sees that it does not fit, and nothing of what it says: the database
compares, and only the places of rows at fault come out of it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from tallystick_store.engine.reader import Reader
from tallystick_store.faults import Fault
from tallystick_store.reach import LINE_OF_NAME, Reach
from tallystick_store.stretches import conditions_at

_COLUMNS: Final = {"principal_id": "principal.id", "resource_uri": "resource.uri"}
"""Columns that hold what a line discloses -> the field of that line."""
_BOUND: Final = """
    coalesce(TRY(from_json(json_extract(statement, '$.sd'), '["VARCHAR"]')), [])
"""
_UNBOUND: Final = "NOT list_contains(bound, to_base64(unhex(sha256(line))))"
_OWN: Final = """
    WITH rows AS (
        SELECT *, {bound} AS bound,
               CASE WHEN coalesce(disclosures, '') = '' THEN [] ELSE string_split(disclosures, chr(10)) END AS lines
        FROM events WHERE {where}
    )
    SELECT log_index,
           len(list_filter(lines, lambda line: {hidden} AND {unbound})) > 0,
           disclosure_count IS DISTINCT FROM len(lines),
           {columns}
    FROM rows
"""
_LATE: Final = """
    SELECT DISTINCT log_index FROM (
        SELECT log_index, line, {bound} AS bound
        FROM late_disclosures JOIN events USING (log_index)
        WHERE {where} AND line IS NOT NULL
    ) WHERE {hidden} AND {unbound}
"""
_LINES: Final = Fault(
    "disclosures", "lines that the statement binds", "a withheld line that it does not bind"
)
_COUNT: Final = Fault("disclosure_count", "the number of lines", "another number")


def withheld_faults(reader: Reader, log_indexes: Sequence[int]) -> Mapping[int, Sequence[Fault]]:
    """Return what is wrong with the hidden part of some events that `reader` sees, by log index.

    Nothing is hidden from a reader with payload and names, and then nothing is asked. Raises StoreError.
    """
    reach = reader.reach
    if (reach.has_payload and reach.has_names) or not log_indexes:
        return {}
    named = ("disclosures", "disclosure_count", *_hidden_columns(reach))
    words = {"bound": _BOUND, "unbound": _UNBOUND, "hidden": _hidden(reach)}
    columns = ", ".join(map(_differs, _hidden_columns(reach)))
    found: dict[int, dict[str, Fault]] = {}
    whole = reader.whole
    for where in conditions_at(one for one in log_indexes if one >= 0):
        own = _OWN.format(columns=columns, where=where, **words)
        for log_index, *differs in whole.rows(own):
            faulty = [name for name, is_so in zip(named, differs, strict=True) if is_so]
            if faulty:
                found[log_index] = {name: _fault(name) for name in faulty}
        for (log_index,) in whole.rows(_LATE.format(where=where, **words)):
            found.setdefault(log_index, {})[_LINES.column] = _LINES
    return {log_index: tuple(faults.values()) for log_index, faults in found.items()}


def _hidden(reach: Reach) -> str:
    return f"regexp_matches(line, {LINE_OF_NAME})" if reach.has_payload else "true"


def _hidden_columns(reach: Reach) -> tuple[str, ...]:
    return ("principal_id",) if reach.has_payload else tuple(_COLUMNS)


def _differs(column: str) -> str:
    """Return SQL that is true where a column is not what the line of its field says."""
    lines = f"list_filter(lines, lambda line: TRY(json_extract_string(line, '$[1]')) = '{_COLUMNS[column]}')"
    return f"{column} IS DISTINCT FROM TRY(json_extract_string(({lines})[1], '$[2]'))"


def _fault(name: str) -> Fault:
    if name == _LINES.column:
        return _LINES
    if name == _COUNT.column:
        return _COUNT
    return Fault(name, "what a withheld line says", "something else")

"""Rows without the values that were erased: from the journal and the archive as tables, from the database as SQL."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tallystick.fields import FIELDS
from tallystick.span_record import SPAN_WORDS
from tallystick.verify.erased import Erased
from tallystick_store.engine.rewrite import Keep
from tallystick_store.schema import EVENTS, LATE_DISCLOSURES, SPANS

SPAN_TEXTS: Final = frozenset((*SPAN_WORDS, "record"))
"""Columns of `spans` that say something in words of the span's emitter."""
_POSITIONS: Final = 1 << 21
"""More than one request may hold spans; times the largest log index it is below 2^63 for 10^12 entries."""

DISCLOSED: Final = frozenset(
    ("disclosures", *(f.column_name for f in FIELDS if f.column and f.home == "disclosure"))
)
"""Columns of `events` that hold what a disclosure line says."""


def blank(tables: Mapping[str, pa.Table], erased: Erased) -> dict[str, pa.Table]:
    """Return the rows with every value that `erased` covers taken out of them; hashes and ids stay."""
    if not erased:
        return dict(tables)
    return {name: _blank_table(name, table, erased) for name, table in tables.items()}


def kept_rows(erased: Erased) -> tuple[dict[str, Keep], list[int]]:
    """Return what `rewrite` keeps of each table, and the marks that it needs.

    An event is marked by its log index, a span by a number below zero for its place.
    """
    marks = [*erased.events(), *(_mark(*place) for place in erased.spans())]
    gone = "log_index IN (SELECT log_index FROM marked)"
    span_gone = f"-(log_index * {_POSITIONS} + position) - 1 IN (SELECT log_index FROM marked)"  # noqa: S608 - own words
    disclosed = {name: _unless(gone, f'"{name}"', "NULL") for name in sorted(DISCLOSED)}
    count = {"disclosure_count": _unless(gone, "disclosure_count", "0")}
    return {
        EVENTS.name: Keep(replaced={**disclosed, **count}),
        SPANS.name: Keep(
            replaced={name: _unless(span_gone, f'"{name}"', "NULL") for name in sorted(SPAN_TEXTS)}
        ),
        LATE_DISCLOSURES.name: Keep(where=f"NOT coalesce({gone}, false)"),
    }, marks


def _unless(condition: str, column: str, otherwise: str) -> str:
    return f"CASE WHEN {condition} THEN {otherwise} ELSE {column} END"


def _mark(log_index: int, position: int) -> int:
    return -(log_index * _POSITIONS + position) - 1


def _blank_table(name: str, table: pa.Table, erased: Erased) -> pa.Table:
    if name == EVENTS.name:
        gone = _mask([erased.covers(index) for index in table["log_index"].to_pylist()])
        return _without(table, gone, DISCLOSED)
    if name == LATE_DISCLOSURES.name:
        return table.filter(
            _mask([not erased.covers(index) for index in table["log_index"].to_pylist()])
        )
    if name == SPANS.name:
        places = zip(table["log_index"].to_pylist(), table["position"].to_pylist(), strict=True)
        gone = _mask([erased.covers_span(*place) for place in places])
        return _without(table, gone, SPAN_TEXTS)
    return table


def _mask(flags: list[bool]) -> pa.BooleanArray:
    return pa.array(flags, pa.bool_())


def _without(table: pa.Table, gone: pa.BooleanArray, columns: frozenset[str]) -> pa.Table:
    if not gone.true_count:
        return table
    for at, field in enumerate(table.schema):
        if field.name in columns:
            empty = pa.scalar(None, field.type)
            cells = pc.if_else(gone, empty, table[field.name])
            table = table.set_column(at, field, cells)
        elif field.name == "disclosure_count":
            zero = pa.scalar(0, field.type)
            table = table.set_column(at, field, pc.if_else(gone, zero, table[field.name]))
    return table

"""Tables as a part stores them, without what follows from another of its rows, and back byte for byte."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tallystick.tlog.tree import leaf_hash
from tallystick_store.archive.places import (
    leave_subjects_out,
    name_leaves,
    name_places,
    name_subjects,
)
from tallystick_store.archive.statement_columns import put_together, take_apart
from tallystick_store.archive.values import VALUES
from tallystick_store.schema import EVENTS, SEALS

_LEAF: Final = "leaf_hash"

Tables = Mapping[str, pa.Table]


def pack(tables: Tables) -> dict[str, pa.Table]:
    """Return the tables of a part as they are stored.

    A column `leaf_hash` of events spares hashing them, and is not stored: it must be that of the statements.
    """
    packed = dict(tables)
    if EVENTS.name not in tables:
        return packed
    events = tables[EVENTS.name]
    packed[EVENTS.name] = take_apart(events.drop_columns(_leaf_columns(events)))
    if len(pc.unique(events["log_index"])) < len(events):
        return packed  # rows were changed from outside: nothing is said by their places
    if SEALS.name in tables:
        packed[SEALS.name] = name_places(tables[SEALS.name], _leaves(events))
    if VALUES in tables:
        firsts = events.filter(pc.is_in(events["log_index"], tables[VALUES]["log_index"]))
        packed[VALUES] = leave_subjects_out(tables[VALUES], _lines(firsts))
    return packed


def unpack(packed: Tables) -> dict[str, pa.Table]:
    """Return the tables of a part as they were. Raises StoreError for what cannot have been packed."""
    tables = dict(packed)
    lines = {}
    if EVENTS.name in packed:
        tables[EVENTS.name] = put_together(packed[EVENTS.name])
        lines = _lines(tables[EVENTS.name])
    if SEALS.name in packed:
        tables[SEALS.name] = name_leaves(packed[SEALS.name], lines)
    if VALUES in packed:
        tables[VALUES] = name_subjects(packed[VALUES], lines)
    return tables


def _lines(events: pa.Table) -> dict[int, str]:
    columns = (events[name].to_pylist() for name in ("log_index", "statement"))
    return {at: line for at, line in zip(*columns, strict=True) if line is not None}


def _leaves(events: pa.Table) -> dict[bytes, int]:
    if _leaf_columns(events):
        return dict(zip(events[_LEAF].to_pylist(), events["log_index"].to_pylist(), strict=True))
    return {leaf_hash(line.encode()): at for at, line in _lines(events).items()}


def _leaf_columns(events: pa.Table) -> list[str]:
    return [_LEAF] if _LEAF in events.column_names else []

"""What remains of entries whose content was deleted: read for streams, packages and the verifier."""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from tallystick.verify.source import DeletedText
from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.entries import deleted_entry
from tallystick_store.schema import TOMBSTONES, arrow_types

_COLUMNS: Final = (
    "log_index, kind, sender, leaf_hash, rx_us, span_count, session, seq, authorised_by"
)
_GONE: Final = """
    AND NOT EXISTS (FROM events WHERE log_index = t.log_index)
    AND NOT EXISTS (FROM spans WHERE log_index = t.log_index)
"""
_BETWEEN: Final = f"""
    SELECT {_COLUMNS} FROM tombstones t WHERE log_index >= ? AND log_index < ? {{}} ORDER BY log_index
"""  # noqa: S608 - own words
_OF_SESSION: Final = f"""
    SELECT {_COLUMNS} FROM tombstones t WHERE session = ? AND seq BETWEEN ? AND ? {_GONE}
    ORDER BY log_index
"""  # noqa: S608 - own words
_OF_EVENTS: Final = """
    SELECT log_index, rx_us, sender, leaf_hash, 'event' AS kind, NULL AS span_count, session, seq,
           $2::BIGINT AS authorised_by
    FROM events WHERE log_index IN (SELECT unnest($1)) ORDER BY log_index
"""
_SPAN_KEYS: Final = ("log_index", "rx_us", "sender", "leaf_hash", "span_count")
_AUTHORISED: Final = """
    SELECT authorised_by, log_index FROM tombstones
    WHERE authorised_by IN (SELECT unnest(?)) ORDER BY authorised_by, log_index
"""


def read_tombstones(
    database: Reader, start: int, end: int, *, is_gone: bool = False
) -> list[DeletedText]:
    """Return the tombstones of log indexes in [start, end), in order; with `is_gone` those without their rows."""
    sql = _BETWEEN.format(_GONE if is_gone else "")
    return [_text(row) for row in database.rows(sql, (start, end))]


def session_tombstones(
    database: Reader, session: str, first_seq: int, last_seq: int
) -> list[DeletedText]:
    """Return the tombstones of a session's events whose rows are gone, in log order."""
    return [_text(row) for row in database.rows(_OF_SESSION, (session, first_seq, last_seq))]


def authorised_sets(database: Reader, authorised_by: Sequence[int]) -> dict[int, list[int]]:
    """Return the log indexes that are deleted by each of these confirmations, in order."""
    found: dict[int, list[int]] = {}
    for index, log_index in database.rows(_AUTHORISED, [list(authorised_by)]):
        found.setdefault(index, []).append(log_index)
    return found


def make_tombstones(
    database: Reader, indexes: Sequence[int], entries: Sequence[Row], authorised_by: int
) -> pa.Table:
    """Return the tombstones of some entries that are there; `entries` are (log index, root, count) of span batches."""
    events = database.arrow(_OF_EVENTS, [list(indexes), authorised_by])
    types = arrow_types(TOMBSTONES)
    spans = [dict(zip(_SPAN_KEYS, row, strict=True)) for row in entries]
    rows: dict[str, list[Any]] = {name: [one.get(name) for one in spans] for name in types}
    rows["kind"] = ["spans"] * len(spans)
    rows["authorised_by"] = [authorised_by] * len(spans)
    batches = pa.table({name: pa.array(rows[name], kind) for name, kind in types.items()})
    return pa.concat_tables([events.select(list(types)).cast(batches.schema), batches])


def _text(row: Row) -> DeletedText:
    """Return a tombstone; a cell that was changed from outside gives a place that no entry has."""
    log_index, kind, _, _, _, _, session, seq, authorised_by = row
    is_batch = kind == "spans" and (session, seq) == (None, None)
    return DeletedText(
        log_index,
        kind or "",
        "" if is_batch else session or "?",
        -1 if is_batch or seq is None else seq,
        -1 if authorised_by is None else authorised_by,
        deleted_entry(row[:6])[1],
    )

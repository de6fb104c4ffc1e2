"""Archiving from the database what the journal does not hold any more, stretch by stretch of the log.

A stretch becomes a part: so many bytes and so many entries, so that a log of any length fits into memory. What the
database cannot say is which group an entry came with: each stretch takes one number, and the last of them the rest.
"""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tallystick.profile import MAX_INTEGER
from tallystick_store.archive.archive import Archive
from tallystick_store.archive.split import subject_of
from tallystick_store.archive.subject_keys import Subject
from tallystick_store.engine.duckdb import Database
from tallystick_store.entries import next_log_index
from tallystick_store.journal.contents import Tables
from tallystick_store.schema import (
    EVENTS,
    LATE_DISCLOSURES,
    SEALS,
    SPANS,
    TOMBSTONES,
    row_batch,
)

STRETCH_BYTES: Final = 64 << 20
"""Of records: as many as a segment of the journal has."""
STRETCH_ENTRIES: Final = 1 << 16

_SUBJECTS: Final = """
    SELECT log_index, principal_ref, session, origin, trace_id FROM events
    WHERE log_index >= $1 AND log_index <= $2 AND list_contains($3, log_index)
"""
_CHECKPOINTS: Final = "SELECT size, root, note FROM checkpoints LIMIT ? OFFSET ?"
_BEYOND: Final = """
    SELECT min(log_index) FROM (
        SELECT log_index, sum(sum(size_bytes)) OVER (ORDER BY log_index) AS through_bytes FROM (
            SELECT log_index, coalesce(strlen(statement), 0) + coalesce(strlen(disclosures), 0) AS size_bytes
            FROM events WHERE log_index >= $1 AND log_index < $2
            UNION ALL SELECT log_index, coalesce(strlen(body), 0) FROM seals
            WHERE log_index >= $1 AND log_index < $2
            UNION ALL SELECT log_index, coalesce(strlen(record), 0) FROM spans
            WHERE log_index >= $1 AND log_index < $2
            UNION ALL SELECT log_index, coalesce(strlen(line), 0) FROM late_disclosures
            WHERE log_index >= $1 AND log_index < $2
        ) GROUP BY log_index
    ) WHERE through_bytes > $3
"""
_ORDERS: Final = (
    (EVENTS, "log_index"),
    (SEALS, "log_index"),
    (SPANS, "log_index, position"),
    (LATE_DISCLOSURES, "log_index"),
    (TOMBSTONES, "log_index"),
)


def archive_rows(archive: Archive, database: Database, last_group: int) -> None:
    """Archive every row that the archive lacks, as the groups up to `last_group`; each part is durable.

    Cut short, it goes on from the newest part. Raises StoreError.
    """
    end_of_log = max(next_log_index(database), archive.size)
    earlier = _of_earlier_entries(archive, database)
    while archive.last_group < last_group:
        start, group = archive.size, archive.last_group + 1
        end = end_of_log if group == last_group else _end_of_stretch(database, start, end_of_log)
        if end == end_of_log:
            group = last_group
        limit = MAX_INTEGER if group == last_group else end - start  # no entry has two
        tables = _joined(earlier, _rows(database, start, end))
        append_tables(archive, database, tables, group, checkpoints=limit, end=end)
        earlier = {}


def append_tables(
    archive: Archive,
    database: Database,
    tables: Tables,
    last_group: int,
    *,
    checkpoints: int = MAX_INTEGER,
    end: int | None = None,
) -> None:
    """Archive rows (`Archive.append`), and with them the next checkpoints, so many at most. Raises StoreError."""
    newest = database.arrow_at_once(_CHECKPOINTS, [checkpoints, archive.checkpoints])
    archive.append(
        tables, last_group, newest, lambda indexes: _subjects(database, indexes), end=end
    )


def _of_earlier_entries(archive: Archive, database: Database) -> Tables:
    """Return the tombstones and late lines of entries that are archived, where they are not archived themselves."""
    lines: set[tuple[int, str]] = set()
    buried = [pa.array([], pa.int64())]
    for part in archive.parts:
        late, indexes = archive.of_earlier_entries(part)
        lines |= late
        buried.append(indexes)
    found = database.arrow_at_once(
        f'SELECT log_index FROM "{TOMBSTONES.name}" WHERE log_index < ?',  # noqa: S608 - schema.py
        [archive.size],
    )["log_index"]
    missing = found.filter(pc.invert(pc.is_in(found, pa.concat_arrays(buried)))).to_pylist()
    tables: dict[str, pa.Table] = {}
    if missing:
        tables[TOMBSTONES.name] = database.arrow_at_once(
            f'SELECT * FROM "{TOMBSTONES.name}" WHERE log_index IN (SELECT unnest(?)) ORDER BY log_index',  # noqa: S608 - schema.py
            [missing],
        )
    told = database.rows_at_once(
        f'SELECT log_index, line FROM "{LATE_DISCLOSURES.name}" WHERE log_index < ?',  # noqa: S608 - schema.py
        [archive.size],
    )
    rows = [row for row in told if row not in lines]
    if rows:
        tables[LATE_DISCLOSURES.name] = row_batch(LATE_DISCLOSURES, rows)
    return tables


def _end_of_stretch(database: Database, start: int, end_of_log: int) -> int:
    end = min(start + STRETCH_ENTRIES, end_of_log)
    ((beyond,),) = database.rows_at_once(_BEYOND, [start, end, STRETCH_BYTES])
    return end if beyond is None else max(int(beyond), start + 1)


def _rows(database: Database, start: int, end: int) -> Tables:
    found = {
        table.name: database.arrow_at_once(
            f'SELECT * FROM "{table.name}" WHERE log_index >= ? AND log_index < ? ORDER BY {order}',  # noqa: S608 - schema.py
            [start, end],
        )
        for table, order in _ORDERS
    }
    if EVENTS.name in found:
        # nothing vouches for this hash, and packing would take it for that of the statement
        found[EVENTS.name] = found[EVENTS.name].drop_columns(["leaf_hash"])
    return {name: table for name, table in found.items() if len(table)}


def _joined(earlier: Tables, later: Tables) -> Tables:
    both = {
        name: pa.concat_tables([earlier[name], later[name]], promote_options="default")
        for name in earlier.keys() & later.keys()
    }
    return {**earlier, **later, **both}


def _subjects(database: Database, indexes: list[int]) -> dict[int, Subject]:
    rows = database.rows_at_once(_SUBJECTS, [min(indexes), max(indexes), indexes])
    return {index: subject_of(*row) for index, *row in rows}

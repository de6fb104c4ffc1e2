"""What a window of the log is projected to: one query for each table, over the rows of that window alone."""

from typing import Final

import pyarrow as pa

from tallystick_store.engine.duckdb import Reader
from tallystick_store.projections.calls import (
    ACTION_KEY,
    CALLS,
    DAY_US,
    HOUR_US,
    SEEN_TOOLS,
    SPAN_KEY,
    SUMS,
    kept_calls,
)
from tallystick_store.projections.tables import (
    ACTION_PARTS,
    DURATION_HOURS,
    NATIVE_SPANS,
    NOTED_HOURS,
    PROJECTED,
    PROJECTIONS,
    SESSION_PARTS,
    TOOL_HOURS,
    TOOLS_SEEN,
    TRACE_PARTS,
    UNSURE_CALLS,
    WHO_DAYS,
    key_of,
)
from tallystick_store.schema import row_batch
from tallystick_store.shown_actions import ENDS, quoted

WINDOW: Final = 65_536
"""Log entries of a window: what a reader may have to read behind the newest is never much more."""

_HERE: Final = "log_index >= $1 AND log_index < $2"
_KEPT: Final = kept_calls(_HERE)

TRACES: Final = """
    SELECT trace_id, min(low) AS first_index, max(high) AS last_index, min(first) AS first_us,
           max(last) AS last_us, max(ended) AS end_us, sum(spans)::BIGINT AS spans
    FROM (
        SELECT trace_id, min(log_index) AS low, max(log_index) AS high, min(time_us) AS first,
               max(time_us) AS last, max(time_us) AS ended, 0 AS spans
        FROM events WHERE trace_id <> '' AND {where} AND {events} GROUP BY trace_id
        UNION ALL
        SELECT trace_id, min(log_index), max(log_index), min(start_ns // 1000),
               max(start_ns // 1000), max(end_ns // 1000), count(*)
        FROM spans WHERE trace_id <> '' AND {where} AND {spans} GROUP BY trace_id
    )
    GROUP BY trace_id
"""
"""Traces, each with the extent of what fulfils `where`, and of events and spans a condition each."""

SESSIONS: Final = f"""
    SELECT coalesce(e.session, s.session) AS session, first_index, last_index, sender, emitter,
           service, first_us, last_us, heard_us, events, min_seq, max_seq,
           distinct_seqs = max_seq - min_seq + 1 AS is_run, is_closed, sealed
    FROM (
        SELECT session, true AS has_events, min(log_index) AS first_index,
               max(log_index) AS last_index, arg_min(sender, log_index) AS sender,
               max(emitter_name) AS emitter, max(service_name) AS service, min(time_us) AS first_us,
               max(time_us) AS last_us, max(rx_us) AS heard_us, count(*) AS events,
               min(seq) AS min_seq, max(seq) AS max_seq, count(DISTINCT seq) AS distinct_seqs,
               bool_or(type = 'session.close') AS is_closed
        FROM events WHERE {_HERE} GROUP BY session
    ) e
    FULL JOIN (SELECT session, max(size) AS sealed FROM seals WHERE {_HERE} GROUP BY session) s
    ON s.session IS NOT DISTINCT FROM e.session
"""  # noqa: S608 - own words

NOTED: Final = f"""
    SELECT time_us // {HOUR_US} AS unit, type AS what,
           CASE WHEN type = 'log.drop' THEN coalesce(drop_count, 0)::VARCHAR ELSE reject_counts END
               AS value,
           count(*) AS times
    FROM events WHERE type IN ('log.reject', 'log.drop') AND {{events}} GROUP BY ALL
    UNION ALL
    SELECT start_ns // 1000 // {HOUR_US}, 'span.unmasked', NULL, count(*)
    FROM spans WHERE NOT contains(record, '"hits":{{{{}}}}') AND {{spans}} GROUP BY ALL
"""  # noqa: S608 - own words


def _grouped(unit_us: int, *columns: str) -> str:
    names = ", ".join(columns)
    return f"{_KEPT} SELECT time_us // {unit_us} AS unit, {names}, {SUMS} FROM kept GROUP BY ALL"  # noqa: S608 - own words


_QUERIES: Final[dict[str, str]] = {
    TRACE_PARTS.name: (
        f"SELECT {key_of('trace_id')} AS trace_key, *"  # noqa: S608 - own words
        f" FROM ({TRACES.format(where=_HERE, events='true', spans='true')})"
    ),
    ACTION_PARTS.name: f"""
        SELECT {key_of("action_id")} AS action_key, min(log_index) AS first_index,
               max(log_index) AS last_index, bool_or(type IN ({quoted(*ENDS)})) AS has_end
        FROM events WHERE action_id IS NOT NULL AND {_HERE} GROUP BY action_id
    """,  # noqa: S608 - own words
    NATIVE_SPANS.name: f"""
        SELECT DISTINCT {key_of("trace_id || span_id")} AS span_key FROM events
        WHERE origin = 'native' AND trace_id IS NOT NULL AND span_id IS NOT NULL AND {_HERE}
    """,  # noqa: S608 - own words
    UNSURE_CALLS.name: f"""
        {_KEPT} SELECT {ACTION_KEY} AS action_key, {SPAN_KEY} AS span_key, time_us, agent, server,
                      tool, person, duration, actions, failed, denied, derived, masked
        FROM kept WHERE is_start OR is_derived
    """,  # noqa: S608 - own words
    TOOL_HOURS.name: _grouped(HOUR_US, "agent", "server", "tool"),
    DURATION_HOURS.name: _grouped(HOUR_US, "server", "tool", "duration"),
    WHO_DAYS.name: _grouped(DAY_US, "agent", "server", "tool", "person"),
    NOTED_HOURS.name: NOTED.format(events=_HERE, spans=_HERE),
    TOOLS_SEEN.name: SEEN_TOOLS.format(calls=f"{CALLS} AND {_HERE}"),
    SESSION_PARTS.name: SESSIONS,
}
_TABLES: Final = {table.name: table for table in PROJECTIONS}


def project(reader: Reader, start: int, upto: int) -> dict[str, pa.Table]:
    """Return the parts of the window [start, upto), by table; all rows of it have to be there.

    About 11 µs an entry.
    """
    found = {name: reader.arrow(sql, [start, upto]) for name, sql in _QUERIES.items()}
    parts = {name: _part(name, rows, upto) for name, rows in found.items() if rows.num_rows}
    return parts | {PROJECTED.name: row_batch(PROJECTED, [(start, upto)])}


def projected_end(reader: Reader) -> int:
    """Return the log index up to which the projections hold everything; 0 where there are none."""
    ((count, length, upto),) = reader.rows(
        f"SELECT count(*), sum(upto - start), max(upto) FROM {PROJECTED.name}"  # noqa: S608 - tables.py
    )
    return int(upto) if count and length == upto else 0


def _part(name: str, rows: pa.Table, upto: int) -> pa.Table:
    columns = _TABLES[name].column_names
    stamped = rows.append_column("upto", pa.array([upto] * rows.num_rows, pa.int64()))
    return stamped.select([one for one in columns if one in stamped.column_names])

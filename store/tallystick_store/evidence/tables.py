"""The exported records as tables: `tables.sql` makes Parquet from the signed lines, and names stand for them.

Nothing is computed on the way but what the lines say: every column is a field of a statement, a part
of an entry or a seal, or the hash of the exact bytes. So whoever distrusts the Parquet files makes
them again from the NDJSON files that the verifier has checked.
"""

from typing import Final

from tallystick.fields import FIELDS, Field
from tallystick_store.engine.analysis import Analysis

PARQUET: Final = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000"

_LEFT_OUT: Final = ("n", "sd", "session.delegation")
"""Statement fields of no use in a table."""
_TYPES: Final = {
    "str": "VARCHAR",
    "json": "VARCHAR",
    "int": "BIGINT",
    "bool": "BOOLEAN",
    "strs": ["VARCHAR"],
    "counts": "JSON",
    "map": "JSON",
}
_MIN_LINE_BYTES: Final = 16 * 1024**2
"""What DuckDB takes for granted as the longest line; a longer one is named in the statement."""


def table_fields() -> tuple[Field, ...]:
    """Return the fields that have a column: those of statements, in the order of the specification."""
    return tuple(f for f in FIELDS if f.home != "disclosure" and f.name not in _LEFT_OUT)


def parquet_queries(from_index: int, longest_line_bytes: int) -> dict[str, str]:
    """Return the query that makes each Parquet file: name -> SQL."""
    return {
        "entries.parquet": _entries(from_index),
        "events.parquet": _events("events.ndjson", "'entries.parquet'", longest_line_bytes),
        "context.parquet": _events("context.ndjson", _CONTEXT_ENTRIES, longest_line_bytes),
        "seals.parquet": _seals(longest_line_bytes),
    }


def make_tables(analysis: Analysis, queries: dict[str, str]) -> None:
    """Write the Parquet files. Raises StoreError."""
    for name, sql in queries.items():
        analysis.copy(sql, name, PARQUET)


def tables_sql(queries: dict[str, str]) -> str:
    """Return the text of tables.sql."""
    head = (
        "-- Makes the Parquet files again from the NDJSON files that verify.py has checked.\n"
        '-- Run it in the unpacked package: python3 -c "import duckdb; '
        "duckdb.execute(open('tables.sql').read())\"\n"
        "SET threads = 1;\n"
    )
    return head + "".join(
        f"\nCOPY (\n{sql}\n) TO '{name}' ({PARQUET});\n" for name, sql in queries.items()
    )


def compose(sql: str) -> str:
    """Return a query that runs as it stands: with every name that it uses defined in front of it."""
    needed: list[str] = []
    _collect(sql, needed)
    named = [f"{name} AS NOT MATERIALIZED (\n{_indent(_NAMES[name])}\n)" for name in needed]
    return f"WITH {', '.join(named)}\n{sql.strip()}" if named else sql.strip()


def _collect(sql: str, needed: list[str]) -> None:
    words = set(_words(sql))
    for name, definition in _NAMES.items():
        if name in words and name not in needed:
            _collect(definition, needed)
            needed.append(name)


def _words(sql: str) -> list[str]:
    """Return the words of a query that follow FROM, JOIN or a comma between relations."""
    bare = "".join(one if one.isalnum() or one in "_'." else " " for one in sql)
    words = bare.split()
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if before.upper() in ("FROM", "JOIN") or (word == "parameters" and before != "AS")
    ]


def _indent(sql: str) -> str:
    return "\n".join(f"  {line}" for line in sql.strip().split("\n"))


def _column(field: Field) -> str:
    return f's."{field.name}" AS {field.column_name}'


def _structure() -> str:
    """Return the form of a statement for json_transform."""
    members = ", ".join(
        f'"{f.name}": ' + ('["VARCHAR"]' if f.type == "strs" else f'"{_TYPES[f.type]}"')
        for f in table_fields()
    )
    return "{" + members + "}"


def _size(longest_line_bytes: int) -> str:
    size = _MIN_LINE_BYTES
    while size <= longest_line_bytes:
        size *= 2
    return f"maximum_object_size = {size}" if size > _MIN_LINE_BYTES else ""


def _lines(name: str, columns: str, longest_line_bytes: int = 0) -> str:
    size = _size(longest_line_bytes)
    return (
        f"read_json('{name}', format = 'newline_delimited', columns = {{{columns}}}"
        + (f", {size}" if size else "")
        + ")"
    )


def _entries(from_index: int) -> str:
    source = _lines(
        "entries.ndjson", "\"by\": 'VARCHAR', h: 'VARCHAR', k: 'VARCHAR', rx_us: 'BIGINT'"
    )
    return (
        f'SELECT {from_index} + row_number() OVER () - 1 AS log_index, k AS kind, "by" AS sender,\n'
        f"       rx_us, h AS content_hash\nFROM {source}"
    )


_CONTEXT_ENTRIES: Final = """(
  SELECT log_index, entry->>'$.by' AS sender, (entry->>'$.rx_us')::BIGINT AS rx_us
  FROM read_json('context.ndjson', format = 'newline_delimited',
                 columns = {log_index: 'BIGINT', entry: 'VARCHAR'}))"""


def _events(name: str, entries: str, longest_line_bytes: int) -> str:
    source = _lines(
        name,
        "log_index: 'BIGINT', statement: 'VARCHAR', disclosures: 'VARCHAR[]'",
        longest_line_bytes,
    )
    columns = ",\n       ".join(map(_column, table_fields()))
    return f"""\
SELECT l.log_index, e.rx_us, e.sender,
       base64(unhex(sha256('\\x00'::BLOB || encode(l.statement)))) AS leaf_hash,
       json_keys(l.valid) AS fields,
       list_transform(l.disclosed, lambda d: d->>'$[1]') AS disclosed,
       l.attributes,
       {columns}
FROM (
  SELECT log_index, statement, disclosed, valid,
         json_transform(valid, '{_structure()}') AS s,
         CASE WHEN json_valid(given) THEN given END AS attributes
  FROM (
    SELECT log_index, statement, disclosed,
           CASE WHEN json_valid(statement) AND json_type(statement) = 'OBJECT' THEN statement END AS valid,
           list_filter(disclosed, lambda d: d->>'$[1]' = 'attributes')[1]->>'$[2]' AS given
    FROM (
      SELECT log_index, statement, list_filter(coalesce(disclosures, []), lambda d: json_valid(d)) AS disclosed
      FROM {source}
      WHERE statement IS NOT NULL))) l
LEFT JOIN {entries} e ON e.log_index = l.log_index
ORDER BY l.log_index"""  # noqa: S608 - the words are this module's


def _seals(longest_line_bytes: int) -> str:
    """Return the query for the seals of the range and of its context."""
    columns = "log_index: 'BIGINT', seal: 'VARCHAR'"
    return f"""\
SELECT log_index, in_period,
       base64(unhex(sha256('\\x00'::BLOB || encode(seal)))) AS leaf_hash,
       regexp_extract(seal, '\\n\\ntallystick\\.session/([0-9a-f]{{32}})\\n', 1) AS session,
       TRY_CAST(regexp_extract(seal, '^tallystick\\.seal/v1\\nold (\\d+)\\n', 1) AS BIGINT) AS old_size,
       TRY_CAST(regexp_extract(seal, '\\n\\n[^\\n]*\\n(\\d+)\\n', 1) AS BIGINT) AS size
FROM (
  SELECT log_index, seal, true AS in_period FROM {_lines("seals.ndjson", columns, longest_line_bytes)}
  UNION ALL
  SELECT log_index, seal, false FROM {_lines("context.ndjson", columns, longest_line_bytes)}
  WHERE seal IS NOT NULL)
ORDER BY log_index"""  # noqa: S608 - the words are this module's


_ENDS: Final = "('tool.completed', 'tool.denied', 'resource.read', 'prompt.get')"

_NAMES: Final = {
    "events": "FROM 'events.parquet'",
    "context": "FROM 'context.parquet'",
    "entries": "FROM 'entries.parquet'",
    "seals": "FROM 'seals.parquet'",
    "parameters": _lines(
        "parameters.json",
        "as_of_us: 'BIGINT', from_us: 'BIGINT', to_us: 'BIGINT', from_index: 'BIGINT', "
        "to_index: 'BIGINT', tree_size: 'BIGINT', placed_on_market: 'VARCHAR', signed_on: 'VARCHAR', "
        "gated_tools: 'VARCHAR[]', "
        "declared: 'STRUCT(kind VARCHAR, name VARCHAR, dormant BOOLEAN)[]', "
        "persons: 'STRUCT(ref VARCHAR, valid_from VARCHAR, valid_to VARCHAR)[]', "
        "documents: 'STRUCT(title VARCHAR, digest VARCHAR, keep_until VARCHAR)[]', "
        "mandatory: 'STRUCT(field VARCHAR, is_filled BOOLEAN)[]'",
    ).join(["FROM ", ""]),
    "verification": _lines(
        "verification.ndjson",
        "step: 'BIGINT', name: 'VARCHAR', checked: 'JSON', faults: 'BIGINT', not_checked: 'BIGINT', "
        "notices: 'BIGINT', findings: 'STRUCT(severity VARCHAR, place VARCHAR, session VARCHAR, "
        "message VARCHAR)[]'",
    ).join(["FROM ", ""]),
    "results": (
        "FROM read_csv('results.csv', header = true, "
        "columns = {query: 'VARCHAR', sha256: 'VARCHAR', sha256_again: 'VARCHAR'})"
    ),
    "dictionary": (
        "FROM read_csv('data-dictionary.csv', header = true, columns = {kind: 'VARCHAR', "
        "name: 'VARCHAR', type: 'VARCHAR', home: 'VARCHAR', events: 'VARCHAR', source: 'VARCHAR', "
        "meaning: 'VARCHAR'})"
    ),
    "checkpoints": (
        "SELECT TRY_CAST(regexp_extract(checkpoint, '^[^\\n]*\\n(\\d+)\\n', 1) AS BIGINT) AS size\n"
        "FROM read_json('checkpoints.ndjson', format = 'newline_delimited', "
        "columns = {checkpoint: 'VARCHAR'})\nWHERE checkpoint IS NOT NULL\n"
        "UNION SELECT tree_size FROM parameters"
    ),
    # The record that ends a call stands for it; a reading of a foreign span does not where the
    # emitter itself told of the same span.
    "calls": (
        f"FROM events c WHERE type IN {_ENDS} AND (origin = 'native' OR NOT EXISTS (\n"
        "  FROM events n WHERE n.origin = 'native' AND n.trace_id = c.trace_id AND n.span_id = c.span_id))"
    ),
    "changes": """\
SELECT log_index, time_us, component, name, old_value, new_value FROM (
  SELECT *, lag(new_value) OVER (PARTITION BY component, name, seen_by ORDER BY log_index) AS old_value
  FROM (
    SELECT log_index, time_us, 'tool definition' AS component, tool_name AS name,
           coalesce(server_name, '') AS seen_by, tool_definition_digest AS new_value
    FROM events WHERE tool_definition_digest IS NOT NULL AND tool_name IS NOT NULL
    UNION ALL
    SELECT log_index, time_us, 'agent version', agent_name, '', agent_version
    FROM calls WHERE agent_version IS NOT NULL AND agent_name IS NOT NULL
    UNION ALL
    SELECT log_index, time_us, 'server version', server_name, '', server_version
    FROM calls WHERE server_version IS NOT NULL AND server_name IS NOT NULL
    UNION ALL
    SELECT log_index, time_us, 'service version', service_name, sender, service_version
    FROM events WHERE type = 'session.open' AND service_version IS NOT NULL
    UNION ALL
    SELECT log_index, time_us, 'masking policy', coalesce(service_name, ''), sender, mask_policy
    FROM events WHERE type = 'session.open' AND mask_policy IS NOT NULL))
WHERE old_value <> new_value""",
}
"""What each name in a check's query stands for; a name may use those in front of it."""

"""What a database holds beside rows: the tables of this version, and nothing else.

A view, a computed column or a function under the name of a built-in one could show something else to
whoever reads than to whoever serves. The catalog is asked by the names that no file can take over.
"""

from typing import Final

from tallystick.errors import StoreError
from tallystick_store.engine.duckdb import Database, Row
from tallystick_store.projections.tables import PROJECTIONS
from tallystick_store.schema import TABLES

_COLUMNS: Final = """
    SELECT schema_name, table_name, column_name, data_type, column_default
    FROM system.main.duckdb_columns() WHERE NOT internal
"""
_OTHERS: Final = """
    SELECT 'view', view_name FROM system.main.duckdb_views() WHERE NOT internal
    UNION ALL
    SELECT 'function', function_name FROM system.main.duckdb_functions() WHERE NOT internal
    UNION ALL
    SELECT 'schema', schema_name FROM system.main.duckdb_schemas() WHERE NOT internal
    UNION ALL
    SELECT 'type', type_name FROM system.main.duckdb_types() WHERE NOT internal
    UNION ALL
    SELECT 'sequence', sequence_name FROM system.main.duckdb_sequences()
    UNION ALL
    SELECT 'index', index_name FROM system.main.duckdb_indexes()
"""


def require_catalog(database: Database) -> None:
    """Raise StoreError unless the database holds the tables of this version and nothing else.

    A projection may be missing: it tells nothing that the rows do not.
    """
    others = database.rows(_OTHERS)
    if others:
        kind, name = min(others)
        raise StoreError(
            f"the tables are not those of this version: there is a {kind} {str(name)[:64]!r} too"
        )
    found = set(database.rows(_COLUMNS))
    present = {row[1] for row in found}
    tables = (*TABLES, *(one for one in PROJECTIONS if one.name in present))
    expected: set[Row] = {("main", t.name, c.name, c.sql, None) for t in tables for c in t.columns}
    differing = expected.symmetric_difference(found)
    if differing:
        _, table, column, sql, _ = min(differing, key=str)
        raise StoreError(
            f"the tables are not those of this version: {table}.{column} ({sql}) is missing, too"
            f" much or computed, and {len(differing) - 1} more"
        )

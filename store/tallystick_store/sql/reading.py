"""What an SQL text reads: one SELECT, by DuckDB's own parser, with the tables and columns that it may name.

Used in the process that runs the text, never in the service: a text that brings a parser down ends that alone.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import duckdb

_WHOLE: Final = ("STAR", "POSITIONAL_REFERENCE")
"""Classes of expressions that may mean any column."""
_WHOLE_TABLES: Final = ("SHOW_REF", "PIVOT")
_NATURAL: Final = ("NATURAL", "POSITIONAL", "ASOF")


class NotReadableError(Exception):
    """The text is not one SELECT."""


def tables_of(
    connection: duckdb.DuckDBPyConnection, sql: str, columns: Mapping[str, frozenset[str]]
) -> dict[str, list[str] | None]:
    """Return the known tables that a text names, and of each the columns that it may read; None: all.

    Rather more than too few: every name in the text counts. Raises NotReadableError and duckdb.Error.
    """
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(one.type.name for one in statements[:3]) or "nothing"
        raise NotReadableError(f"expected one SELECT, got {kinds}")
    row = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [sql]).fetchone()
    tree = json.loads(row[0] if row else "{}")
    if tree.get("error", True):
        raise NotReadableError("expected one SELECT without a PRAGMA or a PIVOT")
    nodes = list(_nodes(tree["statements"]))
    words = {word.casefold() for node in nodes for word in _words(node)}
    named = {name for name in columns if name in words}
    if any(_may_be_whole(node, columns) for node in nodes):
        return dict.fromkeys(named)
    return {name: sorted(one for one in columns[name] if one in words) for name in named}


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any JSON
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _words(node: Mapping[str, Any]) -> Iterator[str]:
    for value in node.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (one for one in value if isinstance(one, str))


def _may_be_whole(node: Mapping[str, Any], columns: Mapping[str, frozenset[str]]) -> bool:
    """Whether a part of the text may mean columns that it does not name."""
    if node.get("class") in _WHOLE or node.get("type") in _WHOLE_TABLES:
        return True
    if node.get("ref_type") in _NATURAL:
        return True
    if node.get("class") != "COLUMN_REF":
        return False
    last = str(node["column_names"][-1]).casefold()
    return not any(last in known for known in columns.values())

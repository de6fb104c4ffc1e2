"""The process in which SQL runs: `python -I -m tallystick_store.sql.child`, with nothing but what it is sent.

    in:  a line of JSON: sql, columns of each view, limits
    out: a line of JSON: the tables that the text reads, or an error
    in:  for each of them a line {"name"} and an Arrow stream
    out: a line {"columns", "rows", "incomplete", "size"} and the answer, or an error

A database in memory, locked: no files, no extensions, no settings, one thread. The operating system bounds
memory, time, open files and what is written, should DuckDB not. Only rows and texts of errors leave it.
"""

import base64
import math
import resource
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import duckdb
import orjson
import pyarrow as pa

from tallystick_store.sql.reading import NotReadableError, tables_of

MAX_ERROR_CHARS: Final = 300
_BATCH_ROWS: Final = 512
_ADDRESS_SPACE: Final = 3
"""Times the memory that DuckDB may take: libraries, and the tables as they come in."""
_OPEN_FILES: Final = 16
_HEADROOM_BYTES: Final = 1 << 30


def main() -> None:
    """Answer one text and end."""
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    asked = orjson.loads(incoming.readline())
    _bound(asked["memory_bytes"], asked["seconds"])
    connection = _connect(asked["memory_bytes"])
    try:
        columns = {name: frozenset(known) for name, known in asked["columns"].items()}
        wanted = tables_of(connection, asked["sql"], columns)
        _say(outgoing, {"tables": wanted})
        for _ in wanted:
            _register(connection, incoming)
        connection.execute("SET lock_configuration = true").fetchall()
        _answer(connection, asked, outgoing)
    except (duckdb.Error, NotReadableError, MemoryError, RecursionError) as error:
        _say(outgoing, {"error": _told(error)})


def _bound(memory_bytes: int, seconds: int) -> None:
    most = _ADDRESS_SPACE * memory_bytes + _HEADROOM_BYTES
    for limit, value in (
        (resource.RLIMIT_AS, most),
        (resource.RLIMIT_CPU, seconds + 1),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(limit, (value, value))


def _connect(memory_bytes: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": f"{memory_bytes}B",
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
        },
    )
    connection.execute("SET enable_external_access = false").fetchall()
    return connection


def _register(connection: duckdb.DuckDBPyConnection, incoming: BinaryIO) -> None:
    head = orjson.loads(incoming.readline())
    connection.register(head["name"], pa.ipc.open_stream(incoming).read_all())


def _answer(
    connection: duckdb.DuckDBPyConnection, asked: dict[str, Any], outgoing: BinaryIO
) -> None:
    reader = connection.execute(asked["sql"]).to_arrow_reader(_BATCH_ROWS)
    batches, is_incomplete = _bounded(reader, asked["max_rows"], asked["max_bytes"])
    table = pa.Table.from_batches(batches, reader.schema)
    columns = [{"name": one.name, "type": str(one.type)} for one in reader.schema]
    content = _stream(table) if asked["is_arrow"] else _rows(table)
    said = {"columns": columns, "rows": table.num_rows, "incomplete": is_incomplete}
    _say(outgoing, {**said, "size": len(content)})
    outgoing.write(content)
    outgoing.flush()


def _bounded(
    reader: pa.RecordBatchReader, max_rows: int, max_bytes: int
) -> tuple[list[pa.RecordBatch], bool]:
    """Return as many whole rows as fit, and whether there are more."""
    taken: list[pa.RecordBatch] = []
    rows = size_bytes = 0
    for batch in _small(reader):
        if rows + batch.num_rows > max_rows:
            taken.append(batch.slice(0, max_rows - rows))
            return taken, True
        size_bytes += batch.get_total_buffer_size()
        if size_bytes > max_bytes:
            return taken, True
        rows += batch.num_rows
        taken.append(batch)
    return taken, False


def _small(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        if batch.num_rows:
            yield batch


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def _rows(table: pa.Table) -> bytes:
    cells = [column.to_pylist() for column in table.columns]
    return orjson.dumps(
        [[_plain(one) for one in row] for row in zip(*cells, strict=True)],
        default=_text,
        option=orjson.OPT_NON_STR_KEYS,
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell of any type
    """Return a cell as JSON has it: what JSON has no number for is a text or null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def _text(value: Any) -> str:  # noqa: ANN401 - as above
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def _told(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "out of memory"
    lines = str(error).split("\n", 1)
    return lines[0][:MAX_ERROR_CHARS]


def _say(outgoing: BinaryIO, value: object) -> None:
    outgoing.write(orjson.dumps(value) + b"\n")
    outgoing.flush()


if __name__ == "__main__":
    main()

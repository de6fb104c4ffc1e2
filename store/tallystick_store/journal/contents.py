"""What a group of the journal holds: the rows of each table, as Arrow IPC streams.

{"table":length, ...} in JSON, a line feed, then the stream of each table in the same order
"""

from collections.abc import Mapping
from typing import Final

import orjson
import pyarrow as pa

from tallystick.errors import StoreError
from tallystick_store.schema import (
    EVENTS,
    LATE_DISCLOSURES,
    SEALS,
    SPANS,
    TOMBSTONES,
    arrow_types,
)

_HEAD_BYTES: Final = 4096
"""More than the names and lengths of every table."""

_TABLES: Final = {
    one.name: arrow_types(one) for one in (EVENTS, SEALS, SPANS, LATE_DISCLOSURES, TOMBSTONES)
}

Tables = Mapping[str, pa.Table]
"""Table name -> the rows to append to it; a column that is absent stays NULL."""


def encode_tables(tables: Tables) -> bytes:
    """Return the rows as bytes."""
    streams = {name: _stream(table) for name, table in tables.items()}
    head = orjson.dumps({name: stream.size for name, stream in streams.items()})
    return b"\n".join((head, b"".join(streams.values())))


def decode_tables(payload: memoryview) -> dict[str, pa.Table]:
    """Return the rows that `encode_tables` printed. Raises StoreError for anything else."""
    try:
        head, _, _ = bytes(payload[:_HEAD_BYTES]).partition(b"\n")
        at, found = len(head) + 1, {}
        for name, length in orjson.loads(head).items():
            stream = bytes(payload[at : at + length])  # a copy: Arrow wants its numbers aligned
            found[name] = pa.ipc.open_stream(stream).read_all()
            found[name].validate(full=True)
            at += length
    except (ValueError, AttributeError, TypeError, pa.ArrowException) as error:
        raise StoreError(f"a group of the journal cannot be read: {error}") from error
    for name, table in found.items():
        if not _is_part_of(name, table):
            raise StoreError(
                f"a group of the journal holds rows of {name[:64]!r} that no table has"
            )
    return found


def _stream(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _is_part_of(name: str, table: pa.Table) -> bool:
    """Whether the columns are columns of that table, each of its type."""
    types = _TABLES.get(name, {})
    return all(types.get(field.name) == field.type for field in table.schema) and bool(types)

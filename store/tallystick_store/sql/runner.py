"""Runs one SQL text over the views of a reader, in a process of its own that ends with it.

The service parses no text and runs none: it starts the process, reads the rows that the text names from the live
database with queries of its own, within the reader's reach, and hands them over. Whatever the text does, the
process has so much memory and so much time, and then it is gone.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import orjson
import pyarrow as pa

from tallystick.errors import TallystickError
from tallystick_store.engine.duckdb import Reader
from tallystick_store.engine.limited import Limited, QueryTimeoutError
from tallystick_store.sql.views import VIEWS

MAX_VIEW_ROWS: Final = 500_000
"""Of one view in the period: above it the question is refused, for a part would be a wrong answer."""
MAX_INPUT_BYTES: Final = 128 << 20
"""Of all views that a text names; the service holds them once, while they go over."""
MEMORY_BYTES: Final = 512 << 20
MAX_ROWS: Final = 100_000
MAX_BYTES: Final = 16 << 20
"""Of an answer; beyond, it is cut after a whole row and says so."""
SECONDS: Final = 10.0
MAX_LINE_BYTES: Final = 1 << 20
_CHUNK_ROWS: Final = 8_192
_SPELLED: Final = 8
"""Times as long a text in JSON may be as in Arrow."""
_COMMAND: Final = (sys.executable, "-I", "-m", "tallystick_store.sql.child")
_KEPT_ENV: Final = ("LANG", "LC_ALL")


class SqlError(TallystickError):
    """The text, or what it asks for, cannot be answered; the message says why."""


@dataclass(frozen=True, slots=True)
class SqlQuestion:
    """One text and what it is asked over."""

    sql: str
    from_us: int
    to_us: int
    """[from_us, to_us) by the clocks of the emitters."""
    max_rows: int = 1_000
    is_arrow: bool = False
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class SqlAnswer:
    """`content` is a JSON array of rows, or an Arrow stream."""

    columns: Sequence[dict[str, str]]
    rows: int
    is_incomplete: bool
    tables: tuple[str, ...]
    """The views that the text names."""
    content: bytes


def run_sql(reader: Reader, question: SqlQuestion) -> SqlAnswer:
    """Answer a text. Raises SqlError, and StoreError when the database cannot be read."""
    ends_s = time.monotonic() + question.seconds
    with _child(question.seconds) as process:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            _send(process.stdin, orjson.dumps(_asked(question)) + b"\n")
            wanted: dict[str, list[str] | None] = _heard(process.stdout)["tables"]
            left = MAX_INPUT_BYTES
            for name, columns in wanted.items():
                table = _input(reader, name, columns, question, left, ends_s)
                left -= table.nbytes
                _send(process.stdin, orjson.dumps({"name": name}) + b"\n")
                _send_table(process.stdin, table)
            said = _heard(process.stdout)
            if said["size"] > _SPELLED * MAX_BYTES:
                raise _too_large()
            answer = process.stdout.read(said["size"])
        except (BrokenPipeError, QueryTimeoutError):
            raise _ended() from None
        if len(answer) != said["size"]:
            raise _ended()
    return SqlAnswer(
        said["columns"], said["rows"], said["incomplete"], tuple(sorted(wanted)), answer
    )


def _asked(question: SqlQuestion) -> dict[str, Any]:
    return {
        "sql": question.sql,
        "columns": {name: list(view.columns) for name, view in VIEWS.items()},
        "max_rows": min(question.max_rows, MAX_ROWS),
        "max_bytes": MAX_BYTES,
        "memory_bytes": MEMORY_BYTES,
        "seconds": int(question.seconds),
        "is_arrow": question.is_arrow,
    }


def _input(
    reader: Reader,
    name: str,
    columns: list[str] | None,
    question: SqlQuestion,
    left: int,
    ends_s: float,
) -> pa.Table:
    """Read one view, once it is known to be small enough.

    The process names views and columns; only known ones are read. Asking for the rows in batches would not
    do: DuckDB makes some 100,000 of them before it gives the first.
    """
    view, period = VIEWS[name], (question.from_us, question.to_us)
    count = view.count(_until(reader, ends_s), period)
    if count > MAX_VIEW_ROWS:
        raise SqlError(
            f"the period has {count} rows in {name}, and at most {MAX_VIEW_ROWS} are looked at:"
            " ask for a shorter one with `from` and `to`"
        )
    if view.size_bytes(_until(reader, ends_s), period, columns) > left:
        raise SqlError(
            f"the period has more than {MAX_INPUT_BYTES >> 20} MiB in the columns that are named:"
            " ask for a shorter one, or for fewer columns"
        )
    return view.read(_until(reader, ends_s), period, columns)


def _until(reader: Reader, ends_s: float) -> Reader:
    """Return a reader whose next query ends when the process does. Raises SqlError where that is now."""
    left_s = ends_s - time.monotonic()
    if left_s <= 0:
        raise _ended()
    return Limited(reader, left_s)


@contextmanager
def _child(seconds: float) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the process; it is killed after `seconds`, and in any case at the end."""
    process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={name: os.environ[name] for name in _KEPT_ENV if name in os.environ},
        start_new_session=True,
    )
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def _send(stream: BinaryIO | Any, content: bytes) -> None:  # noqa: ANN401 - a pipe of subprocess
    stream.write(content)
    stream.flush()


def _send_table(stream: Any, table: pa.Table) -> None:  # noqa: ANN401 - as above
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=_CHUNK_ROWS)
    stream.flush()


def _heard(stream: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    line = stream.readline(MAX_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise _ended()
    said: dict[str, Any] = orjson.loads(line)
    if "error" in said:
        raise SqlError(f"the query is not answered: {said['error']}")
    return said


def _too_large() -> SqlError:
    return SqlError("the answer is too large: ask for fewer rows or columns")


def _ended() -> SqlError:
    return SqlError(
        f"the query took more than {SECONDS:g} seconds or {MEMORY_BYTES >> 20} MiB and was ended:"
        " ask for a shorter period, or for less"
    )

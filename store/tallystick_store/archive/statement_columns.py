"""Statements with their random parts in columns of their own, and back.

A statement is mostly random: ids, nonce and hashes. Among words, base64 and each other hex digits take five bits and
more under any compression, in a column of their own four. So `statement` holds the text around them, with nothing
between the quotes. It is a matter of text alone: no JSON is read or printed, whatever stands there comes back as it
was, and so does a text that is no statement.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import pyarrow as pa

from tallystick.errors import StoreError
from tallystick_store.archive.places import with_texts

_BETWEEN: Final = '=","'
_DIGEST_CHARS: Final = 43
"""Base64 of a SHA-256, without its padding."""


class _Taken(NamedTuple):
    """One value that has a column: what stands before it, what ends it, and how the column spells it."""

    column: str
    before: str
    after: str
    to_cell: Callable[[str], str | None]
    to_text: Callable[[str], str]


def take_apart(table: pa.Table) -> pa.Table:
    """Return rows of events with what is random in columns of its own."""
    empty: list[str | None] = [None] * len(table)
    cells: dict[str, list[str | None]] = {}
    rests = []
    for row, line in enumerate(table["statement"].to_pylist()):
        rest, taken = _parts(line or "")
        rests.append(rest if taken else line)
        for name, data in taken:
            if name not in cells:
                cells[name] = empty.copy()
            cells[name][row] = data
    table = with_texts(table, "statement", rests)
    for name in sorted(cells):
        table = table.append_column(name, pa.array(cells[name], pa.string()))
    return table


def put_together(table: pa.Table) -> pa.Table:
    """Return the rows as they were. Raises StoreError for what was never taken apart."""
    columns = [one for one in _TAKEN if one.column in table.column_names]
    if not columns:
        return table
    cells = zip(*(table[one.column].to_pylist() for one in columns), strict=True)
    lines = [
        _whole(rest, zip(columns, row, strict=True))
        for rest, row in zip(table["statement"].to_pylist(), cells, strict=True)
    ]
    return with_texts(table, "statement", lines).drop_columns([one.column for one in columns])


def _parts(line: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what is left of a statement, and the columns and cells of what was taken out of it."""
    taken, pieces, done = [], [], 0
    for one in _TAKEN:
        start = line.find(one.before, done)
        if start < 0:
            continue
        start += len(one.before)
        end = line.find(one.after, start)
        data = one.to_cell(line[start:end]) if end > start else None
        if data is not None:
            taken.append((one.column, data))
            pieces.append(line[done:start])
            done = end
    pieces.append(line[done:])
    return "".join(pieces), taken


def _whole(rest: str | None, cells: Iterable[tuple[_Taken, str | None]]) -> str | None:
    pieces, done = [], 0
    for one, data in cells:
        if data is None:
            continue
        start = (rest or "").find(one.before, done)
        if rest is None or start < 0:
            raise StoreError(f"a statement of the archive has no place for its {one.column}")
        start += len(one.before)
        pieces += [rest[done:start], one.to_text(data)]
        done = start
    return rest if rest is None else "".join((*pieces, rest[done:]))


def _same(text: str) -> str:
    return text


def _joined(digests: str) -> str | None:
    text = digests.replace(_BETWEEN, "")[:-1]
    return text if _apart(text) == digests else None


def _apart(text: str) -> str:
    starts = range(0, len(text), _DIGEST_CHARS)
    return _BETWEEN.join([text[at : at + _DIGEST_CHARS] for at in starts]) + "="


def _text(name: str) -> _Taken:
    return _Taken(name.replace(".", "_"), f'"{name}":"', '"', _same, _same)


_TAKEN: Final = (
    _text("action.id"),
    _text("n"),
    _text("params.digest"),
    _text("principal.ref"),
    _text("result.digest"),
    _Taken("sd", '"sd":["', '"]', _joined, _apart),
    _text("source.span_hash"),
    _text("span.id"),
    _text("trace.id"),
)
"""In the order in which a statement has them. What repeats from event to event is left to compression."""

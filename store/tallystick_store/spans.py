"""Stored spans as values: the record as it is kept, and what is wrong with its row.

A row that was changed from outside is given out all the same, as far as it can be read, with its faults;
it breaks nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import orjson

from tallystick.errors import RecordError
from tallystick.profile import JsonValue
from tallystick.span_record import SPAN_COLUMNS, SPAN_KEYS, leaf_of_erased, parse_span
from tallystick.tlog.tree import HASH_BYTES, joined_hashes, root_of
from tallystick_store.cells import Cells, cells_at, number
from tallystick_store.engine.duckdb import Reader
from tallystick_store.faults import Fault, RowFaults
from tallystick_store.published import PublishedLog
from tallystick_store.records import span_text
from tallystick_store.schema import SPANS

_BATCH_HASHES: Final = """
    SELECT log_index, leaf_hash FROM spans WHERE log_index IN (SELECT unnest(?))
    ORDER BY log_index, position
"""
_SPAN_VALUES: Final[Mapping[str, Any]] = {
    "attributes": dict,
    "events": list,
    "links": list,
    "resource": dict,
}
"""Keys of a span record that hold JSON text, and what stands in it."""


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """One span record as it is kept."""

    log_index: int
    position: int
    rx_us: int
    sender: str
    span: dict[str, JsonValue]
    """Every key of a span record; from columns alone when the record cannot be read any more."""
    values: dict[str, JsonValue]
    """What the JSON texts of the span say: attributes, events, links, resource."""
    faults: tuple[Fault, ...]
    is_blank: bool = False
    """Whether the record is gone and its hash stands for it; never known to a reader without the payload."""


def read_spans(
    database: Reader,
    trace_id: str,
    batches: Iterable[int],
    published: PublishedLog | None = None,
    *,
    span_ids: Sequence[str] | None = None,
) -> tuple[StoredSpan, ...]:
    """Return the span records of one trace in the batches at some log indexes, in order. About 40 µs each.

    `span_ids` keeps those with one of these ids. For a reader without the payload they are listed by
    their columns, and compared with nothing.
    """
    where, asked = span_condition(trace_id, span_ids)
    cells = cells_at(database, SPANS, batches, f"{where} ORDER BY log_index, position", asked)
    indexes = [number(one) for one in cells["log_index"]]
    faults = RowFaults(len(indexes))
    spans: list[dict[str, JsonValue] | None] = [None] * len(indexes)
    blank = [False] * len(indexes)
    if database.reach.has_payload:
        texts = [span_text(*one) for one in zip(cells["record"], cells["leaf_hash"], strict=True)]
        blank = [leaf_of_erased(text) is not None for text in texts]
        spans = [
            None if blank[row] else _read_span(text, row, faults) for row, text in enumerate(texts)
        ]
        entries = published.entries(indexes) if published is not None else {}
        roots = _batch_roots(database, sorted(set(indexes))) if entries else {}
        faults.check_spans(cells, spans, entries, roots)
    found = []
    for row, read in enumerate(spans):
        span = read or _listed_span(cells, row)
        values = {name: _value(span, name, row, faults) for name in _SPAN_VALUES}
        found.append(
            StoredSpan(
                indexes[row],
                number(cells["position"][row]),
                cells["rx_us"][row] or 0,
                cells["sender"][row] or "",
                span,
                values,
                faults.of(row),
                blank[row],
            )
        )
    return tuple(found)


def span_condition(trace_id: str, span_ids: Sequence[str] | None) -> tuple[str, list[object]]:
    """Return the SQL condition of the rows of a trace, or of some of its spans, and its parameters."""
    if span_ids is None:
        return "trace_id = $1", [trace_id]
    return "trace_id = $1 AND span_id IN (SELECT unnest($2))", [trace_id, list(span_ids)]


def _read_span(text: str, row: int, faults: RowFaults) -> dict[str, JsonValue] | None:
    try:
        return parse_span(text.encode())
    except RecordError as error:
        faults.add(row, "record", "a span record of docs/spec/log.md", str(error))
        return None


def _listed_span(cells: Cells, row: int) -> dict[str, JsonValue]:
    """Return a span of which the columns alone can be read."""
    empty: dict[str, JsonValue] = {key: kind() for key, kind in SPAN_KEYS.items()}
    known = {name: cells[name][row] for name in SPAN_COLUMNS if cells[name][row] is not None}
    times = {name: str(known.get(name, 0)) for name in ("start_ns", "end_ns")}
    return empty | known | times


def _value(span: Mapping[str, JsonValue], name: str, row: int, faults: RowFaults) -> JsonValue:
    kind, text = _SPAN_VALUES[name], span[name]
    if not text:
        return kind()
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, kind):
        return value
    faults.add(row, "record", f"{name} in JSON", "something else")
    return kind()


def _batch_roots(database: Reader, log_indexes: list[int]) -> dict[int, bytes]:
    """Return the root over the stored leaf hashes of each whole batch."""
    rows = database.rows(_BATCH_HASHES, [log_indexes])
    roots: dict[int, bytes] = {}
    for log_index, group in groupby(rows, itemgetter(0)):
        hashes = [one or b"" for _, one in group]
        whole = all(len(one) == HASH_BYTES for one in hashes)
        roots[log_index] = root_of(joined_hashes(hashes)) if whole else b""
    return roots

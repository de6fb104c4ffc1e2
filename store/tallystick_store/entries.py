"""The entries of the tenant log, printed for new rows and printed again from stored ones.

The database keeps what an entry is made of and not the entry itself: sender, receive time and the
hash of what was received. Printing both from one place keeps the log index, the rows and the leaf
of the tree together.
"""

import base64
import hashlib
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

from tallystick.profile import MAX_INTEGER, encode
from tallystick.tlog.entry import EntryKind
from tallystick.tlog.tree import joined_hashes, root_of
from tallystick_store.engine.duckdb import Reader, Row

WINDOW: Final = 16_384
"""Entries that are read at once: a few megabytes."""

_SINGLE: Final = """
    SELECT log_index, 'event', sender, leaf_hash, rx_us FROM events
    WHERE log_index >= $1 AND log_index < $2
    UNION ALL
    SELECT log_index, 'seal', sender, leaf_hash, rx_us FROM seals
    WHERE log_index >= $1 AND log_index < $2
"""
_DELETED: Final = """
    SELECT log_index, kind, sender, leaf_hash, rx_us, span_count FROM tombstones
    WHERE log_index >= $1 AND log_index < $2 ORDER BY log_index
"""
_SPANS: Final = """
    SELECT log_index, leaf_hash, sender, rx_us FROM spans
    WHERE log_index >= $1 AND log_index < $2 ORDER BY log_index, position
"""

_LARGEST: Final = """
    SELECT max(log_index) FROM (
        SELECT max(log_index) AS log_index FROM events WHERE log_index >= $1
        UNION ALL SELECT max(log_index) FROM seals WHERE log_index >= $1
        UNION ALL SELECT max(log_index) FROM spans WHERE log_index >= $1
        UNION ALL SELECT max(log_index) FROM tombstones WHERE log_index >= $1
    )
"""
_COUNT: Final = """
    SELECT (SELECT count(*) FROM events WHERE coalesce(log_index, -1) < $1)
         + (SELECT count(*) FROM seals WHERE coalesce(log_index, -1) < $1)
         + (SELECT count(DISTINCT coalesce(log_index, -1)) FROM spans WHERE coalesce(log_index, -1) < $1)
         + (SELECT count(*) FROM tombstones t WHERE coalesce(log_index, -1) < $1
            AND NOT EXISTS (FROM events WHERE log_index = t.log_index)
            AND NOT EXISTS (FROM spans WHERE log_index = t.log_index))
"""


class EntryPrinter:
    """Prints the entries of one sender at one time: the bytes of `tlog.entry.encode_entry`, faster."""

    def __init__(self, sender: str, rx_us: int) -> None:
        self._head = b'{"by":' + encode(sender) + b',"h":"'
        self._tail = b',"rx_us":%d}' % rx_us

    def entry(self, kind: EntryKind, content_hash: bytes) -> bytes:
        """Return an entry of kind `event` or `seal`."""
        encoded = base64.b64encode(content_hash)
        return b'%b%b","k":"%b"%b' % (self._head, encoded, kind.encode(), self._tail)

    def spans(self, root: bytes, count: int) -> bytes:
        """Return an entry of kind `spans`."""
        encoded = base64.b64encode(root)
        return b'%b%b","k":"spans","n":%d%b' % (self._head, encoded, count, self._tail)


def entry_leaf(entry: bytes) -> bytes:
    """Return the leaf hash of an entry in the tenant's tree."""
    return hashlib.sha256(b"\x00" + entry).digest()


def read_entries(database: Reader, start: int, end: int) -> list[tuple[int, bytes]]:
    """Print the stored entries with a log index in [start, end), deleted ones too, in order; about 2 µs each.

    Rows that cannot make an entry (a column set to NULL from outside) give an entry that hashes to
    something else, so that the root tells. Missing and repeated indexes are for the caller to see.
    """
    single = [_single_entry(row) for row in database.rows(_SINGLE, (start, end))]
    batches = database.rows(_SPANS, (start, end))
    spans = [_spans_entry(index, list(rows)) for index, rows in groupby(batches, itemgetter(0))]
    present = {index for index, _ in (*single, *spans)}
    deleted = [
        deleted_entry(row) for row in database.rows(_DELETED, (start, end)) if row[0] not in present
    ]
    return sorted(single + spans + deleted, key=itemgetter(0))


def entry_windows(database: Reader, start: int, end: int) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the entries of [start, end) by WINDOW, each window as `read_entries` gives it."""
    for low in range(start, end, WINDOW):
        yield read_entries(database, low, min(low + WINDOW, end))


def next_log_index(database: Reader, at_least: int = 0) -> int:
    """Return one more than the largest log index, 0 for an empty store; cheaper where it is not below `at_least`."""
    ((largest,),) = database.rows(_LARGEST, [at_least])
    if largest is None:
        return next_log_index(database) if at_least else 0
    return int(largest) + 1


def count_entries(database: Reader, below: int = MAX_INTEGER) -> int:
    """Return how many entries the rows make that have a log index under `below`, or none."""
    ((count,),) = database.rows(_COUNT, (below,))
    return int(count)


def _single_entry(row: Row) -> tuple[int, bytes]:
    log_index, kind, sender, leaf_hash, rx_us = row
    printer = EntryPrinter(sender or "", -1 if rx_us is None else rx_us)
    return log_index, printer.entry(kind, leaf_hash or b"")


def _spans_entry(log_index: int, rows: list[Row]) -> tuple[int, bytes]:
    _, _, sender, rx_us = rows[0]
    hashes = [row[1] or bytes(32) for row in rows]
    printer = EntryPrinter(sender or "", -1 if rx_us is None else rx_us)
    return log_index, printer.spans(batch_root(hashes), len(rows))


def deleted_entry(row: Row) -> tuple[int, bytes]:
    """Print the entry of a tombstone; of a kind that there is not, one that hashes to something else."""
    log_index, kind, sender, content_hash, rx_us, count = row
    printer = EntryPrinter(sender or "", -1 if rx_us is None else rx_us)
    if kind == "spans" or count is not None:
        return log_index, printer.spans(content_hash or b"", -1 if count is None else count)
    return log_index, printer.entry("event" if kind == "event" else "seal", content_hash or b"")


def batch_root(hashes: list[bytes]) -> bytes:
    """Return the root of a batch of spans, empty where a hash was changed from outside."""
    whole = all(len(one) == 32 for one in hashes)  # noqa: PLR2004 - the length of SHA-256
    return root_of(joined_hashes(hashes)) if whole else b""

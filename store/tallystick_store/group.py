"""One group: the rows of the requests that are committed together, numbered and stamped.

Each row that is a log entry gets the next log index, the receive time (never smaller than the one
before, whatever the clock does) and the sender. Used by the writer thread alone.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from tallystick.errors import StoreError
from tallystick.event import Record
from tallystick.tlog.tree import leaf_hash, root_of
from tallystick_store.entries import EntryPrinter, entry_leaf
from tallystick_store.known import Known
from tallystick_store.rows import Admitted, EventRow, Merge, Row, SealRow, SpanBatch, Tombstones
from tallystick_store.schema import (
    EVENTS,
    LATE_DISCLOSURES,
    SEALS,
    SPANS,
    TOMBSTONES,
    Stamp,
    event_batch,
    row_batch,
    seal_batch,
    span_batch,
)
from tallystick_store.view import GroupView

_SENDER: Final = re.compile(r"[!-~]{1,128}")
"""What may stand as `by` in an entry: visible ASCII, so that 1,024 bytes are always enough."""


@dataclass(slots=True)
class Group:
    """What one transaction will add; `view` shows it to admission."""

    known: Known
    next_index: int
    rx_us: int
    """Receive time of the newest entry so far."""
    view: GroupView = field(init=False)
    entries: list[bytes] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    _events: list[tuple[Stamp, Record]] = field(default_factory=list)
    _seals: list[tuple[Stamp, SealRow]] = field(default_factory=list)
    _spans: list[tuple[Stamp, SpanBatch]] = field(default_factory=list)
    _late: list[tuple[int, str]] = field(default_factory=list)
    _tombstones: list[pa.Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.view = GroupView(self.known)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (self.entries or self._late or self._tombstones)

    def add(self, admitted: Admitted[Any], now_us: int) -> None:
        """Take the rows of one request, all or none.

        Raises StoreError for a sender that cannot stand in an entry, and for a batch of nothing.
        """
        senders = [_sender(row, admitted.sender) for row in admitted.rows]
        if any(isinstance(row, SpanBatch) and not row.spans for row in admitted.rows):
            raise StoreError("a batch of spans is empty: expected at least one record")
        self.rx_us = max(self.rx_us, now_us)
        printers = {one: _printer(one, self.rx_us) for one in {admitted.sender, *senders}}
        for row, sender in zip(admitted.rows, senders, strict=True):
            self._add_row(row, sender, printers[sender])

    def batches(self) -> dict[str, pa.Table]:
        """Return the rows by table."""
        batches = {}
        if self._events:
            batches[EVENTS.name] = event_batch(self._events)
        if self._seals:
            batches[SEALS.name] = seal_batch(self._seals)
        if self._spans:
            batches[SPANS.name] = span_batch(self._spans)
        if self._late:
            batches[LATE_DISCLOSURES.name] = row_batch(LATE_DISCLOSURES, self._late)
        if self._tombstones:
            batches[TOMBSTONES.name] = pa.concat_tables(self._tombstones)
        return batches

    def _add_row(self, row: Row, sender: str, printer: EntryPrinter) -> None:
        if isinstance(row, Merge):
            self._late += [(row.log_index, line) for line in row.lines]
            self.view.add_merge(row.log_index, row.lines)
            return
        if isinstance(row, Tombstones):
            self._tombstones.append(row.table)
            return
        if isinstance(row, EventRow):
            stamp = self._stamp(sender, row.record.leaf_hash)
            self._events.append((stamp, row.record))
            self.view.add_event(stamp, row.record)
            entry = printer.entry("event", stamp.leaf_hash)
        elif isinstance(row, SealRow):
            stamp = self._stamp(sender, leaf_hash(row.body.encode()))
            self._seals.append((stamp, row))
            self.view.add_seal(stamp, row)
            entry = printer.entry("seal", stamp.leaf_hash)
        else:
            hashes = [span.leaf_hash for span in row.spans]
            root = root_of(hashes)
            self._spans.append((self._stamp(sender, root), row))
            self.view.add_spans(hashes)
            entry = printer.spans(root, len(hashes))
        self.entries.append(entry)
        self.leaves.append(entry_leaf(entry))
        self.next_index += 1

    def _stamp(self, sender: str, content_hash: bytes) -> Stamp:
        return Stamp(self.next_index, self.rx_us, sender, content_hash)


def _sender(row: Row, request_sender: str) -> str:
    own = row.sender if isinstance(row, EventRow | SealRow) else None
    return request_sender if own is None else own


def _printer(sender: str, rx_us: int) -> EntryPrinter:
    if not _SENDER.fullmatch(sender):
        raise StoreError(
            f"the sender's id cannot stand in the log: expected 1 to 128 visible ASCII "
            f"characters, got {sender[:140]!r}"
        )
    return EntryPrinter(sender, rx_us)

"""How parts follow each other: without a hole from group 1 and entry 0, and several of one day as one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pyarrow.compute as pc

from tallystick.errors import StoreError
from tallystick_store.archive.part import Manifest
from tallystick_store.journal.contents import Tables
from tallystick_store.schema import EVENTS, SEALS, SPANS

_ENTRIES: Final = (EVENTS.name, SEALS.name, SPANS.name)


class HoleError(StoreError):
    """What is to be archived does not follow what is."""


def in_order(origin: str, parts: list[Manifest]) -> list[Manifest]:
    """Return the parts of a log as they are. Raises StoreError for a hole, and for a part of another log."""
    before: Manifest | None = None
    for part in parts:
        if part.origin != origin:
            raise StoreError(f"part {part.name} of the archive is of another log: {part.origin}")
        if not part.joins(before):
            expected = before.last_group + 1 if before else 1
            raise StoreError(
                f"the archive has a hole: expected a part that begins with group {expected}, found"
                f" {part.name}; restore it from a backup"
            )
        before = part
    return parts


def span_of(tables: Tables, before: Manifest | None, end: int | None) -> tuple[int, int, int]:
    """Return first entry, end and newest receive time of rows that follow a part.

    `end` is where deleted entries may be missing: what lies behind the rows then. Raises HoleError.
    """
    size = before.end_entry if before else 0
    present = [tables[name] for name in _ENTRIES if name in tables and len(tables[name])]
    found: list[tuple[Any, Any, Any]] = [
        (pc.min(one["log_index"]), pc.max(one["log_index"]), pc.max(one["rx_us"]))
        for one in present
    ]
    first = min((int(low.as_py()) for low, _, _ in found), default=size)
    if first != size and end is None:
        raise HoleError(f"the journal goes on with entry {first} and the archive ends with {size}")
    if end is None:
        end = max((int(high.as_py()) + 1 for _, high, _ in found), default=size)
    rx_us = before.newest_rx_us if before else 0
    return size, end, max((int(newest.as_py()) for _, _, newest in found), default=rx_us)


def joined(run: Sequence[Manifest]) -> Manifest:
    """Return the manifest of one part in place of several that follow each other, without its files."""
    checkpoints = sum(part.checkpoints for part in run)
    first, last = run[0], run[-1]
    return replace(
        last,
        first_group=first.first_group,
        first_entry=first.first_entry,
        checkpoints=checkpoints,
        files={},
    )

"""What is wrong with stored rows: each column against what the record says, and the record against the log.

The comparison is that of the verifier's step 3. It is made for the rows that somebody looks at, so that
a row that was changed from outside is seen as such; what an auditor relies on is the verifier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.event import Record
from tallystick.profile import JsonValue
from tallystick.tlog.entry import Entry
from tallystick.tlog.tree import leaf_hash
from tallystick.verify.columns import (
    both_shown,
    differing_cells,
    expected_event_columns,
    expected_span_columns,
)
from tallystick.verify.source import EventText, SpansText
from tallystick_store.cells import Cells, number
from tallystick_store.records import span_text

MAX_FAULTS: Final = 64
"""Of one row; a row has about a hundred columns."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a row, for people."""

    column: str
    stated: str
    """What the record, or the log's entry, says."""
    stored: str
    """What the row holds."""


class RowFaults:
    """Collects the faults of some rows, by their positions."""

    def __init__(self, row_count: int) -> None:
        self._found: list[list[Fault]] = [[] for _ in range(row_count)]

    def add(self, row: int, column: str, stated: str, stored: str) -> None:
        """Add one fault, unless the row has more than enough."""
        if len(self._found[row]) < MAX_FAULTS:
            self._found[row].append(Fault(column, stated, stored))

    def of(self, row: int) -> tuple[Fault, ...]:
        """Return the faults of one row."""
        return tuple(self._found[row])

    def check_events(
        self,
        stored: Cells,
        texts: Sequence[EventText],
        records: Sequence[Record | None],
        entries: Mapping[int, Entry],
    ) -> None:
        """Compare rows of `events` with their records, and these with the log."""
        known = [_of_kind("event", entries.get(text.log_index)) for text in texts]
        expected = expected_event_columns(texts, records, known)
        self._compare_cells(stored, expected)
        for row, (text, entry) in enumerate(zip(texts, known, strict=True)):
            if entry is not None:
                found = leaf_hash(text.statement.encode())
                self._compare_content(row, "statement", entry.content_hash, found)
            elif text.log_index in entries:
                self.add(row, "log_index", "the log has another kind of entry here", "an event")

    def check_spans(
        self,
        stored: Cells,
        spans: Sequence[dict[str, JsonValue] | None],
        entries: Mapping[int, Entry],
        roots: Mapping[int, bytes],
    ) -> None:
        """Compare rows of `spans` with their records, and the batches' roots with the log."""
        pairs = zip(stored["record"], stored["leaf_hash"], strict=True)
        records = [span_text(record, leaf) for record, leaf in pairs]
        batches = [SpansText(number(stored["log_index"][r]), (t,)) for r, t in enumerate(records)]
        known = [_of_kind("spans", entries.get(batch.log_index)) for batch in batches]
        expected = expected_span_columns(batches, spans, known)
        del expected["position"]  # the batches here are single rows
        self._compare_cells(stored, expected)
        for row, (batch, entry) in enumerate(zip(batches, known, strict=True)):
            if entry is not None and batch.log_index in roots:
                root = roots[batch.log_index]
                self._compare_content(row, "record", entry.content_hash, root)

    def _compare_cells(self, stored: Cells, expected: Cells) -> None:
        for column, row, value, right in differing_cells(stored, expected):
            stored_text, right_text = both_shown(value, right)
            self.add(row, column, right_text, stored_text)

    def _compare_content(self, row: int, column: str, stated: bytes, stored: bytes) -> None:
        if stated != stored:
            self.add(
                row,
                column,
                f"the log's entry commits to the hash {stated.hex()}",
                f"hashes to {stored.hex()}",
            )


def _of_kind(kind: str, entry: Entry | None) -> Entry | None:
    return entry if entry is not None and entry.kind == kind else None

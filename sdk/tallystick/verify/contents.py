"""What the entries of one piece commit to, read once: records, seals and span batches.

Steps 2, 4 and 6 look at each of them alone here; which entry it belongs to is for examine.py.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from tallystick.errors import RecordError, VerificationError
from tallystick.profile import JsonValue
from tallystick.span_record import leaf_of_erased, leaf_of_record, parse_span
from tallystick.tlog.entry import Entry, EntryKind
from tallystick.tlog.seal import Seal, parse_seal
from tallystick.tlog.tree import leaf_hash, root_of
from tallystick.verify.blobs import read_blob_claims
from tallystick.verify.columns import check_event_columns, check_seal_columns, check_span_columns
from tallystick.verify.digest import SESSION_PREFIX
from tallystick.verify.finding import Findings, Place
from tallystick.verify.source import Rows, SealText, SpansText
from tallystick.verify.statements import read_event

Span: TypeAlias = dict[str, JsonValue]

TABLE_OF_KIND: Final[dict[EntryKind, str]] = {"event": "events", "seal": "seals", "spans": "spans"}


class Content(NamedTuple):
    """A stored row, or for spans the rows of a batch: its kind and position in the piece."""

    kind: EntryKind
    position: int


class SpanBatchContent(NamedTuple):
    """One batch of span records; None for a record that is not one."""

    spans: tuple[Span | None, ...]
    root: bytes


class Contents:
    """The contents of one piece, and the entry that each of them was found to belong to."""

    def __init__(self, rows: Rows, findings: Findings) -> None:
        """Read everything; faults go to `findings`."""
        self._rows = rows
        self.records = [read_event(text, findings) for text in rows.events]
        self.blobs = read_blob_claims(rows.events, findings)
        """Blobs that disclosures name, by SHA-256 in hex."""
        self.seals = [read_seal(text, findings) for text in rows.seals]
        self.batches = [_read_batch(text, findings) for text in rows.spans]
        self.hashes: dict[EntryKind, list[bytes]] = {
            "event": [leaf_hash(text.statement.encode()) for text in rows.events],
            "seal": [leaf_hash(text.body.encode()) for text in rows.seals],
            "spans": [batch.root for batch in self.batches],
        }
        """What the entry of each content must state."""
        findings.count(2, "statements", len(rows.events))
        lines = sum(len(text.disclosures) + len(text.late) for text in rows.events)
        findings.count(4, "disclosures", lines)
        self.absent = [
            text.log_index
            for text, record in zip(rows.events, self.records, strict=True)
            if record and len(record.statement["sd"]) > len(text.disclosures) + len(text.late)
        ]
        """Log indexes of events of which a disclosure is not here."""
        self.erased_spans = [
            (text.log_index, position)
            for text in rows.spans
            for position, record in enumerate(text.records)
            if leaf_of_erased(record) is not None
        ]
        """Places of span records of which the leaf hash alone is here."""
        self._entries: dict[EntryKind, list[Entry | None]] = {
            "event": [None] * len(rows.events),
            "seal": [None] * len(rows.seals),
            "spans": [None] * len(rows.spans),
        }

    def by_log_index(self, findings: Findings) -> dict[int, list[Content]]:
        """Return what is stored under each log index; more than one is for the caller to name."""
        found: dict[int, list[Content]] = {}
        texts: tuple[tuple[EntryKind, Sequence[int]], ...] = (
            ("event", [text.log_index for text in self._rows.events]),
            ("seal", [text.log_index for text in self._rows.seals]),
            ("spans", [text.log_index for text in self._rows.spans]),
        )
        for kind, indexes in texts:
            last = -1
            for position, log_index in enumerate(indexes):
                if log_index < last:
                    place = Place(log_index=log_index)
                    findings.fault(8, f"a stored {kind} is not in the order of the log", place)
                last = log_index
                found.setdefault(log_index, []).append(Content(kind, position))
        return found

    def belongs_to(self, content: Content, entry: Entry) -> None:
        """Note the entry of a content, for the columns that follow from it."""
        self._entries[content.kind][content.position] = entry

    def content_hash(self, content: Content) -> bytes:
        """Return the hash that the entry of this content must state."""
        return self.hashes[content.kind][content.position]

    def span_count(self, content: Content) -> int:
        """Return the number of span records of a batch."""
        return len(self._rows.spans[content.position].records)

    def row_entry(self, content: Content) -> Entry:
        """Return the entry that stored columns give, where no bundle holds it."""
        kind, position = content
        table = self._rows.tables.get(TABLE_OF_KIND[kind])
        if table is None:
            raise VerificationError("no stored columns")
        count = self.span_count(content) if kind == "spans" else None
        row = sum(len(b.records) for b in self._rows.spans[:position]) if count else position
        sender, rx_us = table["sender"][row], table["rx_us"][row]
        if not isinstance(sender, str) or not isinstance(rx_us, int):
            raise VerificationError(f"the row has sender {sender!r} and rx_us {rx_us!r}")
        return Entry(kind, sender, self.content_hash(content), rx_us, count)

    def check_columns(self, findings: Findings) -> None:
        """Compare every stored column with what it follows from: step 3, where there are tables."""
        rows, entries = self._rows, self._entries
        if not rows.tables:
            return
        check_event_columns(
            rows.tables["events"], rows.events, self.records, entries["event"], findings
        )
        check_seal_columns(rows.tables["seals"], rows.seals, self.seals, entries["seal"], findings)
        spans = [span for batch in self.batches for span in batch.spans]
        check_span_columns(rows.tables["spans"], rows.spans, spans, entries["spans"], findings)


def read_seal(text: SealText, findings: Findings) -> Seal | None:
    """Read a seal and recompute its root; None, and a fault of step 6, when it does not hold."""
    findings.count(6, "seals")
    try:
        seal = parse_seal(text.body)
    except VerificationError as error:
        findings.fault(6, f"not a seal: {error}", Place(log_index=text.log_index))
        return None
    if not seal.origin.startswith(SESSION_PREFIX):
        findings.fault(
            6, f"a seal of {seal.origin}, which is no session", Place(log_index=text.log_index)
        )
        return None
    return seal


def _read_batch(text: SpansText, findings: Findings) -> SpanBatchContent:
    spans = tuple(_read_span(record, text.log_index, findings) for record in text.records)
    return SpanBatchContent(spans, root_of([leaf_of_record(record) for record in text.records]))


def _read_span(record: str, log_index: int, findings: Findings) -> Span | None:
    if leaf_of_erased(record) is not None:
        return None
    try:
        return parse_span(record.encode())
    except RecordError as error:
        findings.fault(12, f"not a span record: {error}", Place(log_index=log_index))
        return None

"""One pass over a piece of the log: entries are matched with what they commit to (steps 2 to 8).

`examine` runs in whichever process does the work and gives a Digest; nothing here looks beyond its
piece. What one piece cannot tell (order across pieces, sessions, the root) is for later steps.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tallystick.errors import RecordError, VerificationError
from tallystick.tlog.entry import Entry, EntryKind, encode_entry, parse_entry
from tallystick.tlog.tree import leaf_hash
from tallystick.verify.contents import TABLE_OF_KIND, Content, Contents
from tallystick.verify.digest import Digest
from tallystick.verify.erasures import add_authority
from tallystick.verify.finding import Place
from tallystick.verify.source import Facts, Piece
from tallystick.verify.spans import pack_span_record
from tallystick.verify.statements import add_event, add_seal

_ALTERED: Final[dict[EntryKind, tuple[int, str]]] = {
    "event": (2, "the statement was altered: its leaf hash is not the entry's"),
    "seal": (6, "the seal was altered: its leaf hash is not the entry's"),
    "spans": (8, "the span records were altered: their root is not the entry's"),
}
"""Step and message when a content is not what its entry commits to."""


def examine(piece: Piece, facts: Facts, *, keep_notes: bool) -> Digest:
    """Read a piece and return what was found in it."""
    with _no_collection():
        return _examine(piece, facts, keep_notes=keep_notes)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the cycle collector away: it would visit every value of a piece again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _examine(piece: Piece, facts: Facts, *, keep_notes: bool) -> Digest:
    digest = Digest(facts.origin, keep_notes)
    rows = piece.read()
    digest.findings.merge(rows.findings)
    contents = Contents(rows, digest.findings)
    digest.blobs = contents.blobs
    digest.absent, digest.erased_spans = contents.absent, contents.erased_spans
    examination = _Examination(contents, facts, digest)
    stored = contents.by_log_index(digest.findings)
    for log_index, line in enumerate(rows.entries, piece.start):
        examination.match(log_index, line, stored.pop(log_index, []))
    for log_index, without_entry in stored.items():
        for content in without_entry:
            examination.mismatch(f"a stored {content.kind} without an entry", log_index, content)
    contents.check_columns(digest.findings)
    digest.findings.count(8, "entries", len(rows.entries))
    return digest


class _Examination:
    """The work on one piece."""

    def __init__(self, contents: Contents, facts: Facts, digest: Digest) -> None:
        self._contents = contents
        self._facts = facts
        self._digest = digest
        self._findings = digest.findings

    def match(self, log_index: int, line: bytes | None, stored: list[Content]) -> None:
        """Take up the entry at `log_index` and what is stored under it."""
        content = stored[0] if stored else None
        for extra in stored[1:]:
            self.mismatch(f"a second row, a stored {extra.kind}", log_index, extra)
        if line is None:
            line = self._printed_entry(log_index, content)
        self._digest.leaves += leaf_hash(line or b"")
        entry = self._read_entry(log_index, line)
        if content is None:
            self.mismatch("an entry without its content", log_index, content)
            return
        if entry is not None and self._fits(log_index, entry, content):
            self._contents.belongs_to(content, entry)
            self._add(log_index, entry, content)
        else:
            self._add(log_index, None, content)

    def mismatch(self, message: str, log_index: int, content: Content | None) -> None:
        """Name a row and an entry that do not fit: step 3 where there are tables, else step 8."""
        is_data = self._facts.kind == "data"
        table = TABLE_OF_KIND[content.kind] if is_data and content else ""
        self._findings.fault(3 if is_data else 8, message, Place(table=table, log_index=log_index))

    def _printed_entry(self, log_index: int, content: Content | None) -> bytes | None:
        """Return the entry that stored columns give; None, and a fault, where they give none."""
        if content is None:
            return None
        try:
            return encode_entry(self._contents.row_entry(content))
        except (VerificationError, RecordError) as error:
            self.mismatch(f"the row gives no entry: {error}", log_index, content)
            return None

    def _read_entry(self, log_index: int, line: bytes | None) -> Entry | None:
        if line is None:
            return None
        try:
            entry = parse_entry(line)
        except VerificationError as error:
            self._findings.fault(8, f"not an entry: {error}", Place(log_index=log_index))
            return None
        self._digest.receive(entry.rx_us, log_index)
        self._digest.kinds[entry.kind] = self._digest.kinds.get(entry.kind, 0) + 1
        times = self._facts.times_us
        if times is not None and not times[0] <= entry.rx_us < times[1]:
            self._findings.fault(
                8,
                f"received at {entry.rx_us}, outside the range of times",
                Place(log_index=log_index),
            )
        return entry

    def _fits(self, log_index: int, entry: Entry, content: Content) -> bool:
        if entry.kind != content.kind:
            message = f"an entry of kind {entry.kind}, a stored {content.kind}"
            self.mismatch(message, log_index, content)
            return False
        if entry.content_hash != self._contents.content_hash(content):
            step, message = _ALTERED[entry.kind]
            self._findings.fault(step, message, self._place(log_index, content))
        if entry.kind == "spans" and entry.span_count != self._contents.span_count(content):
            self._findings.fault(
                8, f"the entry counts {entry.span_count} span records", Place(log_index=log_index)
            )
        return True

    def _place(self, log_index: int, content: Content) -> Place:
        record = self._contents.records[content.position] if content.kind == "event" else None
        if record is None:
            return Place(log_index=log_index)
        return Place(log_index=log_index, session=record.session, seq=record.seq)

    def _add(self, log_index: int, entry: Entry | None, content: Content) -> None:
        sender = entry.sender if entry else None
        if content.kind == "event":
            record = self._contents.records[content.position]
            if record is not None:
                leaf = self._contents.content_hash(content)
                session = add_event(log_index, sender, record, self._digest, leaf)
                session.events.add(record.seq, log_index, leaf)
                add_authority(log_index, entry, record, self._digest)
        elif content.kind == "seal":
            seal = self._contents.seals[content.position]
            if seal is not None:
                session = add_seal(log_index, sender, seal, self._digest)
                session.add_stated(seal.old_size, seal.size)
        else:
            for span in self._contents.batches[content.position].spans:
                if span is not None:
                    self._digest.span_records += pack_span_record(log_index, span)

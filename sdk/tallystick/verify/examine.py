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
from tallystick.verify.digest import Deleted, Digest
from tallystick.verify.erasures import add_authority
from tallystick.verify.finding import Place
from tallystick.verify.source import DeletedText, Facts, Piece
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
    deleted = examination.deleted(rows.deleted)
    for log_index, line in enumerate(rows.entries, piece.start):
        tombstone = deleted.pop(log_index, None)
        examination.match(log_index, line, stored.pop(log_index, []), tombstone)
    for log_index in deleted:
        examination.mismatch("a tombstone without an entry", log_index, None)
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

    def deleted(self, texts: list[DeletedText]) -> dict[int, DeletedText]:
        """Return the tombstones by log index; name those that repeat one."""
        found: dict[int, DeletedText] = {}
        for text in texts:
            if found.setdefault(text.log_index, text) is not text:
                self.mismatch("a second tombstone", text.log_index, None)
        return found

    def match(
        self,
        log_index: int,
        line: bytes | None,
        stored: list[Content],
        tombstone: DeletedText | None,
    ) -> None:
        """Take up the entry at `log_index`, what is stored under it, and what says that this is gone."""
        content = stored[0] if stored else None
        for extra in stored[1:]:
            self.mismatch(f"a second row, a stored {extra.kind}", log_index, extra)
        if line is None:
            line = self._printed_entry(log_index, content, tombstone)
        self._digest.leaves += leaf_hash(line or b"")
        entry = self._read_entry(log_index, line)
        if tombstone is not None and entry is not None:
            self._add_deleted(entry, tombstone, line or b"", is_there=content is not None)
        if content is None and tombstone is not None:
            return
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

    def _add_deleted(
        self, entry: Entry, tombstone: DeletedText, line: bytes, *, is_there: bool
    ) -> None:
        """Take up an entry whose content is gone, or is about to go; who allowed it is for step 14."""
        log_index, place = tombstone.log_index, Place(log_index=tombstone.log_index)
        is_placed = entry.kind == "event" or (tombstone.session, tombstone.seq) == ("", -1)
        if entry.kind != tombstone.kind or entry.kind == "seal" or not is_placed:
            message = (
                f"a tombstone of {tombstone.kind[:32]} that does not fit its entry ({entry.kind})"
            )
            self._findings.fault(14, message, place)
            return
        if tombstone.entry not in (None, line):
            self.mismatch("the tombstone says another entry", log_index, None)
        self._digest.add_deleted(tombstone.authorised_by, Deleted(log_index, entry.rx_us))
        if is_there:
            self._findings.notice(14, "its deletion is not carried out yet", place)
        elif entry.kind == "event":
            session = self._digest.session(tombstone.session, log_index)
            session.add_sender(entry.sender, log_index)
            session.events.add(tombstone.seq, log_index, entry.content_hash)

    def _printed_entry(
        self, log_index: int, content: Content | None, tombstone: DeletedText | None
    ) -> bytes | None:
        """Return the entry that stored columns give; None, and a fault, where they give none."""
        if content is None:
            return tombstone.entry if tombstone is not None else None
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

"""What remains of the log after one pass over it: hashes by session, and what the steps still need.

A piece is examined into a Digest; digests add up in the order of the log. Payloads are not kept:
an event costs 48 bytes, an entry 32, a seal its leaf hashes.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tallystick.tlog.seal import Seal
from tallystick.tlog.tree import HASH_BYTES
from tallystick.verify.authority import AuthorityRecord
from tallystick.verify.finding import Findings, Place

SESSION_PREFIX: Final = "tallystick.session/"
"""A session's key name and origin is this and its id (docs/spec/seal.md)."""


class OpenStatement(NamedTuple):
    """What a `session.open` states; "" for a field that it lacks."""

    log_index: int
    seq: int
    session_key: str
    emitter_name: str
    emitter_key_id: str
    delegation: str


class CloseStatement(NamedTuple):
    """Where a `session.close` stands."""

    log_index: int
    seq: int


class RecoveryStatement(NamedTuple):
    """What a `session.recovered` states: leaf hashes of a dead session's tail."""

    log_index: int
    session: str
    seq: int
    leaf_hash: bytes
    target: str
    first_seq: int
    leaves: tuple[bytes, ...]


class BlobClaim(NamedTuple):
    """A blob that a disclosure names: where, and how many bytes."""

    log_index: int
    size_bytes: int


class Deleted(NamedTuple):
    """An entry whose content is gone."""

    log_index: int
    rx_us: int


class SealNote(NamedTuple):
    """The signed note of one seal, and where the seal stands."""

    log_index: int
    note: str


@dataclass(slots=True)
class EventList:
    """Events of one session in the order of the log, 48 bytes each."""

    seqs: "array[int]" = field(default_factory=lambda: array("q"))
    indexes: "array[int]" = field(default_factory=lambda: array("q"))
    hashes: bytearray = field(default_factory=bytearray)

    def add(self, seq: int, log_index: int, leaf_hash: bytes) -> None:
        """Add one event."""
        self.seqs.append(seq)
        self.indexes.append(log_index)
        self.hashes += leaf_hash

    def extend(self, other: "EventList") -> None:
        """Add the events of a later part of the log."""
        self.seqs.extend(other.seqs)
        self.indexes.extend(other.indexes)
        self.hashes += other.hashes

    def hash_at(self, position: int) -> bytes:
        """Return the leaf hash of the event at a position of this list."""
        return bytes(self.hashes[position * HASH_BYTES : (position + 1) * HASH_BYTES])


@dataclass(slots=True)
class SealRun:
    """Seals of one session that follow each other by size and root: [start, end) of its leaves.

    One signature, over the last root, vouches for all of them; `notes` holds the last note alone
    unless every signature is wanted.
    """

    start: int
    start_root: bytes
    end: int
    end_root: bytes
    leaves: bytearray
    notes: list[SealNote]

    def append(self, other: "SealRun", *, keep_notes: bool) -> None:
        """Take over a run that begins where this one ends."""
        self.end, self.end_root = other.end, other.end_root
        self.leaves += other.leaves
        self.notes = [*self.notes, *other.notes] if keep_notes else other.notes


@dataclass(slots=True)
class SessionDigest:
    """What was found of one session."""

    session: str
    first_index: int
    events: EventList = field(default_factory=EventList)
    context: EventList = field(default_factory=EventList)
    """Events from outside the range."""
    senders: dict[str, int] = field(default_factory=dict)
    """Authenticated sender -> log index of its first entry."""
    opens: list[OpenStatement] = field(default_factory=list)
    closes: list[CloseStatement] = field(default_factory=list)
    runs: list[SealRun] = field(default_factory=list)
    seal_count: int = 0
    stated: list[tuple[int, int]] = field(default_factory=list)
    """[start, end) of the leaves that the seals of the range state; of those from outside, none."""

    def add_stated(self, start: int, end: int) -> None:
        """Note the leaves of a seal of the range, of which no event may be left out."""
        if self.stated and self.stated[-1][1] == start:
            self.stated[-1] = (self.stated[-1][0], end)
        else:
            self.stated.append((start, end))

    def add_sender(self, sender: str, log_index: int) -> None:
        """Note who sent an entry of the session."""
        self.senders.setdefault(sender, log_index)

    def add_seal(self, log_index: int, seal: Seal, *, keep_notes: bool) -> None:
        """Add a seal whose hashes hold."""
        leaves = bytearray(b"".join(seal.leaf_hashes))
        note = SealNote(log_index, seal.note)
        run = SealRun(seal.old_size, seal.old_root, seal.size, seal.root, leaves, [note])
        self.seal_count += 1
        self._link([run], keep_notes=keep_notes)

    def merge(self, other: "SessionDigest", *, keep_notes: bool) -> None:
        """Add what a later part of the log holds of the same session."""
        self.events.extend(other.events)
        self.context.extend(other.context)
        for sender, log_index in other.senders.items():
            self.add_sender(sender, log_index)
        self.opens += other.opens
        self.closes += other.closes
        self.seal_count += other.seal_count
        for start, end in other.stated:
            self.add_stated(start, end)
        self._link(other.runs, keep_notes=keep_notes)

    def sort_runs(self, *, keep_notes: bool) -> None:
        """Bring the runs in the order of the session, and join those that follow each other."""
        runs, self.runs = sorted(self.runs, key=lambda run: (run.start, run.end)), []
        self._link(runs, keep_notes=keep_notes)

    def _link(self, runs: Iterable[SealRun], *, keep_notes: bool) -> None:
        for run in runs:
            last = self.runs[-1] if self.runs else None
            if last and (last.end, last.end_root) == (run.start, run.start_root):
                last.append(run, keep_notes=keep_notes)
            else:
                self.runs.append(run)


@dataclass(slots=True)
class Digest:
    """What was found in a part of the log; see merge."""

    origin: str
    """Name of the log."""
    keep_notes: bool
    """Keep the note of every seal, to check every signature."""
    leaves: bytearray = field(default_factory=bytearray)
    """Leaf hashes of the entries, in order."""
    first_rx_us: int | None = None
    last_rx_us: int | None = None
    kinds: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, SessionDigest] = field(default_factory=dict)
    heads: dict[tuple[int, str], int] = field(default_factory=dict)
    """Log head that an event states, (size, root in base64) -> log index of the first such event."""
    recoveries: list[RecoveryStatement] = field(default_factory=list)
    signed_spans: bytearray = field(default_factory=bytearray)
    span_records: bytearray = field(default_factory=bytearray)
    receipt_starts: bytearray = field(default_factory=bytearray)
    receipt_stated: bytearray = field(default_factory=bytearray)
    receipt_claims: bytearray = field(default_factory=bytearray)
    """Of receipts, packed by receipts.py: clients' first records, their digests, servers' claims."""
    blobs: dict[str, BlobClaim] = field(default_factory=dict)
    """SHA-256 in hex of a blob that a disclosure names -> the first such claim."""
    absent: list[int] = field(default_factory=list)
    """Log indexes of events of which a disclosure is not here."""
    erased_spans: list[tuple[int, int]] = field(default_factory=list)
    """Places of span records of which the leaf hash alone is here."""
    authority: list[AuthorityRecord] = field(default_factory=list)
    """Records of the service that may say why, in the order of the log."""
    deletions: dict[int, list[Deleted]] = field(default_factory=dict)
    """Log index of the confirmation -> the entries that are gone under it."""
    findings: Findings = field(default_factory=Findings)

    @property
    def entry_count(self) -> int:
        """Number of entries."""
        return len(self.leaves) // HASH_BYTES

    def session(self, session: str, log_index: int) -> SessionDigest:
        """Return the digest of a session, made at its first mention."""
        known = self.sessions.get(session)
        if known is None:
            known = self.sessions[session] = SessionDigest(session, log_index)
        return known

    def add_deleted(self, authorised_by: int, deleted: Deleted) -> None:
        """Note an entry whose content is gone, and the confirmation that is said to allow it."""
        self.deletions.setdefault(authorised_by, []).append(deleted)

    def receive(self, rx_us: int, log_index: int) -> None:
        """Note the receive time of the next entry; it never decreases."""
        if self.last_rx_us is not None and rx_us < self.last_rx_us:
            self.findings.fault(
                8,
                f"received at {rx_us}, before the entry in front of it ({self.last_rx_us})",
                Place(log_index=log_index),
            )
        if self.first_rx_us is None:
            self.first_rx_us = rx_us
        self.last_rx_us = rx_us

    def merge(self, other: "Digest", log_index: int) -> None:
        """Add the digest of the next part of the log, which begins at `log_index`."""
        if other.first_rx_us is not None and other.last_rx_us is not None:
            self.receive(other.first_rx_us, log_index)
            self.last_rx_us = other.last_rx_us
        self.leaves += other.leaves
        for kind, number in other.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + number
        for session in other.sessions.values():
            self.session(session.session, session.first_index).merge(
                session, keep_notes=self.keep_notes
            )
        for head, first in other.heads.items():
            self.heads.setdefault(head, first)
        for sha256, claim in other.blobs.items():
            self.blobs.setdefault(sha256, claim)
        self.recoveries += other.recoveries
        self.signed_spans += other.signed_spans
        self.span_records += other.span_records
        self.receipt_starts += other.receipt_starts
        self.receipt_stated += other.receipt_stated
        self.receipt_claims += other.receipt_claims
        self.absent += other.absent
        self.erased_spans += other.erased_spans
        self.authority += other.authority
        for authorised_by, deleted in other.deletions.items():
            self.deletions.setdefault(authorised_by, []).extend(deleted)
        self.findings.merge(other.findings)

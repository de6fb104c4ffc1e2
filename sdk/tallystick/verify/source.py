"""What the verifier reads: one interface over a package, a stopped data directory and a service.

A Source states its `facts`, gives out `pieces` of the log in order, and what stands beside the
log: context records, stored checkpoints, consistency proofs, tile files. A Source checks only
that it can read; whether it holds together is for the steps to say. It raises VerificationError
for what it cannot read at all, and notes smaller faults in the findings that it is given.

A Piece is small, can be pickled, and is read where the work is done: in this process or a worker.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeAlias

from tallystick.verify.finding import Findings

SourceKind: TypeAlias = Literal["package", "data", "live"]

Columns: TypeAlias = Mapping[str, list[object]]
"""Stored columns of some rows: column name -> one value a row; BLOBs are bytes, NULL is None."""


class EventText(NamedTuple):
    """One stored event: line 1, the disclosure lines that came with it, and those that came late."""

    log_index: int
    statement: str
    disclosures: tuple[str, ...]
    late: tuple[str, ...] = ()


class SealText(NamedTuple):
    """One stored seal."""

    log_index: int
    body: str


class SpansText(NamedTuple):
    """The span records of one entry of kind `spans`, in order."""

    log_index: int
    records: tuple[str, ...]


class DeletedText(NamedTuple):
    """What remains of an entry whose content was deleted: its kind, its place in its session, who allowed it."""

    log_index: int
    kind: str
    """`event` or `spans`."""
    session: str
    """Empty for spans, as `seq` is -1."""
    seq: int
    authorised_by: int
    """Log index of the confirmation."""
    entry: bytes | None = None
    """The entry as stored columns give it, where there are any."""


class ContextText(NamedTuple):
    """One entry outside the range with its inclusion proof, and what it commits to."""

    log_index: int
    entry: str
    inclusion: tuple[bytes, ...]
    statement: str | None
    seal: str | None
    deleted: DeletedText | None = None


class CheckpointText(NamedTuple):
    """One signed checkpoint as it is kept; `columns` only where a table keeps it."""

    note: str
    columns: Mapping[str, object] | None = None


class ConsistencyText(NamedTuple):
    """A log head that somebody stated, and the proof that the tree extends it."""

    size: int
    root: bytes
    proof: tuple[bytes, ...]


class BlobBlocks(NamedTuple):
    """A blob that was asked for: its bytes in blocks, None where it is missing."""

    sha256: str
    blocks: Iterable[bytes] | None


@dataclass(slots=True)
class Rows:
    """What a piece holds, each list in the order of log_index.

    `entries[i]` is the exact entry `start + i`, or None where only rows tell of it (a data directory
    whose bundle is missing or does not reach so far). `tables` is for data directories: the stored
    columns of the tables `events`, `seals` and `spans`; row i of `events` and of `seals` belongs to
    events[i] and seals[i]; the rows of `spans` are the span records of all batches, in order.
    Every stored row of the range is given, also one that repeats a log_index or has no entry.
    """

    entries: list[bytes | None]
    events: list[EventText]
    seals: list[SealText]
    spans: list[SpansText]
    deleted: list[DeletedText] = field(default_factory=list)
    """Entries whose content is gone under authority."""
    tables: Mapping[str, Columns] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    """Faults met while reading, such as a line that is not in its one form."""


class Piece(Protocol):
    """The entries [start, stop) and what they commit to; can be pickled."""

    @property
    def start(self) -> int:
        """Log index of the first entry."""

    @property
    def stop(self) -> int:
        """Log index behind the last entry."""

    def read(self) -> Rows:
        """Return the rows; called once, possibly in another process."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a source claims about itself; every claim is checked by a step.

    The records of [start, stop) are given. `checkpoint` is the newest signed note, `tree_size` the
    size that it states. `left` and `right` complete the range to the tree. `stop` may pass
    `tree_size` in a data directory that was not stopped in order.
    """

    kind: SourceKind
    name: str
    origin: str
    checkpoint: str
    tree_size: int
    start: int
    stop: int
    left: tuple[bytes, ...] = ()
    right: tuple[bytes, ...] = ()
    times_us: tuple[int, int] | None = None
    """The range of receive times [from, to) that was asked for; packages alone."""
    counts: Mapping[str, int] | None = None
    """Number of entries by kind; packages alone."""
    file_key: bytes = b""
    """The public key beside the files that are signed with it; packages alone."""
    holds_blobs: bool = True
    """Whether blobs are here at all; a package from which none was asked holds their previews alone."""
    claimed_keys: str = ""
    """A trust policy in the words of the source itself; never trusted unless the auditor says so."""

    @property
    def is_whole(self) -> bool:
        """Whether every record of the log is here."""
        return self.kind != "package" or (self.start == 0 and self.stop == self.tree_size)


class Source(Protocol):
    """One thing to verify. The methods are called once each, `pieces` first, `close` last."""

    @property
    def facts(self) -> Facts:
        """What the source claims about itself."""

    def pieces(self) -> Iterator[Piece]:
        """Yield pieces that cover [start, stop) in order, without gap or overlap."""

    def context(self) -> Iterator[ContextText]:
        """Yield the records outside the range that it needs; packages alone."""

    def checkpoints(self) -> Iterator[CheckpointText]:
        """Yield every other signed checkpoint that is kept, in the order of size."""

    def consistency(self) -> Iterator[ConsistencyText]:
        """Yield the proofs for the log heads that events state; packages alone."""

    def deletion_sets(self) -> Iterator[tuple[int, str]]:
        """Yield each set of deleted entries that the range has a part of, by its confirmation; packages alone."""

    def log_files(self) -> Iterator[str]:
        """Yield the path below `log/` of every tile and bundle file; data directories alone."""

    def log_file(self, path: str, /) -> bytes | None:
        """Return the content of one of them, None where it is absent."""

    def blobs(self, wanted: Iterable[str], /) -> Iterator[BlobBlocks]:
        """Yield each of these blobs, named by its digest in hex. Raises VerificationError for any other."""

    def check_files(self, findings: Findings) -> None:
        """Add what step 1 finds; called after everything else was read."""

    def close(self) -> None:
        """Give back what is held."""

"""What passes between admission and the store: rows to keep, and what is already kept.

Admission runs inside the one writer thread. It reads a `View`, which knows everything that is
committed and everything that earlier requests of the same group will commit, and returns
`Admitted`. The store numbers the rows, stamps them and makes them durable together.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar

import pyarrow as pa

from tallystick.event import Record
from tallystick.span_record import parse_span, span_columns
from tallystick.tlog.seal import Seal
from tallystick.tlog.tree import leaf_hash

Request = TypeVar("Request")
"""What the service hands to the writer; opaque to the store."""

Verdict = TypeVar("Verdict")
"""What the writer's future gives back after the commit; opaque to the store."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One record that becomes a log entry of kind `event`."""

    record: Record
    sender: str | None = None
    """Who speaks, where it is not the sender of the request: the service, in the same commit."""


@dataclass(frozen=True, slots=True)
class SealRow:
    """One seal, checked by admission, that becomes a log entry of kind `seal`."""

    body: str
    seal: Seal
    session: str
    sender: str | None = None
    """As `EventRow.sender`."""

    def covers(self, start: int, end: int) -> bool:
        """Whether the seal is over a leaf in [start, end)."""
        return self.seal.old_size < end and self.seal.size > start


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span record, and what follows from it: whoever printed it need not read it again.

    `record` is the profile JSON of `tallystick.span_record`, `columns` what `span_columns` says of it.
    """

    record: bytes
    leaf_hash: bytes
    columns: Mapping[str, str | int]

    @classmethod
    def of(cls, record: bytes) -> "SpanRow":
        """Read a span record; raise RecordError for bytes that are none."""
        return cls(record, leaf_hash(record), span_columns(parse_span(record)))


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """Span records of one request, at least one: one log entry of kind `spans` over all of them."""

    spans: tuple[SpanRow, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """Disclosure lines that a duplicate brought and the stored record lacks; no log entry.

    Admission has matched each line against the `sd` of the stored statement.
    """

    log_index: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tombstones:
    """What remains of entries whose content is to go, as rows of `schema.TOMBSTONES`; no log entry."""

    table: pa.Table


Row: TypeAlias = EventRow | SealRow | SpanBatch | Merge | Tombstones


@dataclass(frozen=True, slots=True)
class Admitted(Generic[Verdict]):
    """What admission made of one request.

    `sender` is the opaque id of who sent it and stands in each entry (`by`); it holds no personal
    data: 1 to 128 visible ASCII characters. `verdict` is given to the caller of `Writer.submit` once
    the whole group is durable, so that a duplicate is never answered before what it repeats.
    """

    sender: str
    rows: tuple[Row, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class SessionState:
    """What the store knows of one session.

    The fields from `opened_index` to `statement` are None until its `session.open` is kept.
    """

    session: str
    sender: str
    """Who sent the first row of the session."""
    max_seq: int
    """Largest sequence number kept, -1 for none."""
    event_count: int
    sealed_size: int
    """Largest tree size that a seal states, 0 for none."""
    opened_index: int | None = None
    """Log index of the session.open."""
    statement: Mapping[str, object] | None = None
    """The statement of the session.open: session.key, emitter.name, session.delegation, ..."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record that is kept: enough to tell a duplicate from a conflict, and what it lacks."""

    leaf_hash: bytes
    log_index: int
    disclosures: frozenset[str] = field(default_factory=frozenset)
    """The disclosure lines that are there, late ones included."""
    is_erased: bool = False
    """Whether its disclosures were erased: none is taken any more."""
    is_deleted: bool = False
    """Its content was deleted under authority: nothing of it is taken again."""


class View(Protocol):
    """What is kept, committed or about to be; valid only inside one call of admission.

    Sequence numbers above `max_seq` are answered from memory; others cost one query of the
    database per call, so ask for many at once.
    """

    def session(self, session: str) -> SessionState | None:
        """Return what is known of a session; None when no row of it is kept."""

    def leaf_hashes(self, session: str, seqs: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
        """Return the leaf hashes kept under each sequence number; two or more are a conflict.

        Numbers under which nothing is kept are absent from the answer.
        """

    def stored(self, session: str, seqs: Iterable[int]) -> dict[int, tuple[StoredRecord, ...]]:
        """Return the records kept under each sequence number, in log order, with disclosures."""

    def seal_hashes(self, session: str, sizes: Iterable[int]) -> dict[int, tuple[bytes, ...]]:
        """Return the leaf hashes of the seals of a session that end at each of `sizes`."""

    def seals_over(self, session: str, start: int, end: int) -> tuple[str, ...]:
        """Return the bodies of the seals that cover a leaf in [start, end), in log order."""

    def is_recent_span(self, leaf_hash: bytes) -> bool:
        """Whether a span record with this leaf hash, which covers its ids, was kept lately.

        Exact for the newest RECENT_SPANS spans, across restarts; an older repetition is kept
        twice, which is harmless: spans are a best-effort signal.
        """

    def is_erased_span(self, trace_id: str, span_id: str) -> bool:
        """Whether a span of these ids was erased: none is taken any more."""

    def is_recent_log(self, digest: str) -> bool:
        """Whether a foreign log record with this `otlp.digest` was kept lately; as exact as for spans."""


Admit: TypeAlias = Callable[[Request, View], Admitted[Verdict]]
"""admit(request, view): decide about one request.

Runs in the writer thread, one request at a time, in the order of submission. An exception fails
the future of that request alone, and nothing of it is kept.
"""

"""Admission: the checks that need to know what is kept already. Runs in the writer thread alone.

Here a session is bound to the sender of its session.open, a repeated record is told from a conflict,
and a seal from one that contradicts the events it covers. No signature is checked here: screening
did that. What is refused becomes a `log.reject` record in the same commit as what is kept.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tallystick.event import Disclosure, Record
from tallystick.tlog.tree import leaf_hash
from tallystick_ingest import verdict
from tallystick_ingest.masked import MaskedLog, MaskedSpan
from tallystick_ingest.prepared import Prepared
from tallystick_ingest.screening import Candidate, SealCandidate
from tallystick_ingest.service_session import SERVICE_SENDER, ServiceSession
from tallystick_ingest.verdict import Refusal, Verdict
from tallystick_store.rows import (
    Admitted,
    EventRow,
    Merge,
    Row,
    SealRow,
    SpanBatch,
    StoredRecord,
    Tombstones,
    View,
)

_SESSION_OPEN: Final = "session.open"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: what a record of its rejection states."""

    sender: str
    path: str
    body_digest: str = ""
    """SHA-256 of the body as received, hex; empty when no body was read."""


@dataclass(frozen=True, slots=True)
class NativeRequest:
    """A batch of records and seals that screening let through, and what it did not; others' logs beside them."""

    origin: Origin
    candidates: tuple[Candidate, ...]
    refusals: tuple[Refusal, ...] = ()
    logs: tuple[MaskedLog, ...] = ()


@dataclass(frozen=True, slots=True)
class SpanRequest:
    """The foreign spans of one request."""

    origin: Origin
    spans: tuple[MaskedSpan, ...]
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """What the service itself states."""

    drafts: tuple[Prepared, ...]


@dataclass(frozen=True, slots=True)
class BurialRequest:
    """Tombstones of entries whose content was allowed to go."""

    tombstones: Tombstones


Request = NativeRequest | SpanRequest | ServiceRequest | BurialRequest

RejectDraft = Callable[[Origin, Sequence[Refusal]], Prepared | None]
"""Makes the `log.reject` record of one request; None when what was refused is counted elsewhere."""


class Admission:
    """Decides about requests, one at a time; `admit` is what the store's writer calls."""

    def __init__(self, service: ServiceSession, reject_draft: RejectDraft) -> None:
        """Speak through the session `service`."""
        self._service = service
        self._reject_draft = reject_draft

    def admit(self, request: Request, view: View) -> Admitted[Verdict]:
        """Decide what of `request` is kept; never raises for what a sender can send."""
        if isinstance(request, ServiceRequest):
            rows = self._service.emit(request.drafts, view)
            return Admitted(SERVICE_SENDER, rows, Verdict(service_size=self._service.size))
        if isinstance(request, BurialRequest):
            return Admitted(SERVICE_SENDER, (request.tombstones,), Verdict())
        if isinstance(request, SpanRequest):
            return self._admit_spans(request, view)
        batch = _NativeBatch(request.origin.sender, view, list(request.refusals))
        batch.admit(request.candidates)
        fresh = {
            one.digest: one.derived for one in request.logs if not view.is_recent_log(one.digest)
        }
        found = batch.verdict()
        outcome = replace(
            found,
            kept=found.kept + len(fresh),
            duplicates=found.duplicates + len(request.logs) - len(fresh),
        )
        return self._admitted(request.origin, batch.rows, tuple(fresh.values()), outcome, view)

    def _admit_spans(self, request: SpanRequest, view: View) -> Admitted[Verdict]:
        fresh: dict[bytes, MaskedSpan] = {}
        for span in request.spans:
            columns = span.row.columns
            if view.is_erased_span(str(columns["trace_id"]), str(columns["span_id"])):
                continue
            if not view.is_recent_span(span.row.leaf_hash):
                fresh.setdefault(span.row.leaf_hash, span)
        rows: list[Row] = []
        if fresh:
            rows.append(SpanBatch(tuple(span.row for span in fresh.values())))
        derived = tuple(span.derived for span in fresh.values() if span.derived is not None)
        outcome = Verdict(
            kept=len(fresh),
            duplicates=len(request.spans) - len(fresh),
            refusals=request.refusals,
        )
        return self._admitted(request.origin, rows, derived, outcome, view)

    def _admitted(
        self,
        origin: Origin,
        rows: Sequence[Row],
        derived: tuple[Prepared, ...],
        outcome: Verdict,
        view: View,
    ) -> Admitted[Verdict]:
        drafts = derived
        rejected = self._reject_draft(origin, outcome.refusals) if outcome.refusals else None
        if rejected is not None:
            drafts = (*drafts, rejected)
        said = self._service.emit(drafts, view) if drafts else ()
        final = replace(outcome, service_size=self._service.size if said else 0)
        return Admitted(origin.sender, (*rows, *said), final)


@dataclass(frozen=True, slots=True)
class _Session:
    """What the checks need of a session that is open."""

    sender: str
    key: str
    emitter: tuple[str, str]


_Place = tuple[str, int]
"""Session and sequence number."""


class _RefusedError(Exception):
    """Carries a refusal out of a check."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(reason, detail)


@dataclass(slots=True)
class _NativeBatch:
    """One native request on its way through the checks."""

    sender: str
    view: View
    refusals: list[Refusal]
    rows: list[Row] = field(default_factory=list)
    duplicates: int = 0
    conflicts: int = 0
    stored: dict[_Place, tuple[StoredRecord, ...]] = field(default_factory=dict)
    sessions: dict[str, _Session | None] = field(default_factory=dict)
    """Sessions that were looked up, and those that this very request opens."""
    seals: set[bytes] = field(default_factory=set)
    """Leaf hashes of the seals of this very request."""
    opened: list[tuple[str, str]] = field(default_factory=list)
    """Sessions that this very request opens, with their keys."""
    here: dict[_Place, dict[bytes, int]] = field(default_factory=dict)
    """Events of this very request: place -> leaf hash -> position in `rows`."""

    def admit(self, candidates: Sequence[Candidate]) -> None:
        """Check each candidate, in the order in which it was sent."""
        self._look_up(candidates)
        for candidate in candidates:
            try:
                if isinstance(candidate, SealCandidate):
                    self._admit_seal(candidate)
                else:
                    self._admit_event(candidate)
            except _RefusedError as refused:
                self.refusals.append(refused.refusal)

    def verdict(self) -> Verdict:
        """Sum up; `kept` counts the records and seals that become log entries."""
        kept = sum(not isinstance(row, Merge) for row in self.rows)
        return Verdict(
            kept,
            self.duplicates,
            self.conflicts,
            tuple(self.refusals),
            opened=tuple(self.opened),
        )

    def _look_up(self, candidates: Sequence[Candidate]) -> None:
        """Ask once per session for everything that is kept under the numbers in this request."""
        wanted: defaultdict[str, list[int]] = defaultdict(list)
        for candidate in candidates:
            if isinstance(candidate, Record):
                wanted[candidate.session].append(candidate.seq)
        for session, seqs in wanted.items():
            for seq, records in self.view.stored(session, seqs).items():
                self.stored[session, seq] = records

    def _admit_event(self, record: Record) -> None:
        session = self._session(record.session)
        if session is None and record.statement["type"] == _SESSION_OPEN:
            session = self.sessions[record.session] = _session_of(self.sender, record.statement)
            self.opened.append((record.session, session.key))
        self._require_sender(record.session, session)
        if record.statement["type"] == "session.recovered":
            self._require_own_tail(record, session)
        place, leaf = (record.session, record.seq), record.leaf_hash
        kept, local = self.stored.get(place, ()), self.here.setdefault(place, {})
        same = next((one for one in kept if one.leaf_hash == leaf), None)
        if same is not None:
            self._repeat(record, same)
        elif leaf in local:
            self._join(record, local[leaf])
        else:
            self.conflicts += bool(kept or local)
            local[leaf] = len(self.rows)
            self.rows.append(EventRow(record))

    def _repeat(self, record: Record, same: StoredRecord) -> None:
        """Count a record that is kept already, and keep the disclosures that it lacked; of a deleted one nothing."""
        self.duplicates += 1
        if same.is_deleted:
            return
        late = tuple(one.line for one in record.disclosures if one.line not in same.disclosures)
        if late and not same.is_erased:
            self.rows.append(Merge(same.log_index, late))

    def _join(self, record: Record, position: int) -> None:
        """Count a record that stands twice in this request, and unite its disclosures."""
        self.duplicates += 1
        first = self.rows[position]
        if isinstance(first, EventRow):
            united: dict[str, Disclosure] = {
                one.line: one for one in (*first.record.disclosures, *record.disclosures)
            }
            merged = Record(record.line, record.statement, tuple(united.values()))
            self.rows[position] = EventRow(merged)

    def _admit_seal(self, candidate: SealCandidate) -> None:
        session = self._require_sender(candidate.session, self._session(candidate.session))
        if candidate.session_key != session.key:
            raise _RefusedError(
                verdict.SEAL_SIGNATURE, "the seal is signed with another key than the session's"
            )
        seal, digest = candidate.seal, leaf_hash(candidate.body.encode())
        known = self.view.seal_hashes(candidate.session, [seal.size]).get(seal.size, ())
        if digest in known or digest in self.seals:
            self.duplicates += 1
            return
        self._require_agreement(candidate)
        self.conflicts += bool(known)
        self.seals.add(digest)
        self.rows.append(SealRow(candidate.body, seal, candidate.session))

    def _require_agreement(self, candidate: SealCandidate) -> None:
        """Refuse a seal whose leaf is none of the events that are known under its number."""
        seal, session = candidate.seal, candidate.session
        sealed = dict(enumerate(seal.leaf_hashes, seal.old_size))
        open_seqs = [
            seq for seq, leaf in sealed.items() if leaf not in self.here.get((session, seq), ())
        ]
        kept = self.view.leaf_hashes(session, open_seqs)
        for seq in open_seqs:
            known = {*kept.get(seq, ()), *self.here.get((session, seq), ())}
            if known and sealed[seq] not in known:
                raise _RefusedError(
                    verdict.SEAL_MISMATCH,
                    f"leaf {seq} of the seal at size {seal.size} is none of the events that are "
                    f"known under that number of session {session}",
                )

    def _session(self, session: str) -> _Session | None:
        if session not in self.sessions:
            state = self.view.session(session)
            self.sessions[session] = (
                _session_of(state.sender, state.statement)
                if state is not None and state.statement is not None
                else None
            )
        return self.sessions[session]

    def _require_sender(self, name: str, session: _Session | None) -> _Session:
        if session is None:
            raise _RefusedError(
                verdict.UNKNOWN_SESSION, f"session {name} was not opened here: send its open again"
            )
        if session.sender != self.sender:
            raise _RefusedError(
                verdict.WRONG_SENDER, f"session {name} was opened by another sender"
            )
        return session

    def _require_own_tail(self, record: Record, session: _Session | None) -> None:
        """Refuse to adopt the tail of a session that another emitter opened."""
        dead = self._session(str(record.statement.get("recovered.session")))
        if dead is not None and session is not None and dead.emitter != session.emitter:
            raise _RefusedError(
                verdict.WRONG_SENDER, "the recovered session belongs to another emitter"
            )


def _session_of(sender: str, statement: Mapping[str, object]) -> _Session:
    emitter = (str(statement["emitter.name"]), str(statement["emitter.key_id"]))
    return _Session(sender, str(statement["session.key"]), emitter)

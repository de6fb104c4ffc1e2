"""Step 7: the events of each session are whole, in order, and sealed or recovered.

Events are compared with the sealed leaves of their session as bytes. What is not sealed must have
been adopted: a later session of the same emitter states the leaf hashes of the dead one's tail in a
`session.recovered` that is itself sealed or recovered.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tallystick.verify.digest import RecoveryStatement, SessionDigest
from tallystick.verify.finding import Findings, Place
from tallystick.verify.keys import Opening
from tallystick.verify.seals import SealedLeaves


class Leaf(NamedTuple):
    """One event of a session: its leaf hash, and where it stands in the log."""

    hash: bytes
    log_index: int


@dataclass(slots=True)
class SessionCase:
    """Everything that is known of one session when its events are judged."""

    digest: SessionDigest
    opening: Opening
    sealed: list[SealedLeaves]
    recovered: dict[int, bytes] = field(default_factory=dict)
    """Sequence number -> leaf hash that a later session of the emitter has adopted."""

    def vouched(self, seq: int) -> bytes | None:
        """Return the hash of leaf `seq` as it is sealed, else as it is recovered."""
        return self.sealed_leaf(seq) or self.recovered.get(seq)

    def sealed_leaf(self, seq: int) -> bytes | None:
        """Return the hash of leaf `seq` as it is sealed."""
        position = bisect_right(self.sealed, seq, key=lambda leaves: leaves.start) - 1
        if position < 0 or seq >= self.sealed[position].end:
            return None
        return self.sealed[position].part(seq, seq + 1)

    @property
    def vouched_end(self) -> int:
        """One more than the largest sequence number that is sealed or recovered."""
        sealed = self.sealed[-1].end if self.sealed else 0
        return max(sealed, max(self.recovered, default=-1) + 1)


def adopt_tails(
    cases: Mapping[str, SessionCase],
    recoveries: Iterable[RecoveryStatement],
    findings: Findings,
    *,
    is_whole: bool,
) -> None:
    """Give each case the leaves that a vouched-for `session.recovered` adopts.

    A recovery in a session that died in turn counts once its own leaf is recovered.
    """
    waiting: dict[str, list[RecoveryStatement]] = {}
    for recovery in recoveries:
        waiting.setdefault(recovery.session, []).append(recovery)
    queue = deque(waiting)
    while queue:
        session = queue.popleft()
        statements, waiting[session] = waiting[session], []
        for statement in statements:
            if cases[session].vouched(statement.seq) != statement.leaf_hash:
                waiting[session].append(statement)
                continue
            _adopt(statement, cases, findings, is_whole=is_whole)
            if statement.target in waiting:
                queue.append(statement.target)


def _adopt(
    statement: RecoveryStatement,
    cases: Mapping[str, SessionCase],
    findings: Findings,
    *,
    is_whole: bool,
) -> None:
    findings.count(7, "recoveries")
    place = Place(log_index=statement.log_index, session=statement.session, seq=statement.seq)
    target = cases.get(statement.target)
    if target is None:
        if is_whole:
            findings.fault(7, f"adopts the tail of {statement.target}, which is not here", place)
        return
    adopter = cases[statement.session].opening
    if adopter.session == target.opening.session or adopter.emitter != target.opening.emitter:
        message = f"adopts the tail of {statement.target}, which is not its emitter's to adopt"
        findings.fault(7, message, place)
        return
    for seq, leaf in enumerate(statement.leaves, statement.first_seq):
        if target.recovered.setdefault(seq, leaf) != leaf:
            findings.fault(7, f"adopts another leaf {seq} of {statement.target}", place)
        elif target.sealed_leaf(seq) not in (None, leaf):
            findings.fault(7, f"adopts a leaf {seq} that {statement.target} did not seal", place)


def check_session(
    case: SessionCase, findings: Findings, *, is_whole: bool, is_newest: bool
) -> None:
    """Judge the events of one session.

    `is_whole`: all its events are here; else only those must be that lie between its first and last
    in the range, and those that a seal of the range states. `is_newest`: the range ends at the newest checkpoint.
    """
    digest = case.digest
    if not _is_plain(case):
        leaves = _leaves_by_seq(digest, findings)
        _check_leaves(case, leaves, findings)
        _check_density(case, leaves, findings, is_whole=is_whole)
    else:
        findings.count(7, "sealed events", len(digest.events.seqs))
    _check_close(case, findings)
    if is_newest and not digest.closes:
        findings.notice(
            7, "ended in silence, or is still open: no session.close", Place(session=digest.session)
        )


def _is_plain(case: SessionCase) -> bool:
    """Whether every leaf from 0 on is here once, in order, and sealed as it is: nearly always so."""
    events, sealed = case.digest.events, case.sealed
    return (
        not case.digest.context.seqs
        and not case.recovered
        and len(sealed) == 1
        and sealed[0].start == 0
        and sealed[0].hashes == events.hashes
        and events.seqs == array("q", range(len(events.seqs)))
    )


def _leaves_by_seq(digest: SessionDigest, findings: Findings) -> dict[int, Leaf]:
    leaves: dict[int, Leaf] = {}
    for events in (digest.events, digest.context):
        for position, (seq, log_index) in enumerate(zip(events.seqs, events.indexes, strict=True)):
            leaf = Leaf(events.hash_at(position), log_index)
            known = leaves.setdefault(seq, leaf)
            place = Place(log_index=log_index, session=digest.session, seq=seq)
            if known.hash != leaf.hash:
                message = f"conflict: another event than at log index {known.log_index}"
                findings.fault(7, message, place)
            elif known is not leaf:
                findings.notice(7, f"the same event as at log index {known.log_index}", place)
    return leaves


def _check_leaves(case: SessionCase, leaves: Mapping[int, Leaf], findings: Findings) -> None:
    unsealed: list[int] = []
    for seq, leaf in sorted(leaves.items()):
        place = Place(log_index=leaf.log_index, session=case.digest.session, seq=seq)
        sealed, recovered = case.sealed_leaf(seq), case.recovered.get(seq)
        if sealed is None and recovered is None:
            unsealed.append(seq)
        elif leaf.hash != (sealed or recovered):
            findings.fault(7, "the event is not the leaf that was sealed or recovered", place)
        else:
            findings.count(7, "sealed events" if sealed else "recovered events")
    for first, last in _ranges(unsealed):
        place = Place(log_index=leaves[first].log_index, session=case.digest.session, seq=first)
        findings.fault(7, f"{_leaves(first, last)} neither sealed nor recovered", place)


def _check_density(
    case: SessionCase, leaves: Mapping[int, Leaf], findings: Findings, *, is_whole: bool
) -> None:
    seqs, expected = sorted(leaves), 0
    for first, end in _wanted(case, seqs, is_whole=is_whole):
        expected = max(expected, first)
        held = seqs[bisect_left(seqs, expected) : bisect_left(seqs, end)]
        for seq in [*held, end]:
            if seq > expected:
                message = f"{_leaves(expected, seq - 1)} missing"
                findings.fault(7, message, Place(session=case.digest.session, seq=expected))
            expected = max(expected, seq + 1 if seq < end else end)


def _wanted(case: SessionCase, seqs: Sequence[int], *, is_whole: bool) -> list[tuple[int, int]]:
    """Return [first, end) of the leaves that must be here: all, or those that the range speaks of.

    The range speaks of what lies between its first and last event, and of what its seals state.
    """
    if is_whole:
        return [(0, max(case.vouched_end, max(seqs, default=-1) + 1))]
    in_range = case.digest.events.seqs
    between = [(min(in_range), max(in_range) + 1)] if in_range else []
    return sorted([*between, *case.digest.stated])


def _check_close(case: SessionCase, findings: Findings) -> None:
    closes, digest = case.digest.closes, case.digest
    if not closes:
        return
    place = Place(log_index=closes[0].log_index, session=digest.session, seq=closes[0].seq)
    if len(closes) > 1:
        findings.fault(7, f"{len(closes)} session.close: expected one", place)
    last = max(
        case.vouched_end - 1,
        max(digest.events.seqs, default=-1),
        max(digest.context.seqs, default=-1),
    )
    if last > closes[0].seq:
        findings.fault(7, f"leaf {last} stands behind the session.close", replace(place, seq=last))


def _ranges(seqs: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each run of consecutive numbers."""
    first = last = None
    for seq in seqs:
        if first is not None and last is not None and seq != last + 1:
            yield first, last
            first = None
        first = seq if first is None else first
        last = seq
    if first is not None and last is not None:
        yield first, last


def _leaves(first: int, last: int) -> str:
    return f"leaf {first} is" if first == last else f"leaves {first} to {last} are"

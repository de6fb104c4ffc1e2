"""What a range needs from outside it, so that it can be verified alone.

For each session with an event or seal in the range: its `session.open`; the events whose sequence
numbers lie between its first and last in the range, or which a seal in the range states, but which
arrived outside; the seals over all of these; and where the seals leave leaves out, the recoveries
that adopt them, which are events of other sessions and need the same. Last, the entries next to the
range, which show that its times are whole.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from tallystick.errors import RecordError, VerificationError
from tallystick.profile import JsonValue, decode
from tallystick.tlog.seal import parse_seal
from tallystick.verify.digest import SESSION_PREFIX
from tallystick.verify.source import DeletedText, EventText, SealText
from tallystick_store.evidence.reader import EvidenceReader

ContextContent: TypeAlias = EventText | SealText | DeletedText | None


@dataclass(slots=True)
class SessionNeed:
    """The leaves of one session that a package holds, and the seals over them."""

    leaves: set[int] = field(default_factory=set)
    first: int | None = None
    last: int | None = None
    """First and last sequence number in the range; None when only seals are."""
    sealed: list[tuple[int, int]] = field(default_factory=list)
    """[old size, size) of each seal."""
    stated: list[tuple[int, int]] = field(default_factory=list)
    """[old size, size) of each seal in the range."""

    def take(self, seq: int, *, in_range: bool) -> None:
        """Note a leaf that the package holds."""
        self.leaves.add(seq)
        if in_range:
            self.first = seq if self.first is None else min(self.first, seq)
            self.last = seq if self.last is None else max(self.last, seq)

    def missing(self) -> Iterator[tuple[int, int]]:
        """Yield first and last of each hole: leaf 0, and in what the range speaks of."""
        if 0 not in self.leaves:
            yield 0, 0
        between = [] if self.first is None or self.last is None else [(self.first, self.last + 1)]
        seqs, expected = sorted(self.leaves), 0
        for first, end in sorted([*between, *self.stated]):
            expected = max(expected, first)
            for seq in [*seqs[bisect_left(seqs, expected) : bisect_left(seqs, end)], end]:
                if seq > expected:
                    yield expected, seq - 1
                expected = max(expected, seq + 1 if seq < end else end)

    def unsealed(self) -> list[int]:
        """Return the leaves that no seal covers, in order."""
        seals, position, unsealed = sorted(self.sealed), 0, []
        end = 0
        for seq in sorted(self.leaves):
            while position < len(seals) and seals[position][0] <= seq:
                end = max(end, seals[position][1])
                position += 1
            if seq >= end:
                unsealed.append(seq)
        return unsealed


class Selection:
    """Collects what a package holds while its range is written, then what else it needs."""

    def __init__(self, reader: EvidenceReader, start: int, stop: int) -> None:
        self._reader = reader
        self._start = start
        self._stop = stop
        self._needs: dict[str, SessionNeed] = {}
        self._context: dict[int, ContextContent] = {}
        self._authorised: set[int] = set()
        self.heads: dict[int, set[str]] = {}
        """Log heads that the events of the package state: size -> roots in base64."""

    def observe_event(self, event: EventText) -> None:
        """Take note of an event of the range."""
        self._take_event(event, in_range=True)

    def observe_seal(self, seal: SealText) -> None:
        """Take note of a seal of the range."""
        self._take_seal(seal, in_range=True)

    def observe_deleted(self, text: DeletedText) -> None:
        """Take note of an entry of the range whose content is gone."""
        self._take_deleted(text, in_range=True)

    @property
    def authorised(self) -> frozenset[int]:
        """Log indexes of the confirmations by which something here was deleted."""
        return frozenset(self._authorised)

    def context(self) -> list[tuple[int, ContextContent]]:
        """Return what the range needs from outside, in log order; None for a bare entry."""
        self._complete_all(list(self._needs))
        if self._authorised:
            for event in self._reader.authority():
                self._add(event)
            self._complete_all(list(self._needs))
        for log_index in (self._start - 1, self._stop):
            if 0 <= log_index < self._reader.tree_size:
                self._context.setdefault(log_index, None)
        return sorted(self._context.items())

    def _complete_all(self, waiting: list[str]) -> None:
        while waiting:
            waiting += self._complete(waiting.pop())

    def _complete(self, session: str) -> Iterable[str]:
        """Fill up one session; return the sessions that have new leaves because of it."""
        need = self._needs[session]
        for first, last in list(need.missing()):
            for event in self._reader.events(session, first, last):
                self._add(event)
            for deleted in self._reader.deleted_of(session, first, last):
                self._add(deleted)
        unsealed = need.unsealed()
        if unsealed:
            for seal in self._reader.seals(session, unsealed[0], unsealed[-1]):
                self._add(seal)
        return self._adopters(session, set(need.unsealed()))

    def _adopters(self, session: str, orphans: set[int]) -> Iterable[str]:
        if not orphans:
            return []
        adopters = []
        for event in self._reader.recoveries(session):
            statement = _statement(event)
            first, leaves = statement.get("recovered.first_seq"), statement.get("recovered.leaves")
            first = first if isinstance(first, int) else 0
            adopted = range(first, first + len(leaves if isinstance(leaves, list) else ()))
            if any(seq in adopted for seq in orphans) and self._add(event):
                adopters += [one for one in [statement.get("session")] if one in self._needs]
        return adopters

    def _add(self, content: EventText | SealText | DeletedText) -> bool:
        """Put a record into the context, unless the range or the context holds it."""
        log_index = content.log_index
        if self._start <= log_index < self._stop or log_index in self._context:
            return False
        self._context[log_index] = content
        if isinstance(content, EventText):
            self._take_event(content, in_range=False)
        elif isinstance(content, DeletedText):
            self._take_deleted(content, in_range=False)
        else:
            self._take_seal(content, in_range=False)
        return True

    def _take_event(self, event: EventText, *, in_range: bool) -> None:
        statement = _statement(event)
        session, seq = statement.get("session"), statement.get("seq")
        if not isinstance(session, str) or not isinstance(seq, int):
            return
        self._needs.setdefault(session, SessionNeed()).take(seq, in_range=in_range)
        if "log.size" in statement and "log.root" in statement:
            self.heads.setdefault(statement["log.size"], set()).add(statement["log.root"])

    def _take_deleted(self, text: DeletedText, *, in_range: bool) -> None:
        self._authorised.add(text.authorised_by)
        if text.kind == "event":
            self._needs.setdefault(text.session, SessionNeed()).take(text.seq, in_range=in_range)

    def _take_seal(self, text: SealText, *, in_range: bool) -> None:
        try:
            seal = parse_seal(text.body)
        except VerificationError:
            return
        session = seal.origin.removeprefix(SESSION_PREFIX)
        need = self._needs.setdefault(session, SessionNeed())
        need.sealed.append((seal.old_size, seal.size))
        if in_range:
            need.stated.append((seal.old_size, seal.size))


def _statement(event: EventText) -> dict[str, JsonValue]:
    """Return a statement; an empty one where the row was changed from outside."""
    try:
        statement = decode((event.statement or "").encode())
    except RecordError:
        return {}
    return statement if isinstance(statement, dict) else {}

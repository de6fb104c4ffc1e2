"""Who was allowed to delete what: requests, confirmations and holds, read from records of the log alone.

One person asks, another confirms, within the time that the request states and for exactly what it states;
a hold that is in force wins. A record that breaks a rule has no effect, whoever wrote it: the service and
the verifier read the same records by the same rules, so that what was done can be proven or refuted.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from tallystick.calendar_span import FLOOR
from tallystick.verify.floor import EXCEPTION_KIND, exception_fault, read_exception

RequestKind: TypeAlias = Literal["records", "values", "policy"]
RequestState: TypeAlias = Literal["waiting", "confirmed", "withdrawn", "expired"]

REQUEST_KINDS: Final = ("records", "values", "policy")
AUTHORITY_TYPES: Final = (
    "log.hold",
    "log.release",
    "log.delete.requested",
    "log.delete.confirmed",
    "log.delete.withdrawn",
)
AUTHORITY_SENDER: Final = "service"
"""Only the service's own records count: it has authenticated the people that they name."""
_RANGE_DIGITS: Final = 34
_MOST_INDEXES: Final = 5_000_000
"""Digits of a range, and entries of a set: more than anything honest has."""
_RELEASING_ROLE: Final = "admin"
"""May release a hold that they placed themselves; everybody else needs another person."""


class AuthorityRecord(NamedTuple):
    """One record that may give authority: where it stands, when it was received, what it says."""

    log_index: int
    rx_us: int
    statement: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """That a second person agreed."""

    log_index: int
    rx_us: int
    by: str
    holds: tuple[str, ...]


@dataclass(slots=True)
class DeletionRequest:
    """What one person asked for, and what became of it."""

    id: str
    kind: RequestKind
    digest: str
    count: int
    filter: Mapping[str, str]
    by: str
    log_index: int
    rx_us: int
    expires_us: int
    confirmation: Confirmation | None = None
    withdrawn_index: int | None = None

    def state(self, now_us: int) -> RequestState:
        """Return where it stands at a time."""
        if self.withdrawn_index is not None:
            return "withdrawn"
        if self.confirmation is not None:
            return "confirmed"
        return "waiting" if now_us < self.expires_us else "expired"

    def may_be_withdrawn(self, now_us: int) -> bool:
        """Whether it can be taken back: as long as it waits, and an exception from the floor also later."""
        state = self.state(now_us)
        return state == "waiting" or (self.kind == EXCEPTION_KIND and state == "confirmed")

    def is_in_force(self, log_index: int, rx_us: int) -> bool:
        """Whether, as an exception from the floor, it was in force when an entry was written and received."""
        confirmation, withdrawn = self.confirmation, self.withdrawn_index
        if self.kind != EXCEPTION_KIND or confirmation is None:
            return False
        is_revoked = withdrawn is not None and withdrawn < log_index
        is_stated = confirmation.log_index < log_index and not is_revoked
        return is_stated and rx_us < read_exception(self.filter).until_us

    def refusal(self, by: str, digest: str, now_us: int) -> str | None:
        """Return why this person cannot confirm this; None when they can."""
        state = self.state(now_us)
        if state != "waiting":
            return f"the request is {state}"
        if by == self.by:
            return "it takes another person than the one who asked"
        if digest != self.digest:
            return "what was confirmed is not what was asked for: another digest"
        return None


@dataclass(slots=True)
class Hold:
    """Records that must stay, whatever else was decided."""

    id: str
    filter: Mapping[str, str]
    by: str
    log_index: int
    rx_us: int
    released_index: int | None = None

    def is_in_force(self, log_index: int) -> bool:
        """Whether it was in force when the entry at `log_index` was written."""
        is_placed = self.log_index < log_index
        return is_placed and (self.released_index is None or self.released_index >= log_index)


@dataclass(slots=True)
class Authority:
    """Everything that was asked, confirmed and held, in the order of the log."""

    requests: dict[str, DeletionRequest] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    confirmed: dict[int, DeletionRequest] = field(default_factory=dict)
    """Log index of a confirmation that counts -> the request that it confirms."""
    without_effect: dict[int, str] = field(default_factory=dict)
    """Log index of a record that breaks a rule -> the rule."""

    @classmethod
    def of(cls, records: Iterable[AuthorityRecord]) -> "Authority":
        """Read records that stand in the order of the log."""
        authority = cls()
        for record in records:
            authority.add(record)
        return authority

    def add(self, record: AuthorityRecord) -> None:
        """Take up the next record."""
        try:
            reason = _READERS[record.statement["type"]](self, record)
        except (KeyError, TypeError) as error:
            reason = f"it lacks a field, or one has another type: {error}"
        if reason:
            self.without_effect[record.log_index] = reason

    def holds_in_force(self, log_index: int) -> list[Hold]:
        """Return the holds that were in force when the entry at `log_index` was written."""
        return [hold for hold in self.holds.values() if hold.is_in_force(log_index)]

    def exceptions_in_force(
        self, log_index: int, rx_us: int, class_name: str | None
    ) -> list[DeletionRequest]:
        """Return the exceptions from the floor by which an entry of that place and time may delete a class."""
        return [
            one
            for one in self.requests.values()
            if one.is_in_force(log_index, rx_us) and read_exception(one.filter).is_for(class_name)
        ]

    def floor_cut_us(
        self, log_index: int, rx_us: int, class_name: str | None, spare_us: int = 0
    ) -> int:
        """Return before when an entry came that may be deleted then; exceptions must last `spare_us` longer."""
        exceptions = self.exceptions_in_force(log_index, rx_us + spare_us, class_name)
        spans = (FLOOR, *(read_exception(one.filter).keep for one in exceptions))
        return max(span.over_before_us(rx_us) for span in spans)


def index_ranges(indexes: Iterable[int]) -> str:
    """Print log indexes in their one form: sorted, each once, neighbours joined: ``4,7-9``."""
    kept = sorted(set(indexes))
    if not kept:
        return ""
    breaks = [0, *(at for at, (a, b) in enumerate(pairwise(kept), 1) if b != a + 1), len(kept)]
    runs = [(kept[start], kept[stop - 1]) for start, stop in pairwise(breaks)]
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def index_digest(indexes: Iterable[int]) -> str:
    """Return the digest by which a set of log entries is asked for and confirmed: SHA-256, hex."""
    return hashlib.sha256(index_ranges(indexes).encode()).hexdigest()


def read_ranges(text: str) -> list[int]:
    """Read what `index_ranges` prints; nothing for anything else, and for what no log could hold."""
    indexes: list[int] = []
    for part in text.split(",") if text else ():
        low, _, high = part.partition("-")
        if (
            not part.isascii()
            or not low.isdecimal()
            or not (high or low).isdecimal()
            or len(low) + len(high) > _RANGE_DIGITS
        ):
            return []
        if int(high or low) - int(low) + len(indexes) > _MOST_INDEXES:
            return []
        indexes += range(int(low), int(high or low) + 1)
    return indexes


def _read_hold(authority: Authority, record: AuthorityRecord) -> str | None:
    statement = record.statement
    id_ = statement["hold.id"]
    if id_ in authority.holds:
        return "a hold of this id exists"
    by = statement["client.id"]
    authority.holds[id_] = Hold(
        id_, dict(statement["hold.filter"]), by, record.log_index, record.rx_us
    )
    return None


def _read_release(authority: Authority, record: AuthorityRecord) -> str | None:
    statement = record.statement
    hold = authority.holds.get(statement["hold.id"])
    if hold is None or hold.released_index is not None:
        return "there is no such hold in force"
    reason = release_refusal(hold, statement["client.id"], statement.get("roles", ()))
    if _is_person(statement) and reason is None:
        hold.released_index = record.log_index
        return None
    return reason or "only a person can release a hold"


def release_refusal(hold: Hold, by: str, roles: Iterable[str]) -> str | None:
    """Return why this person cannot release a hold; None when they can."""
    if by == hold.by and _RELEASING_ROLE not in roles:
        return "it takes another person than the one who placed it, or an administrator"
    return None


def _read_request(authority: Authority, record: AuthorityRecord) -> str | None:
    statement = record.statement
    id_, kind = statement["request.id"], statement["request.kind"]
    if id_ in authority.requests:
        return "a request of this id exists"
    if kind not in REQUEST_KINDS or not _is_person(statement):
        return "only a person can ask, and only for what this version knows"
    if kind == EXCEPTION_KIND:
        fault = exception_fault(statement["request.filter"], statement["request.digest"])
        if fault is not None:
            return fault
    authority.requests[id_] = DeletionRequest(
        id_,
        kind,
        statement["request.digest"],
        statement["request.count"],
        dict(statement["request.filter"]),
        statement["client.id"],
        record.log_index,
        record.rx_us,
        statement["request.expires_us"],
    )
    return None


def _read_confirmation(authority: Authority, record: AuthorityRecord) -> str | None:
    statement = record.statement
    request = authority.requests.get(statement["request.id"])
    if request is None:
        return "there is no such request"
    if not _is_person(statement):
        return "only a person can confirm"
    by, holds = statement["client.id"], tuple(statement["request.holds"])
    reason = request.refusal(by, statement["request.digest"], record.rx_us)
    in_force = sorted(hold.id for hold in authority.holds_in_force(record.log_index))
    if reason is None and list(holds) != in_force:
        reason = "it does not name every hold that was in force, and no other"
    if reason is None:
        request.confirmation = Confirmation(record.log_index, record.rx_us, by, holds)
        authority.confirmed[record.log_index] = request
    return reason


def _read_withdrawal(authority: Authority, record: AuthorityRecord) -> str | None:
    request = authority.requests.get(record.statement["request.id"])
    if request is None or not request.may_be_withdrawn(record.rx_us):
        return "there is no such request that could be withdrawn"
    request.withdrawn_index = record.log_index
    return None


def _is_person(statement: Mapping[str, Any]) -> bool:
    """Whether the service vouches that a person did this: an API key is nobody's word."""
    vouched = (statement.get("principal.type"), statement.get("principal.basis"))
    return vouched == ("human", "authenticated")


_READERS: Final = {
    "log.hold": _read_hold,
    "log.release": _read_release,
    "log.delete.requested": _read_request,
    "log.delete.confirmed": _read_confirmation,
    "log.delete.withdrawn": _read_withdrawal,
}

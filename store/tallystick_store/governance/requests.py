"""Two people for everything that cannot be undone: one asks, another confirms, and the log says both.

The state of a request is nothing but what records of the log say (`tallystick.verify.authority`), so that
it survives every crash and can be proven. This module reads those records and prints new ones; who a person
is, and whether they may, is for the caller to have made sure of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tallystick.errors import AdmissionError, AuthorizationError, RecordError
from tallystick.event import Statement, parse_statement
from tallystick.verify.authority import (
    AUTHORITY_SENDER,
    AUTHORITY_TYPES,
    Authority,
    AuthorityRecord,
    DeletionRequest,
    RequestKind,
)
from tallystick_store.engine.duckdb import Database
from tallystick_store.shown_actions import quoted

REQUEST_LIFE_US: Final = 14 * 24 * 3600 * 1_000_000
"""How long a request waits for its second person."""
LAST_MOMENT_US: Final = 60 * 1_000_000
"""Nothing is confirmed so shortly before the end: the record must be received before it."""

_RECORDS: Final = f"""
    SELECT log_index, rx_us, statement FROM events
    WHERE type IN ({quoted(*AUTHORITY_TYPES)}) AND sender = ? ORDER BY log_index
"""  # noqa: S608 - own words


class ConflictError(AdmissionError):
    """What is asked for does not fit what was decided meanwhile: look at it again."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the service authenticated, by the id of their account: one for all their sessions."""

    id: str
    name: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for. `digest` is over exactly what is to go, `count` the entries it touches."""

    kind: RequestKind
    digest: str
    count: int
    filter: Mapping[str, str]


def read_authority(database: Database) -> Authority:
    """Return what was asked, confirmed and held so far. Left out: rows that are no statements any more."""
    records = []
    for log_index, rx_us, text in database.rows(_RECORDS, [AUTHORITY_SENDER]):
        try:
            records.append(AuthorityRecord(log_index, rx_us, parse_statement(text.encode())))
        except RecordError:
            continue  # `tallystick verify` names it; nobody gets a right from it
    return Authority.of(records)


def requested(id_: str, wanted: Wanted, now_us: int) -> Statement:
    """Return what `log.delete.requested` says beside who asked."""
    return {
        "request.id": id_,
        "request.kind": wanted.kind,
        "request.digest": wanted.digest,
        "request.count": wanted.count,
        "request.filter": dict(wanted.filter),
        "request.expires_us": now_us + REQUEST_LIFE_US,
    }


def confirmed(authority: Authority, request: DeletionRequest, next_index: int) -> Statement:
    """Return what `log.delete.confirmed` says beside who confirmed; `next_index` bounds its own log index."""
    return {
        "request.id": request.id,
        "request.digest": request.digest,
        "request.holds": sorted(hold.id for hold in authority.holds_in_force(next_index)),
    }


def require_confirmable(
    authority: Authority, id_: str, by: Person, digest: str, now_us: int
) -> DeletionRequest:
    """Return the request that this person may confirm now; `digest` is what they were shown.

    Raises AdmissionError when there is none, AuthorizationError for the person who asked, and
    ConflictError when it no longer waits or is over something else.
    """
    request = require_request(authority, id_)
    if request.by == by.id:
        raise AuthorizationError(
            f"{by.id} asked for this and cannot confirm it: it takes another person"
        )
    reason = request.refusal(by.id, digest, now_us + LAST_MOMENT_US)
    if reason is not None:
        raise ConflictError(f"the request {id_} cannot be confirmed: {reason}")
    return request


def require_request(authority: Authority, id_: str) -> DeletionRequest:
    """Return a request; raise AdmissionError when there is none of this id."""
    request = authority.requests.get(id_)
    if request is None:
        raise AdmissionError(f"there is no request {id_[:64]!r}: list them and take its id")
    return request

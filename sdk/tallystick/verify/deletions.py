"""Step 14: entries whose content is gone, and whether that was allowed.

What remains of such an entry is its tombstone: the entry itself, its place in its session, and the log index of
the confirmation that allowed it. That record has to confirm, by another person than asked, exactly the set of
entries that are gone under it, each older than the floor (or than an exception allows that was in force then), and
none under a hold as far as times tell.
What a deleted record said cannot be held against a hold by agent or tool any more: the two people vouch for that.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from tallystick.calendar_span import FLOOR
from tallystick.errors import VerificationError
from tallystick.verify.authority import (
    AUTHORITY_TYPES,
    Authority,
    DeletionRequest,
    Hold,
    index_digest,
    index_ranges,
)
from tallystick.verify.digest import Deleted, Digest
from tallystick.verify.erased import Erased, parse_erased
from tallystick.verify.finding import Findings, Place
from tallystick.verify.floor import CLASS_FILTER
from tallystick.verify.source import Facts

_STEP: Final = 14
_TIMES: Final = frozenset(("from_us", "to_us"))
_SHOWN_RANGE_CHARACTERS: Final = 80


def check_deletions(digest: Digest, facts: Facts, sets: Iterable[tuple[int, str]]) -> None:
    """Hold every deletion against the records that must have allowed it.

    `sets` are, for a source that is only a part of the log, the whole sets: log index of the confirmation and
    printed log indexes. Each counts only if its digest is the one confirmed.
    """
    findings = digest.findings
    records = [one for one in digest.authority if one.statement["type"] in AUTHORITY_TYPES]
    authority = Authority.of(sorted(records, key=lambda record: record.log_index))
    for log_index, reason in sorted(authority.without_effect.items()):
        findings.notice(_STEP, f"has no effect: {reason}", Place(log_index=log_index))
    findings.count(_STEP, "deleted entries", sum(map(len, digest.deletions.values())))
    whole = dict(sets)
    for authorised_by, deleted in sorted(digest.deletions.items()):
        indexes = [one.log_index for one in deleted]
        place = Place(log_index=indexes[0])
        what = (
            f"{len(indexes)} entries are deleted ({_shown(indexes)}), by log index {authorised_by}"
        )
        request = authority.confirmed.get(authorised_by)
        if request is None or request.confirmation is None or request.kind != "records":
            findings.fault(_STEP, f"{what}, which allows nothing", place)
            continue
        stated = None if facts.is_whole else whole.get(authorised_by, "")
        _check_set(what, indexes, request, stated, findings)
        _check_floor(what, deleted, request, authority, findings)
        for hold in authority.holds_in_force(authorised_by):
            _check_hold(what, deleted, hold, findings)


def _check_set(
    what: str, indexes: list[int], request: DeletionRequest, stated: str | None, findings: Findings
) -> None:
    """Compare what is gone with what was confirmed: the whole set, or membership in a stated one."""
    place = Place(log_index=indexes[0])
    if max(indexes) >= request.log_index:
        findings.fault(_STEP, f"{what}, which was asked for before they were there", place)
    elif stated is None:
        if index_digest(indexes) != request.digest:
            findings.fault(_STEP, f"{what}, which confirms another set of entries", place)
    else:
        confirmed = _confirmed_set(stated, request)
        if confirmed is None:
            findings.fault(_STEP, f"{what}, and the set that it confirms is not stated", place)
        elif not all(map(confirmed.covers, indexes)):
            findings.fault(_STEP, f"{what}, which confirms others", place)


def _confirmed_set(stated: str, request: DeletionRequest) -> Erased | None:
    """Read a stated set, None for one that is not the confirmed one; it may be as long as somebody likes."""
    if hashlib.sha256(stated.encode()).hexdigest() != request.digest:
        return None
    try:
        return parse_erased(f"{stated};")
    except VerificationError:
        return None


def _check_floor(
    what: str,
    deleted: Iterable[Deleted],
    request: DeletionRequest,
    authority: Authority,
    findings: Findings,
) -> None:
    """Compare with six months, or with what an exception allowed that was in force at the confirmation."""
    confirmation = request.confirmation
    if confirmation is None:
        return
    floor_us = FLOOR.over_before_us(confirmation.rx_us)
    young = [one for one in deleted if one.rx_us >= floor_us]
    if not young:
        return
    when = confirmation.log_index, confirmation.rx_us, request.filter.get(CLASS_FILTER)
    cut_us = authority.floor_cut_us(*when)
    below = [one for one in young if one.rx_us >= cut_us]
    if below:
        message = f"{what}, before six calendar months were over for {len(below)} of them, without an exception"
        findings.fault(_STEP, message, Place(log_index=below[0].log_index))
        return
    by = ", ".join(str(one.log_index) for one in authority.exceptions_in_force(*when))
    message = (
        f"{what}; for {len(young)} of them six calendar months were not over: the exception of log index {by}"
        " allows it"
    )
    findings.notice(_STEP, message, Place(log_index=young[0].log_index))


def _check_hold(what: str, deleted: Iterable[Deleted], hold: Hold, findings: Findings) -> None:
    """Compare with a hold that speaks of times alone, or of nothing: what is gone still says when it came."""
    if set(hold.filter) - _TIMES:
        return
    for one in deleted:
        if _is_within(one.rx_us, hold.filter):
            message = f"{what}, while the hold of log index {hold.log_index} covered it"
            findings.fault(_STEP, message, Place(log_index=one.log_index))
            return


def _is_within(rx_us: int, times: Mapping[str, str]) -> bool:
    first, end = times.get("from_us", ""), times.get("to_us", "")
    return (not first.isdecimal() or rx_us >= int(first)) and (
        not end.isdecimal() or rx_us < int(end)
    )


def _shown(indexes: list[int]) -> str:
    printed = index_ranges(indexes)
    return (
        printed
        if len(printed) <= _SHOWN_RANGE_CHARACTERS
        else f"{printed[:_SHOWN_RANGE_CHARACTERS]}..."
    )

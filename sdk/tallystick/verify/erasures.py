"""Step 4, what is not here: whether two people stand behind it, and which record of the log says so.

An erasure is a request of kind `values` that another person confirmed, and records of type `access.delete` behind that
confirmation which name the values; their SHA-256 is what was asked for and confirmed. What such records
cover was erased under authority. Other disclosures were withheld at their source, or removed: nobody can say
which, so that they are counted and named. A span record is never withheld: without authority it was removed.
"""

from collections import defaultdict
from typing import Final

from tallystick.errors import VerificationError
from tallystick.event import Record
from tallystick.tlog.entry import Entry
from tallystick.verify.authority import (
    AUTHORITY_SENDER,
    AUTHORITY_TYPES,
    Authority,
    AuthorityRecord,
)
from tallystick.verify.digest import Digest
from tallystick.verify.erased import Erased, parse_erased
from tallystick.verify.finding import Findings, Place
from tallystick.verify.source import Facts

ERASURE_TYPE: Final = "access.delete"
VALUES_KIND: Final = "values"
"""The kind of request that takes values and leaves the records."""

_AUTHORITY_OR_ERASURE: Final = frozenset((*AUTHORITY_TYPES, ERASURE_TYPE))
_ErasureParts = dict[int, AuthorityRecord]


def add_authority(log_index: int, entry: Entry | None, record: Record, digest: Digest) -> None:
    """Keep a record of the service by which something may go."""
    is_service = entry is not None and entry.sender == AUTHORITY_SENDER
    if entry is not None and is_service and record.statement["type"] in _AUTHORITY_OR_ERASURE:
        digest.authority.append(AuthorityRecord(log_index, entry.rx_us, record.statement))


def check_erasures(digest: Digest, facts: Facts) -> None:
    """Hold what is not here against what was erased under authority."""
    findings = digest.findings
    erasures = read_erasures(digest.authority)
    left = set(digest.absent)
    spans = set(digest.erased_spans)
    for log_index, erased in erasures.items():
        events = {one for one in left if one < log_index and erased.covers(one)}
        places = {one for one in spans if one[0] < log_index and erased.covers_span(*one)}
        left -= events
        spans -= places
        if events or places:
            count = len(events) + len({index for index, _ in places})
            findings.count(4, "records with values erased under authority", count)
            message = f"values of {count} records were erased under authority of this record"
            findings.notice(4, message, Place(log_index=log_index))
    _report_missing(left, findings)
    _report_removed(sorted(spans), facts, findings)


def read_erasures(records: list[AuthorityRecord]) -> dict[int, Erased]:
    """Return what was erased by the log index of the last record that says so.

    Left out: what nobody confirmed, and what is not what was confirmed.
    """
    authority = Authority.of(one for one in records if one.statement["type"] in AUTHORITY_TYPES)
    parts: dict[str, _ErasureParts] = defaultdict(dict)
    for one in records:
        statement = one.statement
        if statement["type"] == ERASURE_TYPE and "erasure.values" in statement:
            number = statement.get("erasure.part", 1)
            parts[statement.get("request.id", "")].setdefault(number, one)
    found: dict[int, Erased] = {}
    for id_, of_request in parts.items():
        request = authority.requests.get(id_)
        confirmation = request.confirmation if request is not None else None
        if request is None or confirmation is None or request.kind != VALUES_KIND:
            continue
        erased = _joined_parts(of_request)
        if erased is not None and erased.digest == request.digest:
            indexes = [one.log_index for one in of_request.values()]
            if min(indexes) > confirmation.log_index:
                found[max(indexes)] = erased
    return dict(sorted(found.items()))


def _joined_parts(parts: _ErasureParts) -> Erased | None:
    """Return the set that the parts say together; None where one is missing."""
    stated = {one.statement.get("erasure.parts", 1) for one in parts.values()}
    if stated != {len(parts)} or sorted(parts) != list(range(1, len(parts) + 1)):
        return None
    text = "".join(str(parts[number].statement["erasure.values"]) for number in sorted(parts))
    try:
        return parse_erased(text)
    except VerificationError:
        return None


def _report_missing(events: set[int], findings: Findings) -> None:
    if events:
        message = (
            f"{len(events)} records lack disclosures that no erasure covers, this one first: withheld"
            " at the source, or removed"
        )
        findings.notice(4, message, Place(log_index=min(events)))


def _report_removed(spans: list[tuple[int, int]], facts: Facts, findings: Findings) -> None:
    for log_index, position in spans:
        message = f"span record {position} of the batch is missing, and no erasure covers it"
        place = Place(log_index=log_index)
        if facts.is_whole:
            findings.fault(4, message, place)
        else:
            findings.not_checked(4, f"{message} in this range", place)

"""Context: what a range needs from outside it, each record with its inclusion proof.

These are the opens of its sessions, the seals and recoveries that cover its events, events whose
place in a session lies between those of the range or in a seal of the range, and the entries next to
the range, which show that the range of times is complete.
"""

from collections.abc import Iterable

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import Checkpoint
from tallystick.tlog.entry import Entry, parse_entry
from tallystick.tlog.proofs import verify_inclusion
from tallystick.tlog.tree import leaf_hash
from tallystick.verify.contents import read_seal
from tallystick.verify.digest import Deleted, Digest
from tallystick.verify.erasures import add_authority
from tallystick.verify.finding import Findings, Place
from tallystick.verify.source import ContextText, DeletedText, EventText, Facts, SealText
from tallystick.verify.statements import add_event, add_seal, read_statement


def examine_context(
    context: Iterable[ContextText], facts: Facts, newest: Checkpoint, digest: Digest
) -> None:
    """Check each record of the context and add it to `digest`."""
    received: dict[int, int] = {}
    last = -1
    for text in context:
        place = Place(file="context.ndjson", log_index=text.log_index)
        digest.findings.count(9, "inclusion proofs")
        if text.log_index <= last or facts.start <= text.log_index < facts.stop:
            digest.findings.fault(8, "not in order, or not outside the range", place)
            continue
        last = text.log_index
        try:
            entry = _included_entry(text, newest)
        except VerificationError as error:
            digest.findings.fault(9, str(error), place)
            continue
        received[text.log_index] = entry.rx_us
        _add_content(text, entry, digest, place)
    _check_times(facts, received, digest.findings)


def _included_entry(text: ContextText, newest: Checkpoint) -> Entry:
    line = text.entry.encode("utf-8")
    verify_inclusion(leaf_hash(line), text.log_index, newest.size, text.inclusion, newest.root)
    return parse_entry(line)


def _add_content(text: ContextText, entry: Entry, digest: Digest, place: Place) -> None:
    if text.deleted is not None:
        _add_deleted(text.deleted, entry, digest, place)
        return
    content = text.statement if text.statement is not None else text.seal
    if content is None:
        return
    kind = "event" if text.statement is not None else "seal"
    if entry.kind != kind or entry.content_hash != leaf_hash(content.encode("utf-8")):
        digest.findings.fault(2, f"the {kind} is not what its entry commits to", place)
        return
    if text.statement is not None:
        digest.findings.count(2, "statements")
        record = read_statement(EventText(text.log_index, text.statement, ()), digest.findings)
        if record is not None:
            leaf = entry.content_hash
            session = add_event(text.log_index, entry.sender, record, digest, leaf)
            add_authority(text.log_index, entry, record, digest)
            session.context.add(record.seq, text.log_index, leaf)
    else:
        seal = read_seal(SealText(text.log_index, content), digest.findings)
        if seal is not None:
            add_seal(text.log_index, entry.sender, seal, digest)


def _add_deleted(deleted: DeletedText, entry: Entry, digest: Digest, place: Place) -> None:
    """Take up an event outside the range whose content is gone."""
    if entry.kind != "event" or (deleted.kind, deleted.log_index) != ("event", place.log_index):
        digest.findings.fault(14, "a tombstone that is not that of its entry", place)
        return
    digest.add_deleted(deleted.authorised_by, Deleted(deleted.log_index, entry.rx_us))
    session = digest.session(deleted.session, deleted.log_index)
    session.add_sender(entry.sender, deleted.log_index)
    session.context.add(deleted.seq, deleted.log_index, entry.content_hash)


def _check_times(facts: Facts, received: dict[int, int], findings: Findings) -> None:
    """Step 8: the entries next to the range were received outside its range of times."""
    if facts.times_us is None:
        return
    first_us, end_us = facts.times_us
    for log_index, exists, side in (
        (facts.start - 1, facts.start > 0, "before"),
        (facts.stop, facts.stop < facts.tree_size, "behind"),
    ):
        if not exists:
            continue
        place = Place(file="context.ndjson", log_index=log_index)
        rx_us = received.get(log_index)
        if rx_us is None:
            findings.fault(8, f"the entry {side} the range is not in the context", place)
        elif first_us <= rx_us < end_us:
            findings.fault(8, f"the entry {side} the range was received inside its times", place)

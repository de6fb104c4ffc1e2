"""Steps 2 and 4, event by event, and what the later steps need to know of each event.

A statement is read strictly, its leaf hash is compared with the entry, its disclosures with `sd`.
Heartbeats and closes state how many leaves stand before them; that is checked here too.
"""

from typing import Final

from tallystick.errors import RecordError, VerificationError
from tallystick.event import Record, match_disclosures, parse_statement
from tallystick.tlog.encoding import from_base64
from tallystick.tlog.seal import Seal
from tallystick.tlog.tree import require_hash
from tallystick.verify.digest import (
    SESSION_PREFIX,
    CloseStatement,
    Digest,
    OpenStatement,
    RecoveryStatement,
    SessionDigest,
)
from tallystick.verify.finding import Findings, Place
from tallystick.verify.receipts import add_receipt
from tallystick.verify.source import EventText
from tallystick.verify.spans import pack_signed_span

_LOG_HEAD: Final = frozenset(("log.origin", "log.size", "log.root"))
_RECEIPT: Final = frozenset(("receipt.digest", "receipt.record"))


def read_statement(text: EventText, findings: Findings) -> Record | None:
    """Read line 1 of an event; None, and a fault of step 2, when it is no statement."""
    line = text.statement.encode("utf-8")
    try:
        return Record(line, parse_statement(line), ())
    except RecordError as error:
        findings.fault(2, f"not a statement: {error}", Place(log_index=text.log_index))
        return None


def read_event(text: EventText, findings: Findings) -> Record | None:
    """Read an event with its disclosures (step 4); None when its statement cannot be read."""
    record = read_statement(text, findings)
    if record is None or not (record.statement["sd"] or text.disclosures or text.late):
        return record
    lines = [*text.disclosures, *text.late]
    absent = len(record.statement["sd"]) - len(lines)
    if absent > 0:
        findings.count(4, "withheld or erased", absent)
    try:
        found = match_disclosures(record.statement, lines)
    except RecordError as error:
        findings.fault(4, f"a disclosure is not bound: {error}", _place(text.log_index, record))
        return record
    return Record(record.line, record.statement, found[: len(text.disclosures)])


def add_event(
    log_index: int, sender: str | None, record: Record, digest: Digest, leaf_hash: bytes
) -> SessionDigest:
    """Keep what the later steps need of an event; `sender` is None where the entry is unknown.

    The caller adds it to the events of its session, or to those from outside the range.
    """
    statement = record.statement
    session = digest.session(statement["session"], log_index)
    if sender is not None:
        session.add_sender(sender, log_index)
    if not statement.keys().isdisjoint(_LOG_HEAD):
        _add_head(log_index, record, digest)
    if statement["type"].startswith("session."):
        _add_session_event(log_index, record, session, digest, leaf_hash)
    elif "span.id" in statement:
        digest.signed_spans += pack_signed_span(log_index, statement)
    if statement["type"] == "tool.started" or not statement.keys().isdisjoint(_RECEIPT):
        add_receipt(log_index, statement, leaf_hash, digest)
    return session


def add_seal(log_index: int, sender: str | None, seal: Seal, digest: Digest) -> SessionDigest:
    """Keep what the later steps need of a seal; `sender` is None where the entry is unknown."""
    session = digest.session(seal.origin.removeprefix(SESSION_PREFIX), log_index)
    if sender is not None:
        session.add_sender(sender, log_index)
    session.add_seal(log_index, seal, keep_notes=digest.keep_notes)
    return session


def _add_head(log_index: int, record: Record, digest: Digest) -> None:
    digest.findings.count(11, "events that state a log head")
    statement = record.statement
    if not statement.keys() >= _LOG_HEAD:
        message = "states a part of a log head: expected origin, size, root"
    elif statement["log.origin"] != digest.origin:
        message = f"states a head of another log: {statement['log.origin'][:64]}"
    elif not 0 <= statement["log.size"] <= log_index:
        message = f"states the log at size {statement['log.size']}, younger than its own entry"
    else:
        digest.heads.setdefault((statement["log.size"], statement["log.root"]), log_index)
        return
    digest.findings.fault(11, message, _place(log_index, record))


def _place(log_index: int, record: Record) -> Place:
    return Place(log_index=log_index, session=record.session, seq=record.seq)


def _add_session_event(
    log_index: int, record: Record, session: SessionDigest, digest: Digest, leaf_hash: bytes
) -> None:
    statement, seq = record.statement, record.seq
    kind = statement["type"]
    if kind == "session.open":
        session.opens.append(
            OpenStatement(
                log_index,
                seq,
                statement.get("session.key", ""),
                statement.get("emitter.name", ""),
                statement.get("emitter.key_id", ""),
                statement.get("session.delegation", ""),
            )
        )
    elif kind == "session.recovered":
        _add_recovery(log_index, record, digest, leaf_hash)
    elif statement.get("session.size") != seq:
        digest.findings.fault(
            7,
            f"{kind} states {statement.get('session.size')} leaves before it: expected {seq}",
            _place(log_index, record),
        )
    if kind == "session.close":
        session.closes.append(CloseStatement(log_index, seq))


def _add_recovery(log_index: int, record: Record, digest: Digest, leaf_hash: bytes) -> None:
    statement = record.statement
    try:
        leaves = tuple(
            from_base64(text, "a recovered leaf") for text in statement.get("recovered.leaves", ())
        )
        for leaf in leaves:
            require_hash(leaf, "a recovered leaf")
    except VerificationError as error:
        digest.findings.fault(7, str(error), _place(log_index, record))
        return
    digest.recoveries.append(
        RecoveryStatement(
            log_index,
            record.session,
            record.seq,
            leaf_hash,
            statement.get("recovered.session", ""),
            statement.get("recovered.first_seq", 0),
            leaves,
        )
    )

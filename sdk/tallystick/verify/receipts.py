"""Step 13: what servers state of their clients' records, held against those records (docs/spec/receipt.md).

A server's event states the leaf hash of the client's `tool.started` and the digest of nonce and arguments,
as the client's own events do. Whatever differs is worth knowing and no fault of the log: each end signed
what it saw. A client's record that is not here may have gone to another service.
"""

import hashlib
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from tallystick.errors import VerificationError
from tallystick.event import Statement
from tallystick.tlog.encoding import from_base64
from tallystick.tlog.tree import require_hash
from tallystick.verify.digest import Digest
from tallystick.verify.finding import Findings, Place

_START_PACK: Final = struct.Struct(">32s16s")
"""Leaf hash of a `tool.started` that is no server's, and its action."""
_STATED_PACK: Final = struct.Struct(">16s32s")
"""Action of a client, and a digest that it states."""
_CLAIM_PACK: Final = struct.Struct(">q16s32s32s")
"""What a server states: see ServerClaim."""


class ServerClaim(NamedTuple):
    """What an event of a server states of a client's record; action and digest as hashes of their texts."""

    log_index: int
    action: bytes
    record: bytes
    digest: bytes


def add_receipt(log_index: int, statement: Statement, leaf: bytes, digest: Digest) -> None:
    """Keep what an event states of a receipt, and where a client's call begins."""
    action = _text_hash(statement.get("action.id", ""))[:16]
    stated = _text_hash(statement.get("receipt.digest", ""))
    if "receipt.record" in statement:
        try:
            record = from_base64(statement["receipt.record"], "receipt.record")
            require_hash(record, "receipt.record")
        except VerificationError as error:
            digest.findings.notice(13, str(error), Place(log_index=log_index))
            return
        digest.receipt_claims += _CLAIM_PACK.pack(log_index, action, record, stated)
        return
    if "receipt.digest" in statement:
        digest.receipt_stated += _STATED_PACK.pack(action, stated)
    if statement["type"] == "tool.started" and statement.get("observer") != "mcp_server":
        digest.receipt_starts += _START_PACK.pack(leaf, action)


def check_receipts(digest: Digest) -> None:
    """Hold each claim of a server against the client's record that it names, where that is here."""
    findings, claims = digest.findings, list(_claims(digest))
    named = {claim.record for claim in claims}
    starts = {
        leaf: action
        for leaf, action in _START_PACK.iter_unpack(digest.receipt_starts)
        if leaf in named
    }
    stated: dict[bytes, set[bytes]] = {action: set() for action in starts.values()}
    for action, text in _STATED_PACK.iter_unpack(digest.receipt_stated):
        if action in stated:
            stated[action].add(text)
    owners: dict[bytes, ServerClaim] = {}
    for claim in claims:
        findings.count(13, "receipts of servers")
        client = starts.get(claim.record)
        if client is None:
            findings.count(13, "of records that are not here")
        else:
            _check_claim(claim, stated[client], owners.setdefault(claim.record, claim), findings)


def _check_claim(
    claim: ServerClaim, stated: set[bytes], owner: ServerClaim, findings: Findings
) -> None:
    place = Place(log_index=claim.log_index)
    if not stated:
        findings.notice(13, "the client's call, whose record it states, has no receipt", place)
    elif stated != {claim.digest}:
        message = "the client's call states another receipt.digest: the arguments differ"
        findings.notice(13, message, place)
    if owner.action != claim.action:
        message = f"the call of log index {owner.log_index} states the same client's record"
        findings.notice(13, f"{message}: sent twice, replayed or copied", place)


def _claims(digest: Digest) -> Iterator[ServerClaim]:
    """Yield what servers state, once for each call where its records say the same."""
    seen: set[tuple[bytes, bytes, bytes]] = set()
    for claim in map(ServerClaim._make, _CLAIM_PACK.iter_unpack(digest.receipt_claims)):
        if claim[1:] not in seen:
            seen.add(claim[1:])
            yield claim


def _text_hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()

"""Blobs: values too large for their records, as far as disclosures name them (step 4).

A blob whose disclosure was erased is not asked for, and counted with the disclosure. One that is named and
not there is missing: that is said, and its content not checked. Other bytes than those named are a fault.
What an emitter says wrongly (a name that is none, another size) is its own word, kept as it was signed: a
notice, so that no emitter can make a whole log fail.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from tallystick.blob import BLOB_FIELDS, parse_blob
from tallystick.errors import RecordError
from tallystick.event import parse_disclosure
from tallystick.verify.digest import BlobClaim, Digest
from tallystick.verify.finding import Findings, Place
from tallystick.verify.source import EventText, Source

_BLOB_LINES: Final = tuple(f'","{name}","' for name in BLOB_FIELDS)
_SALT_END: Final = 34
"""A disclosure line is `["`, 32 hex digits, and then its field."""


def read_blob_claims(texts: Iterable[EventText], findings: Findings) -> dict[str, BlobClaim]:
    """Return the blobs that the disclosures of these events name, by SHA-256 in hex: the first claim of each."""
    claims: dict[str, BlobClaim] = {}
    for text in texts:
        for line in _blob_lines(text):
            try:
                ref = parse_blob(parse_disclosure(line).value)
            except RecordError as error:
                findings.notice(4, f"names no blob: {error}", Place(log_index=text.log_index))
                continue
            if ref is not None:
                claims.setdefault(ref.sha256, BlobClaim(text.log_index, ref.size_bytes))
    return claims


def check_blobs(source: Source, digest: Digest) -> None:
    """Compare every blob that is named with the bytes that are kept."""
    findings = digest.findings
    if not source.facts.holds_blobs:
        if digest.blobs:
            message = f"{len(digest.blobs)} blobs are named: here are their previews alone"
            findings.notice(4, message)
        return
    for sha256, blocks in source.blobs(digest.blobs):
        claim = digest.blobs[sha256]
        findings.count(4, "blobs")
        place = Place(log_index=claim.log_index)
        if blocks is None:
            findings.not_checked(4, f"the blob sha256:{sha256} is missing", place)
        else:
            _check_content(blocks, sha256, claim, findings)


def _check_content(
    blocks: Iterable[bytes], sha256: str, claim: BlobClaim, findings: Findings
) -> None:
    place = Place(log_index=claim.log_index)
    found, size_bytes = _read_digest(blocks)
    if found != sha256:
        findings.fault(4, f"the blob sha256:{sha256} holds other bytes than those named", place)
    elif size_bytes != claim.size_bytes:
        message = f"the blob sha256:{sha256} has {size_bytes} bytes, not {claim.size_bytes}"
        findings.notice(4, message, place)


def _blob_lines(text: EventText) -> Iterator[str]:
    for line in (*text.disclosures, *text.late):
        if line.startswith(_BLOB_LINES, _SALT_END):
            yield line


def _read_digest(blocks: Iterable[bytes]) -> tuple[str, int]:
    found, size_bytes = hashlib.sha256(), 0
    for block in blocks:
        found.update(block)
        size_bytes += len(block)
    return found.hexdigest(), size_bytes

"""The small files of an evidence package: manifest, digests and the public key, printed and read.

    manifest.json  SHA256SUMS  SHA256SUMS.sig  log-key.pem  checkpoint
    entries.ndjson  range-proof.json  events.ndjson  seals.ndjson  spans.ndjson
    context.ndjson  checkpoints.ndjson  policy-claimed.txt  verify.py  README.txt

and, in a package with a report, the files of REPORT_FILES: all of them or none; and where
disclosures name blobs, BLOBS_FILE; and where content was deleted, DELETION_FILES.

Whoever writes a package and whoever reads one share this module.
"""

import re
from collections.abc import Mapping
from typing import Final

from tallystick.errors import VerificationError
from tallystick.tlog.ed25519 import check_public_key
from tallystick.tlog.encoding import from_base64, to_base64
from tallystick.verify.lines import LineKeys, LineObject, read_object

PACKAGE_FORMAT: Final = "tallystick.package/v1"
MANIFEST_FILE: Final = "manifest.json"
UNSIGNED_FILES: Final = ("SHA256SUMS", "SHA256SUMS.sig", "log-key.pem")
"""The three files that SHA256SUMS does not name."""
CONTENT_FILES: Final = (
    "checkpoint",
    "entries.ndjson",
    "range-proof.json",
    "events.ndjson",
    "seals.ndjson",
    "spans.ndjson",
    "context.ndjson",
    "checkpoints.ndjson",
    "policy-claimed.txt",
    "verify.py",
    "README.txt",
)
"""The files that the manifest names."""
PACKAGE_FILES: Final = (*CONTENT_FILES, MANIFEST_FILE, *UNSIGNED_FILES)
BLOBS_FILE: Final = "blobs.ndjson"
DELETED_FILE: Final = "deleted.ndjson"
SETS_FILE: Final = "deletions.ndjson"
DELETION_FILES: Final = (DELETED_FILE, SETS_FILE)
"""What remains of deleted entries, and the whole set of each deletion: both or neither."""
REPORT_FILES: Final = (
    "report.html",
    "checks.json",
    "checks.csv",
    "exceptions.csv",
    "system-card.yaml",
    "regime.yaml",
    "parameters.json",
    "verification.ndjson",
    "data-dictionary.csv",
    "tables.sql",
    "queries.sql",
    "results.csv",
    "results.sha256",
    "events.parquet",
    "context.parquet",
    "entries.parquet",
    "seals.parquet",
)
"""What a report adds. The manifest and SHA256SUMS name each of them: one that was changed is named,
and what they say is for a reader to run again (`queries.sql`)."""

MANIFEST_KEYS: Final[LineKeys] = {
    "counts": dict,
    "created_us": int,
    "files": dict,
    "format": str,
    "from_index": int,
    "from_us": int,
    "origin": str,
    "software": str,
    "to_index": int,
    "to_us": int,
    "tree_size": int,
}
"""The keys of manifest.json with their types."""
_PEM: Final = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n"
_PEM_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")
"""SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410 section 4)."""
_SUM_LINE: Final = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9.-]+)")


def print_public_key(public_key: bytes) -> str:
    """Return an Ed25519 public key as PEM, for openssl."""
    return _PEM.format(to_base64(_PEM_PREFIX + public_key))


def parse_public_key(pem: str) -> bytes:
    """Read the PEM that print_public_key prints; raise VerificationError for anything else."""
    head, _, tail = _PEM.partition("{}")
    encoded = pem.removeprefix(head).removesuffix(tail)
    der = from_base64(encoded, "log-key.pem")
    public_key = der.removeprefix(_PEM_PREFIX)
    if print_public_key(public_key) != pem:
        raise VerificationError("log-key.pem is not the PEM of an Ed25519 public key")
    check_public_key(public_key)
    return public_key


def parse_manifest(data: bytes) -> LineObject:
    """Read manifest.json; raise VerificationError for another format or form."""
    manifest = read_object(data, MANIFEST_KEYS, MANIFEST_FILE)
    if manifest["format"] != PACKAGE_FORMAT:
        raise VerificationError(
            f"the package is of format {manifest['format'][:64]!r}: expected {PACKAGE_FORMAT}"
        )
    return manifest


def print_sums(digests: Mapping[str, str]) -> str:
    """Return SHA256SUMS, in the form that `sha256sum -c` reads, sorted by name."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def parse_sums(text: str) -> dict[str, str]:
    """Read SHA256SUMS; raise VerificationError for anything that print_sums would not print."""
    matches = [_SUM_LINE.fullmatch(line) for line in text.split("\n")]
    digests = {match.group(2): match.group(1) for match in matches if match}
    if print_sums(digests) != text:
        raise VerificationError("SHA256SUMS is not in its one form: digest, two spaces, name")
    return digests

"""The blob: a value that is too large for its record, kept beside it under the SHA-256 of its bytes.

The record holds a preview, and in a disclosure of its own (`params.blob`, `result.blob`) which blob holds the
whole: profile JSON `{"digest":"sha256:<hex>","media_type":...,"size_bytes":...}`, or `{"absent":<reason>}`
where there is none. The digest covers masked bytes and stands in a salted, erasable line, so that line 1 says
nothing of them. Standard library only: the offline verifier reads it.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from tallystick.errors import RecordError
from tallystick.profile import JsonValue, decode, encode

BLOB_FIELDS: Final = ("params.blob", "result.blob")
BLOB_MEDIA_TYPE: Final = "application/json"
MAX_BLOB_BYTES: Final = 64 * 1024 * 1024
"""As the service's limit for a request: a blob travels in one."""

BlobAbsence = Literal["too_large", "unmaskable", "no_room"]
"""Larger than the setting allows; not to be masked within the limits; no place on disk for it."""

_BLOB_NAME: Final = re.compile(r"sha256:([0-9a-f]{64})")
_BLOB_KEYS: Final[dict[str, type]] = {"digest": str, "media_type": str, "size_bytes": int}


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Which bytes: SHA-256 as 64 hex digits, and how many."""

    sha256: str
    size_bytes: int

    @property
    def name(self) -> str:
        """`sha256:` and the digest: as it stands in records and addresses."""
        return f"sha256:{self.sha256}"


def print_blob(ref: BlobRef) -> str:
    """Return the value of a disclosure that names a blob."""
    stated: dict[str, JsonValue] = {
        "digest": ref.name,
        "media_type": BLOB_MEDIA_TYPE,
        "size_bytes": ref.size_bytes,
    }
    return encode(stated).decode()


def print_absence(reason: BlobAbsence) -> str:
    """Return the value of a disclosure that says why there is no blob."""
    return encode({"absent": reason}).decode()


def parse_blob(text: str) -> BlobRef | None:
    """Read the value of such a disclosure; None where it says that there is none. Raises RecordError."""
    stated = decode(text.encode("utf-8", "replace"))
    if isinstance(stated, dict) and list(stated) == ["absent"]:
        if stated["absent"] not in get_args(BlobAbsence):
            raise RecordError("a blob is absent for a reason that this reader does not know")
        return None
    if not isinstance(stated, dict) or {k: type(v) for k, v in stated.items()} != _BLOB_KEYS:
        raise RecordError(f"not a blob: expected an object with {', '.join(_BLOB_KEYS)}")
    sha256, size_bytes = parse_blob_name(stated["digest"]), stated["size_bytes"]
    if stated["media_type"] != BLOB_MEDIA_TYPE or not 0 <= size_bytes <= MAX_BLOB_BYTES:
        raise RecordError(
            f"a blob is {BLOB_MEDIA_TYPE} of at most {MAX_BLOB_BYTES} bytes: this one is not"
        )
    return BlobRef(sha256, size_bytes)


def parse_blob_name(name: str) -> str:
    """Return the 64 hex digits of `sha256:<hex>`. Raises RecordError for anything else."""
    found = _BLOB_NAME.fullmatch(name)
    if found is None:
        raise RecordError("a blob's name is not sha256: and 64 lower-case hex digits")
    return found[1]

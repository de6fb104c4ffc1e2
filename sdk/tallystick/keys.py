"""The keys of an emitter, in files of its home directory: the identity key and the local token key.

Each is made at first use. A damaged file is an EnrolmentError and is never replaced by itself.
"""

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick.errors import EnrolmentError, VerificationError
from tallystick.masking.tokens import TokenKey
from tallystick.private_file import create_private_file
from tallystick.tlog.note import NoteSign, VerifierKey, require_key_name

EMITTER_FILE: Final = "emitter.key"
TOKEN_FILE: Final = "token.key"  # noqa: S105 - a file name
TOKEN_KEY_BYTES: Final = 32
DEFAULT_NAME_PREFIX: Final = "tallystick.local/emitter-"


@dataclass(frozen=True, slots=True)
class EmitterKey:
    """The identity key: it signs the delegation of each session, and nothing else."""

    key: VerifierKey
    sign: NoteSign

    @property
    def name(self) -> str:
        """Name of the emitter."""
        return self.key.name

    @property
    def key_id(self) -> str:
        """Key id as it stands in records: 8 hex digits."""
        return self.key.key_id.hex()


def load_emitter_key(home: Path, name: str | None) -> EmitterKey:
    """Return the identity key, made at first use; two processes that start at once get the same one.

    `name` None: `tallystick.local/emitter-` and 8 hex digits of the key's digest.
    Raises EnrolmentError for a damaged file, OSError when it can be neither read nor made.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - slow to import
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    path = home / EMITTER_FILE
    if not path.exists():
        create_private_file(path, _new_pem())
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise EnrolmentError(
            f"{path} is no private key: {error}; restore it, or move it away for a new one"
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise EnrolmentError(f"{path} is no Ed25519 key; restore it, or move it away for a new one")
    public = private.public_key().public_bytes_raw()
    chosen = name or DEFAULT_NAME_PREFIX + hashlib.sha256(public).hexdigest()[:8]
    try:
        require_key_name(chosen)
    except VerificationError as error:
        raise EnrolmentError(f"the emitter's name {chosen!r}: {error}") from None
    return EmitterKey(VerifierKey(chosen, public), private.sign)


def _new_pem() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def load_token_key(home: Path) -> TokenKey:
    """Return the local token key, made at first use: in force until the service gives the tenant's.

    Raises EnrolmentError for a damaged file, OSError when it can be neither read nor made.
    """
    path = home / TOKEN_FILE
    if not path.exists():
        create_private_file(path, secrets.token_hex(TOKEN_KEY_BYTES).encode() + b"\n")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) != TOKEN_KEY_BYTES:
        raise EnrolmentError(
            f"{path} does not hold {2 * TOKEN_KEY_BYTES} hex digits; restore it, or move it away"
        )
    return local_token_key(key)


def local_token_key(key: bytes) -> TokenKey:
    """Return a key under an id of its own: `local` and 8 hex digits of its digest."""
    return TokenKey("local" + hashlib.sha256(key).hexdigest()[:8], key)

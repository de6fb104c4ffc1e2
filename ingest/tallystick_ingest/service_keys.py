"""The service's secrets and its name: one directory (0700) that a backup of the data does not need.

`log.key` signs checkpoints, `service.key` is the identity of the service as an emitter, `token.key` makes
pseudonyms; `name` is the origin of the tenant log and never changes. Each is made at the first start.
"""

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tallystick.errors import ConfigError, VerificationError
from tallystick.private_file import create_private_file, make_private_directory
from tallystick.tlog.checkpoint import require_origin
from tallystick_ingest.service_session import Signer

DEFAULT_DEPLOYMENT: Final = "tallystick.local"
DEFAULT_TENANT: Final = "default"
TOKEN_KEY_BYTES: Final = 32

_NAME_FILE: Final = "name"
_LOG_FILE: Final = "log.key"
_SERVICE_FILE: Final = "service.key"
_TOKEN_FILE: Final = "token.key"  # noqa: S105 - a file name
_NAME_BYTES: Final = 4
_TOKEN_ID_HEX: Final = 8


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """Every secret of the service. `is_new` at the first start."""

    name: str
    log: Signer
    service: Signer
    token_key_id: str
    token_key: bytes
    is_new: bool

    def __repr__(self) -> str:
        """Show the name alone."""
        return f"ServiceKeys({self.name!r})"


def load_service_keys(directory: Path, name: str | None) -> ServiceKeys:
    """Read the secrets in `directory`; at the first start make them, under `name`.

    Raises ConfigError for a file that is damaged or gone (a new log key would be a new log), a name
    that is no origin, and a name that differs from the one that this log has.
    """
    try:
        make_private_directory(directory)
        is_new = not (directory / _NAME_FILE).exists()
        if is_new:
            _make(directory, name)
        kept = _load_name(directory / _NAME_FILE, name)
        token = _load_token(directory / _TOKEN_FILE)
        return ServiceKeys(
            name=kept,
            log=Signer.of(kept, _load_key(directory / _LOG_FILE)),
            service=Signer.of(f"{kept}/service", _load_key(directory / _SERVICE_FILE)),
            token_key_id="t" + hashlib.sha256(token).hexdigest()[:_TOKEN_ID_HEX],
            token_key=token,
            is_new=is_new,
        )
    except OSError as error:
        raise ConfigError(
            f"cannot use the secrets in {directory}: {error.strerror} "
            f"({Path(str(error.filename)).name}); restore it, or name another directory"
        ) from error


def _make(directory: Path, wanted: str | None) -> None:
    """Make every secret; the name comes last, so that a start that was cut short begins again."""
    name = wanted or f"{DEFAULT_DEPLOYMENT}-{secrets.token_hex(_NAME_BYTES)}/{DEFAULT_TENANT}"
    try:
        require_origin(f"{name}/service")
    except VerificationError as error:
        raise ConfigError(f"{name!r} cannot name a log: {error}") from error
    for file in (_LOG_FILE, _SERVICE_FILE):
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        create_private_file(directory / file, pem)
    token = secrets.token_hex(TOKEN_KEY_BYTES).encode()
    create_private_file(directory / _TOKEN_FILE, token + b"\n")
    create_private_file(directory / _NAME_FILE, name.encode() + b"\n")


def _load_name(path: Path, wanted: str | None) -> str:
    kept = path.read_text(encoding="utf-8").strip()
    if wanted not in (None, kept):
        raise ConfigError(
            f"the log of {path.parent} is named {kept!r}, not {wanted!r}: a log keeps its name; "
            "leave --name out, or name other directories with --data and --secrets"
        )
    return kept


def _load_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path} is no Ed25519 private key: restore it from a copy")
    return key


def _load_token(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) != TOKEN_KEY_BYTES:
        raise ConfigError(
            f"{path} does not hold {2 * TOKEN_KEY_BYTES} hex digits: restore it from a copy"
        )
    return key

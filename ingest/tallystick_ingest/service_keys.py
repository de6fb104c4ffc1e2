"""The service's secrets and its name: one directory (0700) that a backup of the data does not need.

`log.key` signs checkpoints, `service.key` is the identity of the service as an emitter, `token.key` makes
pseudonyms; `name` is the origin of the tenant log and never changes. Each is made at the first start.
"""

import hashlib
import re
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
from tallystick_ingest.own_secrets import NAME_FILE, own_secrets
from tallystick_ingest.service_session import Signer

DEFAULT_DEPLOYMENT: Final = "tallystick.local"
DEFAULT_TENANT: Final = "default"
TENANT_FOLDER: Final = "tenants"
"""Below the operator's directories, one folder a tenant, see tenants.py."""
MAX_TENANTS: Final = 64
"""Ours: each has some ten threads and up to 1 GB for its database."""
TOKEN_KEY_BYTES: Final = 32

_TENANT: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
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
    that is no origin, a name that differs from the one that this log has, and a directory that others may
    enter and that is not the service's alone.
    """
    try:
        own_secrets(directory)
        is_new = not (directory / NAME_FILE).exists()
        if is_new:
            _make(directory, name)
        kept = _load_name(directory / NAME_FILE, name)
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


def is_tenant_name(name: str) -> bool:
    """Whether a further tenant can have this name."""
    return _TENANT.fullmatch(name) is not None and name != DEFAULT_TENANT


def tenant_names(directory: Path) -> list[str]:
    """Return the names of the further tenants, given the directory of the operator's secrets."""
    found = (one for one in (directory / TENANT_FOLDER).glob("*") if one.is_dir())
    return sorted(one.name for one in found if is_tenant_name(one.name))


def tenant_log(operator_log: str, name: str) -> str:
    """Return the name of a tenant's log: `agents.example/acme` beside `agents.example/default`."""
    return f"{operator_log.rpartition('/')[0] or operator_log}/{name}"


def require_new_tenant(directory: Path, name: str) -> None:
    """Raise ConfigError unless a tenant of this name may be added beside those there are."""
    known = tenant_names(directory)
    if not is_tenant_name(name):
        raise ConfigError(
            "a tenant's name has 1 to 32 small letters, digits and hyphens within, such as"
            f" acme-eu, and is not {DEFAULT_TENANT}; got {name[:64]!r}"
        )
    if name in known:
        raise ConfigError(f"there is a tenant {name} already")
    if len(known) + 1 >= MAX_TENANTS:
        raise ConfigError(f"one process serves {MAX_TENANTS} tenants: start another one")


def make_tenant(directory: Path, name: str) -> ServiceKeys:
    """Make the secrets of a further tenant, given the directory of the operator's, and return them.

    Raises ConfigError where the operator has none yet, and as `require_new_tenant`; OSError.
    """
    if not (directory / NAME_FILE).exists():
        raise ConfigError(f"{directory} holds no service yet: start `tallystick up` once")
    require_new_tenant(directory, name)
    make_private_directory(directory / TENANT_FOLDER)
    operator_log = _load_name(directory / NAME_FILE, None)
    return load_service_keys(directory / TENANT_FOLDER / name, tenant_log(operator_log, name))


def tenant_secrets(directory: Path, name: str) -> Path:
    """Return where a tenant's secrets lie, given the operator's; ConfigError for an unknown name."""
    known = tenant_names(directory)
    if name not in (DEFAULT_TENANT, *known):
        shown = ", ".join(known) or "none"
        raise ConfigError(
            f"there is no tenant {name[:64]!r}: besides the operator there are {shown}"
        )
    return directory if name == DEFAULT_TENANT else directory / TENANT_FOLDER / name


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
    create_private_file(directory / NAME_FILE, name.encode() + b"\n")


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

"""Passwords: what may be one, and the scrypt hash that is kept of it.

One check costs about 0.3 s of a core and 32 MiB, whether or not there is such an account.
"""

import base64
import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Final

from tallystick.errors import ConfigError

MIN_PASSWORD_CHARS: Final = 15
"""NIST SP 800-63B-4, section 3.1.1.2: a password that is the only factor."""
MAX_PASSWORD_CHARS: Final = 256

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_GENERATED_BYTES: Final = 18
"""144 random bits: 24 characters."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What scrypt (RFC 7914) costs: memory is 128 * n * r bytes, p passes over it."""

    n: int = 1 << 15
    r: int = 8
    p: int = 3


COST: Final = Cost()
"""OWASP Password Storage Cheat Sheet: one of its equal choices for scrypt."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """What is kept of a password; salt and hash are base64."""

    salt: str
    hash: str
    cost: Cost = COST


def generate_password() -> str:
    """Return a password that nobody can guess."""
    return secrets.token_urlsafe(_GENERATED_BYTES)


def require_password(text: str) -> None:
    """Raise ConfigError unless `text` may be a password."""
    if not MIN_PASSWORD_CHARS <= len(text) <= MAX_PASSWORD_CHARS:
        raise ConfigError(
            f"a password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters, "
            f"got {len(text)}: take some words, or let one be generated"
        )


def hash_password(text: str, cost: Cost = COST) -> PasswordHash:
    """Hash a password under a fresh salt; ConfigError when it may not be one."""
    require_password(text)
    salt = secrets.token_bytes(_SALT_BYTES)
    return PasswordHash(_base64(salt), _base64(_scrypt(text, salt, cost)), cost)


def is_password(text: str, kept: PasswordHash) -> bool:
    """Whether `text` is the password that was hashed; takes as long for each as for another."""
    found = _scrypt(text, base64.b64decode(kept.salt), kept.cost)
    return hmac.compare_digest(_base64(found), kept.hash)


def nobodys_password(cost: Cost = COST) -> PasswordHash:
    """Return a hash that no password has, for names under which there is no account."""
    return PasswordHash(_base64(secrets.token_bytes(_SALT_BYTES)), "", cost)


def _scrypt(text: str, salt: bytes, cost: Cost) -> bytes:
    # RFC 8265, section 4.2.2: one form for texts that look the same
    password = unicodedata.normalize("NFC", text).encode("utf-8", "replace")
    memory_bytes = 128 * cost.r * (cost.n + cost.p + 2)
    return hashlib.scrypt(
        password,
        salt=salt,
        n=cost.n,
        r=cost.r,
        p=cost.p,
        maxmem=memory_bytes,
        dklen=_HASH_BYTES,
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()

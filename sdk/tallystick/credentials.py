"""Credentials: what the service gave this emitter, kept in ``credentials.json`` of the home directory.

`tallystick up` writes the file at its first start; enrolment adds to it. A second service gets a file of
its own. A damaged file is an EnrolmentError and is never replaced by itself.
"""

import base64
import binascii
import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tallystick.errors import ConfigError, EnrolmentError, VerificationError
from tallystick.masking.tokens import TokenKey
from tallystick.private_file import replace_private_file
from tallystick.tlog.note import VerifierKey, parse_vkey

CREDENTIALS_FILE: Final = "credentials.json"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the service gave this emitter. Empty text: not known."""

    url: str
    api_key: str = ""
    tenant: str = ""
    log_vkey: str = ""
    service_vkey: str = ""
    token_key_id: str = ""
    token_key: str = ""

    def __repr__(self) -> str:
        """Show where it leads and no secret."""
        return f"Credentials(url={self.url!r}, tenant={self.tenant!r})"

    @property
    def log_key(self) -> VerifierKey | None:
        """The pinned key of the tenant log."""
        return parse_vkey(self.log_vkey) if self.log_vkey else None

    @property
    def tokens(self) -> TokenKey | None:
        """The tenant's token key."""
        if not self.token_key:
            return None
        return TokenKey(self.token_key_id, base64.b64decode(self.token_key, validate=True))


def credentials_path(home: Path, endpoint: str | None) -> Path:
    """Return the file that belongs to `endpoint`: the common one, unless that one leads elsewhere."""
    common = home / CREDENTIALS_FILE
    held = read_credentials(common)
    if endpoint is None or held is None or held.url.rstrip("/") == endpoint:
        return common
    return home / f"credentials-{hashlib.sha256(endpoint.encode()).hexdigest()[:16]}.json"


def load_credentials(home: Path, endpoint: str | None) -> Credentials | None:
    """Return what is known of `endpoint`, or of the service on this machine when it is None.

    Raises EnrolmentError for a damaged file.
    """
    held = read_credentials(credentials_path(home, endpoint))
    if held is not None and endpoint is not None and held.url.rstrip("/") != endpoint:
        return None
    return held


def read_credentials(path: Path) -> Credentials | None:
    """Read one credentials file; None when it is not there. Raises EnrolmentError."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EnrolmentError(
            f"cannot read {path}: {error}; start `tallystick up` again or remove it"
        ) from None
    return parse_credentials(stated, str(path))


def parse_credentials(stated: object, source: str) -> Credentials:
    """Check credentials from a file or an answer of the service. Raises EnrolmentError."""
    if not isinstance(stated, Mapping):
        raise EnrolmentError(f"{source}: expected a JSON object")
    known = {name: stated[name] for name in Credentials.__slots__ if stated.get(name) is not None}
    if not isinstance(known.get("url"), str) or not all(isinstance(v, str) for v in known.values()):
        raise EnrolmentError(f"{source}: expected text values and a url")
    credentials = Credentials(**known)
    try:
        for vkey in filter(None, (credentials.log_vkey, credentials.service_vkey)):
            parse_vkey(vkey)
        _ = credentials.tokens
    except (VerificationError, ConfigError, binascii.Error) as error:
        raise EnrolmentError(f"{source}: {error}") from None
    return credentials


def save_credentials(path: Path, credentials: Credentials) -> None:
    """Replace a credentials file atomically, keeping keys that this version does not know. Raises OSError."""
    kept: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        kept = dict(json.loads(path.read_text(encoding="utf-8")))
    stated = {**kept, **asdict(credentials)}
    replace_private_file(path, (json.dumps(stated, indent=2) + "\n").encode())

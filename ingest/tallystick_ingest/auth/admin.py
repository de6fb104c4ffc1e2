"""The administrator's way in: a link that works once and begins a session.

The token of the link stands behind `#`, so that browsers send it to nobody; the claim page posts it.
Only its SHA-256 is kept, in a file, so that neither a restart nor a copy of it opens the door.
"""

import hashlib
import hmac
import json
import secrets
import threading
from pathlib import Path
from typing import Final

from tallystick.errors import AuthenticationError, ConfigError
from tallystick.private_file import replace_private_file

COOKIE: Final = "tallystick_admin"
_TOKEN_BYTES: Final = 32


class AdminDoor:
    """The one-time link. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Read the state in `path`; raise ConfigError when the file is not ours."""
        self._path = path
        self._lock = threading.Lock()
        self._claim_sha256 = _read(path)

    def new_link_token(self) -> str:
        """Make the token of a new link; an older link that nobody used stops working."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._lock:
            self._keep(_sha256(token))
        return token

    def claim(self, token: str) -> None:
        """Use the link up; when this returns, whoever showed the token is the administrator.

        Raises AuthenticationError for a token that is not the link's, or was used before.
        """
        with self._lock:
            expected = self._claim_sha256
            if expected is None or not hmac.compare_digest(expected, _sha256(token)):
                raise AuthenticationError(
                    "this admin link is not valid: it works once; "
                    "print a new one with `tallystick up --admin-link`"
                )
            self._keep(None)

    def _keep(self, claim_sha256: str | None) -> None:
        content = json.dumps({"claim_sha256": claim_sha256}).encode() + b"\n"
        replace_private_file(self._path, content)
        self._claim_sha256 = claim_sha256


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _read(path: Path) -> str | None:
    try:
        kept = json.loads(path.read_bytes())["claim_sha256"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    if kept is not None and not isinstance(kept, str):
        raise _damaged(path)
    return kept


def _damaged(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is not the state of the admin link: remove it and "
        "print a new link with `tallystick up --admin-link`"
    )

"""The administrator's way in: a link that works once, then a session kept in a cookie.

The token of the link stands behind `#`, so that browsers send it to nobody; the claim page posts it.
Only SHA-256 digests are kept, in a file, so that neither a restart nor a copy of it opens the door.
"""

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from tallystick.errors import AuthenticationError, ConfigError
from tallystick.private_file import replace_private_file

SESSION_LIFE_US: Final = 12 * 3600 * 1_000_000
"""Ours: one working day."""
COOKIE: Final = "tallystick_admin"
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class _State:
    claim_sha256: str | None = None
    sessions: tuple[tuple[str, int], ...] = ()
    """SHA-256 and end (µs) of each session."""


class AdminDoor:
    """The one-time link and the sessions that came of it. Safe to use from several threads."""

    def __init__(self, path: Path, clock_us: Callable[[], int]) -> None:
        """Read the state in `path`; raise ConfigError when the file is not ours."""
        self._path = path
        self._clock_us = clock_us
        self._lock = threading.Lock()
        self._state = _read(path)

    def new_link_token(self) -> str:
        """Make the token of a new link; an older link that nobody used stops working."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._lock:
            self._keep(replace(self._state, claim_sha256=_sha256(token)))
        return token

    def claim(self, token: str) -> str:
        """Use the link up and return the text of the session's cookie.

        Raises AuthenticationError for a token that is not the link's, or was used before.
        """
        with self._lock:
            expected = self._state.claim_sha256
            if expected is None or not hmac.compare_digest(expected, _sha256(token)):
                raise AuthenticationError(
                    "this admin link is not valid: it works once; "
                    "print a new one with `tallystick up --admin-link`"
                )
            cookie = secrets.token_urlsafe(_TOKEN_BYTES)
            end_us = self._clock_us() + SESSION_LIFE_US
            self._keep(_State(None, (*self._living(), (_sha256(cookie), end_us))))
        return cookie

    def is_session(self, cookie: str) -> bool:
        """Whether a cookie belongs to a session that has not ended."""
        digest, found = _sha256(cookie), False
        for known, _ in self._living():
            found |= hmac.compare_digest(known, digest)
        return found

    def _living(self) -> tuple[tuple[str, int], ...]:
        now_us = self._clock_us()
        return tuple(session for session in self._state.sessions if session[1] > now_us)

    def _keep(self, state: _State) -> None:
        replace_private_file(self._path, json.dumps(asdict(state)).encode() + b"\n")
        self._state = state


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _read(path: Path) -> _State:
    try:
        kept = json.loads(path.read_bytes())
        sessions = tuple((str(digest), int(end_us)) for digest, end_us in kept["sessions"])
        return _State(kept["claim_sha256"], sessions)
    except FileNotFoundError:
        return _State()
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is not the state of the admin link ({type(error).__name__}): remove it and "
            "print a new link with `tallystick up --admin-link`"
        ) from error

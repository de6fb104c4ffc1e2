"""Sessions: who has logged in, by password or by the one-time link, until they leave or time is up.

A session is a bearer token of 256 random bits; its digest alone is kept, in a file, so that sessions
outlive a restart of the service and a copy of the file opens no door. When it was last used is written
down once a minute: a restart may end a session that much too early, never too late.
"""

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from tallystick.errors import ConfigError
from tallystick.private_file import replace_private_file

IDLE_US: Final = 60 * 60 * 1_000_000
"""Ours: an hour without a request ends a session."""
SESSION_LIFE_US: Final = 12 * 3600 * 1_000_000
"""Ours: one working day, whatever happens."""
MAX_SESSIONS: Final = 1_000
"""At one time; a further one ends the one that was unused for longest."""
SESSION_PREFIX: Final = "tallystick_session_"
WRITE_EVERY_US: Final = 60 * 1_000_000

_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Session:
    """One session. `sha256` is hex, of the whole token."""

    sha256: str
    subject: str
    """Id of the account, or `admin` for whoever used the one-time link."""
    end_us: int
    seen_us: int

    def is_living(self, now_us: int) -> bool:
        """Whether it has neither ended nor gone to sleep."""
        return now_us < self.end_us and now_us - self.seen_us < IDLE_US


class SessionBook:
    """The sessions of one service. Safe to use from several threads."""

    def __init__(self, path: Path, clock_us: Callable[[], int]) -> None:
        """Read the sessions in `path`; raise ConfigError when the file is not ours."""
        self._path = path
        self._clock_us = clock_us
        self._lock = threading.Lock()
        self._sessions = {one.sha256: one for one in _read(path)}
        self._written_us = 0

    @property
    def living_count(self) -> int:
        """How many sessions have neither ended nor gone to sleep."""
        now_us = self._clock_us()
        with self._lock:
            return sum(one.is_living(now_us) for one in self._sessions.values())

    def start(self, subject: str) -> tuple[str, Session]:
        """Begin a session and return its token, which is shown this once; durable by then."""
        token = SESSION_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
        now_us = self._clock_us()
        session = Session(_sha256(token), subject, now_us + SESSION_LIFE_US, now_us)
        with self._lock:
            living = [one for one in self._sessions.values() if one.is_living(now_us)]
            living.sort(key=lambda one: one.seen_us)
            self._write([*living[-(MAX_SESSIONS - 1) :], session])
        return token, session

    def find(self, token: str) -> Session | None:
        """Return the living session of a token and note that it is used; None for none.

        Found by its digest: how long that takes tells nothing about the token.
        """
        now_us = self._clock_us()
        with self._lock:
            session = self._sessions.get(_sha256(token))
            if session is None or not session.is_living(now_us):
                return None
            session = replace(session, seen_us=max(session.seen_us, now_us))
            self._sessions[session.sha256] = session
            if now_us - self._written_us >= WRITE_EVERY_US:
                self._write([one for one in self._sessions.values() if one.is_living(now_us)])
        return session

    def is_known(self, token: str) -> bool:
        """Whether a token was given out here; its session may have ended."""
        return _sha256(token) in self._sessions

    def end(self, token: str) -> bool:
        """End a session, durably; False when there is none of this token."""
        digest = _sha256(token)
        with self._lock:
            if digest not in self._sessions:
                return False
            self._write([one for one in self._sessions.values() if one.sha256 != digest])
        return True

    def end_of(self, subject: str) -> None:
        """End every session of somebody, durably."""
        with self._lock:
            kept = [one for one in self._sessions.values() if one.subject != subject]
            if len(kept) < len(self._sessions):
                self._write(kept)

    def sweep(self) -> None:
        """Take sessions that have ended out of the file. Raises OSError."""
        now_us = self._clock_us()
        with self._lock:
            living = [one for one in self._sessions.values() if one.is_living(now_us)]
            if len(living) < len(self._sessions):
                self._write(living)

    def _write(self, sessions: list[Session]) -> None:
        content = json.dumps({"sessions": [asdict(one) for one in sessions]})
        replace_private_file(self._path, content.encode() + b"\n")
        self._sessions = {one.sha256: one for one in sessions}
        self._written_us = self._clock_us()


def is_session_token(text: str) -> bool:
    """Whether a bearer token is that of a session, and no API key."""
    return text.startswith(SESSION_PREFIX)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _read(path: Path) -> list[Session]:
    try:
        return [_session(one) for one in json.loads(path.read_bytes())["sessions"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} does not hold sessions ({type(error).__name__}): remove it, and everybody "
            "logs in again"
        ) from error


def _session(stated: Mapping[str, object]) -> Session:
    return Session(
        str(stated["sha256"]),
        str(stated["subject"]),
        int(str(stated["end_us"])),
        int(str(stated["seen_us"])),
    )

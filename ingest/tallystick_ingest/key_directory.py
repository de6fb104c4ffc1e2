"""Keys by which records are checked: enrolled identities and the keys of open sessions.

Both are read from the log itself: identities from the service's own `key.added` records, session keys
from `session.open`. What is here is a memory of that, never a second truth.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tallystick.tlog.note import VerifierKey, parse_vkey

MAX_SESSIONS: Final = 16_384
"""Session keys in memory; others are read from the store again."""


class NotAtHandError(Exception):
    """The store has to be asked for a key, which takes a thread."""


ReadOpening = Callable[[str], Mapping[str, object] | None]
"""Gives the statement of a session's session.open, None when it is not kept. From any thread."""


class KeyDirectory:
    """Safe to use from several threads."""

    def __init__(self, emitters: Iterable[VerifierKey], read_opening: ReadOpening) -> None:
        """Start with the identities that are enrolled."""
        self._emitters = {(key.name, key.key_id.hex()): key for key in emitters}
        self._read_opening = read_opening
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, str] = OrderedDict()

    @property
    def emitters(self) -> tuple[VerifierKey, ...]:
        """Every enrolled identity, in the order of enrolment."""
        return tuple(self._emitters.values())

    def emitter_key(self, name: str, key_id: str) -> VerifierKey | None:
        """Return an enrolled identity by name and key id (hex)."""
        return self._emitters.get((name, key_id))

    def enrol(self, key: VerifierKey) -> None:
        """Add an identity, once its `key.added` is durable."""
        self._emitters[key.name, key.key_id.hex()] = key

    def session_key(self, session: str) -> str | None:
        """Return the vkey of a session that is open here; None for an unknown one."""
        try:
            return self.session_key_at_hand(session)
        except NotAtHandError:
            opening = self._read_opening(session)
        if opening is None:
            return None
        vkey = str(opening["session.key"])
        self.note_opened([(session, vkey)])
        return vkey

    def session_key_at_hand(self, session: str) -> str:
        """Return the vkey of a session that is in memory; raise NotAtHandError for any other. Never waits."""
        with self._lock:
            if session not in self._sessions:
                raise NotAtHandError
            self._sessions.move_to_end(session)
            return self._sessions[session]

    def note_opened(self, opened: Iterable[tuple[str, str]]) -> None:
        """Remember the vkeys of sessions, once their `session.open` is durable: no query is needed then."""
        with self._lock:
            for session, vkey in opened:
                self._sessions.setdefault(session, vkey)
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)


def enrolled(statements: Iterable[Mapping[str, object]]) -> list[VerifierKey]:
    """Return the identities that `key.added` statements of the service name."""
    return [
        parse_vkey(str(one["key.vkey"]))
        for one in statements
        if one.get("key.purpose") == "emitter"
    ]

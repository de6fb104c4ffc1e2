"""Visitors: whether a cookie is that of a session, asked of the service and remembered for seconds.

A page loads from dozens of files; the service is asked once for all of them. Rights are not decided
here: each page asks the service with the visitor's own token.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from tallystick_dashboard.client import DashboardError, Person, ServiceAwayError

KNOWN_S: Final = 10.0
"""How long an answer of the service counts: a session that ended opens no new page after that."""
MAX_KNOWN: Final = 4_096


class Standing(Enum):
    """What is known of a visitor."""

    SIGNED_IN = "signed in"
    NOBODY = "nobody"
    UNCLEAR = "unclear"
    """The service does not answer, and this cookie was never seen."""


class Asker(Protocol):
    """Whoever knows whose session a token is."""

    def me(self) -> Person:
        """Return the person; raises DashboardError."""
        ...


@dataclass(slots=True)
class _Seen:
    """One session that the service knew."""

    asked_s: float


class Visitors:
    """Remembers whose cookies the service knew. Used from one event loop."""

    def __init__(
        self, asker: Callable[[str], Asker], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask through `asker(token)`."""
        self._asker = asker
        self._clock_s = clock_s
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()
        self._asking: dict[bytes, asyncio.Lock] = {}

    async def standing(self, token: str | None) -> Standing:
        """Say what is known of whoever shows `token`."""
        if not token:
            return Standing.NOBODY
        name = _name(token)
        lock = self._asking.setdefault(name, asyncio.Lock())
        try:
            async with lock:
                return await self._standing(name, token)
        finally:
            if not lock.locked():
                self._asking.pop(name, None)

    def forget(self, token: str) -> None:
        """Forget a session, so that the next request asks the service again."""
        self._seen.pop(_name(token), None)

    async def _standing(self, name: bytes, token: str) -> Standing:
        seen = self._seen.get(name)
        if seen is not None and self._clock_s() - seen.asked_s < KNOWN_S:
            return Standing.SIGNED_IN
        try:
            await asyncio.to_thread(self._asker(token).me)
        except ServiceAwayError:
            return Standing.UNCLEAR if seen is None else Standing.SIGNED_IN  # its page will say it
        except DashboardError:
            self._seen.pop(name, None)
            return Standing.NOBODY
        self._seen[name] = _Seen(self._clock_s())
        self._seen.move_to_end(name)
        while len(self._seen) > MAX_KNOWN:
            self._seen.popitem(last=False)
        return Standing.SIGNED_IN


def _name(token: str) -> bytes:
    """Return what a session is remembered by; the token itself is kept nowhere."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()

"""To which tenant a token leads by what it claims, before anything of it was checked: whom to ask, never to believe.

That is worked out on the event loop, for whoever sends a token, so each token is read once and remembered.
"""

import hashlib
import threading
from collections import OrderedDict
from typing import Final

from tallystick_ingest.auth.grants import Grants
from tallystick_ingest.auth.tokens import unchecked_claims

MAX_REMEMBERED: Final = 10_000
"""Tokens, by their digest; the longest unused is forgotten."""


class Leads:
    """Where tokens lead by the rules of one service. Safe to use from several threads."""

    def __init__(self, grants: Grants) -> None:
        """Follow the rules of all tenants, which are the same for each."""
        self._grants = grants
        self._lock = threading.Lock()
        self._remembered: OrderedDict[bytes, str | None] = OrderedDict()

    def __len__(self) -> int:
        """How many tokens are remembered."""
        return len(self._remembered)

    def tenant(self, text: str) -> str | None:
        """Return the tenant of the first rule that fits what a token claims; None where none does."""
        digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
        with self._lock:
            if digest in self._remembered:
                self._remembered.move_to_end(digest)
                return self._remembered[digest]
        found = self._grants.tenant_of(unchecked_claims(text))
        with self._lock:
            self._remembered[digest] = found
            while len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)
        return found

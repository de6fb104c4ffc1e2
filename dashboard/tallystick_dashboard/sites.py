"""Sites: under which names the dashboard is itself, and which pages are its own.

A browser sends the session's cookie along whatever page asked it to; what keeps other pages out is that
`Host` must be a name of ours and `Origin` that very host.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

_SCHEMES: Final = ("http", "https")
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\s\[\]:;,@/?#\\'\"]+)(?::[0-9]{1,5})?")
"""Name and port, in lower case. A library that takes addresses apart lets more stand beside brackets,
and a host stands in the content security policy."""


@dataclass(frozen=True, slots=True)
class Sites:
    """The names of this dashboard, in lower case."""

    names: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Sites":
        """Take names of hosts, without ports."""
        return cls(frozenset(name.lower().strip("[]") for name in names))

    def has_host(self, host: str | None) -> bool:
        """Whether a `Host` header names this dashboard."""
        found = _HOST.fullmatch((host or "").lower())
        return found is not None and found["name"].strip("[]") in self.names

    def is_own(self, origin: str | None, host: str | None) -> bool:
        """Whether an `Origin` is a page of the host that the request went to."""
        parts = _split(origin or "")
        if parts is None or parts.scheme not in _SCHEMES or parts.path not in {"", "/"}:
            return False
        return self.has_host(host) and parts.netloc.lower() == (host or "").lower()


def _split(address: str) -> SplitResult | None:
    """Split an address; None for one whose host or port cannot be read."""
    try:
        parts = urlsplit(address)
        _ = (parts.port, parts.hostname)
    except ValueError:
        return None
    return parts

"""Which programs may come with a token: client ids, of which some are the URL of a document that describes them.

A client id that is a URL (draft-ietf-oauth-client-id-metadata-document) is https, with a path, without user,
fragment, dot segment or query. The lists of the operator decide by the id alone: nothing is fetched for it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tallystick.capture.token_claims import client_id_kind
from tallystick.errors import AuthenticationError

MAX_ID_CHARS: Final = 2_048
MAX_PATTERNS: Final = 1_000
_ANY: Final = ".*"


@dataclass(frozen=True, slots=True)
class ClientPattern:
    """An id, in which `*` stands for any text, but within a URL's host for a part of one name alone."""

    text: str
    expression: re.Pattern[str]

    def fits(self, client_id: str) -> bool:
        """Whether an id is meant."""
        return self.expression.fullmatch(client_id) is not None


@dataclass(frozen=True, slots=True)
class ClientRules:
    """Who may come: those of `allowed` (with none: all) that `denied` does not name."""

    allowed: tuple[ClientPattern, ...] = ()
    denied: tuple[ClientPattern, ...] = ()

    def require(self, client_id: str | None) -> None:
        """Raise AuthenticationError for a program that may not come with any token."""
        if client_id is None:
            if self.allowed:
                raise AuthenticationError("the token names no client, and only some may come here")
            return
        if is_malformed(client_id):
            raise AuthenticationError(
                "the token's client id is a URL that names no client: expected https, with a path, "
                "without user, query, fragment and dot segments"
            )
        is_allowed = not self.allowed or any(one.fits(client_id) for one in self.allowed)
        if not is_allowed or any(one.fits(client_id) for one in self.denied):
            raise AuthenticationError("tokens of this client are not taken here")


def is_malformed(client_id: str) -> bool:
    """Whether an id has the form of a URL, and not that of a document's."""
    if len(client_id) > MAX_ID_CHARS:
        return True
    if "://" not in client_id:
        return False
    return client_id_kind(client_id) != "metadata_document" or bool(urlsplit(client_id).query)


def parse_patterns(written: Sequence[str]) -> tuple[ClientPattern, ...]:
    """Read patterns; raise ValueError with what was expected."""
    if len(written) > MAX_PATTERNS or any(len(one) > MAX_ID_CHARS for one in written):
        raise ValueError(f"at most {MAX_PATTERNS} client ids, in which * stands for any text")
    return tuple(ClientPattern(one, re.compile(_expression(one), re.DOTALL)) for one in written)


def _expression(pattern: str) -> str:
    scheme, mark, rest = pattern.partition("://")
    if not mark:
        return _joined(pattern, _ANY)
    host, slash, path = rest.partition("/")
    return re.escape(f"{scheme}://") + _joined(host, "[^./:@]*") + slash + _joined(path, _ANY)


def _joined(pattern: str, wild: str) -> str:
    parts: Sequence[str] = pattern.split("*")
    return wild.join(re.escape(part) for part in parts)

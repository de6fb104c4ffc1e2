"""What a request shows as its credential: one bearer token, or the cookie of a session, if no other page caused it."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from tallystick.errors import AuthenticationError
from tallystick_ingest.auth.admin import COOKIE
from tallystick_ingest.auth.sessions import is_session_token

_BEARER: Final = "bearer"
_NEVER_IN_TOKENS: Final = frozenset(", \t")
"""What no token has (RFC 6750, section 2.1), and two headers that were joined have (RFC 9110, section 5.3)."""


def session_token(headers: Mapping[str, str]) -> str:
    """Return the token of the session that a request shows, empty when it shows none.

    Raises AuthenticationError for an Authorization header that is none.
    """
    authorization = headers.get("authorization", "")
    if authorization:
        text = bearer(authorization)
        return text if is_session_token(text) else ""
    return _cookie(headers.get("cookie", "")) if _is_same_origin(headers) else ""


def bearer(authorization: str) -> str:
    """Return the bearer token of an Authorization header; raise AuthenticationError for any other."""
    scheme, _, rest = authorization.partition(" ")
    text = rest.strip()
    if scheme.lower() != _BEARER or not text:
        raise AuthenticationError("the Authorization header is not `Bearer <API key>`")
    if not _NEVER_IN_TOKENS.isdisjoint(text):
        raise AuthenticationError(
            "there is more than one credential: send one Authorization header"
        )
    return text


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether the page that caused the request is ours: SameSite tells no ports apart."""
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == headers.get("host")
    except ValueError:
        return False  # no origin that a browser would state

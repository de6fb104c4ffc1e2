"""The gate: who sends a request, and whether they may.

A caller shows an API key (`Authorization: Bearer ...`) or the cookie of an administrator's session. A
cookie counts only for requests that no page of another origin can cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from tallystick.errors import AuthenticationError, AuthorizationError
from tallystick_ingest.auth.admin import COOKIE, AdminDoor
from tallystick_ingest.auth.api_keys import SCOPES, ApiKey, KeyRing, Scope

_BEARER: Final = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was authenticated. `id` is opaque and stands in the log as the sender."""

    id: str
    name: str
    scopes: tuple[str, ...]
    is_human: bool = False

    def require(self, scope: Scope) -> None:
        """Raise AuthorizationError unless the caller has `scope`."""
        if scope not in self.scopes:
            raise AuthorizationError(
                f"{self.id} may not do this: the scope {scope!r} is needed, "
                f"it has {', '.join(self.scopes)}"
            )


ADMINISTRATOR: Final = Caller("admin", "administrator", SCOPES, is_human=True)


class Gate:
    """Authenticates requests by their headers (names in lower case)."""

    def __init__(self, keys: KeyRing, door: AdminDoor) -> None:
        """Let in the holders of `keys` and the sessions of `door`."""
        self._keys = keys
        self._door = door

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return who sends a request; raise AuthenticationError when nobody vouches for it."""
        authorization = headers.get("authorization", "")
        if authorization:
            return _of_key(self._keys.find(_bearer(authorization)))
        cookie = _cookie(headers.get("cookie", ""))
        if cookie and _is_same_origin(headers) and self._door.is_session(cookie):
            return ADMINISTRATOR
        raise AuthenticationError(
            "no valid credential: send `Authorization: Bearer <API key>`; the key of this machine "
            "is in credentials.json of the Tallystick home"
        )


def _of_key(key: ApiKey | None) -> Caller:
    if key is None:
        raise AuthenticationError(
            "this API key is not known here: check that it belongs to this service"
        )
    return Caller(key.id, key.name, key.scopes)


def _bearer(authorization: str) -> str:
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != _BEARER or not text.strip():
        raise AuthenticationError("the Authorization header is not `Bearer <API key>`")
    return text.strip()


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

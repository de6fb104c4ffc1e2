"""Which credential an HTTP request presents, and who that names: mcp's own verdict, another's, or nobody's.

The first header counts, as it does for mcp. Where mcp verified no token, a user whom the server's own
authentication put into the request is authenticated; a key or token that only lies there names at most
what it says itself, asserted. A credential in the address is found too, and marked: MCP forbids it.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

from tallystick.capture.identity import Credential, Identity, Principal, text
from tallystick.capture.token_claims import (
    credential_kind,
    from_access_token,
    from_refused,
    from_unverified,
)
from tallystick.profile import JsonValue

KEY_HEADERS: Final = frozenset({b"x-api-key", b"api-key", b"x-apikey"})
KEY_PARAMETERS: Final = frozenset({"api_key", "apikey", "api-key"})
TOKEN_PARAMETERS: Final = frozenset({"access_token"})
"""RFC 6750, section 2.3."""
MAX_SECRET_CHARS: Final = 65_536
MAX_QUERY_BYTES: Final = 8192
Form = Literal["token", "password", "key"]
Reading = Callable[[Form, str], Identity]
"""Says who is named by a credential of some form."""
_KINDS: Final[Mapping[str, Form]] = {"bearer": "token", "basic": "password"}


def caller_of(scope: Mapping[str, Any]) -> Identity:
    """Return who makes a request that was let through."""
    user = scope.get("user")
    token = getattr(user, "access_token", None)
    if token is not None:
        return _with_oddities(from_access_token(token), scope)
    known = _with_oddities(_presented(scope, _let_through), scope)
    name = _name_of(user)
    if name is None:
        return known
    return replace(known, principal=Principal(name, basis="authenticated", auth_method="server"))


def refused_caller(scope: Mapping[str, Any]) -> Identity | None:
    """Return who was refused, None when nobody showed a credential."""
    token = getattr(scope.get("user"), "access_token", None)
    if token is not None:
        return _with_oddities(from_access_token(token), scope)
    known = _presented(scope, _refused)
    return _with_oddities(known, scope) if known.credential.secret else None


def credential_of_headers(headers: Iterable[tuple[str, str]]) -> Credential:
    """Return the credential of a request that this process sends, read as a server would read it."""
    given = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers]
    return _presented({"headers": given}, _sent).credential


def _presented(scope: Mapping[str, Any], reading: Reading) -> Identity:
    for header in _headers(scope, b"authorization"):
        scheme, _, secret = header.partition(" ")
        if secret.strip():
            return reading(_KINDS.get(scheme.lower(), "key"), secret.strip())
    for name in KEY_HEADERS:
        for key in _headers(scope, name):
            return reading("key", key)
    for parameter, value in _parameters(scope):
        if parameter in TOKEN_PARAMETERS | KEY_PARAMETERS:
            return reading("token" if parameter in TOKEN_PARAMETERS else "key", value)
    return Identity()


def _let_through(form: Form, secret: str) -> Identity:
    if form == "token":
        return from_unverified(secret)
    known = _sent(form, secret)
    name = _basic_user(secret) if form == "password" else None
    method = "basic" if form == "password" else "api_key"
    return replace(
        known,
        principal=Principal(name, basis="asserted" if name else "unknown", auth_method=method),
    )


def _refused(form: Form, secret: str) -> Identity:
    return from_refused(secret) if form == "token" else _sent(form, secret)


def _sent(form: Form, secret: str) -> Identity:
    if form == "token":
        return Identity(credential=Credential(credential_kind(secret), secret))
    return Identity(credential=Credential("basic" if form == "password" else "api_key", secret))


def _with_oddities(known: Identity, scope: Mapping[str, Any]) -> Identity:
    """Add what is odd about how the credential was presented to its evidence."""
    odd: dict[str, JsonValue] = {}
    if any(name in TOKEN_PARAMETERS | KEY_PARAMETERS for name, _ in _parameters(scope)):
        odd["in_address"] = True
    count = sum(1 for _ in _headers(scope, b"authorization"))
    if count > 1:
        odd["authorization_headers"] = count
    if not odd:
        return known
    credential = replace(known.credential, evidence={**known.credential.evidence, **odd})
    return replace(known, credential=credential)


def _headers(scope: Mapping[str, Any], wanted: bytes) -> Iterator[str]:
    for name, value in scope.get("headers") or ():
        if name.lower() == wanted:
            yield value.decode("latin-1")[:MAX_SECRET_CHARS]


def _parameters(scope: Mapping[str, Any]) -> list[tuple[str, str]]:
    query = scope.get("query_string") or b""
    if not query or len(query) > MAX_QUERY_BYTES:
        return []
    try:
        pairs = parse_qsl(query.decode("latin-1"))
    except ValueError:  # more fields than Python reads
        return []
    return [(name.lower(), value) for name, value in pairs if value]


def _basic_user(secret: str) -> str | None:
    try:
        name, colon, _ = base64.b64decode(secret, validate=True).decode().partition(":")
    except ValueError:  # binascii.Error and UnicodeDecodeError are ValueErrors
        return None
    return text(name) if name and colon else None


def _name_of(user: Any) -> str | None:  # noqa: ANN401 - whatever the server's authentication put there
    """Return the name of a user whom Starlette's authentication vouches for."""
    if getattr(user, "is_authenticated", False) is not True:
        return None
    try:
        name = user.display_name
    except (AttributeError, NotImplementedError):  # a user without one, as BaseUser is
        name = getattr(user, "username", None)
    return text(name) if isinstance(name, str) and name else None

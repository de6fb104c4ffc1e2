"""Which credential a client sends to an MCP server over HTTP, as far as its transport shows it.

Only a keyed digest of it is recorded, the same that a server makes of what it is presented with: so a token
that a server received and passed on to another server, or a key that several clients share, can be found.
"""

from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from tallystick.identity import Credential
from tallystick.presented import credential_of_headers

_sources: Final[WeakKeyDictionary[object, "tuple[Any, Any]"]] = WeakKeyDictionary()
"""Read stream of a client -> its headers and its `auth`, as they were given; both may change."""


def note(stream: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Remember how the transport behind a client's read stream authenticates.

    `args` and `kwargs` are those of mcp's transport function: an HTTP client, or headers and `auth`.
    """
    client = kwargs.get("http_client", args[1] if len(args) > 1 else None)
    headers, auth = kwargs.get("headers", client), kwargs.get("auth")
    if hasattr(client, "headers"):
        headers, auth = client.headers, getattr(client, "auth", None)
    if isinstance(headers, Mapping) or auth is not None:
        _sources[stream] = (headers, auth)


def sent_credential(stream: object) -> Credential:
    """Return what a client sends now, from its `auth` where that has one, else from its headers."""
    headers, auth = _sources.get(stream, (None, None))
    found = _of_auth(auth)
    if found is not None:
        return credential_of_headers([("authorization", found)])
    given = headers.items() if isinstance(headers, Mapping) else ()
    return credential_of_headers([(str(name), str(value)) for name, value in given])


def _of_auth(auth: Any) -> str | None:
    """Return the Authorization header of mcp's OAuth client, fastmcp's BearerAuth or httpx's BasicAuth."""
    tokens = getattr(getattr(auth, "context", None), "current_tokens", None)
    token: Any = getattr(tokens, "access_token", None) or getattr(auth, "token", None)
    plain = token.get_secret_value() if hasattr(token, "get_secret_value") else token
    if isinstance(plain, str) and plain:
        return f"Bearer {plain}"
    header = getattr(auth, "_auth_header", None)
    return header if isinstance(header, str) else None

"""Which credential a client sends to an MCP server over HTTP, as far as its transport shows it.

Only a keyed digest of it is recorded, the same that a server makes of what it is presented with: so a token
that a server received and passed on to another server, or a key that several clients share, can be found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from tallystick.capture.identity import Credential
from tallystick.capture.presented import credential_of_headers


@dataclass(slots=True, repr=False)
class _Source:
    """Headers and `auth` of a client, as they were given; both may change. `read`: the headers read last."""

    headers: Any
    auth: Any
    read: list[tuple[str, str]] = field(default_factory=list)
    credential: Credential = field(default_factory=Credential)


_sources: Final[WeakKeyDictionary[object, _Source]] = WeakKeyDictionary()
"""Read stream of a client -> how it authenticates."""


def note(stream: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Remember how the transport behind a client's read stream authenticates.

    `args` and `kwargs` are those of mcp's transport function: an HTTP client, or headers and `auth`.
    """
    client = kwargs.get("http_client", args[1] if len(args) > 1 else None)
    headers, auth = kwargs.get("headers", client), kwargs.get("auth")
    if hasattr(client, "headers"):
        headers, auth = client.headers, getattr(client, "auth", None)
    if isinstance(headers, Mapping) or auth is not None:
        _sources[stream] = _Source(headers, auth)


def sent_credential(stream: object) -> Credential:
    """Return what a client sends now, from its `auth` where that has one, else from its headers."""
    source = _sources.get(stream)
    if source is None:
        return Credential()
    found = _of_auth(source.auth)
    given = source.headers.items() if isinstance(source.headers, Mapping) and not found else ()
    headers = [("authorization", found)] if found else [(str(k), str(v)) for k, v in given]
    if headers != source.read:
        source.read, source.credential = headers, credential_of_headers(headers)
    return source.credential


def _of_auth(auth: Any) -> str | None:
    """Return the Authorization header of mcp's OAuth client, fastmcp's BearerAuth or httpx's BasicAuth."""
    tokens = getattr(getattr(auth, "context", None), "current_tokens", None)
    token: Any = getattr(tokens, "access_token", None) or getattr(auth, "token", None)
    plain = token.get_secret_value() if hasattr(token, "get_secret_value") else token
    if isinstance(plain, str) and plain:
        return f"Bearer {plain}"
    header = getattr(auth, "_auth_header", None)
    return header if isinstance(header, str) else None

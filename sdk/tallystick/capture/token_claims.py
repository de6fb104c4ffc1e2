"""Reads what a token says: claims that a server's own verifier accepted, and claims that nobody verified.

A token is somebody else's input. A claim of the wrong type is not used and not guessed at: it is kept as
evidence, beside an `alg` of `none`, and the claim counts as absent. Every list and text is bounded.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from tallystick.capture.identity import (
    Basis,
    Client,
    Credential,
    Identity,
    IdKind,
    Principal,
    joined,
    text,
)
from tallystick.profile import JsonValue

MAX_ACTORS: Final = 16
"""Actors kept of a delegation chain; RFC 8693 sets no limit."""
MAX_CLAIMS: Final = 32
"""Claims kept of one actor."""
MAX_SCOPES: Final = 256
MAX_AUDIENCES: Final = 16
MAX_JWT_CHARS: Final = 65_536
"""A longer token is not decoded; servers refuse headers far shorter than that."""
_JWT_PARTS: Final = 3
_TEXT_CLAIMS: Final = ("iss", "sub", "azp", "client_id", "jti")
_SHOWN: Final = (*_TEXT_CLAIMS, "aud", "exp", "scope")
"""What is kept, as evidence, of a token that nobody verified."""
_HUMAN_CLAIMS: Final = frozenset(
    {"email", "name", "given_name", "family_name", "preferred_username"}
)
"""OpenID Connect standard claims (section 5.1) that only a person has."""


def from_access_token(token: Any) -> Identity:  # noqa: ANN401 - mcp's AccessToken, of several versions
    """Read the verified access token of a request: mcp's `AccessToken`, or anything with its attributes.

    What it says is authenticated, because the server's own verifier accepted it. The principal is `sub`, and
    the client itself where the claims have none (RFC 9068). Where the verifier passed neither subject nor
    claims on, a JWT's own `sub` is inferred. A user id that a span or a client states is never consulted.
    """
    given = getattr(token, "claims", None)
    claims = given if isinstance(given, Mapping) else {}
    secret = _string(getattr(token, "token", None))
    header = jwt_header(secret or "")
    client_id = _string(getattr(token, "client_id", None)) or _first(claims, "client_id", "azp")
    subject = _string(getattr(token, "subject", None)) or _first(claims, "sub")
    basis: Basis = "authenticated"
    if subject is None and given is None:
        basis, inferred = "inferred", {} if header is None else jwt_claims(secret or "")
        subject, claims = _first(inferred, "sub"), {**inferred, "act": None}
    elif subject is None and isinstance(given, Mapping) and claims.get("sub") is None:
        subject = client_id
    evidence = _evidence(header, claims)
    if given is not None and not isinstance(given, Mapping):
        evidence["malformed"] = {"claims": text(given)}
    return Identity(
        principal=_principal(subject, client_id, claims, basis, header),
        client=_client(client_id, "authenticated"),
        credential=Credential(
            _kind(header),
            secret,
            _granted(token, claims),
            _audience(token, claims),
            _token_id(claims),
            evidence,
        ),
        actors=actor_chain(claims.get("act")),
        roles=_texts(claims.get("roles")),
    )


def from_unverified(secret: str) -> Identity:
    """Read a bearer token that something else than mcp accepted: what a JWT says is asserted, no more."""
    header, claims = jwt_header(secret), jwt_claims(secret)
    subject, client_id = _first(claims, "sub"), _first(claims, "client_id", "azp")
    return Identity(
        principal=_principal(subject, client_id, claims, "asserted", header),
        client=_client(client_id, "asserted"),
        credential=Credential(
            _kind(header),
            secret,
            _words(claims.get("scope")),
            _audience(None, claims),
            _token_id(claims),
            _evidence(header, claims),
        ),
        actors=actor_chain(claims.get("act")),
    )


def from_refused(secret: str) -> Identity:
    """Read a bearer token that was refused: nobody is named by it, what it says is evidence alone."""
    header, claims = jwt_header(secret), jwt_claims(secret)
    evidence = _evidence(header, claims)
    shown = {name: text(claims[name]) for name in _SHOWN if name in claims}
    if shown:
        evidence["unverified"] = shown
    return Identity(credential=Credential(_kind(header), secret, evidence=evidence))


def actor_chain(act: object) -> tuple[Mapping[str, JsonValue], ...]:
    """Flatten a nested RFC 8693 `act` claim, outermost first, at most MAX_ACTORS of them.

    What is no object is kept as evidence under `malformed`; a chain that goes on is marked `truncated`.
    """
    chain: list[Mapping[str, JsonValue]] = []
    while act is not None:
        if len(chain) == MAX_ACTORS:
            chain[-1] = {**chain[-1], "truncated": True}
            break
        if not isinstance(act, Mapping):
            chain.append({"malformed": text(act)})
            break
        claims = [(name, value) for name, value in act.items() if name != "act"][:MAX_CLAIMS]
        chain.append({text(name): _claim(value) for name, value in claims})
        act = act.get("act")
    return tuple(chain)


def credential_kind(token: str) -> Literal["jwt", "opaque"]:
    """Say whether a bearer token has the shape of a JWT; its content is not looked at."""
    return _kind(jwt_header(token))


def client_id_kind(client_id: str) -> IdKind:
    """Say whether a client id is the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document).

    Such a URL is https, has a path, and no user, no fragment, no dot segment and no character outside ASCII.
    """
    if not client_id.isascii() or not client_id.isprintable() or " " in client_id:
        return "unknown"
    try:
        parts = urlsplit(client_id)
    except ValueError:
        return "unknown"
    segments = parts.path.split("/")
    has_place = bool(parts.hostname) and parts.path not in ("", "/")
    is_plain = "@" not in parts.netloc and not parts.fragment and "#" not in client_id
    is_document = parts.scheme == "https" and has_place and is_plain
    return "metadata_document" if is_document and not {".", ".."} & set(segments) else "unknown"


def jwt_header(token: str) -> Mapping[str, Any] | None:
    """Return the header of a token that has the shape of a JWT, None of any other."""
    has_shape = len(token) <= MAX_JWT_CHARS and token.count(".") == _JWT_PARTS - 1
    return _json_part(token, 0) if has_shape else None


def jwt_claims(token: str) -> Mapping[str, Any]:
    """Return the claims of a JWT without checking its signature; none of another kind of token."""
    return {} if jwt_header(token) is None else _json_part(token, 1) or {}


def _kind(header: Mapping[str, Any] | None) -> Literal["jwt", "opaque"]:
    return "opaque" if header is None else "jwt"


def _token_id(claims: Mapping[str, Any]) -> str | None:
    token_id = _first(claims, "jti")
    return joined(_first(claims, "iss"), token_id) if token_id else None


def _principal(
    subject: str | None,
    client_id: str | None,
    claims: Mapping[str, Any],
    basis: Basis,
    header: Mapping[str, Any] | None,
) -> Principal:
    return Principal(
        id=subject,
        issuer=_first(claims, "iss"),
        type=_principal_type(subject, client_id, claims),
        basis=basis if subject else "unknown",
        auth_method="bearer" if header is None else "bearer_jwt",
    )


def _client(client_id: str | None, basis: Basis) -> Client:
    if client_id is None:
        return Client()
    return Client(id=client_id, basis=basis, id_kind=client_id_kind(client_id))


def _evidence(header: Mapping[str, Any] | None, claims: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return what is wrong with a token: claims that are not of their type, and a signature by nobody."""
    wrong = {
        name: text(claims[name])
        for name in _TEXT_CLAIMS
        if claims.get(name) is not None and _string(claims[name]) is None
    }
    if not isinstance(claims.get("aud"), str | list | tuple | None):
        wrong["aud"] = text(claims["aud"])
    found: dict[str, JsonValue] = {"malformed": wrong} if wrong else {}
    algorithm = "" if header is None else header.get("alg")
    if not isinstance(algorithm, str) or algorithm.lower() == "none":
        found["alg"] = text(algorithm)
    return found


def _principal_type(
    subject: str | None, client_id: str | None, claims: Mapping[str, Any]
) -> Literal["human", "service", "unknown"]:
    """RFC 9068, section 2.2: a token without a resource owner has the client itself as its subject."""
    if subject is not None and subject in (client_id, claims.get("azp")):
        return "service"
    return "human" if subject is not None and _HUMAN_CLAIMS & claims.keys() else "unknown"


def _granted(token: Any, claims: Mapping[str, Any]) -> tuple[str, ...] | None:  # noqa: ANN401 - as from_access_token
    granted = getattr(token, "scopes", None)
    return _texts(granted) if isinstance(granted, list | tuple) else _words(claims.get("scope"))


def _words(scope: object) -> tuple[str, ...] | None:
    """Return the scopes of RFC 8693's `scope` claim, a text of words."""
    return tuple(scope.split()[:MAX_SCOPES]) if isinstance(scope, str) else None


def _texts(values: object) -> tuple[str, ...]:
    given = values if isinstance(values, list | tuple) else ()
    return tuple(one for one in given[:MAX_SCOPES] if isinstance(one, str))


def _audience(token: Any, claims: Mapping[str, Any]) -> str | None:  # noqa: ANN401 - as from_access_token
    audience = claims.get("aud")
    if isinstance(audience, list | tuple):
        return " ".join(text(one) for one in audience[:MAX_AUDIENCES]) or None
    return _string(audience) or _string(getattr(token, "resource", None))


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _first(claims: Mapping[str, Any], *names: str) -> str | None:
    found = (_string(claims.get(name)) for name in names)
    return next((value for value in found if value), None)


def _claim(value: object) -> JsonValue:
    """Keep a claim of an actor as it is if it is plain, else as text: evidence, not structure."""
    return value if isinstance(value, bool) or value is None else text(value)


def _json_part(token: str, number: int) -> Mapping[str, Any] | None:
    part = token.split(".")[number]
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):  # binascii.Error and JSONDecodeError are ValueErrors
        return None
    return value if isinstance(value, Mapping) else None

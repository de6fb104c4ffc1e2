"""Who acts: principal, client and agent as three claims, each with its basis, and the credential behind them.

A claim is `authenticated` when a verified credential of this very request says so, `asserted` when a
party says so about itself (clientInfo, `caller()`, `agent()`, the local user of a stdio server), and
`unknown` otherwise. Claims are never merged: a client id is no user, and a client's own word about
itself stays an assertion. The credential leaves this module only as a value to be digested with a key.
"""

import base64
import getpass
import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from tallystick.profile import JsonValue

Basis = Literal["authenticated", "asserted", "inferred", "unknown"]

MAX_ACTORS: Final = 16
"""Actors kept of a delegation chain; RFC 8693 sets no limit, and a token is somebody else's input."""
MAX_SCOPES: Final = 256
MAX_TEXT: Final = 1024
"""Characters kept of one claim in a statement."""
_EVIDENCE: Final = reprlib.Repr()
_EVIDENCE.maxlevel, _EVIDENCE.maxdict, _EVIDENCE.maxlist = 4, 16, 16
_EVIDENCE.maxstring = _EVIDENCE.maxother = 256
_UNIT_SEPARATOR: Final = "\x1f"
_JWT_PARTS: Final = 3
_HUMAN_CLAIMS: Final = frozenset(
    {"email", "name", "given_name", "family_name", "preferred_username"}
)
"""OpenID Connect standard claims (section 5.1) that only a person has."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The human or service on whose behalf the call is made."""

    id: str | None = None
    issuer: str | None = None
    type: Literal["human", "service", "unknown"] = "unknown"
    basis: Basis = "unknown"
    auth_method: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """The program that sent the call. `basis` is that of `id`; name and version are self-reported."""

    id: str | None = None
    name: str | None = None
    version: str | None = None
    basis: Basis = "unknown"


@dataclass(frozen=True, slots=True)
class Agent:
    """The acting agent, and the one that called it."""

    name: str | None = None
    id: str | None = None
    version: str | None = None
    parent_name: str | None = None
    basis: Basis = "asserted"


@dataclass(frozen=True, slots=True)
class Credential:
    """What was presented. `secret` is never printed, recorded or sent; it only feeds a keyed digest."""

    kind: Literal["jwt", "opaque", "api_key", "none"] = "none"
    secret: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] | None = None
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class DraftParts:
    """What an identity puts into a draft, by home."""

    statement: dict[str, JsonValue]
    disclosures: dict[str, object]
    tokens: dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Identity:
    """All claims about one call. `actors` is the chain of RFC 8693 `act`, outermost (acting now) first."""

    principal: Principal = Principal()
    client: Client = Client()
    agent: Agent | None = None
    credential: Credential = Credential()
    actors: tuple[Mapping[str, JsonValue], ...] = ()
    roles: tuple[str, ...] = ()

    def draft_parts(self) -> DraftParts:
        """Return the claims as fields of a draft; what nobody claims has no field."""
        return DraftParts(self._statement(), self._disclosures(), self._tokens())

    def _statement(self) -> dict[str, JsonValue]:
        who, agent = self.principal, self.agent or Agent(basis="unknown")
        credential = self.credential
        claims: dict[str, JsonValue] = {
            "principal.type": who.type if who.id else None,
            "principal.issuer": who.issuer,
            "principal.basis": who.basis,
            "principal.auth_method": who.auth_method,
            "client.id": self.client.id,
            "client.name": self.client.name,
            "client.version": self.client.version,
            "client.basis": self.client.basis,
            "agent.id": agent.id,
            "agent.name": agent.name,
            "agent.version": agent.version,
            "agent.parent_name": agent.parent_name,
            "agent.basis": agent.basis,
            "credential.kind": credential.kind if credential.secret else None,
            "credential.audience": credential.audience,
        }
        found: dict[str, JsonValue] = {name: text(value) for name, value in claims.items() if value}
        if credential.scopes is not None:
            found["credential.scopes"] = [text(one) for one in credential.scopes]
        if self.roles:
            found["roles"] = [text(one) for one in self.roles]
        if self.actors:
            found["delegation.depth"] = len(self.actors)
        return found

    def _disclosures(self) -> dict[str, object]:
        found: dict[str, object] = {"principal.id": self.principal.id} if self.principal.id else {}
        return found | (
            {"delegation": [dict(actor) for actor in self.actors]} if self.actors else {}
        )

    def _tokens(self) -> dict[str, tuple[str, str]]:
        found = {}
        if self.principal.id:
            reference = (self.principal.issuer or "") + _UNIT_SEPARATOR + self.principal.id
            found["principal.ref"] = ("principal", reference)
        if self.credential.secret:
            found["credential.ref"] = ("credential", self.credential.secret)
        return found


def text(value: object) -> str:
    """Return a claim as text of bounded length; of a list or an object, the beginning as Python shows it.

    A claim is somebody else's input: it may be deep, large or refuse to be shown, and none of it raises.
    """
    if isinstance(value, str):
        return value[:MAX_TEXT]
    is_nested = isinstance(value, Mapping | list | tuple | set | frozenset)
    try:
        return (_EVIDENCE.repr(value) if is_nested else str(value))[:MAX_TEXT]
    except Exception:  # noqa: BLE001 - whatever an object's own repr raises, it is a value that says nothing
        return f"a {type(value).__name__}"[:MAX_TEXT]


def from_access_token(token: Any) -> Identity:  # noqa: ANN401 - mcp's AccessToken, of several versions
    """Read the verified access token of a request: mcp's `AccessToken`, or anything with its attributes.

    What it says is authenticated, because the server's own verifier accepted it. The principal is `sub`, and
    the client itself where the claims have none (RFC 9068). Where the verifier passed neither subject nor
    claims on, a JWT's own `sub` is inferred. A user id that a span or a client states is never consulted.
    """
    claims = _mapping(getattr(token, "claims", None))
    secret = _string(getattr(token, "token", None))
    client_id = _string(getattr(token, "client_id", None)) or _first(claims, "client_id", "azp")
    subject = _string(getattr(token, "subject", None)) or _first(claims, "sub")
    kind = credential_kind(secret or "")
    basis: Basis = "authenticated"
    if subject is None and getattr(token, "claims", None) is None:
        basis, inferred = "inferred", _jwt_claims(secret or "")
        subject, claims = _first(inferred, "sub"), {**inferred, "act": None}
    elif subject is None:
        subject = client_id
    principal = Principal(
        id=subject,
        issuer=_first(claims, "iss"),
        type=_principal_type(subject, client_id, claims),
        basis=basis if subject else "unknown",
        auth_method="bearer_jwt" if kind == "jwt" else "bearer",
    )
    return Identity(
        principal=principal,
        client=Client(id=client_id, basis="authenticated" if client_id else "unknown"),
        credential=Credential(kind, secret, _scopes(token), _audience(token, claims)),
        actors=actor_chain(claims.get("act")),
        roles=tuple(one for one in _sequence(claims.get("roles")) if isinstance(one, str))[
            :MAX_SCOPES
        ],
    )


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
        chain.append({text(name): _claim(value) for name, value in act.items() if name != "act"})
        act = act.get("act")
    return tuple(chain)


def credential_kind(token: str) -> Literal["jwt", "opaque"]:
    """Say whether a bearer token has the shape of a JWT; its content is not looked at."""
    return "jwt" if _is_jwt(token) else "opaque"


def local_user() -> Principal:
    """Return who started this process: all that a stdio server can know of its caller."""
    name = _login_name()
    return Principal(id=name, basis="asserted" if name else "unknown", auth_method="stdio")


@cache
def _login_name() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no passwd entry and no variable: a bare container
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _first(claims: Mapping[str, Any], *names: str) -> str | None:
    found = (_string(claims.get(name)) for name in names)
    return next((value for value in found if value), None)


def _claim(value: object) -> JsonValue:
    """Keep a claim of an actor as it is if it is plain, else as text: evidence, not structure."""
    return value if isinstance(value, bool) or value is None else text(value)


def _principal_type(
    subject: str | None, client_id: str | None, claims: Mapping[str, Any]
) -> Literal["human", "service", "unknown"]:
    """RFC 9068, section 2.2: a token without a resource owner has the client itself as its subject."""
    if subject in (client_id, claims.get("azp")):
        return "service" if subject else "unknown"
    return "human" if _HUMAN_CLAIMS & claims.keys() else "unknown"


def _scopes(token: Any) -> tuple[str, ...] | None:  # noqa: ANN401 - as from_access_token
    granted = getattr(token, "scopes", None)
    if not isinstance(granted, list | tuple):
        return None
    return tuple(scope for scope in granted if isinstance(scope, str))[:MAX_SCOPES]


def _audience(token: Any, claims: Mapping[str, Any]) -> str | None:  # noqa: ANN401 - as above
    audience = claims.get("aud")
    if isinstance(audience, list | tuple):
        return " ".join(str(one) for one in audience) or None
    return _string(audience) or _string(getattr(token, "resource", None))


def _is_jwt(token: str) -> bool:
    return token.count(".") == _JWT_PARTS - 1 and _json_part(token, 0) is not None


def _jwt_claims(token: str) -> Mapping[str, Any]:
    """Return the claims of a JWT without checking its signature; none of another kind of token."""
    return (_json_part(token, 1) or {}) if _is_jwt(token) else {}


def _json_part(token: str, number: int) -> Mapping[str, Any] | None:
    part = token.split(".")[number]
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):  # binascii.Error and JSONDecodeError are ValueErrors
        return None
    return value if isinstance(value, Mapping) else None

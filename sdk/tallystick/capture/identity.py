"""Who acts: principal, client and agent as three claims, each with its basis, and the credential behind them.

A claim is `authenticated` when a verified credential of this very request says so, `asserted` when a
party says so about itself (clientInfo, `caller()`, `agent()`, the local user of a stdio server), and
`unknown` otherwise. Claims are never merged: a client id is no user, and a client's own word about
itself stays an assertion. The credential leaves this module only as a value to be digested with a key.
"""

import getpass
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal

from tallystick.profile import JsonValue

Basis = Literal["authenticated", "asserted", "inferred", "unknown"]
IdKind = Literal["metadata_document", "registered", "unknown"]
"""How a client id is known: a URL that anybody can look at, registered with this very server, or neither."""
CredentialKind = Literal["jwt", "opaque", "api_key", "basic", "none"]

MAX_TEXT: Final = 1024
"""Characters kept of one claim in a statement."""
_EVIDENCE: Final = reprlib.Repr()
_EVIDENCE.maxlevel, _EVIDENCE.maxdict, _EVIDENCE.maxlist = 4, 16, 16
_EVIDENCE.maxstring = _EVIDENCE.maxother = 256
_UNIT_SEPARATOR: Final = "\x1f"


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
    id_kind: IdKind | None = None


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
    """What was presented. `secret` is never printed, recorded or sent; it only feeds a keyed digest.

    `token_id` is issuer and `jti`; `evidence` what is malformed about it or verified by nobody.
    """

    kind: CredentialKind = "none"
    secret: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] | None = None
    audience: str | None = None
    token_id: str | None = None
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)


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
            "client.id_kind": self.client.id_kind if self.client.id else None,
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
        found: dict[str, JsonValue] = {
            name: value[:MAX_TEXT] if type(value) is str else text(value)
            for name, value in claims.items()
            if value
        }
        if credential.scopes is not None:
            found["credential.scopes"] = [text(one) for one in credential.scopes]
        if self.roles:
            found["roles"] = [text(one) for one in self.roles]
        if self.actors:
            found["delegation.depth"] = len(self.actors)
        return found

    def _disclosures(self) -> dict[str, object]:
        found: dict[str, object] = {"principal.id": self.principal.id} if self.principal.id else {}
        if self.actors:
            found["delegation"] = [dict(actor) for actor in self.actors]
        if self.credential.evidence:
            found["credential.evidence"] = dict(self.credential.evidence)
        return found

    def _tokens(self) -> dict[str, tuple[str, str]]:
        found = {}
        if self.principal.id:
            found["principal.ref"] = ("principal", joined(self.principal.issuer, self.principal.id))
        if self.credential.secret:
            found["credential.ref"] = ("credential", self.credential.secret)
        if self.credential.token_id:
            found["credential.id"] = ("credential_id", self.credential.token_id)
        return found


def joined(issuer: str | None, name: str) -> str:
    """Return one text for a name and who gave it: a subject or a token id is unique per issuer alone."""
    return (issuer or "") + _UNIT_SEPARATOR + name


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

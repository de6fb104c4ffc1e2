"""Bearer tokens of an issuer: from a token that was checked to a caller with what the operator grants it.

The caller's id is a keyed digest of issuer and subject, as `principal.ref` is in the records of calls: the log
names nobody, and still tells who asked and who called apart. A token that is granted nothing is a caller with no
right at all. None is a person: programs have tokens of their own and on somebody's behalf, and issuers differ in
how they tell them from those of people.
"""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Final

from tallystick.capture.identity import Identity, joined
from tallystick.capture.token_claims import from_access_token
from tallystick.clock import Clock
from tallystick.recording.masked import Masking, digest
from tallystick_ingest.auth.challenge import accepted_audiences
from tallystick_ingest.auth.client_documents import ClientDocuments
from tallystick_ingest.auth.clients import ClientRules, parse_patterns
from tallystick_ingest.auth.gate import ISSUER_PREFIX, Caller
from tallystick_ingest.auth.grants import Grants, parse_grants
from tallystick_ingest.auth.jwks import Issuer
from tallystick_ingest.auth.tokens import Token, TokenChecker, TokenTerms
from tallystick_ingest.settings.identity import IdentitySettings

MAX_NAME_CHARS: Final = 64
_ID_CHARS: Final = 16
_NAMES: Final = ("name", "preferred_username", "email")
"""OpenID Connect Core, section 5.1: what a person is called, best first."""


@dataclass(frozen=True, slots=True)
class Bearers:
    """Makes callers of tokens. Safe to use from several threads."""

    issuer: Issuer
    checker: TokenChecker
    grants: Grants
    clients: ClientRules
    masking: Masking
    documents: ClientDocuments | None = None
    """None: nobody's document is fetched."""

    def refresh(self) -> None:
        """Begin to fetch the issuer's keys again if they are no longer fresh; return at once."""
        self.issuer.refresh()

    def is_instant(self, text: str) -> bool:
        """Whether `caller` would return at once."""
        return self.checker.is_known(text)

    def caller(self, text: str) -> Caller:
        """Return who sends a token; raises as TokenChecker.token, and for a client that may not come."""
        token = self.checker.token(text)
        self.clients.require(token.client_id)
        granted = self.grants.of(token.claims)
        identity = identity_of(token)
        if self.documents is not None:
            name = self.documents.name(token.client_id)
            identity = replace(identity, client=replace(identity.client, name=name))
        return Caller(
            caller_id(self.masking, identity),
            name_of(token, identity),
            granted.scopes,
            role=granted.role,
            reach=granted.reach,
            client=identity.client.id,
            identity=identity,
        )


def bearers_of(
    settings: IdentitySettings, masking: Masking, clock: Clock, tenant: str
) -> Bearers | None:
    """Return what the settings ask for in a tenant, and begin to fetch the issuer's keys; None without an issuer."""
    if settings.issuer is None:
        return None
    issuer = Issuer(settings.issuer, clock.monotonic_s)
    issuer.refresh()
    terms = TokenTerms(
        tuple(accepted_audiences(settings)),
        settings.algorithms,
        settings.token_types,
        settings.required_claims,
        settings.clock_skew_s,
    )
    clients = ClientRules(parse_patterns(settings.clients), parse_patterns(settings.denied_clients))
    checker = TokenChecker(issuer, terms, clock)
    documents = ClientDocuments(clock.monotonic_s) if settings.client_documents == "on" else None
    grants = parse_grants(settings.grants, tenant)
    return Bearers(issuer, checker, grants, clients, masking, documents)


def identity_of(token: Token) -> Identity:
    """Return who a checked token names, as records of calls state it."""
    return from_access_token(
        SimpleNamespace(token=token.text, claims=token.claims, client_id=token.client_id)
    )


def caller_id(masking: Masking, identity: Identity) -> str:
    """Return an id that names nobody, and is the same for the same issuer and subject."""
    who = identity.principal
    return (
        ISSUER_PREFIX
        + digest(masking, "principal", joined(who.issuer, who.id or "").encode())[:_ID_CHARS]
    )


def name_of(token: Token, identity: Identity) -> str:
    """Return what to call somebody on a screen."""
    stated = [token.claims.get(name) for name in _NAMES]
    names = [one for one in stated if isinstance(one, str) and one.strip() and one.isprintable()]
    given = names[0] if names else identity.client.id or "somebody with a token"
    return given[:MAX_NAME_CHARS]

"""The gate: who sends a request, and whether they may.

A caller shows a bearer token (`Authorization: Bearer ...`): an API key or the token of a session; or the
cookie of an administrator's session. A cookie counts only for requests that no page of another origin
can cause.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from tallystick.capture.identity import Identity
from tallystick.errors import AuthenticationError, AuthorizationError, ConfigError, StoreError
from tallystick_ingest.auth.accounts import Account, AccountBook
from tallystick_ingest.auth.api_keys import SCOPES, ApiKey, KeyRing, NewKey, Scope
from tallystick_ingest.auth.limits import AS_SET, CallerLimits
from tallystick_ingest.auth.reaches import is_within
from tallystick_ingest.auth.sessions import SessionBook
from tallystick_ingest.auth.shown import bearer, session_token
from tallystick_ingest.auth.tokens import looks_like_jwt
from tallystick_store.reach import OPEN, Reach

_TOKEN_BYTES: Final = 32
CERTIFICATE: Final = ":certificate"
"""Stands beside the headers where TLS verified a client's certificate; no header's name begins so."""
ISSUER_PREFIX: Final = "oidc-"
"""Begins the id of everybody whom the issuer of tokens vouches for."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was authenticated. `id` is opaque and stands in the log as the sender."""

    id: str
    name: str
    scopes: tuple[str, ...]
    is_human: bool = False
    """Whether this is a session of somebody who logged in here; no token, key or certificate is a person."""
    role: str | None = None
    """The role of a person; None for an API key, which has scopes alone."""
    reach: Reach = OPEN
    """Which records the caller may read; how much of them follows from the scopes."""
    limits: CallerLimits = AS_SET
    client: str | None = None
    """The program through which a person or service came, where a token names it."""
    identity: Identity | None = None
    """Who a token of the issuer names; None for keys and sessions of our own."""

    always_reveals: bool = False
    """Whether the caller reads names without a reason of its own: it gives them to nobody."""

    def reach_for(self, reason: str) -> Reach:
        """Return the reach with what the scopes show within it: names of people for a reason alone."""
        has_payload = "payload" in self.scopes
        is_reason_given = self.always_reveals or bool(reason)
        has_names = has_payload and "reveal" in self.scopes and is_reason_given
        return replace(self.reach, has_payload=has_payload, has_names=has_names)

    def require(self, scope: Scope) -> None:
        """Raise AuthorizationError unless the caller has `scope`."""
        if scope not in self.scopes:
            raise AuthorizationError(
                f"{self.id} may not do this: the scope {scope!r} is needed, "
                f"it has {', '.join(self.scopes)}"
            )

    def require_whole_reach(self) -> None:
        """Raise AuthorizationError for a caller whose reach is cut."""
        if not self.reach.is_full:
            raise AuthorizationError(
                f"{self.id} may not do this: it takes a reach over all environments, agents, tools and "
                "resources, for this cannot be cut to less"
            )

    def require_grantable(self, wanted: NewKey) -> None:
        """Raise AuthorizationError for a key that may more than the caller, who is no administrator."""
        if "admin" in self.scopes:
            return
        further = [scope for scope in wanted.scopes if scope not in self.scopes]
        if further:
            raise AuthorizationError(
                f"{self.id} may not give the scope {further[0]!r}: it lacks it"
            )
        if not is_within(wanted.reach, self.reach):
            raise AuthorizationError(
                f"{self.id} may not give this reach: name patterns of its own in each dimension by which "
                "it is cut"
            )


VERIFIER: Final = Caller(
    "verifier",
    "verification by the service itself",
    ("read", "payload", "reveal"),
    always_reveals=True,
)
"""The process that checks the service's own log; its key lives as long as the service."""
ADMINISTRATOR: Final = Caller("admin", "administrator", SCOPES, is_human=True, role="admin")
"""Whoever used the one-time link."""


OPERATOR: Final = Caller("operator", "operator of this machine", ("keys", "admin"))
"""Whoever can read the service's secrets: `tallystick keys` shows the token that is there."""
OPERATOR_FILE: Final = "operator.token"


class Bearers(Protocol):
    """What the gate needs of tokens of an issuer."""

    def is_instant(self, text: str) -> bool:
        """Whether `caller` would return at once."""

    def caller(self, text: str) -> Caller:
        """Return who sends a token; may wait for the issuer. Raises AuthenticationError and BusyError."""


class Certificates(Protocol):
    """What the gate needs of clients that show a certificate."""

    def caller(self, names: str) -> Caller:
        """Return whom a verified certificate names. Raises AuthenticationError."""


class People(Protocol):
    """What the gate needs of people whom an issuer vouches for."""

    def caller(self, id_: str) -> Caller | None:
        """Return somebody with the rights that they have now; None for nobody, and without any."""


@dataclass(frozen=True, slots=True)
class Vouchers:
    """Who else vouches for somebody; None: nobody does in this way."""

    bearers: Bearers | None = None
    people: People | None = None
    certificates: Certificates | None = None


class Gate:
    """Authenticates requests by their headers (names in lower case)."""

    def __init__(
        self,
        keys: KeyRing,
        sessions: SessionBook,
        accounts: AccountBook,
        clock_us: Callable[[], int],
        vouchers: Vouchers | None = None,
    ) -> None:
        """Let in holders of `keys`, sessions of the administrator and of `accounts`, and whom others vouch for."""
        self._keys = keys
        self._sessions = sessions
        self._accounts = accounts
        self._clock_us = clock_us
        vouchers = vouchers or Vouchers()
        self._bearers, self._people = vouchers.bearers, vouchers.people
        self._certificates = vouchers.certificates
        self.verifier_token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.operator_token = secrets.token_urlsafe(_TOKEN_BYTES)

    def is_instant(self, headers: Mapping[str, str]) -> bool:
        """Whether `caller` neither waits for others nor checks a signature."""
        _, _, text = headers.get("authorization", "").partition(" ")
        bearers = self._bearers
        return (
            bearers is None or not looks_like_jwt(text.strip()) or bearers.is_instant(text.strip())
        )

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Return who sends a request; raise AuthenticationError when nobody vouches for it."""
        token = session_token(headers)
        if token:
            return self._of_session(token)
        authorization = headers.get("authorization", "")
        if authorization:
            return self._of_token(bearer(authorization))
        names = headers.get(CERTIFICATE, "")
        if names and self._certificates is not None:
            return self._certificates.caller(names)
        raise AuthenticationError(
            "no valid credential: send `Authorization: Bearer <API key>`; the key of this machine "
            "is in credentials.json of the Tallystick home"
        )

    def issuers_token(self, headers: Mapping[str, str]) -> str | None:
        """Return the token of an issuer that a request shows, if it is one; None for any other credential."""
        try:
            text = bearer(headers.get("authorization", ""))
        except AuthenticationError:
            return None
        return text if self._bearers is not None and looks_like_jwt(text) else None

    def holds(self, headers: Mapping[str, str]) -> bool:
        """Whether the credential that a request shows was given out here; it may be worth nothing."""
        try:
            token = session_token(headers)
            text = token or bearer(headers.get("authorization", ""))
        except AuthenticationError:
            return False
        if token:
            return self._sessions.is_known(token)
        return self._of_the_house(text) is not None or self._keys.is_known(text)

    def _of_the_house(self, text: str) -> Caller | None:
        given = text.encode("utf-8", "replace")
        for token, caller in ((self.verifier_token, VERIFIER), (self.operator_token, OPERATOR)):
            if hmac.compare_digest(given, token.encode()):
                return caller
        return None

    def _of_token(self, text: str) -> Caller:
        own = self._of_the_house(text)
        if own is not None:
            return own
        if self._bearers is not None and looks_like_jwt(text):
            return self._bearers.caller(text)
        return _of_key(self._keys.find(text), self._clock_us())

    def _of_session(self, token: str) -> Caller:
        session = self._sessions.find(token)
        caller = None if session is None else self._of_subject(session.subject)
        if caller is None:
            raise AuthenticationError(
                "this session has ended: log in again; programs send an API key instead"
            )
        return caller

    def _of_subject(self, subject: str) -> Caller | None:
        if subject == ADMINISTRATOR.id:
            return ADMINISTRATOR
        if subject.startswith(ISSUER_PREFIX):
            return None if self._people is None else self._people.caller(subject)
        try:
            account = self._accounts.with_id(subject)
        except ConfigError as error:
            raise StoreError("accounts cannot be read now; see the log of the service") from error
        if account is None:
            self._sessions.end_of(subject)
            return None
        return caller_of(account)


def caller_of(account: Account) -> Caller:
    """Return an account as a caller."""
    return Caller(
        account.id,
        account.name,
        account.scopes,
        is_human=True,
        role=account.role,
        reach=account.reach,
    )


def _of_key(key: ApiKey | None, now_us: int) -> Caller:
    if key is None:
        raise AuthenticationError(
            "this API key is not known here: it belongs to another service, or was revoked"
        )
    if key.has_expired(now_us):
        raise AuthenticationError("this API key has expired: ask for a new one")
    return Caller(key.id, key.name, key.scopes, reach=key.reach, limits=key.limits)

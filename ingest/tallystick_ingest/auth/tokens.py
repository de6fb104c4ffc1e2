"""Access tokens that are JWTs: signed by the issuer of the settings, for this very service, and in force.

The steps, in this order; the first that fails is what the sender is told:

1. the shape: three parts of base64url within MAX_TOKEN_CHARS, each a JSON object in which no name stands twice;
2. the header: an algorithm of the list, a type of the list, no `crit`. `jwk`, `jku`, `x5u` and `x5c` are not read;
3. the key, which the issuer publishes under `kid` for that algorithm (jwks.py);
4. the signature, the issuer, the audience and the claims that have to be there (PyJWT);
5. the times: `exp`, `nbf` and `iat`, with `skew_s` of patience.

A token that passed is remembered by its digest for a minute, and no longer than its keys are the issuer's.
"""

import base64
import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from jwt.exceptions import (
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)

from tallystick.clock import Clock
from tallystick.errors import AuthenticationError
from tallystick_ingest.auth.jwks import ALGORITHMS, Issuer
from tallystick_ingest.auth.strict_json import json_object

MAX_TOKEN_CHARS: Final = 16 * 1024
"""Ours: half of what proxies commonly let through in all headers together."""
MAX_KID_CHARS: Final = 256
MAX_REMEMBERED: Final = 10_000
REMEMBERED_S: Final = 60.0
ACCESS_TOKEN: Final = "at+jwt"  # noqa: S105 - RFC 9068, section 2.1
_PREFIX: Final = "application/"
_SHAPE: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_REQUIRED: Final = ("iss", "aud", "exp", "iat", "sub")
_OF_ACCESS_TOKENS: Final = ("client_id", "jti")
"""RFC 9068, section 2.2: beside those above."""
_US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenTerms:
    """What a token has to be."""

    audiences: tuple[str, ...]
    algorithms: tuple[str, ...] = ALGORITHMS
    types: tuple[str, ...] = (ACCESS_TOKEN,)
    """In small letters and without `application/`."""
    required: tuple[str, ...] = ()
    """Claims beside those of RFC 9068."""
    skew_s: int = 60


@dataclass(frozen=True, slots=True)
class Token:
    """A token that passed. `text` is the credential itself and is printed nowhere."""

    text: str = field(repr=False)
    claims: Mapping[str, Any]

    @property
    def client_id(self) -> str | None:
        """The program that it was given to (RFC 9068 `client_id`, else `azp`)."""
        found = self.claims.get("client_id") or self.claims.get("azp")
        return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class _Passed:
    token: Token
    generation: int
    until_s: float


class TokenChecker:
    """Checks tokens of one issuer. Safe to use from several threads."""

    def __init__(self, issuer: Issuer, terms: TokenTerms, clock: Clock) -> None:
        """Take the tokens of `issuer` that fit `terms`."""
        self._issuer = issuer
        self._terms = terms
        self._clock = clock
        self._lock = threading.Lock()
        self._passed: OrderedDict[bytes, _Passed] = OrderedDict()

    def is_known(self, text: str) -> bool:
        """Whether a token passed just now, so that checking it again neither waits nor computes."""
        return self._remembered(_digest(text)) is not None

    def token(self, text: str) -> Token:
        """Check a token by the steps above; may wait for the issuer's keys.

        Raises AuthenticationError and says which step failed, ProviderAwayError and BusyError.
        """
        digest = _digest(text)
        known = self._remembered(digest)
        if known is not None:
            _require_times(known.claims, self._clock.now_us(), self._terms.skew_s)
            return known
        token = self._checked(text)
        with self._lock:
            until_s = self._clock.monotonic_s() + REMEMBERED_S
            self._passed[digest] = _Passed(token, self._issuer.generation, until_s)
            while len(self._passed) > MAX_REMEMBERED:
                self._passed.popitem(last=False)
        return token

    def _checked(self, text: str) -> Token:
        header, claims = _parts(text)
        algorithm, kid = _header(header, self._terms)
        key = self._issuer.key(kid, algorithm)
        required = (*_REQUIRED, *self._terms.required)
        if _type(header) == ACCESS_TOKEN:
            required += _OF_ACCESS_TOKENS
        try:
            jwt.decode(
                text,
                key.key,
                algorithms=[algorithm],
                audience=self._terms.audiences,
                issuer=self._issuer.url,
                options={
                    "require": list(required),
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except PyJWTError as error:
            raise AuthenticationError(_said(error, self._terms, self._issuer)) from None
        if not claims["sub"]:
            raise AuthenticationError("the token names nobody: its subject (sub) is empty")
        _require_times(claims, self._clock.now_us(), self._terms.skew_s)
        return Token(text, claims)

    def _remembered(self, digest: bytes) -> Token | None:
        with self._lock:
            passed = self._passed.get(digest)
        if passed is None or self._clock.monotonic_s() >= passed.until_s:
            return None
        return passed.token if passed.generation == self._issuer.generation else None


def looks_like_jwt(text: str) -> bool:
    """Whether a bearer token has the shape of a JWT, and is no key of ours."""
    return _SHAPE.fullmatch(text) is not None


def unchecked_claims(text: str) -> Mapping[str, Any]:
    """Return what a token claims, empty for what is none: to find out whom to ask, never to believe."""
    try:
        return _parts(text)[1]
    except AuthenticationError:
        return {}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _parts(text: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Take step 1."""
    if len(text) > MAX_TOKEN_CHARS:
        raise AuthenticationError(f"a token has at most {MAX_TOKEN_CHARS} characters")
    if not looks_like_jwt(text):
        raise AuthenticationError("the token is no JWT: expected three parts of base64url")
    header, claims, _ = text.split(".")
    try:
        return json_object(_decoded(header)), json_object(_decoded(claims))
    except ValueError as error:
        raise AuthenticationError(f"the token is no JWT: {error}") from None


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise ValueError("a part is not base64url") from None


def _header(header: Mapping[str, Any], terms: TokenTerms) -> tuple[str, str | None]:
    """Step 2: return the algorithm and the id of the key."""
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in terms.algorithms or not isinstance(algorithm, str):
        raise AuthenticationError(
            f"the token's algorithm is not one of {', '.join(terms.algorithms)}"
        )
    if _type(header) not in terms.types:
        raise AuthenticationError(f"the token's type (typ) is not one of {', '.join(terms.types)}")
    if "crit" in header or "b64" in header:
        raise AuthenticationError("the token asks for extensions (crit) that are not known here")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID_CHARS):
        raise AuthenticationError("the token's kid is no text of a usual length")
    return algorithm, kid


def _type(header: Mapping[str, Any]) -> str:
    """Return the type as RFC 9068, section 4 compares it: without `application/`, in small letters."""
    stated = header.get("typ")
    return stated.lower().removeprefix(_PREFIX) if isinstance(stated, str) else ""


def _said(error: PyJWTError, terms: TokenTerms, issuer: Issuer) -> str:
    """Say what is wrong in words of ours, which repeat nothing of the token."""
    if isinstance(error, MissingRequiredClaimError):
        return f"the token has no claim {error.claim!r}"
    if isinstance(error, InvalidSignatureError):
        return "the token's signature is not that of the key that it names"
    if isinstance(error, InvalidAudienceError):
        return f"the token is not for this service: its audience has to be {terms.audiences[0]}"
    if isinstance(error, InvalidIssuerError):
        return f"the token is not from the issuer {issuer.url}"
    return f"the token is not valid: {type(error).__name__}"


def _require_times(claims: Mapping[str, Any], now_us: int, skew_s: int) -> None:
    """Step 5. `exp` is the first moment at which a token is no longer in force (RFC 7519, section 4.1.4)."""
    now_s = now_us / _US_PER_S
    if _moment(claims, "exp") + skew_s <= now_s:
        raise AuthenticationError("the token has expired: get a new one from its issuer")
    for name in ("nbf", "iat"):
        if name in claims and _moment(claims, name) - skew_s > now_s:
            raise AuthenticationError(
                f"the token is not in force yet ({name}): do the clocks of issuer and service agree?"
            )


def _moment(claims: Mapping[str, Any], name: str) -> float:
    stated = claims[name]
    if isinstance(stated, bool) or not isinstance(stated, int | float) or abs(stated) > 1 << 53:
        raise AuthenticationError(f"the token's {name} is no number of seconds")
    return float(stated)

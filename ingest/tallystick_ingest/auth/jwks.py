"""The issuer of tokens: what it says of itself (discovery), and the keys by which it signs (JWKS, RFC 7517).

Both are fetched in a thread of their own, one fetch at a time, and kept. Keys that are known go on being used
while the issuer is away, for a day. A key that is not known is looked for again, but no more than once in
RETRY_S, whoever asks; while that goes on a few wait, and all others are told to come again.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitTimeoutError
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from tallystick.errors import AuthenticationError, ConfigError
from tallystick_ingest.auth.outgoing import (
    WHOLE_S,
    ProviderAwayError,
    fetch_object,
    require_provider_address,
)
from tallystick_ingest.otlp.incoming import BusyError

DISCOVERY_PATH: Final = "/.well-known/openid-configuration"
FRESH_S: Final = 300.0
"""A key that the issuer withdrew is refused after this time and the next use of any key."""
STALE_S: Final = 24 * 3600.0
"""How long keys are used that could not be fetched again."""
RETRY_S: Final = 10.0
MAX_WAITING: Final = 8
MAX_KEYS: Final = 100
MIN_RSA_BITS: Final = 2048
"""NIST SP 800-131A; RFC 7518, section 3.3."""
_KINDS: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Algorithm -> the kind of key and its curve. None is symmetric: a public key is no secret."""
ALGORITHMS: Final = tuple(_KINDS)

Fetch = Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What an issuer says of itself (OpenID Connect Discovery 1.0; RFC 8414). Addresses are checked."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str | None
    token_endpoint: str | None
    states_issuer: bool
    """It names itself in each answer to a log-in (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What one fetch brought. `generation` counts the sets of keys that differ."""

    discovery: Discovery
    stated: tuple[Mapping[str, Any], ...]
    fetched_s: float
    generation: int
    loaded: dict[tuple[str | None, str], PyJWK] = field(default_factory=dict)
    """Those that were asked for, by id and algorithm: reading a key costs more than a signature."""

    def key(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """Return the key of this id for this algorithm; without an id, the only one that fits."""
        loaded = self.loaded.get((kid, algorithm))
        if loaded is not None:
            return loaded
        fitting = [one for one in self.stated if _fits(one, algorithm)]
        named = [one for one in fitting if kid is None or one.get("kid") == kid]
        found = _loaded(named[0], algorithm) if len(named) == 1 else None
        if found is not None:
            self.loaded[kid, algorithm] = found
        return found


class Issuer:
    """One issuer and its keys. Safe to use from several threads."""

    def __init__(
        self, url: str, monotonic_s: Callable[[], float], fetch: Fetch = fetch_object
    ) -> None:
        """Know nothing yet; raise ConfigError for an address that no provider may have."""
        self.url = require_provider_address(url, "an issuer")
        self._monotonic_s = monotonic_s
        self._fetch = fetch
        self._lock = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._known: _Known | None = None
        self._tried_s: float | None = None
        self._failure = ""
        self._running: Future[None] | None = None

    @property
    def generation(self) -> int:
        """Tell by a number which keys are known; 0 for none."""
        known = self._usable()
        return 0 if known is None else known.generation

    def refresh(self) -> None:
        """Begin to fetch what is not known or no longer fresh; return at once."""
        known = self._known
        if known is None or self._monotonic_s() - known.fetched_s >= FRESH_S:
            self._begun()

    def discovery(self) -> Discovery:
        """Return what the issuer says of itself; raise ProviderAwayError while nothing is known."""
        known = self._usable()
        if known is None:
            self._wait()
            known = self._usable()
        if known is None:
            raise self._away()
        return known.discovery

    def key(self, kid: str | None, algorithm: str) -> PyJWK:
        """Return the key by which a token says that it is signed.

        Raises AuthenticationError for one that the issuer does not publish, ProviderAwayError when that
        cannot be told now, and BusyError when too many wait for it. Waits up to WHOLE_S for a fetch.
        """
        known = self._usable()
        found = None if known is None else known.key(kid, algorithm)
        if found is not None:
            self.refresh()
            return found
        self._wait()
        known = self._usable()
        found = None if known is None else known.key(kid, algorithm)
        if found is not None:
            return found
        if known is None or self._failure:
            raise self._away()
        raise AuthenticationError(
            f"the token is signed with a key that its issuer does not publish for {algorithm}"
        )

    def _usable(self) -> _Known | None:
        known = self._known
        is_usable = known is not None and self._monotonic_s() - known.fetched_s < STALE_S
        return known if is_usable else None

    def _away(self) -> ProviderAwayError:
        return ProviderAwayError(
            f"the issuer's keys cannot be had now: {self._failure or 'they are being fetched'}"
        )

    def _wait(self) -> None:
        """Wait for a fetch, one that runs or a new one; return at once when the last try is too near."""
        running = self._begun()
        if running is None:
            return
        if not self._waiting.acquire(blocking=False):
            raise BusyError("the issuer's keys are being fetched: try again in a second")
        try:
            running.result(2 * WHOLE_S)
        except WaitTimeoutError:
            raise self._away() from None
        finally:
            self._waiting.release()

    def _begun(self) -> "Future[None] | None":
        now_s = self._monotonic_s()
        with self._lock:
            if self._running is not None:
                return self._running
            if self._tried_s is not None and now_s - self._tried_s < RETRY_S:
                return None
            self._tried_s = now_s
            running = self._running = Future()
        threading.Thread(target=self._run, args=(running,), name="jwks", daemon=True).start()
        return running

    def _run(self, running: "Future[None]") -> None:
        failure = ""
        try:
            self._known = self._fetched()
        except (ProviderAwayError, ConfigError) as error:
            failure = str(error)
        except Exception as fault:  # noqa: BLE001 - whatever a provider makes of itself, others wait for an end
            failure = f"{type(fault).__name__} in reading what it says"
        with self._lock:
            self._failure = failure
            self._running = None
        running.set_result(None)

    def _fetched(self) -> _Known:
        discovery = read_discovery(self._fetch(self.url.rstrip("/") + DISCOVERY_PATH), self.url)
        stated = _keys(self._fetch(discovery.jwks_uri))
        before = self._known
        is_same = before is not None and before.stated == stated
        generation = 0 if before is None else before.generation
        return _Known(
            discovery, stated, self._monotonic_s(), generation if is_same else generation + 1
        )


def read_discovery(stated: Mapping[str, Any], issuer: str) -> Discovery:
    """Read what an issuer says of itself; raise ConfigError when it speaks of another, or of bad addresses."""
    if stated.get("issuer") != issuer:
        raise ConfigError(
            f"expected the document of the issuer {issuer!r}, got that of {str(stated.get('issuer'))[:80]!r}: "
            "the setting has to be the issuer as it writes itself"
        )
    return Discovery(
        issuer,
        require_provider_address(str(stated.get("jwks_uri", "")), "jwks_uri"),
        _endpoint(stated, "authorization_endpoint"),
        _endpoint(stated, "token_endpoint"),
        stated.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(stated: Mapping[str, Any], name: str) -> str | None:
    return require_provider_address(str(stated[name]), name) if stated.get(name) else None


def _keys(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    stated = document.get("keys")
    if not isinstance(stated, list) or len(stated) > MAX_KEYS:
        raise ProviderAwayError(f"expected a list of at most {MAX_KEYS} keys")
    return tuple(one for one in stated if isinstance(one, dict))


def _fits(stated: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a key is of the kind that an algorithm needs, and meant for it."""
    kind, curve = _KINDS[algorithm]
    return (
        stated.get("kty") == kind
        and stated.get("use", "sig") == "sig"
        and stated.get("alg", algorithm) in (algorithm, "Ed25519" if curve == "Ed25519" else None)
        and (curve is None or stated.get("crv") == curve)
    )


def _loaded(stated: Mapping[str, Any], algorithm: str) -> PyJWK | None:
    try:
        key = PyJWK({name: value for name, value in stated.items() if name != "alg"}, algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < MIN_RSA_BITS:
        return None
    return key

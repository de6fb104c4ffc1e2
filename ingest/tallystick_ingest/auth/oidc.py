"""Logging in at the issuer: OpenID Connect's code flow with PKCE, `state`, `nonce` and the issuer's own name.

Nothing is kept while somebody is away at the issuer. A log-in begins with a random binding, which the browser
keeps in a cookie of the dashboard; state, nonce and PKCE's verifier are keyed digests of it, so that what comes
back is believed only from the browser in which it began, once, and within BINDING_LIFE_S. These are the steps:

1. the binding is ours, in time and not used, and `state` is that of it (login CSRF, replay);
2. `iss`, where the issuer states it, is the issuer's (RFC 9207: mix-up);
3. the code is exchanged at the issuer's own address, with the verifier (a stolen code is worth nothing);
4. the ID token passes as every token does (tokens.py), is for this client, and has the nonce;
5. some rule grants the person something (people.py).
"""

import base64
import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tallystick.clock import Clock
from tallystick.errors import AuthenticationError, ConfigError
from tallystick_ingest.auth.jwks import ALGORITHMS, Issuer
from tallystick_ingest.auth.outgoing import ProviderAwayError, post_form
from tallystick_ingest.auth.tokens import Token, TokenChecker, TokenTerms
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.settings.identity import IdentitySettings

CALLBACK_PATH: Final = "/login/oidc/callback"
BINDING_LIFE_S: Final = 600
"""Ours: time to find a password and a second factor."""
MAX_USED: Final = 10_000
MAX_EXCHANGES: Final = 4
"""Codes being exchanged at one time; a further one gets a 503."""
MAX_SECRET_BYTES: Final = 4_096
_RANDOM_BYTES: Final = 32
_READABLE_BY_OTHERS: Final = 0o077
_REFUSALS: Final = frozenset(
    ("access_denied", "login_required", "consent_required", "interaction_required", "invalid_scope")
)
"""Errors of an issuer that are worth repeating; others would be texts that anybody can write into a link."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A log-in that has begun: where to send the browser, and what it has to bring back."""

    url: str
    binding: str
    is_secure: bool
    """The browser comes back by https."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back with the browser. Empty texts stand for what did not come."""

    binding: str
    state: str
    code: str
    issuer: str
    error: str


@dataclass(frozen=True, slots=True)
class LoginTerms:
    """How this service is known to the issuer."""

    client_id: str
    client_secret: str | None
    """None: a public client, which proves itself by PKCE alone."""
    redirect_uri: str
    scopes: tuple[str, ...]


class SignOn:
    """Logs people in. Safe to use from several threads."""

    def __init__(self, issuer: Issuer, terms: LoginTerms, clock: Clock, skew_s: int) -> None:
        """Nobody has begun yet; who has when the process ends, begins again."""
        self._issuer = issuer
        self._terms = terms
        self._clock = clock
        id_tokens = TokenTerms((terms.client_id,), ALGORITHMS, ("", "jwt"), ("nonce",), skew_s)
        self._checker = TokenChecker(issuer, id_tokens, clock)
        self._key = secrets.token_bytes(_RANDOM_BYTES)
        self._lock = threading.Lock()
        self._used: OrderedDict[str, None] = OrderedDict()
        self._exchanging = threading.BoundedSemaphore(MAX_EXCHANGES)

    @property
    def issuer(self) -> str:
        """Whose log-in page people will see."""
        return self._issuer.url

    def begin(self) -> Begun:
        """Return where to send a browser; raise ProviderAwayError while nothing is known of the issuer."""
        endpoint = self._issuer.discovery().authorization_endpoint
        if endpoint is None:
            raise ProviderAwayError("the issuer states no address at which people log in")
        end_s = int(self._clock.monotonic_s()) + BINDING_LIFE_S
        binding = f"{end_s}.{secrets.token_urlsafe(_RANDOM_BYTES)}"
        challenge = hashlib.sha256(self._derived("verifier", binding).encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._terms.client_id,
            "redirect_uri": self._terms.redirect_uri,
            "scope": " ".join(self._terms.scopes),
            "state": self._derived("state", binding),
            "nonce": self._derived("nonce", binding),
            "code_challenge": _text(challenge),
            "code_challenge_method": "S256",
        }
        is_secure = self._terms.redirect_uri.startswith("https:")
        return Begun(
            f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", binding, is_secure
        )

    def finish(self, returned: Returned) -> Token:
        """Return the ID token of whoever logged in, by steps 1 to 4; raise AuthenticationError and BusyError."""
        self._require_binding(returned)
        self._require_issuer(returned.issuer)
        if returned.error or not returned.code:
            said = returned.error if returned.error in _REFUSALS else "an error, or no code"
            raise AuthenticationError(f"the issuer did not log you in ({said}): try again")
        return self._id_token(returned)

    def _require_binding(self, returned: Returned) -> None:
        """Step 1. The time within the binding is ours: nobody else can make a state that fits it."""
        expected = self._derived("state", returned.binding)
        if not hmac.compare_digest(expected.encode(), returned.state.encode("utf-8", "replace")):
            raise AuthenticationError("this log-in did not begin in this browser: begin it again")
        end_s = int(returned.binding.partition(".")[0])
        with self._lock:
            is_used = returned.state in self._used
            self._used[returned.state] = None
            while len(self._used) > MAX_USED:
                self._used.popitem(last=False)
        if is_used or self._clock.monotonic_s() >= end_s:
            raise AuthenticationError(
                "this log-in was used already, or took too long: begin it again"
            )

    def _require_issuer(self, stated: str) -> None:
        """Take step 2."""
        is_required = self._issuer.discovery().states_issuer
        if (stated or is_required) and stated != self._issuer.url:
            raise AuthenticationError(
                "this answer is not from the issuer that was asked: begin again"
            )

    def _id_token(self, returned: Returned) -> Token:
        """Take steps 3 and 4."""
        answer = self._exchanged(returned)
        text = answer.get("id_token")
        if not isinstance(text, str):
            raise AuthenticationError(
                "the issuer did not take the code of this log-in: begin it again"
            )
        token = self._checker.token(text)
        nonce = str(token.claims["nonce"]).encode("utf-8", "replace")
        if not hmac.compare_digest(nonce, self._derived("nonce", returned.binding).encode()):
            raise AuthenticationError(
                "the issuer's answer belongs to another log-in: begin it again"
            )
        if token.claims.get("azp", self._terms.client_id) != self._terms.client_id:
            raise AuthenticationError("the issuer's answer is for another client")
        return token

    def _exchanged(self, returned: Returned) -> Mapping[str, Any]:
        endpoint = self._issuer.discovery().token_endpoint
        if endpoint is None:
            raise ProviderAwayError("the issuer states no address at which codes are exchanged")
        terms = self._terms
        form = {
            "grant_type": "authorization_code",
            "code": returned.code,
            "redirect_uri": terms.redirect_uri,
            "code_verifier": self._derived("verifier", returned.binding),
        }
        if terms.client_secret is None:
            form["client_id"] = terms.client_id
        if not self._exchanging.acquire(blocking=False):
            raise BusyError("others are logging in: try again in a second")
        try:
            return post_form(endpoint, form, terms.client_id, terms.client_secret)
        finally:
            self._exchanging.release()

    def _derived(self, purpose: str, binding: str) -> str:
        content = f"{purpose}\0{binding}".encode("utf-8", "replace")
        return _text(hmac.digest(self._key, content, "sha256"))


def sign_on_of(settings: IdentitySettings, issuer: Issuer | None, clock: Clock) -> SignOn | None:
    """Return what the settings ask for; None without a client id. Raises ConfigError for a secret it cannot use."""
    if issuer is None or settings.client_id is None or settings.dashboard_url is None:
        return None
    file = settings.client_secret_file
    terms = LoginTerms(
        settings.client_id,
        None if file is None else read_secret(file),
        settings.dashboard_url + CALLBACK_PATH,
        settings.scopes,
    )
    return SignOn(issuer, terms, clock, settings.clock_skew_s)


def read_secret(path: Path) -> str:
    """Read a secret of one line; raise ConfigError when there is none, or others of this machine can read it."""
    try:
        if path.stat().st_mode & _READABLE_BY_OTHERS:
            raise ConfigError(f"{path} can be read by others: chmod 600 {path}")
        text = path.read_bytes()[: MAX_SECRET_BYTES + 1].decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a secret: {error}") from None
    if not text or len(text) > MAX_SECRET_BYTES or not text.isprintable():
        raise ConfigError(f"{path} holds no secret of one line")
    return text


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

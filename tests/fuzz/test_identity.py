"""Whatever is sent in place of a token, a log-in or an issuer's answer: one kind of error, and no caller."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from jwt.algorithms import ECAlgorithm

from tallystick.errors import AuthenticationError, ConfigError
from tallystick.testing import FakeClock
from tallystick_ingest.auth.clients import is_malformed, parse_patterns
from tallystick_ingest.auth.grants import parse_grants
from tallystick_ingest.auth.jwks import ALGORITHMS, Issuer, read_discovery
from tallystick_ingest.auth.oidc import LoginTerms, Returned, SignOn
from tallystick_ingest.auth.outgoing import ProviderAwayError
from tallystick_ingest.auth.tokens import TokenChecker, TokenTerms
from tests.openid import signing_key
from tests.requirements import requirement

pytestmark = pytest.mark.slow

EXAMPLES = settings(max_examples=300, deadline=None)
ISSUER = "https://login.example.org"
KEY = signing_key("one", "ES256")
CLOCK = FakeClock()
NOW_S = CLOCK.now_us() // 1_000_000
CLAIMS = {
    "iss": ISSUER,
    "aud": "us",
    "sub": "ada",
    "client_id": "c",
    "jti": "1",
    "iat": NOW_S,
    "exp": NOW_S + 3_600,
}
GOOD = KEY.sign(CLAIMS)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = some.sampled_from((*CLAIMS, "nbf", "azp", "act", "alg", "typ", "kid", "crit", "x", ""))


def fetched(url: str) -> dict[str, Any]:
    keys = {"keys": [KEY.public_jwk]}
    discovery = {
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/k",
        "token_endpoint": f"{ISSUER}/t",
        "authorization_endpoint": f"{ISSUER}/a",
    }
    return keys if url.endswith("/k") else discovery


ISSUED = Issuer(ISSUER, CLOCK.monotonic_s, fetched)
CHECKER = TokenChecker(ISSUED, TokenTerms(("us",)), CLOCK)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@requirement("auth.tokens")
@EXAMPLES
@given(some.text() | some.from_regex(r"[\w-]{0,9}\.[\w-]{0,9}\.[\w-]{0,9}", fullmatch=True))
def test_a_text_is_no_token(text: str) -> None:
    with pytest.raises(AuthenticationError):
        CHECKER.token(text)


@requirement("auth.tokens")
@EXAMPLES
@given(
    some.dictionaries(NAMES, VALUES, max_size=4),
    some.dictionaries(NAMES, VALUES, max_size=4),
    some.sampled_from((*ALGORITHMS, "none", "HS256", "ES512")),
)
def test_parts_that_nobody_signed_are_no_token(
    header: dict[str, Any], claims: dict[str, Any], algorithm: str
) -> None:
    stated = {"alg": algorithm, "typ": "at+jwt", "kid": "one", **header}
    signature = GOOD.rpartition(".")[2]
    with pytest.raises(AuthenticationError):
        CHECKER.token(f"{part(stated)}.{part({**CLAIMS, **claims, 'not': 'signed'})}.{signature}")


@requirement("auth.tokens")
@EXAMPLES
@given(some.dictionaries(NAMES, VALUES, max_size=3))
def test_a_signed_token_is_taken_as_it_is_or_refused(changed: dict[str, Any]) -> None:
    claims = {**CLAIMS, **changed}
    token = ".".join(_signed(claims))
    try:
        taken = CHECKER.token(token).claims
    except AuthenticationError:
        return
    assert taken == json.loads(json.dumps(claims))
    assert {name: taken[name] for name in ("iss", "aud")} == {"iss": ISSUER, "aud": taken["aud"]}
    assert "us" in taken["aud"]


@requirement("auth.tokens")
@EXAMPLES
@given(some.integers(0, len(GOOD) - 1), some.characters(codec="ascii"))
def test_a_token_with_one_character_changed_is_another(place: int, character: str) -> None:
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    try:
        assert CHECKER.token(changed).claims == CLAIMS
    except AuthenticationError:
        assert changed != GOOD


@requirement("auth.issuer-keys")
@EXAMPLES
@given(
    some.dictionaries(some.sampled_from(("issuer", "jwks_uri", "token_endpoint", "x")), VALUES),
    VALUES,
)
def test_an_issuer_may_say_what_it_likes(discovery: dict[str, Any], keys: Any) -> None:
    stated = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/k", **discovery}
    try:
        found = read_discovery(stated, ISSUER)
        assert found.jwks_uri.startswith(
            ("https://", "http://127.", "http://localhost", "http://[::1]")
        )
    except ConfigError:
        pass
    odd = Issuer(
        ISSUER, CLOCK.monotonic_s, lambda url: {"keys": keys} if url.endswith("/k") else stated
    )
    with pytest.raises((AuthenticationError, ProviderAwayError)):
        odd.key("one", "ES256")


@requirement("auth.sign-on")
@EXAMPLES
@given(some.text(), some.text(), some.text(), some.text(), some.text())
def test_nobody_is_logged_in_by_what_they_made_up(
    binding: str, state: str, code: str, issuer: str, error: str
) -> None:
    terms = LoginTerms("us", None, "https://us.example.org/login/oidc/callback", ("openid",))
    with pytest.raises(AuthenticationError):
        SignOn(ISSUED, terms, CLOCK, 60).finish(Returned(binding, state, code, issuer, error))


@requirement("auth.grants")
@EXAMPLES
@given(some.text(), some.dictionaries(some.text(), VALUES, max_size=3))
def test_rules_are_read_or_refused_and_claims_are_worth_what_they_say(
    written: str, claims: dict[str, Any]
) -> None:
    try:
        grants = parse_grants([written])
    except ValueError:
        grants = parse_grants(["groups=auditors->read"])
    if "groups" not in claims:
        assert parse_grants(["groups=auditors->read"]).of(claims).scopes == ()
    assert isinstance(grants.of(claims).scopes, tuple)


@requirement("auth.clients")
@EXAMPLES
@given(some.text(), some.text())
def test_a_client_id_fits_a_pattern_or_not_and_never_raises(pattern: str, client_id: str) -> None:
    [made] = parse_patterns([pattern[:200]])
    assert made.fits(client_id) in (True, False)
    assert is_malformed(client_id) in (True, False)


def _signed(claims: dict[str, Any]) -> tuple[str, str, str]:
    """Sign claims as they are, which a library would put right before."""
    header = part({"alg": "ES256", "typ": "at+jwt", "kid": "one"})
    body = part(claims)
    algorithm = ECAlgorithm(ECAlgorithm.SHA256)
    signature = algorithm.sign(f"{header}.{body}".encode(), KEY.private)  # type: ignore[arg-type]
    return header, body, base64.urlsafe_b64encode(signature).rstrip(b"=").decode()

"""Tokens of an issuer: what is taken, and every way in which one is refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tallystick.errors import AuthenticationError
from tallystick.testing import FakeClock
from tallystick_ingest.auth.jwks import Issuer
from tallystick_ingest.auth.tokens import MAX_TOKEN_CHARS, TokenChecker, TokenTerms, looks_like_jwt
from tests.openid import SigningKey, signing_key
from tests.requirements import requirement

ISSUER = "https://login.example.org"
AUDIENCE = "https://audit.example.org"
SKEW_S = 60
RSA, EC, ED = signing_key("one"), signing_key("ec", "ES256"), signing_key("ed", "EdDSA")
OTHER = signing_key("one")


class Published:
    """What an issuer publishes, by address, and how often it was asked for it."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = [key.public_jwk for key in keys]
        self.asked: list[str] = []

    def __call__(self, url: str) -> Mapping[str, Any]:
        self.asked.append(url)
        if url.endswith("/.well-known/openid-configuration"):
            return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
        assert url == f"{ISSUER}/keys", "an address that the issuer did not state"
        return {"keys": self.keys}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def checker(clock: FakeClock, *keys: SigningKey, **terms: Any) -> TokenChecker:
    published = Published(*(keys or (RSA, EC, ED)))
    issuer = Issuer(ISSUER, clock.monotonic_s, published)
    return TokenChecker(issuer, TokenTerms((AUDIENCE,), skew_s=SKEW_S, **terms), clock)


def claims(clock: FakeClock, **changed: Any) -> dict[str, Any]:
    now_s = clock.now_us() // 1_000_000
    stated = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "client_id": "dashboard",
        "jti": "1",
        "iat": now_s,
        "exp": now_s + 300,
    }
    return {name: value for name, value in {**stated, **changed}.items() if value is not None}


def refused(checker: TokenChecker, token: str) -> str:
    with pytest.raises(AuthenticationError) as caught:
        checker.token(token)
    assert not token or token not in str(caught.value)
    return str(caught.value)


def part(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def by_hand(key: SigningKey, header: Mapping[str, Any], body: str) -> str:
    """Sign with RS256 a body that no library prints."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    signed = f"{part({'alg': 'RS256', 'typ': 'at+jwt', 'kid': key.kid, **header})}.{part(body)}"
    assert not isinstance(key.private, type(EC.private) | type(ED.private))
    signature = key.private.sign(signed.encode(), PKCS1v15(), SHA256())  # type: ignore[call-arg,arg-type]
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@requirement("auth.tokens")
@pytest.mark.parametrize(
    "key", [RSA, EC, ED, signing_key("ps", "PS256")], ids=lambda key: key.algorithm
)
def test_a_token_of_each_algorithm_is_taken(clock: FakeClock, key: SigningKey) -> None:
    token = checker(clock, key).token(key.sign(claims(clock)))
    assert (token.claims["sub"], token.client_id) == ("ada", "dashboard")


@requirement("auth.tokens")
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"iss": "https://evil.example.org"}, "not from the issuer"),
        ({"iss": ISSUER + "/"}, "not from the issuer"),
        ({"iss": None}, "no claim 'iss'"),
        ({"aud": "https://other.example.org"}, "not for this service"),
        ({"aud": []}, "no claim 'aud'"),
        ({"aud": None}, "no claim 'aud'"),
        ({"sub": None}, "no claim 'sub'"),
        ({"sub": ""}, "names nobody"),
        ({"sub": 7}, "not valid"),
        ({"exp": None}, "no claim 'exp'"),
        ({"exp": "tomorrow"}, "exp is no number"),
        ({"exp": True}, "exp is no number"),
        ({"exp": 1e300}, "exp is no number"),
        ({"client_id": None}, "no claim 'client_id'"),
        ({"jti": None}, "no claim 'jti'"),
        ({"iat": None}, "no claim 'iat'"),
    ],
)
def test_a_token_with_wrong_claims_is_refused(
    clock: FakeClock, changed: dict[str, Any], said: str
) -> None:
    assert said in refused(checker(clock), RSA.sign(claims(clock, **changed)))


@requirement("auth.tokens")
@pytest.mark.parametrize(
    ("moment", "allowed_s", "said"),
    [
        ("exp", -SKEW_S + 1, "expired"),
        ("nbf", SKEW_S, "not in force"),
        ("iat", SKEW_S, "not in force"),
    ],
)
def test_the_clocks_may_differ_by_the_skew_and_not_by_a_second_more(
    clock: FakeClock, moment: str, allowed_s: int, said: str
) -> None:
    now_s = clock.now_us() // 1_000_000
    beyond_s = allowed_s + (1 if allowed_s > 0 else -1)
    accepted = RSA.sign(claims(clock, **{moment: now_s + allowed_s}))
    assert checker(clock).token(accepted).claims[moment] == now_s + allowed_s
    assert said in refused(checker(clock), RSA.sign(claims(clock, **{moment: now_s + beyond_s})))


@requirement("auth.tokens")
def test_a_token_that_passed_still_expires(clock: FakeClock) -> None:
    checked = checker(clock)
    token = RSA.sign(claims(clock, exp=clock.now_us() // 1_000_000 + 10))
    checked.token(token)
    assert checked.is_known(token)
    clock.advance(SKEW_S / 2)
    checked.token(token)
    clock.advance(SKEW_S / 2 + 9.5)
    clock.advance(0.5)
    assert "expired" in refused(checked, token)


@requirement("auth.tokens")
def test_a_token_without_a_signature_is_refused(clock: FakeClock) -> None:
    body = part(claims(clock))
    for algorithm in ("none", "None", "NONE", ""):
        header = part({"alg": algorithm, "typ": "at+jwt", "kid": "one"})
        assert "no JWT" in refused(checker(clock), f"{header}.{body}.")
        assert "algorithm" in refused(checker(clock), f"{header}.{body}.AAAA")


@requirement("auth.tokens")
def test_a_public_key_is_no_secret(clock: FakeClock) -> None:
    """The classical confusion: HS256 with the RSA public key, in each form in which it may be had."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = RSA.private.public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(RSA.public_jwk).encode(),
        b"",
    ]
    for algorithm, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
        signed = f"{part({'alg': algorithm, 'typ': 'at+jwt', 'kid': 'one'})}.{part(claims(clock))}"
        for secret in forms:
            signature = hmac.digest(secret, signed.encode(), digest)
            forged = f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
            assert "algorithm" in refused(checker(clock), forged)


@requirement("auth.tokens")
def test_a_key_that_the_token_brings_along_is_not_read(clock: FakeClock) -> None:
    address = "https://evil.example.org/keys"
    for brought in (
        {"jwk": OTHER.public_jwk},
        {"jku": address},
        {"x5u": address},
        {"x5c": ["AAAA"]},
        {"jku": address, "kid": None},
    ):
        header = {name: value for name, value in {"kid": "one", **brought}.items() if value}
        forged = OTHER.sign(claims(clock), **header)
        assert "signature" in refused(checker(clock), forged)


@requirement("auth.tokens")
@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "one' OR '1'='1",
        "one\x00",
        "https://evil.example.org/keys",
        "",
        "k" * 10_000,
        7,
        ["one"],
        {"one": 1},
    ],
)
def test_a_kid_is_a_name_and_nothing_else(clock: FakeClock, kid: Any) -> None:
    header = part({"alg": "RS256", "typ": "at+jwt", "kid": kid})
    said = refused(checker(clock), f"{header}.{part(claims(clock))}.AAAA")
    assert "kid" in said or "does not publish" in said


@requirement("auth.tokens")
def test_a_key_is_used_for_its_own_algorithm_alone(clock: FakeClock) -> None:
    signed = RSA.sign(claims(clock))
    as_pss = signing_key("ps", "PS256")
    assert "does not publish" in refused(checker(clock, as_pss), RSA.sign(claims(clock), kid="ps"))
    assert "algorithm" in refused(checker(clock, algorithms=("ES256",)), signed)


@requirement("auth.tokens")
@pytest.mark.parametrize(
    "body",
    [
        '{"sub": "ada", %s, "sub": "root"}',
        '{"aud": "https://other.example.org", %s, "sub": "ada"}',
        '{%s, "sub": "ada", "deep": {"a": 1, "a": 2}}',
        '{%s, "sub": "ada", "nan": NaN}',
    ],
)
def test_a_claim_that_stands_twice_is_refused(clock: FakeClock, body: str) -> None:
    rest = json.dumps({k: v for k, v in claims(clock).items() if k != "sub"})[1:-1]
    assert "no JWT" in refused(checker(clock), by_hand(RSA, {}, body % rest))


@requirement("auth.tokens")
def test_what_is_no_token_is_refused_without_asking_anybody(clock: FakeClock) -> None:
    published = Published(RSA)
    checked = TokenChecker(
        Issuer(ISSUER, clock.monotonic_s, published), TokenTerms((AUDIENCE,)), clock
    )
    good = RSA.sign(claims(clock))
    header, body, signature = good.split(".")
    deep = part('{"a":' * 5_000 + "1" + "}" * 5_000)
    for token in (
        "",
        "..",
        "a.b",
        "a.b.c.d",
        "a" * 1_000_000,
        good + "A" * MAX_TOKEN_CHARS,
        f"{part('[]')}.{body}.{signature}",
        f"{header}.{part('7')}.{signature}",
        f"{header}.{deep}.{signature}",
        f"{header}=.{body}.{signature}",
        f"{header}.{body}.{signature}\n",
        f"{part({'alg': 'RS256', 'kid': 'one', 'typ': 'at+jwt', 'crit': ['x']})}.{body}.{signature}",
    ):
        assert refused(checked, token)
    assert published.asked == []


@requirement("auth.tokens")
def test_an_id_token_is_no_access_token(clock: FakeClock) -> None:
    for stated in ("JWT", "id+jwt", None, 7):
        token = RSA.sign(claims(clock), typ=stated)
        assert "type" in refused(checker(clock), token)
    assert checker(clock).token(RSA.sign(claims(clock), typ="application/AT+JWT")).claims
    older = claims(clock, client_id=None, jti=None, azp="dashboard")
    taken = checker(clock, types=("at+jwt", "jwt")).token(RSA.sign(older, typ="JWT"))
    assert taken.client_id == "dashboard"


def test_claims_of_the_operators_own_are_asked_for(clock: FakeClock) -> None:
    checked = checker(clock, required=("tenant",))
    assert "no claim 'tenant'" in refused(checked, RSA.sign(claims(clock)))
    assert checked.token(RSA.sign(claims(clock, tenant="one"))).claims["tenant"] == "one"


@requirement("auth.tokens")
def test_a_changed_token_is_refused(clock: FakeClock) -> None:
    header, body, signature = RSA.sign(claims(clock)).split(".")
    other = part(claims(clock, sub="root"))
    assert "signature" in refused(checker(clock), f"{header}.{other}.{signature}")
    assert "signature" in refused(checker(clock), OTHER.sign(claims(clock)))
    assert "signature" in refused(checker(clock), f"{header}.{body}.AAAA")


def test_a_key_of_ours_does_not_look_like_a_token() -> None:
    assert not looks_like_jwt("tallystick_abc")
    assert looks_like_jwt("a.b.c")

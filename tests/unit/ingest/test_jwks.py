"""The keys of an issuer: fetched once for many, kept while it is away, looked for again but not for ever."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tallystick.errors import AuthenticationError, ConfigError
from tallystick.testing import FakeClock
from tallystick_ingest.auth.jwks import (
    DISCOVERY_PATH,
    FRESH_S,
    MAX_KEYS,
    MAX_WAITING,
    RETRY_S,
    STALE_S,
    Issuer,
)
from tallystick_ingest.auth.outgoing import ProviderAwayError
from tallystick_ingest.otlp.incoming import BusyError
from tests.openid import signing_key
from tests.patience import PATIENCE_S
from tests.requirements import requirement

URL = "https://login.example.org/tenant/"
ONE, TWO = signing_key("one"), signing_key("two", "ES256")


class Provider:
    """An issuer's documents in memory, whose answers can be held up."""

    def __init__(self) -> None:
        self.keys: Any = [ONE.public_jwk]
        self.discovery: dict[str, Any] = {"issuer": URL, "jwks_uri": "https://keys.example.org/k"}
        self.is_away = False
        self.fetches = 0
        self.open = threading.Event()
        self.open.set()
        self.reached = threading.Event()

    def __call__(self, url: str) -> Mapping[str, Any]:
        self.fetches += 1
        self.reached.set()
        assert self.open.wait(PATIENCE_S)
        if self.is_away:
            raise ProviderAwayError("login.example.org does not answer")
        if url.endswith(DISCOVERY_PATH):
            return self.discovery
        assert url == self.discovery["jwks_uri"]
        return {"keys": self.keys}


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def issuer(provider: Provider, clock: FakeClock) -> Issuer:
    return Issuer(URL, clock.monotonic_s, provider)


def settle(issuer: Issuer) -> None:
    """Wait for a fetch that goes on behind the answer."""
    for thread in threading.enumerate():
        if thread.name == "jwks":
            thread.join(PATIENCE_S)
    assert issuer.url == URL


@requirement("auth.issuer-keys")
def test_keys_are_fetched_once_and_used_by_all(issuer: Issuer, provider: Provider) -> None:
    with ThreadPoolExecutor(MAX_WAITING) as pool:
        found = list(pool.map(lambda _: issuer.key("one", "RS256").key_id, range(MAX_WAITING)))
    assert (found, provider.fetches) == (["one"] * MAX_WAITING, 2)


@requirement("auth.issuer-keys")
def test_a_key_that_nobody_knows_is_looked_for_no_more_than_once_in_a_while(
    issuer: Issuer, provider: Provider, clock: FakeClock
) -> None:
    for number in range(1_000):
        with pytest.raises(AuthenticationError, match="does not publish"):
            issuer.key(f"made up {number}", "RS256")
    assert provider.fetches == 2
    clock.advance(RETRY_S)
    for number in range(1_000):
        with pytest.raises(AuthenticationError):
            issuer.key(f"made up {number}", "RS256")
    assert provider.fetches == 4
    assert issuer.key("one", "RS256").key_id == "one"


@requirement("auth.issuer-keys")
def test_a_new_key_is_found_and_a_withdrawn_one_forgotten(
    issuer: Issuer, provider: Provider, clock: FakeClock
) -> None:
    issuer.key("one", "RS256")
    generation = issuer.generation
    provider.keys = [TWO.public_jwk]
    clock.advance(RETRY_S)
    assert issuer.key("two", "ES256").key_id == "two"
    assert issuer.generation > generation
    with pytest.raises(AuthenticationError):
        issuer.key("one", "RS256")


@requirement("auth.issuer-keys")
def test_keys_are_refreshed_behind_the_answer(
    issuer: Issuer, provider: Provider, clock: FakeClock
) -> None:
    issuer.key("one", "RS256")
    provider.keys = [TWO.public_jwk]
    clock.advance(FRESH_S)
    assert issuer.key("one", "RS256").key_id == "one"
    settle(issuer)
    with pytest.raises(AuthenticationError):
        issuer.key("one", "RS256")


@requirement("auth.issuer-keys")
def test_known_keys_go_on_while_the_issuer_is_away_and_others_are_told_to_come_again(
    issuer: Issuer, provider: Provider, clock: FakeClock
) -> None:
    issuer.key("one", "RS256")
    provider.is_away = True
    clock.advance(FRESH_S)
    assert issuer.key("one", "RS256").key_id == "one"
    settle(issuer)
    with pytest.raises(ProviderAwayError, match="does not answer"):
        issuer.key("two", "ES256")
    clock.advance(STALE_S - FRESH_S - 1)
    assert issuer.key("one", "RS256").key_id == "one"
    settle(issuer)
    clock.advance(1)
    with pytest.raises(ProviderAwayError):
        issuer.key("one", "RS256")
    assert issuer.generation == 0
    provider.is_away = False
    clock.advance(RETRY_S)
    assert issuer.key("one", "RS256").key_id == "one"


@requirement("auth.issuer-keys")
def test_few_wait_for_a_slow_issuer_and_known_keys_wait_for_nobody(
    issuer: Issuer, provider: Provider, clock: FakeClock
) -> None:
    issuer.key("one", "RS256")
    clock.advance(FRESH_S)
    provider.open.clear()
    provider.reached.clear()
    busy, ended = threading.Semaphore(0), []

    def ask() -> None:
        try:
            issuer.key("two", "ES256")
        except ProviderAwayError:
            ended.append("away")
        except BusyError:
            busy.release()
        except AuthenticationError:
            ended.append("unknown")

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(MAX_WAITING + 3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        assert busy.acquire(timeout=PATIENCE_S)
    assert issuer.key("one", "RS256").key_id == "one"
    provider.open.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert ended == ["unknown"] * MAX_WAITING


@requirement("auth.issuer-keys")
@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://evil.example.org"},
        {"issuer": URL.rstrip("/")},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "http://169.254.169.254/latest"},
        {"jwks_uri": "http://keys.example.org/k"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://user@keys.example.org/k"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_an_issuer_that_speaks_of_other_places_is_not_believed(
    issuer: Issuer, provider: Provider, changed: dict[str, Any]
) -> None:
    provider.discovery = {**provider.discovery, **changed}
    with pytest.raises(ProviderAwayError):
        issuer.key("one", "RS256")
    assert provider.fetches == 1


@requirement("auth.issuer-keys")
def test_keys_that_cannot_sign_tokens_are_no_keys(issuer: Issuer, provider: Provider) -> None:
    weak = {
        **ONE.public_jwk,
        "n": "AQAB" * 40,
    }
    provider.keys = [
        {"kty": "oct", "k": "AAAA", "kid": "shared"},
        {**ONE.public_jwk, "kid": "for-others", "use": "enc"},
        {**weak, "kid": "weak"},
        {**TWO.public_jwk, "kid": "broken", "x": "not a number"},
        {**ONE.public_jwk, "kid": "twice"},
        {**ONE.public_jwk, "kid": "twice"},
        "no key",
        7,
    ]
    for kid in ("shared", "for-others", "weak", "broken", "twice", None):
        for algorithm in ("RS256", "ES256", "EdDSA"):
            with pytest.raises(AuthenticationError):
                issuer.key(kid, algorithm)


def test_the_only_key_needs_no_name(issuer: Issuer) -> None:
    assert issuer.key(None, "RS256").key_id == "one"


@pytest.mark.parametrize("stated", [None, {}, "keys", [ONE.public_jwk] * (MAX_KEYS + 1)])
def test_a_document_without_a_list_of_keys_is_none(
    issuer: Issuer, provider: Provider, stated: Any
) -> None:
    provider.keys = stated
    with pytest.raises(ProviderAwayError, match="keys"):
        issuer.key("one", "RS256")


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.org",
        "ftp://x",
        "https://",
        "",
        "https://a@b/",
        "https://a/#b",
        "https://a b/",
    ],
)
def test_an_issuer_is_an_https_address(url: str) -> None:
    with pytest.raises(ConfigError, match="https"):
        Issuer(url, FakeClock().monotonic_s)

"""What the service says of itself, by its settings alone."""

import pytest

from tallystick_ingest.auth.challenge import ENDPOINTS, accepted_audiences, challenges_of
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.settings.identity import IdentitySettings
from tests.requirements import requirement

ISSUER = "https://login.example.org"
GRANTS = "scope=audit.write->ingest, scope=audit.read->read, groups=auditors->auditor, scp=audit.write->enroll"


def settings(public_url: str | None, **further: str) -> IdentitySettings:
    given = {"oidc_issuer": ISSUER, "public_url": public_url, "oidc_grants": GRANTS, **further}
    return load_service_config(given, {}).identity


@requirement("auth.metadata")
@pytest.mark.parametrize(
    ("public_url", "own"),
    [
        ("https://audit.example.org", ""),
        ("https://audit.example.org/", ""),
        ("https://example.org:8443/tally/one", "/tally/one"),
    ],
)
def test_the_metadata_stands_where_the_resource_says(public_url: str, own: str) -> None:
    said = challenges_of(settings(public_url))
    base = public_url.rstrip("/")
    origin = base.removesuffix(own)
    assert said.metadata_url == f"{origin}/.well-known/oauth-protected-resource{own}"
    assert said.metadata(own) == {
        "resource": base,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "resource_name": "Tallystick",
        "scopes_supported": ["audit.write", "audit.read"],
    }
    for below in ENDPOINTS:
        document = said.metadata(own + below)
        assert document is not None
        assert document["resource"] == base + below
    for path in (
        "/other",
        f"{own}/v1",
        f"{own}/v1/logs/",
        f"{own}//evil.example.org",
        f"{own}/api/v1/me",
    ):
        assert said.metadata(path) is None
    if own:
        assert said.metadata("") is None


@requirement("auth.metadata")
def test_a_token_for_each_address_of_the_metadata_is_for_this_service() -> None:
    public = "https://audit.example.org"
    assert accepted_audiences(settings(public)) == [public, *(public + one for one in ENDPOINTS)]
    stated = settings(public, oidc_audiences="urn:audit,other")
    assert accepted_audiences(stated) == ("urn:audit", "other")


@requirement("auth.metadata")
def test_a_challenge_says_what_was_wrong() -> None:
    said = challenges_of(settings("https://audit.example.org"))
    where = 'resource_metadata="https://audit.example.org/.well-known/oauth-protected-resource"'
    realm = 'Bearer realm="tallystick"'
    assert said.challenge(401, "/v1/logs", has_credential=False) == f"{realm}, {where}"
    assert (
        said.challenge(401, "/v1/logs", has_credential=True)
        == f'{realm}, error="invalid_token", {where}'
    )
    refused = f'{realm}, error="insufficient_scope"'
    assert (
        said.challenge(403, "/v1/logs", has_credential=True)
        == f'{refused}, scope="audit.write", {where}'
    )
    assert said.challenge(403, "/api/v1/keys", has_credential=True) == f"{refused}, {where}"
    assert said.challenge(200, "/v1/logs", has_credential=True) is None
    assert said.challenge(503, "/v1/logs", has_credential=True) is None


@requirement("auth.metadata")
def test_nothing_is_said_without_a_public_address() -> None:
    said = challenges_of(settings(None, oidc_audiences="urn:audit"))
    assert said.metadata("") is None
    assert said.challenge(401, "/v1/logs", has_credential=False) == 'Bearer realm="tallystick"'

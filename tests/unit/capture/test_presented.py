"""Credentials as HTTP requests present them: in which header, how often, verified by whom."""

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest

from tallystick.capture.identity import Identity
from tallystick.capture.presented import caller_of, refused_caller
from tests.requirements import requirement
from tests.unit.capture.test_token_claims import encoded

ADA = encoded({"sub": "ada", "iss": "https://login.example.com/"})


def request(*headers: tuple[str, str], query: str = "", user: Any = None) -> dict[str, Any]:
    scope: dict[str, Any] = {
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "query_string": query.encode(),
    }
    return scope | ({"user": user} if user is not None else {})


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def stated(found: Identity) -> dict[str, Any]:
    return found.draft_parts().statement


def test_the_token_that_mcp_verified_names_the_caller() -> None:
    token = SimpleNamespace(token="x", client_id="desk", scopes=[], subject="ada", claims={})
    found = caller_of(
        request(("authorization", "Bearer x"), user=SimpleNamespace(access_token=token))
    )
    assert (found.principal.id, found.principal.basis) == ("ada", "authenticated")
    assert found.credential.evidence == {}


@pytest.mark.parametrize("header", ["x-api-key", "X-API-Key", "api-key", "X-ApiKey"])
def test_a_key_in_a_header_is_known_again_and_names_nobody(header: str) -> None:
    found = caller_of(request((header.lower(), "key-1")))
    assert (found.credential.kind, found.credential.secret) == ("api_key", "key-1")
    assert found.principal.id is None
    assert stated(found)["principal.auth_method"] == "api_key"
    assert stated(found)["principal.basis"] == "unknown"


@requirement("sdk.claims-are-evidence")
def test_a_user_with_a_password_is_asserted() -> None:
    found = caller_of(request(("authorization", basic("ada", "hunter2"))))
    assert (found.principal.id, found.principal.basis) == ("ada", "asserted")
    assert (found.credential.kind, found.principal.auth_method) == ("basic", "basic")
    assert "hunter2" not in json.dumps([stated(found), found.draft_parts().disclosures])


@pytest.mark.parametrize(
    "value", ["Basic !!!", "Basic YWRh", "Basic 4pi5", "Basic /w==", "Basic é"]
)
def test_a_user_that_cannot_be_read_is_nobody(value: str) -> None:
    found = caller_of(request(("authorization", value)))
    assert found.principal.id is None
    assert found.credential.kind == "basic"


def test_a_token_that_another_middleware_took_is_asserted() -> None:
    found = caller_of(request(("authorization", f"bEaReR {ADA}")))
    assert (found.principal.id, found.principal.basis) == ("ada", "asserted")
    assert found.credential.secret == ADA


def test_a_user_of_the_servers_own_authentication_is_authenticated() -> None:
    user = SimpleNamespace(is_authenticated=True, display_name="ada")
    found = caller_of(request(("x-api-key", "key-1"), user=user))
    assert (found.principal.id, found.principal.basis) == ("ada", "authenticated")
    assert found.principal.auth_method == "server"
    assert found.credential.secret == "key-1"


@pytest.mark.parametrize("name", ["nobody", ""])
def test_a_user_who_is_not_authenticated_is_nobody(name: str) -> None:
    for is_authenticated in (False, None, "yes", 1):
        user = SimpleNamespace(is_authenticated=is_authenticated, display_name=name)
        assert caller_of(request(user=user)).principal.id is None


def test_a_user_without_a_name_is_nobody() -> None:
    class Nameless:
        is_authenticated = True

        @property
        def display_name(self) -> str:
            raise NotImplementedError

    assert caller_of(request(user=Nameless())).principal.id is None


@requirement("sdk.claims-are-evidence")
def test_of_two_headers_the_first_counts_and_both_are_evidence() -> None:
    scope = request(("authorization", "Bearer first"), ("authorization", "Bearer second"))
    for found in (caller_of(scope), refused_caller(scope)):
        assert found is not None
        assert found.credential.secret == "first"
        assert found.credential.evidence["authorization_headers"] == 2


@requirement("sdk.claims-are-evidence")
@pytest.mark.parametrize(
    ("query", "kind"),
    [
        (f"access_token={ADA}", "jwt"),
        ("API_KEY=k&x=1", "api_key"),
        ("x=1&access_token=t", "opaque"),
    ],
)
def test_a_credential_in_the_address_is_found_and_marked(query: str, kind: str) -> None:
    found = caller_of(request(query=query))
    assert found.credential.kind == kind
    assert found.credential.evidence["in_address"] is True


def test_a_header_counts_before_the_address() -> None:
    found = caller_of(request(("authorization", "Bearer header"), query="access_token=address"))
    assert found.credential.secret == "header"
    assert found.credential.evidence["in_address"] is True


def test_an_address_of_any_length_is_read_without_an_error() -> None:
    for query in ("a=1&" * 5000, "access_token", "=&=&", "%zz=%zz", "access_token="):
        assert caller_of(request(query=query)).credential.secret is None


@requirement("sdk.claims-are-evidence")
def test_a_refused_caller_is_not_named_by_what_was_refused() -> None:
    for value in (f"Bearer {ADA}", basic("ada", "x")):
        found = refused_caller(request(("authorization", value)))
        assert found is not None
        assert found.principal.id is None
        assert found.credential.secret


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Bearer\t"])
def test_who_shows_nothing_is_not_recorded_as_refused(value: str) -> None:
    assert refused_caller(request(("authorization", value))) is None
    assert refused_caller({}) is None


@pytest.mark.parametrize("scheme", ["Token", "ApiKey", "Negotiate"])
def test_the_secret_of_another_scheme_is_a_key(scheme: str) -> None:
    found = caller_of(request(("authorization", f"{scheme} abc")))
    assert (found.credential.kind, found.credential.secret) == ("api_key", "abc")

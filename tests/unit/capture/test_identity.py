"""Principal, client, agent and credential: three claims, each with its basis, and no secret anywhere."""

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest

from tallystick.capture.identity import Agent, Client, Credential, Identity, Principal, local_user
from tallystick.capture.token_claims import (
    MAX_ACTORS,
    actor_chain,
    credential_kind,
    from_access_token,
)
from tests.requirements import requirement

ISSUER = "https://login.example.com/"


def token(text: str = "opaque", **members: Any) -> SimpleNamespace:
    known = {"client_id": "desk", "scopes": ["read"], "subject": None, "claims": None}
    return SimpleNamespace(token=text, **{**known, **members})


def jwt() -> str:
    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'EdDSA'})}.{part({'sub': 'ada'})}.signature"


@requirement("sdk.identity-from-token", "record.three-identities")
def test_subject_and_client_of_a_token_stay_two_claims() -> None:
    found = from_access_token(token(subject="ada", claims={"iss": ISSUER, "azp": "other"}))
    assert (found.principal.id, found.principal.issuer) == ("ada", ISSUER)
    assert found.principal.basis == "authenticated"
    assert (found.client.id, found.client.basis) == ("desk", "authenticated")
    assert found.agent is None


def test_a_token_without_a_subject_is_that_of_its_client() -> None:
    found = from_access_token(token(claims={"iss": ISSUER}))
    assert (found.principal.id, found.principal.type) == ("desk", "service")


@pytest.mark.parametrize("subject", ["desk", None])
def test_a_client_that_acts_for_itself_is_a_service(subject: str | None) -> None:
    assert from_access_token(token(subject=subject, claims={})).principal.type == "service"


def test_a_verifier_that_passes_nothing_on_leaves_the_principal_unknown() -> None:
    found = from_access_token(token())
    assert (found.principal.id, found.principal.basis) == (None, "unknown")
    assert (found.client.id, found.client.basis) == ("desk", "authenticated")


def test_from_a_jwt_whose_verifier_passes_nothing_on_the_subject_is_inferred() -> None:
    found = from_access_token(token(jwt()))
    assert (found.principal.id, found.principal.basis) == ("ada", "inferred")
    assert found.actors == ()


def test_a_subject_is_human_only_where_a_claim_says_so() -> None:
    plain = from_access_token(token(subject="4711", claims={}))
    named = from_access_token(token(subject="4711", claims={"preferred_username": "ada"}))
    assert (plain.principal.type, named.principal.type) == ("unknown", "human")


def test_a_user_id_that_anybody_else_states_is_never_read() -> None:
    claims = {"enduser.id": "mallory", "user_id": "mallory"}
    assert from_access_token(token(subject="ada", claims=claims)).principal.id == "ada"


def test_a_jwt_and_an_opaque_token_are_told_apart() -> None:
    assert credential_kind(jwt()) == "jwt"
    assert from_access_token(token(jwt(), subject="a")).principal.auth_method == "bearer_jwt"
    for other in ("opaque", "a.b", "a.b.c", "", "....", "\xff.b.c", "W10.b.c"):
        assert credential_kind(other) == "opaque"


def test_scopes_and_audience_are_stated() -> None:
    found = from_access_token(token(scopes=["read", 7], claims={"aud": ["one", "two"]}))
    statement = found.draft_parts().statement
    assert statement["credential.scopes"] == ["read"]
    assert statement["credential.audience"] == "one two"


def test_the_resource_stands_for_a_missing_audience() -> None:
    assert from_access_token(token(resource="https://mcp")).credential.audience == "https://mcp"


def test_a_token_of_another_shape_gives_no_claims_and_no_error() -> None:
    found = from_access_token(SimpleNamespace(claims="nonsense", token=7, scopes="all"))
    assert found.principal.basis == "unknown"
    assert found.draft_parts().tokens == {}


@requirement("record.no-personal-data-in-line-1")
def test_ids_of_people_and_secrets_never_stand_in_the_statement() -> None:
    found = from_access_token(
        token("the-secret", subject="ada@example.com", claims={"act": {"sub": "bob@example.com"}})
    )
    parts = found.draft_parts()
    assert "ada@example.com" not in json.dumps(parts.statement)
    assert "bob@example.com" not in json.dumps(parts.statement)
    assert "the-secret" not in json.dumps([parts.statement, parts.disclosures])
    assert parts.disclosures["principal.id"] == "ada@example.com"
    assert parts.tokens["credential.ref"] == ("credential", "the-secret")


def test_the_secret_is_not_shown_by_repr() -> None:
    assert "the-secret" not in repr(from_access_token(token("the-secret")))


def test_a_principal_is_named_by_issuer_and_subject_together() -> None:
    one = Identity(Principal("ada", "https://one")).draft_parts().tokens["principal.ref"]
    two = Identity(Principal("ada", "https://two")).draft_parts().tokens["principal.ref"]
    assert one == ("principal", "https://one\x1fada")
    assert one != two


def test_actors_are_flattened_outermost_first() -> None:
    chain = actor_chain({"sub": "now", "act": {"sub": "before", "act": {"sub": "first"}}})
    assert [actor["sub"] for actor in chain] == ["now", "before", "first"]
    parts = Identity(actors=chain).draft_parts()
    assert parts.statement["delegation.depth"] == 3
    assert parts.disclosures["delegation"] == [{"sub": "now"}, {"sub": "before"}, {"sub": "first"}]


def test_a_chain_of_actors_is_bounded() -> None:
    act: dict[str, Any] = {"sub": "last"}
    for number in range(100):
        act = {"sub": str(number), "act": act}
    chain = actor_chain(act)
    assert len(chain) == MAX_ACTORS
    assert chain[-1]["truncated"] is True


@pytest.mark.parametrize("act", ["agent", 7, ["agent"], True])
def test_a_malformed_actor_is_kept_as_evidence(act: object) -> None:
    assert actor_chain(act) == ({"malformed": str(act)},)
    assert actor_chain({"sub": "now", "act": act})[1] == {"malformed": str(act)}


def test_nested_claims_of_an_actor_are_kept_as_text() -> None:
    [actor] = actor_chain({"sub": "a", "cnf": {"jkt": "x"}, "admin": True})
    assert actor == {"sub": "a", "cnf": "{'jkt': 'x'}", "admin": True}


def test_no_actor_is_no_chain() -> None:
    assert actor_chain(None) == ()
    assert "delegation.depth" not in Identity().draft_parts().statement


def test_who_runs_a_stdio_server_is_an_assertion() -> None:
    user = local_user()
    assert (user.basis, user.auth_method) == ("asserted", "stdio")


def test_claims_of_any_length_are_cut() -> None:
    identity = Identity(client=Client(id="x" * 5000), agent=Agent("a" * 5000), roles=("r" * 5000,))
    statement = identity.draft_parts().statement
    assert len(statement["client.id"]) == len(statement["agent.name"]) == 1024
    assert len(statement["roles"][0]) == 1024


def test_a_credential_without_a_secret_states_no_kind() -> None:
    assert "credential.kind" not in Identity(credential=Credential()).draft_parts().statement

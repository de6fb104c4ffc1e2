"""Claims of a token: what a verifier accepted, what nobody verified, and what is no claim at all."""

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest

from tallystick.capture.identity import Identity
from tallystick.capture.token_claims import (
    MAX_AUDIENCES,
    MAX_CLAIMS,
    MAX_SCOPES,
    actor_chain,
    client_id_kind,
    from_access_token,
    from_refused,
    from_unverified,
    jwt_claims,
)
from tests.requirements import requirement

ISSUER = "https://login.example.com/"


def encoded(claims: object, header: object = None, signature: str = "c2ln") -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'EdDSA'} if header is None else header)}.{part(claims)}.{signature}"


def verified(claims: Any, **members: Any) -> Identity:
    known: dict[str, Any] = {"token": "opaque", "client_id": "desk", "scopes": [], "subject": None}
    return from_access_token(SimpleNamespace(**{**known, "claims": claims, **members}))


def nested(depth: int, key: str = "act") -> dict[str, Any]:
    made: dict[str, Any] = {"sub": "innermost"}
    for _ in range(depth):
        made = {key: made, "sub": "one"}
    return made


@requirement("sdk.claims-are-evidence")
@pytest.mark.parametrize(
    "subject",
    [
        7,
        0,
        True,
        1.5,
        ["ada"],
        {"id": "ada"},
        "",
        b"ada",
        [[[[["x"]]]]],
        pytest.param(10**5000, id="big"),
    ],
)
def test_a_subject_that_is_no_text_names_nobody_and_is_kept(subject: object) -> None:
    found = verified({"sub": subject, "iss": ISSUER})
    assert found.principal.id is None
    assert found.principal.basis == "unknown"
    malformed = found.credential.evidence["malformed"]
    assert set(malformed) == {"sub"}
    assert len(malformed["sub"]) <= 1024


@requirement("sdk.claims-are-evidence")
@pytest.mark.parametrize("name", ["iss", "azp", "client_id", "jti"])
@pytest.mark.parametrize("value", [7, ["x"], {"x": 1}, False])
def test_any_claim_of_the_wrong_type_is_evidence_and_nothing_else(name: str, value: object) -> None:
    found = verified({"sub": "ada", name: value}, client_id=None)
    assert set(found.credential.evidence["malformed"]) == {name}
    assert found.principal.id == "ada"
    assert found.principal.issuer is None
    assert found.client.id is None
    assert found.credential.token_id is None


def test_claims_that_are_no_object_are_evidence() -> None:
    found = verified(["sub", "ada"])
    assert found.principal.id is None
    assert found.credential.evidence["malformed"] == {"claims": "['sub', 'ada']"}


@requirement("sdk.claims-are-evidence")
@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", None, 0])
def test_a_token_signed_by_nobody_is_marked_even_where_a_verifier_took_it(
    algorithm: object,
) -> None:
    token = encoded({"sub": "ada"}, {"alg": algorithm}, "")
    for found in (
        verified({"sub": "ada"}, token=token),
        from_unverified(token),
        from_refused(token),
    ):
        assert "alg" in found.credential.evidence
    assert "alg" not in from_unverified(encoded({"sub": "ada"})).credential.evidence


def test_issuer_and_token_id_name_a_token_together() -> None:
    one = verified({"iss": ISSUER, "jti": "t-1"}).draft_parts()
    two = verified({"iss": "https://other", "jti": "t-1"}).draft_parts()
    assert one.tokens["credential.id"] == ("credential_id", f"{ISSUER}\x1ft-1")
    assert one.tokens["credential.id"] != two.tokens["credential.id"]
    assert "t-1" not in json.dumps([one.statement, one.disclosures])
    assert "credential.id" not in verified({"iss": ISSUER}).draft_parts().tokens


@requirement("sdk.claims-are-evidence")
def test_what_nobody_verified_is_asserted_where_a_call_ran() -> None:
    found = from_unverified(
        encoded({"sub": "ada", "iss": ISSUER, "azp": "desk", "act": {"sub": "agent"}})
    )
    assert (found.principal.id, found.principal.basis) == ("ada", "asserted")
    assert (found.client.id, found.client.basis) == ("desk", "asserted")
    assert [dict(actor) for actor in found.actors] == [{"sub": "agent"}]


@requirement("sdk.claims-are-evidence")
def test_what_a_refused_token_says_names_nobody() -> None:
    found = from_refused(encoded({"sub": "ceo", "iss": ISSUER, "extra": "x"}))
    assert found.principal.id is None
    assert found.client.id is None
    assert found.credential.evidence["unverified"] == {"sub": "ceo", "iss": ISSUER}
    parts = found.draft_parts()
    assert "ceo" not in json.dumps(parts.statement)
    assert set(parts.tokens) == {"credential.ref"}


@pytest.mark.parametrize(
    ("client_id", "kind"),
    [
        ("https://app.example.com/oauth/client.json", "metadata_document"),
        ("https://app.example.com:8443/c?v=1", "metadata_document"),
        ("https://app.example.com", "unknown"),
        ("https://app.example.com/", "unknown"),
        ("http://app.example.com/client.json", "unknown"),
        ("https://user@app.example.com/client.json", "unknown"),
        ("https://app.example.com/client.json#x", "unknown"),
        ("https://app.example.com/client.json#", "unknown"),
        ("https://app.example.com/../client.json", "unknown"),
        ("https://app.example.com/./client.json", "unknown"),
        ("https://аpp.example.com/client.json", "unknown"),
        ("https://app.example.com/client\u200b.json", "unknown"),
        ("https://app.example.com/cli ent.json", "unknown"),
        ("https:///client.json", "unknown"),
        ("https://[::1/client.json", "unknown"),
        ("3f9c0f3e-9a9e-4c57-bf6e-61f0f2a7c7d2", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_client_id_that_is_the_address_of_a_document_is_told_from_others(
    client_id: str, kind: str
) -> None:
    assert client_id_kind(client_id) == kind
    if client_id:
        stated = verified({}, client_id=client_id).draft_parts().statement
        assert stated["client.id_kind"] == kind


@requirement("sdk.claims-are-evidence")
def test_lists_and_texts_of_a_token_are_bounded() -> None:
    found = verified(
        {
            "sub": "s" * 100_000,
            "aud": [{"deep": nested(500)}] * 1000,
            "roles": ["r"] * 10_000,
            "act": {f"claim{number}": nested(300) for number in range(1000)},
        },
        scopes=["s"] * 10_000,
    )
    parts = found.draft_parts()
    assert len(found.credential.audience or "") <= MAX_AUDIENCES * 1025
    assert len(parts.statement["credential.audience"]) <= 1024
    assert len(found.roles) == len(found.credential.scopes or ()) == MAX_SCOPES
    assert len(found.actors[0]) == MAX_CLAIMS


@requirement("sdk.claims-are-evidence")
def test_chains_of_actors_that_never_end_or_go_in_circles_end_here() -> None:
    circle: dict[str, Any] = {"sub": "round"}
    circle["act"] = circle
    circle["self"] = circle
    assert actor_chain(circle)[-1]["truncated"] is True
    assert actor_chain(nested(100_000))[-1]["truncated"] is True
    sideways = nested(100_000, key="other")
    assert actor_chain(sideways)[0]["sub"] == "one"


@pytest.mark.parametrize("scope", [7, {"a": 1}, [["a"], 7, "ok"], None, "read  write\tall"])
def test_scopes_of_any_shape_are_read_without_an_error(scope: object) -> None:
    found = verified({"scope": scope}, scopes=scope)
    assert set(found.credential.scopes or ()) <= {"ok", "read", "write", "all"}


@pytest.mark.parametrize(
    "token",
    [
        "a.b.c",
        "..",
        "e30.e30.",
        "e30." + "W1" * 40_000 + ".x",
        encoded({"sub": "x" * 70_000}),
        "\ud800.\udfff.x",
        "é.é.é",
        "e30.bnVsbA.x",
        encoded([1, 2]),
    ],
)
def test_what_only_looks_like_a_token_has_no_claims_and_raises_nothing(token: str) -> None:
    assert jwt_claims(token) == {}
    for found in (from_unverified(token), from_refused(token), verified(None, token=token)):
        assert found.principal.id is None


def test_a_deep_token_raises_nothing() -> None:
    deep = base64.urlsafe_b64encode(b'{"sub":' + b"[" * 20_000).decode().rstrip("=")
    assert from_unverified(f"e30.{deep}.x").principal.id is None


def test_look_alikes_stay_different_principals() -> None:
    plain, hidden = verified({"sub": "ada"}), verified({"sub": "a\u200bda"})
    assert (
        plain.draft_parts().tokens["principal.ref"] != hidden.draft_parts().tokens["principal.ref"]
    )

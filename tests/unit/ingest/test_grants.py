"""What claims are worth: nothing by default, and never more than a rule says."""

from typing import Any

import pytest

from tallystick.errors import AuthenticationError
from tallystick_ingest.auth.clients import ClientRules, parse_patterns
from tallystick_ingest.auth.grants import Granted, Grants, parse_grants
from tallystick_ingest.auth.roles import SCOPES_OF_ROLE
from tallystick_store.reach import OPEN, Reach
from tests.requirements import requirement


def rules(text: str) -> Grants:
    return parse_grants([one.strip() for one in text.split(",")])


RULES = rules(
    "groups=auditors->auditor, groups=everyone->viewer, scope=audit.write->ingest+enroll,"
    "realm.roles=ops->admin, https://example.org/roles=lead->export"
)


@requirement("auth.grants")
@pytest.mark.parametrize(
    ("claims", "scopes", "role"),
    [
        ({}, (), None),
        ({"groups": []}, (), None),
        ({"groups": ["nobody"]}, (), None),
        ({"groups": ["everyone"]}, SCOPES_OF_ROLE["viewer"], "viewer"),
        ({"groups": ["everyone", "auditors"]}, SCOPES_OF_ROLE["auditor"], "auditor"),
        ({"groups": "auditors"}, SCOPES_OF_ROLE["auditor"], "auditor"),
        ({"groups": "auditors everyone"}, (), None),
        ({"groups": "Auditors"}, (), None),
        ({"groups": {"auditors": True}}, (), None),
        ({"groups": [["auditors"], 7, None, {"auditors": 1}]}, (), None),
        ({"scope": "audit.write other"}, ("ingest", "enroll"), None),
        ({"scope": ["audit.write"]}, ("ingest", "enroll"), None),
        ({"scope": "audit.writer"}, (), None),
        ({"scp": "audit.write"}, (), None),
        ({"realm": {"roles": ["lead"]}}, (), None),
        ({"realm": 7}, (), None),
        ({"https://example.org/roles": ["lead"]}, ("export",), None),
        ({"roles": ["auditors", "ops"], "sub": "auditors"}, (), None),
    ],
)
def test_a_claim_is_worth_what_a_rule_says(
    claims: dict[str, Any], scopes: tuple[str, ...], role: str | None
) -> None:
    granted = RULES.of(claims)
    assert (set(granted.scopes), granted.role) == (set(scopes), role)


class Counted(dict[str, Any]):
    """Claims that count how often each is looked at."""

    def __init__(self, claims: dict[str, Any]) -> None:
        super().__init__(claims)
        self.looks: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        self.looks.append(name)
        return super().get(name, default)


def test_a_claim_is_looked_at_once_however_many_rules_name_it() -> None:
    assert looks_with(50) == looks_with(1)


def looks_with(count: int) -> int:
    """Say how often claims are looked at by so many rules."""
    claims = Counted({"groups": ["g0", "others"]})
    written = (f"groups=g{number}->viewer@tenant:t{number}" for number in range(count))
    grants = rules(",".join(written))
    assert grants.tenant_of(claims) == "t0"
    assert len(grants.fitting(claims)) == 1
    return len(claims.looks)


@requirement("auth.grants")
def test_nothing_is_granted_by_default() -> None:
    assert Grants().of({"groups": ["admin"], "role": "admin", "scope": "admin read"}) == Granted()


def test_a_claim_within_another_is_found() -> None:
    assert RULES.of({"realm": {"roles": ["ops"]}}).role == "admin"
    assert RULES.of({"realm.roles": ["ops"]}).role == "admin"


@requirement("auth.grants")
def test_a_rule_is_cut_to_a_reach_and_two_rules_open_no_more_than_either() -> None:
    grants = rules(
        "groups=a->viewer@agent:pay-*@agent:bill@tool:search, groups=b->auditor@tool:transfer,"
        "groups=c->export@agent:pay-*@agent:bill@tool:search, groups=d->ingest"
    )
    payments = Reach(agents=("pay-*", "bill"), tools=("search",))
    alone = grants.of({"groups": ["a"]})
    assert (alone.reach, alone.role) == (payments, "viewer")
    assert grants.of({"groups": ["a", "b", "d"]}) == alone
    assert grants.of({"groups": ["b"]}).reach == Reach(tools=("transfer",))
    assert set(grants.of({"groups": ["a", "c"]}).scopes) == {*alone.scopes, "export"}
    assert grants.of({"groups": ["d"]}).reach == OPEN


@pytest.mark.parametrize("cut", ["agent", "user:x", "agent:", ":", "tool:" + "x" * 1_000])
def test_a_reach_that_is_none_is_refused(cut: str) -> None:
    with pytest.raises(ValueError, match=r"after @|pattern"):
        rules(f"groups=a->viewer@{cut}")


@pytest.mark.parametrize(
    "text",
    [
        "auditors",
        "groups=auditors",
        "groups->viewer",
        "=x->viewer",
        "groups=->viewer",
        "groups=x->",
        "groups=x->god",
        "groups=x->read+",
        "groups=x->read+god",
    ],
)
def test_a_rule_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rules such as|after ->"):
        rules(text)


@requirement("auth.clients")
@pytest.mark.parametrize(
    ("allowed", "denied", "client_id", "may_come"),
    [
        (None, "", "robot", True),
        (None, "", None, True),
        (None, "robot", "robot", False),
        (None, "robot", "robot2", True),
        ("robot", "", None, False),
        ("robot", "", "Robot", False),
        ("robot*", "robot-7", "robot-8", True),
        ("robot*", "robot-7", "robot-7", False),
        ("https://*.example.org/*", "", "https://a.example.org/client.json", True),
        ("https://*.example.org/*", "", "https://a.b.example.org/client.json", False),
        ("https://*.example.org/*", "", "https://evil.com/.example.org/client.json", False),
        ("https://*.example.org/*", "", "https://evil.com@a.example.org/client.json", False),
        ("https://*.example.org/*", "", "https://a.example.org:8443/client.json", False),
        ("https://example.org/*", "", "https://example.org.evil.com/x", False),
        ("https://example.org/*", "", "http://example.org/x", False),
        ("https://example.org/a/*", "", "https://example.org/a/../b", False),
        (None, "https://*/*", "https://example/client", False),
        (None, "", "https://example.org/client.json", True),
        (None, "", "https://example.org", False),
        (None, "", "https://example.org/x#y", False),
        (None, "", "https://example.org/x?y=1", False),
        (None, "", "https://user:word@example.org/x", False),
        (None, "", "http://127.0.0.1/x", False),
        (None, "", "file:///etc/passwd", False),
        (None, "", "https://example.org/./x", False),
        (None, "", "https://example.org/" + "x" * 4_096, False),
    ],
)
def test_the_lists_decide_who_may_come(
    allowed: str | None, denied: str, client_id: str | None, may_come: bool
) -> None:
    rules = ClientRules(
        parse_patterns([allowed] if allowed else []), parse_patterns([denied] if denied else [])
    )
    if may_come:
        rules.require(client_id)
        return
    with pytest.raises(AuthenticationError):
        rules.require(client_id)


def test_a_list_has_an_end() -> None:
    with pytest.raises(ValueError, match="client ids"):
        parse_patterns(["a"] * 1_001)
    with pytest.raises(ValueError, match="client ids"):
        parse_patterns(["a" * 3_000])


@requirement("auth.grants", "access.tenants")
def test_the_first_rule_that_fits_decides_the_tenant() -> None:
    written = (
        "groups=acme->viewer@tenant:acme",
        "groups=ops->admin",
        "groups=acme-auditors->auditor@tenant:acme@agent:pay-*",
    )
    operator, acme, globex = (parse_grants(written, name) for name in ("default", "acme", "globex"))
    for claims, tenant, role in (
        ({"groups": ["acme", "ops"]}, acme, "viewer"),
        ({"groups": ["ops", "acme-auditors"]}, operator, "admin"),
        ({"groups": ["acme-auditors"]}, acme, "auditor"),
    ):
        for grants in (operator, acme, globex):
            assert grants.is_for_us(claims) is (grants is tenant)
            assert grants.of(claims).role == (role if grants is tenant else None)
            assert bool(grants.of(claims).scopes) is (grants is tenant)
    assert not any(one.is_for_us({"groups": ["others"]}) for one in (operator, acme, globex))


@pytest.mark.parametrize("cut", ["@tenant:", "@tenant:default", "@tenant:A", "@tenant:a@tenant:b"])
def test_a_rule_for_no_tenant_is_refused(cut: str) -> None:
    with pytest.raises(ValueError, match="one name of a tenant other than default"):
        parse_grants([f"groups=acme->viewer{cut}"])

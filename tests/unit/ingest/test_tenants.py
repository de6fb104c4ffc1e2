"""Tenants in one process: each has everything of its own, and a credential leads to one of them."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import AuthenticationError, AuthorizationError, ConfigError
from tallystick.testing import FakeClock
from tallystick_ingest.auth import leads
from tallystick_ingest.auth.api_keys import NewKey
from tallystick_ingest.auth.gate import ADMINISTRATOR
from tallystick_ingest.auth.grants import parse_grants
from tallystick_ingest.auth.tokens import Token, unchecked_claims
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.service import Service
from tallystick_ingest.service_keys import MAX_TENANTS, make_tenant, tenant_secrets
from tallystick_ingest.settings import ServiceConfig, load_service_config
from tallystick_ingest.tenants import Tenants, link_token
from tallystick_store.events import read_events
from tests.requirements import requirement

pytestmark = requirement("access.tenants")


def config_of(home: Path) -> ServiceConfig:
    return load_service_config({"home": str(home), "name": "agents.example/default"}, {})


@pytest.fixture
def tenants(tmp_path: Path) -> Iterator[Tenants]:
    made = Tenants.open(config_of(tmp_path), FakeClock())
    yield made
    made.close("the test is over")


def shown(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def changes(service: Service) -> list[tuple[object, object]]:
    events = read_events(service.store.database, "type = 'config.changed'", [])
    return [(one.statement["config.name"], one.statement["config.value"]) for one in events]


def test_a_tenant_has_a_log_keys_and_directories_of_its_own(tenants: Tenants) -> None:
    acme, operator = tenants.add("acme"), tenants.operator
    assert acme.keys.name == "agents.example/acme"
    assert acme.keys.log.key.vkey != operator.keys.log.key.vkey
    assert acme.keys.token_key != operator.keys.token_key
    assert acme.config.core.data == operator.config.core.data / "tenants" / "acme"
    assert (acme.config.core.data / "tallystick.duckdb").exists()
    assert (acme.config.core.secrets / "log.key").stat().st_mode & 0o777 == 0o600
    assert tenants.names == ("default", "acme")


def test_the_operators_log_states_each_tenant_once(tmp_path: Path) -> None:
    tenants = Tenants.open(config_of(tmp_path), FakeClock())
    tenants.add("acme")
    tenants.close("over")
    again = Tenants.open(config_of(tmp_path), FakeClock())
    found, names = changes(again.operator), again.names
    again.close("over")
    assert found == [("tenant", "acme")]
    assert names == ("default", "acme")


def test_a_credential_leads_to_the_tenant_that_gave_it_out(tenants: Tenants) -> None:
    acme, globex = tenants.add("acme"), tenants.add("globex")
    for service in (acme, globex, tenants.operator):
        _, key = service.create_api_key(NewKey("agent", ("read",)))
        session, _ = service.sessions.start(ADMINISTRATOR.id)
        verifier = service.gate.verifier_token
        for credential in (key, session, verifier):
            assert tenants.holder(shown(credential)) is service
        assert tenants.holder({"cookie": f"tallystick_admin={session}"}) is service


RULES = "groups=acme->admin@tenant:acme, groups=ops->viewer, groups=elsewhere->viewer@tenant:none"


@pytest.mark.parametrize("groups", [[], ["ops"]], ids=["refused", "moved"])
def test_whom_the_issuer_leads_elsewhere_or_nowhere_keeps_no_session(
    tmp_path: Path, groups: list[str]
) -> None:
    with closing(Tenants.open(trusting(tmp_path), FakeClock())) as tenants:
        acme = tenants.add("acme")
        service, eve = tenants.arrive(signed_on(["acme"]))
        session, _ = service.sessions.start(eve.id)
        assert (service, service.gate.caller(shown(session)).role) == (acme, "admin")
        with nullcontext() if groups else pytest.raises(AuthorizationError, match="nothing is"):
            assert tenants.arrive(signed_on(groups))[0] is tenants.operator
        with pytest.raises(AuthenticationError, match="has ended"):
            acme.gate.caller(shown(session))


def test_a_token_leads_to_the_tenant_of_its_rule_and_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(text: str) -> Mapping[str, Any]:
        read.append(text)
        return unchecked_claims(text)

    monkeypatch.setattr(leads, "unchecked_claims", counted)
    with closing(Tenants.open(trusting(tmp_path), FakeClock())) as tenants:
        acme, _ = tenants.add("acme"), tenants.add("globex")
        texts = [unsigned(groups) for groups in (["acme"], ["ops"], ["nobody"], ["elsewhere"])]
        for _ in range(3):
            found = [tenants.holder(shown(text)) for text in texts]
            assert found == [acme, *[tenants.operator] * 3]
    assert read == texts


def test_tokens_are_remembered_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leads, "MAX_REMEMBERED", 2)
    known = leads.Leads(parse_grants(RULES.split(", ")))
    texts = [unsigned([group]) for group in ("acme", "ops", "nobody")]
    for _ in range(2):
        assert [known.tenant(text) for text in texts] == ["acme", "default", None]
    assert len(known) == 2


def unsigned(groups: list[str]) -> str:
    parts = ({"alg": "RS256"}, {"groups": groups})
    printed = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(one.rstrip("=") for one in printed), "AAAA"])


def trusting(home: Path) -> ServiceConfig:
    """Trust an issuer that does not answer."""
    stated = {"home": str(home), "oidc_grants": RULES, "oidc_issuer": "http://127.0.0.1:1"}
    return load_service_config({**stated, "public_url": "https://audit.example.org"}, {})


def signed_on(groups: list[str]) -> Token:
    claims = {"iss": "http://127.0.0.1:1", "sub": "eve", "groups": groups, "nonce": "n"}
    return Token("a.b.c", claims)


@contextmanager
def closing(tenants: Tenants) -> Iterator[Tenants]:
    try:
        yield tenants
    finally:
        tenants.close("the test is over")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        shown("tallystick_nobody"),
        shown("tallystick_session_nobody"),
        {"authorization": "Basic acme"},
        {"authorization": "Bearer"},
        {"cookie": "tallystick_admin=acme"},
        {"tallystick-tenant": "acme", "host": "acme"},
    ],
)
def test_a_credential_of_nobody_leads_to_the_operator(
    tenants: Tenants, headers: dict[str, str]
) -> None:
    tenants.add("acme")
    assert tenants.holder(headers) is tenants.operator


def test_a_log_in_names_its_tenant(tenants: Tenants) -> None:
    acme = tenants.add("acme")
    assert tenants.of_account("acme/ada") == (acme, "ada")
    assert tenants.of_account("ada") == (tenants.operator, "ada")
    assert tenants.of_account("globex/ada") == (tenants.operator, "globex/ada")
    token = acme.door.new_link_token()
    assert tenants.of_link(link_token("acme", token)) == (acme, token)
    assert tenants.of_link(token) == (tenants.operator, token)
    assert tenants.of_link("acme.") == (tenants.operator, "acme.")


@pytest.mark.parametrize(
    "name", ["", "default", "Acme", "-acme", "acme-", "a/b", "..", ".", "a.b", "ä", "a" * 33, "a\n"]
)
def test_a_name_that_cannot_be_a_folder_or_a_log_is_refused(tenants: Tenants, name: str) -> None:
    with pytest.raises(ConfigError, match="a tenant's name has 1 to 32 small letters"):
        tenants.add(name)
    assert tenants.names == ("default",)
    assert changes(tenants.operator) == []


def test_a_name_is_given_once(tenants: Tenants) -> None:
    tenants.add("acme")
    with pytest.raises(ConfigError, match="there is a tenant acme already"):
        tenants.add("acme")


def test_there_are_not_more_tenants_than_one_process_serves(
    tenants: Tenants, tmp_path: Path
) -> None:
    for number in range(MAX_TENANTS - 1):
        (tmp_path / "server" / "tenants" / f"t{number}").mkdir(parents=True)
    with pytest.raises(ConfigError, match=f"one process serves {MAX_TENANTS} tenants"):
        tenants.add("acme")


def test_none_is_added_to_a_service_that_stops(tenants: Tenants) -> None:
    tenants.stop()
    with pytest.raises(BusyError, match="after its next start"):
        tenants.add("acme")
    assert tenants.names == ("default",)


def test_a_tenant_made_by_the_command_line_is_found_while_the_service_runs(
    tenants: Tenants,
) -> None:
    secrets = tenants.operator.config.core.secrets
    made = make_tenant(secrets, "acme")
    tenants.discover()
    tenants.discover()
    found = tenants.named("acme")
    assert found is not None
    assert found.keys.log.key == made.log.key
    assert changes(tenants.operator) == [("tenant", "acme")]
    assert tenant_secrets(secrets, "acme") == found.config.core.secrets


def test_a_service_that_never_started_has_no_tenants(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="start `tallystick up` once"):
        make_tenant(tmp_path, "acme")
    with pytest.raises(ConfigError, match="there is no tenant 'acme'"):
        tenant_secrets(tmp_path, "acme")


def test_a_tenant_that_cannot_be_opened_is_named_and_nothing_stays_open(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    tenants = Tenants.open(config, FakeClock())
    tenants.add("acme")
    tenants.close("over")
    (config.core.secrets / "tenants" / "acme" / "log.key").write_text("no key")
    with pytest.raises(ConfigError, match=r"the tenant acme cannot be opened: .*no Ed25519"):
        Tenants.open(config, FakeClock())
    Service.open(config, FakeClock()).close("the operator's lock was given back")

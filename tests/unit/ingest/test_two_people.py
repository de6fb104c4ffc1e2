"""Decisions of two people: each is a record of the log, and only what the records allow counts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallystick.errors import AdmissionError, AuthorizationError
from tallystick.testing import FakeClock
from tallystick.verify.authority import DeletionRequest, index_digest
from tallystick_ingest.auth.bearer import Bearers
from tallystick_ingest.auth.clients import ClientRules
from tallystick_ingest.auth.gate import ADMINISTRATOR, Caller
from tallystick_ingest.auth.grants import parse_grants
from tallystick_ingest.auth.jwks import Issuer
from tallystick_ingest.auth.tokens import TokenChecker, TokenTerms
from tallystick_ingest.service import Service
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.two_people import TwoPeople
from tallystick_store.events import read_events
from tallystick_store.governance.requests import (
    REQUEST_LIFE_US,
    ConflictError,
    Wanted,
    read_authority,
)
from tests.openid import signing_key
from tests.requirements import requirement

SCOPES = ("read", "retain", "delete.request", "delete.confirm")
ANNA = Caller("account-0000000a", "anna", SCOPES, is_human=True, role="auditor")
BERT = Caller("account-0000000b", "bert", SCOPES, is_human=True, role="auditor")
ADA = Caller("account-0000000c", "ada", SCOPES, is_human=True, role="admin")
KEY = Caller("key-1", "a program", SCOPES)
ISSUER, AUDIENCE = "https://login.example.org", "https://audit.example.org"
SIGNER = signing_key("one")
DIGEST = index_digest([4, 7, 8, 9])
WANTED = Wanted("records", DIGEST, 4, {"class": "short"})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def service(tmp_path: Path, clock: FakeClock) -> Iterator[Service]:
    made = Service.open(load_service_config({"home": str(tmp_path)}, {}), clock)
    yield made
    made.close("the test is over")


def agree(_request: DeletionRequest, _authority: object) -> None:
    """Find nothing that stands in the way."""


def asked(service: Service) -> DeletionRequest:
    return service.two_people.ask(ANNA, WANTED, "they are old")


@requirement("retention.two-people")
def test_what_one_asks_and_another_confirms_is_confirmed_by_the_log(service: Service) -> None:
    request = asked(service)
    assert request.state(service.two_people.now_us()) == "waiting"
    service.two_people.confirm(BERT, request.id, DIGEST, "seen", agree)
    found = read_authority(service.store.database)
    kept = found.requests[request.id]
    assert kept.confirmation is not None
    assert (kept.by, kept.confirmation.by, kept.count) == (ANNA.id, BERT.id, 4)
    assert found.confirmed == {kept.confirmation.log_index: kept}
    assert not found.without_effect


@requirement("retention.two-people")
def test_nobody_confirms_what_they_asked_for_themselves(service: Service) -> None:
    request = asked(service)
    again = Caller(ANNA.id, "anna at another desk", SCOPES, is_human=True, role="admin")
    with pytest.raises(AuthorizationError, match="another person"):
        service.two_people.confirm(again, request.id, DIGEST, "", agree)
    assert not service.two_people.authority().confirmed


@pytest.mark.parametrize("nobody", [KEY, ADMINISTRATOR], ids=["an API key", "the one-time link"])
def test_a_decision_takes_a_person_with_an_account(service: Service, nobody: Caller) -> None:
    request, desk = asked(service), service.two_people
    before = service.store.size
    with pytest.raises(AuthorizationError, match="a person"):
        desk.ask(nobody, WANTED, "")
    with pytest.raises(AuthorizationError, match="a person"):
        desk.confirm(nobody, request.id, DIGEST, "", agree)
    with pytest.raises(AuthorizationError, match="a person"):
        desk.hold(nobody, "case", {}, "")
    assert service.store.size == before


@requirement("retention.two-people")
@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "ada"},
        {"sub": "ada", "act": {"sub": "agent-7"}},
        {"sub": "8f1c", "client_id": "nightly-job"},
        {"sub": "nightly-job", "client_id": "nightly-job"},
    ],
    ids=["of somebody", "an agent's", "a program's", "a program's by its name"],
)
def test_no_token_of_an_issuer_decides(
    service: Service, clock: FakeClock, claims: dict[str, object]
) -> None:
    caller = bearers(service, clock).caller(token(clock, claims))
    assert "delete.confirm" in caller.scopes
    request, before = asked(service), service.store.size
    with pytest.raises(AuthorizationError, match="a person"):
        service.two_people.confirm(caller, request.id, DIGEST, "", agree)
    with pytest.raises(AuthorizationError, match="a person"):
        service.two_people.ask(caller, WANTED, "")
    assert service.store.size == before


def bearers(service: Service, clock: FakeClock) -> Bearers:
    """Take tokens of SIGNER, which have the role of an auditor and may delete."""
    published = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys", "keys": [SIGNER.public_jwk]}
    issuer = Issuer(ISSUER, clock.monotonic_s, lambda _: published)
    grants = parse_grants(["groups=ops->delete.request+delete.confirm"])
    checker = TokenChecker(issuer, TokenTerms((AUDIENCE,)), clock)
    return Bearers(issuer, checker, grants, ClientRules(), service.masking)


def token(clock: FakeClock, claims: dict[str, object]) -> str:
    now_s = clock.now_us() // 1_000_000
    times = {"iat": now_s, "exp": now_s + 300, "jti": "1"}
    stated = {"iss": ISSUER, "aud": AUDIENCE, "client_id": "desk", "groups": ["ops"], **times}
    return SIGNER.sign({**stated, **claims})


@pytest.mark.parametrize(
    ("scope", "decide"),
    [
        ("delete.request", lambda desk, who, _id: desk.ask(who, WANTED, "")),
        ("delete.confirm", lambda desk, who, id_: desk.confirm(who, id_, DIGEST, "", agree)),
        ("retain", lambda desk, who, _id: desk.hold(who, "case", {}, "")),
    ],
)
def test_each_decision_takes_its_right(
    service: Service, scope: str, decide: Callable[[TwoPeople, Caller, str], object]
) -> None:
    request, left = asked(service), tuple(one for one in SCOPES if one != scope)
    without = Caller(BERT.id, "bert", left, is_human=True, role="auditor")
    with pytest.raises(AuthorizationError, match=scope):
        decide(service.two_people, without, request.id)


def test_another_digest_than_the_one_asked_for_confirms_nothing(service: Service) -> None:
    request = asked(service)
    with pytest.raises(ConflictError, match="another digest"):
        service.two_people.confirm(BERT, request.id, index_digest([4, 7, 8]), "", agree)
    with pytest.raises(AdmissionError, match="no request"):
        service.two_people.confirm(BERT, "0" * 32, DIGEST, "", agree)
    assert not service.two_people.authority().confirmed


def test_a_request_expires_whatever_the_clock_does_afterwards(
    service: Service, clock: FakeClock
) -> None:
    request, desk = asked(service), service.two_people
    clock.advance(REQUEST_LIFE_US / 1_000_000)
    desk.hold(ADA, "a record of the later time", {}, "")
    clock.advance(-REQUEST_LIFE_US / 1_000_000)
    with pytest.raises(ConflictError, match="expired"):
        desk.confirm(BERT, request.id, DIGEST, "", agree)


def test_a_request_is_confirmed_once_and_not_after_it_was_withdrawn(service: Service) -> None:
    desk = service.two_people
    first, second = asked(service), asked(service)
    desk.confirm(BERT, first.id, DIGEST, "", agree)
    with pytest.raises(ConflictError, match="confirmed"):
        desk.confirm(ADA, first.id, DIGEST, "", agree)
    desk.withdraw(ANNA, second.id, "a mistake")
    with pytest.raises(ConflictError, match="withdrawn"):
        desk.confirm(BERT, second.id, DIGEST, "", agree)
    with pytest.raises(ConflictError, match="withdrawn"):
        desk.withdraw(BERT, second.id, "")


def test_what_the_check_refuses_leaves_no_record(service: Service) -> None:
    def refuse(_request: DeletionRequest, _authority: object) -> None:
        raise ConflictError("a hold covers three of them")

    request, before = asked(service), service.store.size
    with pytest.raises(ConflictError, match="a hold"):
        service.two_people.confirm(BERT, request.id, DIGEST, "", refuse)
    assert service.store.size == before


@requirement("retention.hold")
def test_a_hold_is_released_by_another_person_or_an_administrator(service: Service) -> None:
    desk = service.two_people
    hold = desk.hold(ANNA, "case 7", {"agent": "clerk"}, "a complaint")
    with pytest.raises(AuthorizationError, match="another person"):
        desk.release(ANNA, hold.id, "")
    assert desk.release(BERT, hold.id, "settled").released_index is not None
    with pytest.raises(ConflictError, match="no hold"):
        desk.release(BERT, hold.id, "")
    own = desk.hold(ADA, "case 8", {}, "")
    assert desk.release(ADA, own.id, "placed by mistake").released_index is not None


def test_names_and_reasons_stand_where_they_can_be_erased(service: Service) -> None:
    asked(service)
    (event,) = read_events(service.store.database, "type = 'log.delete.requested'", [])
    assert event.disclosures == {"principal.id": "anna", "request.reason": "they are old"}
    assert "anna" not in event.line
    assert "they are old" not in event.line

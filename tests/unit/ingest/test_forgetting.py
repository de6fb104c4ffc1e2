"""What names a person beside the log: it goes with their values, and by itself once nobody needs it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.capture.identity import joined
from tallystick.errors import AuthenticationError
from tallystick.testing import FakeClock
from tallystick_ingest import export_jobs
from tallystick_ingest.auth.gate import Caller, caller_of
from tallystick_ingest.auth.sessions import SESSION_LIFE_US
from tallystick_ingest.auth.tokens import Token
from tallystick_ingest.drafts import Access
from tallystick_ingest.service import Service
from tallystick_ingest.settings import load_service_config
from tallystick_store.evidence.export import ExportRequest, export_report
from tallystick_store.governance.requests import ConflictError
from tests.erasable import ADA, Records
from tests.files import bytes_of
from tests.patience import until_ended
from tests.requirements import requirement
from tests.retained import ANNA
from tests.unit.ingest.erasures import confirmed

ISSUER = "http://127.0.0.1:1"
NAME = "Eve of the twenty-first floor"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def service(tmp_path: Path, clock: FakeClock) -> Iterator[Service]:
    settings = {
        "home": str(tmp_path),
        "oidc_issuer": ISSUER,
        "oidc_grants": "groups=ops->auditor",
        "public_url": "https://audit.example.org",
    }
    made = Service.open(load_service_config(settings, {}), clock)
    yield made
    made.close("the test is over")


def arrived(service: Service, subject: str = "eve", name: str = NAME) -> tuple[Caller, str]:
    """Let somebody log in at the issuer; return them and the header that shows their session."""
    claims = {"iss": ISSUER, "sub": subject, "groups": ["ops"], "nonce": "n", "name": name}
    caller = service.people.arrive(Token("a.b.c", claims))
    return caller, logged_in(service, caller)


def logged_in(service: Service, caller: Caller) -> str:
    service.accesses.record(Access("access.login", "oidc", caller, {}, 0))
    token, _ = service.sessions.start(caller.id)
    return f"Bearer {token}"


def pseudonym(service: Service, subject: str) -> str:
    return service.masking.masker.digest("principal", joined(ISSUER, subject).encode()) or ""


@requirement("erasure.beside-the-log")
def test_whoever_signed_in_is_signed_out_and_named_nowhere(service: Service) -> None:
    eve, shown = arrived(service)
    other, shown_by_other = arrived(service, "bob", "Bob of the cellar")
    assert service.gate.caller({"authorization": shown}).name == NAME
    confirmed(service, {"principal": pseudonym(service, "eve")})
    with pytest.raises(AuthenticationError, match="this session has ended"):
        service.gate.caller({"authorization": shown})
    assert service.people.caller(eve.id) is None
    service.accesses.sweep(everything=True)
    service.store.trim_journal()
    everything = bytes_of(service.config.core.home)
    assert NAME.encode() not in everything
    assert b"Bob of the cellar" in everything
    assert service.gate.caller({"authorization": shown_by_other}).id == other.id


@requirement("erasure.beside-the-log")
def test_an_account_is_removed_before_what_it_did_is_forgotten(service: Service) -> None:
    account = service.accounts.add(NAME, "viewer", "a password of many words")
    shown = logged_in(service, caller_of(account))
    wanted = {"principal": account.id}
    with pytest.raises(ConflictError, match="remove it first"):
        service.erasures.ask(ANNA, wanted, "she asked for it")
    service.accounts.remove(NAME)
    confirmed(service, wanted)
    with pytest.raises(AuthenticationError):
        service.gate.caller({"authorization": shown})
    assert account.id.encode() not in (service.config.core.secrets / "sessions.json").read_bytes()
    service.store.trim_journal()
    assert NAME.encode() not in bytes_of(service.config.core.home)


@requirement("erasure.bytes")
def test_packages_that_wait_to_be_fetched_go_with_the_values(service: Service) -> None:
    Records(service.store)
    service.exports.settle_s = 0.0
    id_ = service.exports.start(ExportRequest(0, 2**62, "eu-ai-act"), ANNA)
    until_ended("export")
    job = service.exports.get(id_)
    assert job is not None
    assert job.state == "done", job.error
    package = service.exports.package(job)
    assert package.exists()
    confirmed(service, {"principal": ADA})
    assert not package.exists()
    assert service.exports.get(id_) is None


def test_a_package_that_is_being_written_while_values_go_is_written_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    Records(service.store)
    service.exports.settle_s = 0.0
    written = 0

    def dropping(*arguments: Any, **named: Any) -> Any:
        nonlocal written
        written += 1
        made = export_report(*arguments, **named)
        if written == 1:
            service.exports.drop()
        return made

    monkeypatch.setattr(export_jobs, "export_report", dropping)
    id_ = service.exports.start(ExportRequest(0, 2**62, "eu-ai-act"), ANNA)
    until_ended("export")
    job = service.exports.get(id_)
    assert job is not None
    assert (job.state, written) == ("done", 2)
    assert job.bytes == service.exports.package(job).stat().st_size


def test_nobody_is_remembered_longer_than_their_session(service: Service, clock: FakeClock) -> None:
    eve, _ = arrived(service)
    kept = [service.config.core.secrets / name for name in ("people.json", "sessions.json")]
    clock.advance(SESSION_LIFE_US / 1_000_000 - 1)
    service.housekeep()
    assert eve.id.encode() in kept[0].read_bytes()
    clock.advance(1)
    service.housekeep()
    assert [eve.id.encode() in path.read_bytes() for path in kept] == [False, False]

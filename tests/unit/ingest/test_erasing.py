"""Erasures of the service: two people, the log, the ledger, and what the verifier says of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.errors import AdmissionError, AuthorizationError, StoreError
from tallystick.testing import FakeClock
from tallystick.verify.policy import parse_policy
from tallystick.verify.report import Report
from tallystick.verify.verifier import verify
from tallystick_ingest import erasing
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.service import Service
from tallystick_ingest.settings import load_service_config
from tallystick_store.blobs import blob_digest
from tallystick_store.governance.ledger import LEDGER_NAME
from tallystick_store.governance.requests import ConflictError
from tallystick_store.source import DataSource
from tests.erasable import ADA, BLOB, BOB, TRACE_OF_BOB, Records
from tests.requirements import requirement
from tests.retained import ANNA, BERT, SCOPES
from tests.stores import EMITTER, write
from tests.unit.ingest.erasures import digest_of, finished

KEY = Caller("key-1", "a program", SCOPES)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = opened(tmp_path)
    yield made
    made.close("the test is over")


def opened(home: Path) -> Service:
    return Service.open(load_service_config({"home": str(home)}, {}), FakeClock())


def verified(home: Path, policy: str) -> Report:
    source = DataSource(home / "data")
    try:
        return verify(source, parse_policy(policy))
    finally:
        source.close()


def asked(service: Service) -> str:
    """Ask for the erasure of ada; return the request's id."""
    return service.erasures.ask(ANNA, {"principal": ADA}, "she asked for it").id


@requirement("erasure.two-people")
def test_what_two_people_decided_is_erased_and_the_verifier_says_by_what(tmp_path: Path) -> None:
    service = opened(tmp_path)
    service.enrol(EMITTER.key)
    records = Records(service.store)
    preview = service.erasures.preview({"principal": ADA})
    assert (preview.erased.count, preview.blobs) == (5, 1)
    id_ = asked(service)
    [(request, standing)] = service.erasures.requests()
    assert (request.id, request.count, standing.state) == (id_, 5, "waiting")
    confirmed = service.erasures.confirm(BERT, id_, preview.erased.digest, "seen")
    finished(service)
    state = service.erasures.requests()[0][1].state
    assert state == "carried out"
    rows = service.store.database.rows(
        "SELECT principal_id FROM events WHERE principal_ref = ?", [ADA]
    )
    assert rows == [(None,)] * 4
    assert service.store.blobs.blocks(blob_digest(BLOB)) is None
    policy = service.own_policy()
    write(service.store, [records.shared.call(9), records.shared.seal()])
    service.close("the test is over")
    report = verified(tmp_path, policy)
    assert report.exit_code == 0, report.text
    assert confirmed.confirmation is not None
    found = [one for one in report.findings.listed if "erased under authority" in one.message]
    assert [one.message.split(" were ")[0] for one in found] == ["values of 5 records"]
    assert (found[0].place.log_index or 0) > confirmed.confirmation.log_index


@requirement("erasure.two-people")
def test_nobody_erases_alone_and_no_program_does(service: Service) -> None:
    Records(service.store)
    id_ = asked(service)
    digest = digest_of(service, id_)
    with pytest.raises(AuthorizationError, match="another person"):
        service.erasures.confirm(ANNA, id_, digest, "again")
    with pytest.raises(AuthorizationError, match="a person"):
        service.erasures.confirm(KEY, id_, digest, "a program")
    with pytest.raises(AuthorizationError, match="a person"):
        service.erasures.ask(KEY, {"principal": ADA}, "a program")
    with pytest.raises(ConflictError, match="another digest"):
        service.erasures.confirm(BERT, id_, "0" * 64, "something else")
    finished(service)
    assert service.store.ledger.entries == ()


@requirement("erasure.holds")
@pytest.mark.parametrize("wanted", [{"principal": ADA}, {"tool": "look*"}, {}])
def test_nothing_is_erased_that_a_hold_covers(service: Service, wanted: dict[str, str]) -> None:
    Records(service.store)
    id_ = asked(service)
    hold = service.two_people.hold(ANNA, "a case", wanted, "a court")
    with pytest.raises(ConflictError, match=hold.id):
        service.erasures.confirm(BERT, id_, digest_of(service, id_), "seen")
    service.two_people.release(BERT, hold.id, "it is over")
    service.erasures.confirm(BERT, id_, digest_of(service, id_), "seen")
    finished(service)
    assert len(service.store.ledger.entries) == 1


@requirement("erasure.holds")
@pytest.mark.parametrize(
    "wanted", [{"principal": BOB}, {"trace": TRACE_OF_BOB}, {"tool": "pay"}, {"from_us": "9" * 16}]
)
def test_a_hold_over_others_stands_in_nobodys_way(service: Service, wanted: dict[str, str]) -> None:
    Records(service.store)
    id_ = asked(service)
    service.two_people.hold(ANNA, "a case", wanted, "a court")
    service.erasures.confirm(BERT, id_, digest_of(service, id_), "seen")
    finished(service)
    state = service.erasures.requests()[0][1].state
    assert state == "carried out"
    texts = str(service.store.database.rows("SELECT disclosures FROM events"))
    assert "ada-params" not in texts
    assert "bob-params" in texts


@requirement("erasure.holds", "erasure.resumes")
def test_a_hold_that_comes_before_the_log_states_the_values_wins_and_stops_no_other(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    Records(service.store)
    of_ada = asked(service)
    of_bob = service.erasures.ask(ANNA, {"principal": BOB}, "he asked for it").id

    def busy(*_: object) -> None:
        raise BusyError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(service.erasures, "_state", busy)
        for id_ in (of_ada, of_bob):
            service.erasures.confirm(BERT, id_, digest_of(service, id_), "seen")
            service.erasures.close()
    hold = service.two_people.hold(ANNA, "a case", {"principal": ADA}, "a court")
    service.erasures.resume()
    service.erasures.close()
    assert hold.id in (service.erasures.failure or "")
    assert [one.state for _, one in service.erasures.requests()] == ["confirmed", "carried out"]
    service.two_people.release(BERT, hold.id, "it is over")
    service.erasures.resume()
    finished(service)
    assert [one.state for _, one in service.erasures.requests()] == ["carried out"] * 2


@pytest.mark.parametrize(
    "wanted", [{}, {"agent": "a"}, {"principal": ADA, "trace": "b"}, {"log_index": "x"}]
)
def test_an_erasure_is_of_one_thing(service: Service, wanted: dict[str, str]) -> None:
    with pytest.raises(AdmissionError):
        service.erasures.preview(wanted)


def test_there_has_to_be_something_to_erase(service: Service) -> None:
    with pytest.raises(AdmissionError, match="nothing to erase"):
        asked(service)


@requirement("erasure.resumes")
@pytest.mark.parametrize("lost", ["statement", "ledger", "database"])
def test_the_next_start_carries_out_what_was_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    service = opened(tmp_path)
    service.enrol(EMITTER.key)
    Records(service.store)
    id_ = asked(service)

    def fail(*_: object) -> None:
        raise StoreError("killed")

    with monkeypatch.context() as patch:
        if lost == "statement":
            patch.setattr(service.erasures, "_state", fail)
        elif lost == "ledger":
            patch.setattr(erasing, "carry_out", fail)
        else:
            patch.setattr("tallystick_store.governance.erasing.rewrite", fail)
        service.erasures.confirm(BERT, id_, digest_of(service, id_), "seen")
        service.erasures.close()
        assert service.erasures.failure == "killed"
        assert (tmp_path / "data" / LEDGER_NAME).exists() == (lost == "database")
    policy = service.own_policy()
    service.close("a kill")
    again = opened(tmp_path)
    finished(again)
    state = again.erasures.requests()[0][1].state
    assert state == "carried out"
    again.close("the test is over")
    report = verified(tmp_path, policy)
    assert report.exit_code == 0, report.text

"""Enrolment: idempotent, proven by the emitter's key, and no pinned key is ever replaced."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tallystick.credentials import Credentials, load_credentials, save_credentials
from tallystick.errors import EnrolmentError, ShipError
from tallystick.keys import load_emitter_key
from tallystick.shipping.client import Answer, Target
from tallystick.shipping.enrolment import ENROLMENT_TYPE, Enroller, enrol
from tallystick.shipping.shipment import HeldError, RetryLaterError
from tallystick.testing import FakeClock
from tallystick.tlog.dsse import open_envelope
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import parse_vkey
from tests.keys import key_pair

TARGET = Target("http://127.0.0.1:4318", "ts_key")
LOG = key_pair("log.example/default").key.vkey
SERVICE = key_pair("service.example").key.vkey
GIVEN = {
    "tenant": "default",
    "log_vkey": LOG,
    "service_vkey": SERVICE,
    "token_key_id": "t1",
    "token_key": base64.b64encode(b"t" * 32).decode(),
}


class Office:
    """Answers enrolment as it is told to."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer or Answer(200, {}, json.dumps(GIVEN).encode())
        self.posted: list[tuple[str, bytes]] = []

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.posted.append((path, body))
        return self.answer

    def get(self, path: str) -> Answer:
        raise AssertionError("enrolment only posts")


def register(home: Path, office: Office, target: Target = TARGET) -> Credentials | None:
    return enrol(home, target, load_emitter_key(home, None), FakeClock(), office)


def given(**changes: object) -> Office:
    return Office(Answer(200, {}, json.dumps({**GIVEN, **changes}).encode()))


def test_the_request_proves_that_the_emitter_holds_its_key(tmp_path: Path) -> None:
    office = Office()
    register(tmp_path, office)
    ((path, body),) = office.posted
    stated = json.loads(body)
    key = load_emitter_key(tmp_path, None).key
    assert path == "/api/v1/enroll"
    assert stated["emitter_vkey"] == key.vkey
    proven = open_envelope(stated["proof"], ENROLMENT_TYPE, parse_vkey(key.vkey), load_verify())
    claim = json.loads(proven)
    assert (claim["emitter"], claim["vkey"]) == (key.name, key.vkey)
    assert claim["time_us"] == FakeClock().now_us()


def test_what_the_service_gives_is_kept_and_the_key_from_elsewhere_is_not(tmp_path: Path) -> None:
    known = register(tmp_path, Office())
    assert known == load_credentials(tmp_path, TARGET.endpoint)
    assert known is not None
    assert (known.tenant, known.log_vkey, known.token_key_id) == ("default", LOG, "t1")
    content = (tmp_path / "credentials.json").read_text()
    assert "ts_key" not in content
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_enrolling_again_changes_nothing(tmp_path: Path) -> None:
    save_credentials(tmp_path / "credentials.json", Credentials(TARGET.endpoint, "file_key"))
    register(tmp_path, Office())
    first = (tmp_path / "credentials.json").stat()
    assert register(tmp_path, Office()) == load_credentials(tmp_path, None)
    assert (tmp_path / "credentials.json").stat().st_ino == first.st_ino
    assert '"file_key"' in (tmp_path / "credentials.json").read_text()


@pytest.mark.parametrize("name", ["log_vkey", "service_vkey"])
def test_another_key_than_the_pinned_one_is_an_alarm_and_replaces_nothing(
    tmp_path: Path, name: str
) -> None:
    register(tmp_path, Office())
    other = key_pair("log.example/default", "another").key.vkey
    with pytest.raises(EnrolmentError, match=f"another {name}"):
        register(tmp_path, given(**{name: other}))
    assert load_credentials(tmp_path, None) == register(tmp_path, Office())


def test_a_new_token_key_is_taken(tmp_path: Path) -> None:
    register(tmp_path, Office())
    known = register(
        tmp_path, given(token_key_id="t2", token_key=base64.b64encode(b"2" * 32).decode())
    )
    assert known is not None
    assert known.token_key_id == "t2"


def test_a_second_service_is_kept_apart(tmp_path: Path) -> None:
    register(tmp_path, Office())
    other = Target("https://other.example", "k")
    theirs = key_pair("their.example/log").key.vkey
    register(tmp_path, given(log_vkey=theirs), other)
    first, second = (load_credentials(tmp_path, one.endpoint) for one in (TARGET, other))
    assert (first and first.log_vkey, second and second.log_vkey) == (LOG, theirs)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_address_without_enrolment_is_no_error(tmp_path: Path, status: int) -> None:
    assert register(tmp_path, Office(Answer(status, {}, b""))) is None
    assert not (tmp_path / "credentials.json").exists()


@pytest.mark.parametrize("status", [401, 403, 400])
def test_a_refusal_is_held(tmp_path: Path, status: int) -> None:
    with pytest.raises(HeldError, match=str(status)):
        register(tmp_path, Office(Answer(status, {}, b"")))


def test_a_busy_service_is_asked_again(tmp_path: Path) -> None:
    with pytest.raises(RetryLaterError) as caught:
        register(tmp_path, Office(Answer(503, {"retry-after": "3"}, b"")))
    assert caught.value.after_s == 3


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"log_vkey":"nonsense"}', b'{"tenant":7}']
)
def test_an_answer_that_is_no_enrolment_is_held(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(HeldError, match="127"):
        register(tmp_path, Office(Answer(200, {}, body)))


def test_credentials_that_cannot_be_kept_are_tried_again(tmp_path: Path) -> None:
    load_emitter_key(tmp_path, None)
    (tmp_path / "credentials.json").mkdir()
    with pytest.raises((EnrolmentError, RetryLaterError)):
        register(tmp_path, Office())


def test_a_full_disk_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_emitter_key(tmp_path, None)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tallystick.shipping.enrolment.save_credentials", full)
    with pytest.raises(RetryLaterError, match="No space"):
        register(tmp_path, Office())


class Desk:
    """An enroller with its office."""

    def __init__(self, home: Path, office: Office) -> None:
        self.office = office
        self.known: list[Credentials] = []
        self.enroller = Enroller(
            home, TARGET, lambda: load_emitter_key(home, None), FakeClock(), self.known.append
        )


def test_an_emitter_enrols_once_and_again_when_it_is_asked_to(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Office())
    for again in (False, False, True):
        desk.enroller.ensure(desk.office, again)
    assert len(desk.office.posted) == len(desk.known) == 2
    assert "tenant default" in desk.enroller.state


def test_a_failure_is_said_and_tried_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Office(Answer(401, {}, b"")))
    with pytest.raises(ShipError):
        desk.enroller.ensure(desk.office, False)
    assert "401" in desk.enroller.state
    desk.office.answer = Office().answer
    desk.enroller.ensure(desk.office, False)
    assert len(desk.known) == 1
    assert desk.enroller.alarm is None


def test_an_alarm_stays_until_the_key_is_right_again(tmp_path: Path) -> None:
    register(tmp_path, Office())
    other = key_pair("log.example/default", "another").key.vkey
    desk = Desk(tmp_path, given(log_vkey=other))
    with pytest.raises(EnrolmentError):
        desk.enroller.ensure(desk.office, False)
    assert "another log_vkey" in str(desk.enroller.alarm)


def test_a_collector_is_no_service_and_no_failure(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Office(Answer(404, {}, b"")))
    desk.enroller.ensure(desk.office, False)
    assert desk.known == []
    assert "no Tallystick service" in desk.enroller.state

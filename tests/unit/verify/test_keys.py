"""Step 5: a session without an emitter that vouches for it, and everything that is not quite one."""

from typing import Any

import pytest

from tallystick.profile import encode
from tallystick.tlog.dsse import sign_envelope
from tallystick.verify.keys import SESSION_PAYLOAD_TYPE
from tests.builder import START_US, Log, Session
from tests.keys import key_pair
from tests.verifying import messages, steps, verify_log, verify_package


def opened(**changes: Any) -> Log:
    """Give a log with one session whose session.open states something else."""
    log = Log()
    session = Session(log)
    session.open(**changes)
    session.close()
    log.publish()
    return log


def delegation(log: Log, payload_type: str = SESSION_PAYLOAD_TYPE, **changes: Any) -> str:
    session = Session(log)
    claim = {
        "emitter": session.emitter.name,
        "key": session.key.key.vkey,
        "session": session.id,
        "time_us": START_US,
    }
    return sign_envelope(payload_type, encode({**claim, **changes}), "key", session.emitter.sign)


def test_a_delegated_session_holds() -> None:
    log = Log()
    report = verify_log(opened(session__delegation=delegation(log)))
    assert report.exit_code == 0
    assert report.findings.checked[5, "delegations"] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"emitter": "somebody.else"}, "names another emitter, key or session"),
        ({"key": key_pair("tallystick.session/" + "0" * 32).key.vkey}, "names another emitter"),
        ({"session": "0" * 32}, "names another emitter"),
        ({"more": 1}, "the delegation has other keys"),
        ({"time_us": "now"}, "the delegation has other keys or types"),
        ({"payload_type": "application/x"}, "holds another type"),
    ],
)
def test_a_delegation_of_something_else_is_refused(changes: dict[str, Any], message: str) -> None:
    report = verify_log(opened(session__delegation=delegation(Log(), **changes)))
    assert steps(report) == [5]
    assert message in messages(report, 5)


def test_a_delegation_by_another_key_is_refused() -> None:
    log = Log()
    forger = Session(log, emitter=key_pair("emitter.example/agent", "forger"))
    report = verify_log(opened(session__delegation=forger.delegation()))
    assert steps(report) == [5]
    assert "is not signed by emitter.example/agent" in messages(report, 5)


@pytest.mark.parametrize(
    ("vkey", "message"),
    [
        ("", "not a verification key"),
        (
            key_pair("tallystick.session/" + "0" * 32).key.vkey,
            "it is named tallystick.session/0000",
        ),
        (key_pair("emitter.example/agent").key.vkey, "it is named emitter.example/agent"),
    ],
)
def test_a_session_key_under_another_name_is_refused(vkey: str, message: str) -> None:
    report = verify_log(opened(session__key=vkey))
    assert message in messages(report, 5)
    assert "the seals' key is unknown" in messages(report, 6)


def test_a_session_opens_once() -> None:
    log = Log()
    session = Session(log)
    session.open()
    session.open()
    session.close()
    log.publish()
    report = verify_log(log)
    assert steps(report) == [5]
    assert "2 session.open: expected one" in messages(report, 5)


def test_a_session_opens_at_its_first_leaf() -> None:
    log = Log()
    session = Session(log)
    session.call(1)
    session.open()
    session.close()
    log.publish()
    report = verify_log(log)
    assert steps(report) == [5]
    assert "session.open is leaf 1: expected 0" in messages(report, 5)


def test_a_whole_session_comes_from_one_sender() -> None:
    log = Log()
    session = Session(log)
    session.open()
    session.sender = "sender-2"
    session.call(1)
    session.close()
    log.publish()
    report = verify_log(log)
    assert steps(report) == [5]
    assert messages(report, 5) == (
        f"log index 2, session {session.id}: "
        "a part of the session came from sender-2, its first from sender-1"
    )


def test_keys_of_the_package_are_used_only_when_the_auditor_says_so() -> None:
    package = opened().package()
    without = verify_package(package, None)
    assert (without.exit_code, steps(without, "not_checked")) == (2, [5, 10])
    assert (5, "delegations") not in without.findings.checked
    assert (10, "signatures of the log") not in without.findings.checked
    claimed = verify_package(package, None, trust_claimed_keys=True)
    assert (claimed.exit_code, steps(claimed, "not_checked")) == (2, [5, 10])
    assert claimed.findings.checked[5, "delegations"] == 1
    assert claimed.findings.checked[10, "signatures of the log"] == 1


def test_keys_of_the_package_stand_in_for_emitters_that_the_policy_lacks() -> None:
    log = opened()
    policy = log.policy(emitters=())
    report = verify_package(log.package(), policy, trust_claimed_keys=True)
    assert (report.exit_code, steps(report, "not_checked")) == (2, [5])
    assert report.findings.checked[5, "delegations"] == 1
    assert "emitter.example/agent" in messages(report, 5, "not_checked")


def test_a_claimed_policy_that_is_none_is_a_fault() -> None:
    log = opened()
    log.emitters *= 2
    report = verify_package(log.package(), None, trust_claimed_keys=True)
    assert (report.exit_code, steps(report)) == (1, [1])
    assert "stands here twice" in messages(report, 1)

"""Steps 6 and 7 session by session: what is sealed, recovered, missing, or neither."""

from typing import Any

import pytest

from tallystick.tlog.encoding import to_base64
from tallystick.tlog.seal import make_seal
from tallystick.tlog.tree import Frontier
from tallystick.verify.source import SealText
from tests.builder import Log, Session
from tests.keys import key_pair
from tests.verifying import messages, steps, verify_log, verify_package


def log_of(session: Session) -> Log:
    session.log.publish()
    return session.log


@pytest.fixture
def session() -> Session:
    session = Session(Log())
    session.open()
    return session


def test_a_session_without_a_close_is_a_notice(session: Session) -> None:
    session.call(1)
    session.seal()
    report = verify_log(log_of(session))
    assert report.exit_code == 0
    assert "no session.close" in messages(report, 7, "notice")


def test_whether_a_session_ended_is_not_asked_of_a_range_that_stops_before(
    session: Session,
) -> None:
    session.call(1)
    session.seal()
    session.close()
    log = log_of(session)
    report = verify_package(log.package(0, 4), log.policy())
    assert (report.exit_code, steps(report, "notice")) == (0, [])


def test_events_in_any_order_of_arrival_are_a_whole_session(session: Session) -> None:
    records = [session.record("tool.completed") for _ in range(5)]
    for position in (3, 0, 4, 2, 1):
        session.ship(records[position])
    session.close()
    report = verify_log(log_of(session))
    assert report.exit_code == 0
    assert report.findings.checked[7, "sealed events"] == 7


def test_seals_in_any_order_of_arrival_are_one_tree(session: Session) -> None:
    bodies = []
    for number in range(4):
        session.call(number)
        bodies.append(session.seal_body())
    for position in (2, 0, 3, 1):
        session.log.accept(SealText(0, bodies[position]))
    report = verify_log(log_of(session))
    assert report.exit_code == 0
    assert report.findings.checked[6, "signatures"] == 1


def test_a_seal_that_was_logged_twice_is_no_equivocation(session: Session) -> None:
    session.call(1)
    body = session.seal_body()
    for _ in range(2):
        session.log.accept(SealText(0, body))
    session.call(2)
    session.seal()
    assert verify_log(log_of(session)).exit_code == 0


def test_overlapping_seals_of_one_tree_are_no_equivocation(session: Session) -> None:
    before = session.frontier.copy()
    session.call(1)
    session.seal()
    session.call(2)
    session.call(3)
    leaves = [record.leaf_hash for record in session.records[1:]]
    body, session.frontier = make_seal(
        before, leaves, session.key.name, session.key.sign, session.key.public_key
    )
    session.log.accept(SealText(0, body))
    session.close()
    assert verify_log(log_of(session)).exit_code == 0


def test_overlapping_seals_that_end_early_are_no_equivocation(session: Session) -> None:
    before = session.frontier.copy()
    for number in range(3):
        session.call(number)
    first = [session.records[1].leaf_hash]
    whole = session.seal_body()
    body, _ = make_seal(before, first, session.key.name, session.key.sign, session.key.public_key)
    session.log.accept(SealText(0, whole))
    session.log.accept(SealText(0, body))
    session.close()
    assert verify_log(log_of(session)).exit_code == 0


def test_every_signature_is_checked_when_it_is_asked_for(session: Session) -> None:
    for number in range(3):
        session.call(number)
        session.seal()
    log = log_of(session)
    assert verify_log(log).findings.checked[6, "signatures"] == 1
    assert verify_log(log, every_seal=True).findings.checked[6, "signatures"] == 4


def test_a_forged_signature_in_the_middle_is_found_when_every_seal_is_checked(
    session: Session,
) -> None:
    session.call(1)
    forger = key_pair(session.key.name, "forger")
    leaves = [session.records[1].leaf_hash]
    body, session.frontier = make_seal(
        session.frontier, leaves, session.key.name, forger.sign, session.key.public_key
    )
    session.log.accept(SealText(0, body))
    session.close()
    log = log_of(session)
    assert verify_log(log).exit_code == 0, "the newest signature vouches for all leaves"
    report = verify_log(log, every_seal=True)
    assert 6 in steps(report)
    assert "not signed by its session" in messages(report, 6)


def test_a_forged_signature_of_the_newest_seal_is_found(session: Session) -> None:
    session.call(1)
    forger = key_pair(session.key.name, "forger")
    leaves = [session.records[1].leaf_hash]
    body, _ = make_seal(
        session.frontier, leaves, session.key.name, forger.sign, session.key.public_key
    )
    session.log.accept(SealText(0, body))
    report = verify_log(log_of(session))
    assert steps(report) == [6, 7]
    assert "not signed by its session" in messages(report, 6)
    assert "leaves 0 to 1 are neither sealed nor recovered" in messages(report, 7)


def test_a_seal_that_is_missing_is_named_with_the_leaves_it_covered(session: Session) -> None:
    session.call(1)
    session.call(2)
    session.seal_body()
    session.call(3)
    session.seal()
    report = verify_log(log_of(session))
    assert steps(report) == [6, 7]
    assert "leaf 1: no seal for leaves 1 to 2, on which a later seal builds" in messages(report, 6)
    assert "leaves 1 to 2 are neither sealed nor recovered" in messages(report, 7)


def test_a_seal_of_what_is_no_session_is_named(session: Session) -> None:
    key = key_pair("another.example/log")
    body, _ = make_seal(Frontier(), [bytes(32)], key.name, key.sign, key.public_key)
    session.log.accept(SealText(0, body))
    report = verify_log(log_of(session))
    assert steps(report) == [6]
    assert "a seal of another.example/log, which is no session" in messages(report, 6)


def test_events_that_were_sealed_and_are_not_there_are_named(session: Session) -> None:
    session.record("tool.completed")
    session.call(2)
    session.record("tool.completed")
    session.seal()
    report = verify_log(log_of(session))
    assert steps(report) == [7]
    assert "leaf 1: leaf 1 is missing" in messages(report, 7)
    assert "leaf 3: leaf 3 is missing" in messages(report, 7)


def test_a_hole_that_nobody_sealed_is_named_too(session: Session) -> None:
    session.record("tool.completed")
    session.record("tool.completed")
    session.call(3)
    report = verify_log(log_of(session))
    assert "leaves 1 to 2 are missing" in messages(report, 7)
    assert "leaf 3 is neither sealed nor recovered" in messages(report, 7)


@pytest.mark.parametrize("kind", ["session.close", "session.heartbeat"])
@pytest.mark.parametrize("size", [0, 2, None])
def test_heartbeat_and_close_state_how_many_leaves_stand_before_them(
    session: Session, kind: str, size: int | None
) -> None:
    stated: dict[str, Any] = {} if size is None else {"session__size": size}
    session.ship(session.record(kind, **stated))
    session.seal()
    report = verify_log(log_of(session))
    assert steps(report) == [7]
    assert f"{kind} states {size} leaves before it: expected 1" in messages(report, 7)


def test_nothing_stands_behind_a_close(session: Session) -> None:
    session.close()
    session.call(1)
    session.seal()
    report = verify_log(log_of(session))
    assert steps(report) == [7]
    assert "leaf 2 stands behind the session.close" in messages(report, 7)


def test_no_sealed_leaf_stands_behind_a_close(session: Session) -> None:
    session.close()
    session.record("tool.completed")
    session.seal()
    assert "leaf 2 stands behind" in messages(verify_log(log_of(session)), 7)


def test_a_session_closes_once(session: Session) -> None:
    session.close()
    session.close()
    report = verify_log(log_of(session))
    assert "2 session.close: expected one" in messages(report, 7)


@pytest.fixture
def dead(session: Session) -> Session:
    """A session that died with two events that nothing seals."""
    session.call(1)
    session.call(2)
    return session


def heir_of(dead: Session, emitter: str = "emitter.example/agent") -> Session:
    heir = Session(dead.log, "heir", key_pair(emitter))
    heir.open()
    return heir


def test_a_recovered_tail_counts_as_recovered(dead: Session) -> None:
    heir = heir_of(dead)
    heir.recover(dead)
    heir.close()
    report = verify_log(log_of(dead))
    assert report.exit_code == 0
    assert report.findings.checked[7, "recovered events"] == 2
    assert report.findings.checked[7, "recoveries"] == 1


def test_a_recovery_that_nothing_seals_recovers_nothing(dead: Session) -> None:
    heir_of(dead).recover(dead)
    report = verify_log(log_of(dead))
    assert steps(report) == [7]
    assert "leaves 1 to 2 are neither sealed nor recovered" in messages(report, 7)
    assert (7, "recoveries") not in report.findings.checked


def test_a_recovery_may_itself_be_recovered(dead: Session) -> None:
    heir = heir_of(dead)
    heir.recover(dead)
    last = Session(dead.log, "last")
    last.open()
    last.recover(heir)
    last.close()
    report = verify_log(log_of(dead))
    assert report.exit_code == 0
    assert report.findings.checked[7, "recovered events"] == 3


def test_another_emitter_cannot_adopt_a_tail(dead: Session) -> None:
    heir = heir_of(dead, "emitter.example/other")
    heir.recover(dead)
    heir.close()
    report = verify_log(log_of(dead))
    assert "which is not its emitter's to adopt" in messages(report, 7)
    assert "neither sealed nor recovered" in messages(report, 7)


def test_a_session_cannot_adopt_its_own_tail(session: Session) -> None:
    leaf = to_base64(session.records[0].leaf_hash)
    session.ship(
        session.record(
            "session.recovered",
            recovered__session=session.id,
            recovered__first_seq=0,
            recovered__leaves=[leaf],
        )
    )
    session.close()
    report = verify_log(log_of(session))
    assert steps(report) == [7]
    assert "not its emitter's to adopt" in messages(report, 7)


def adopting(dead: Session, first: int, leaves: list[bytes], target: str = "") -> Log:
    heir = heir_of(dead)
    heir.ship(
        heir.record(
            "session.recovered",
            recovered__session=target or dead.id,
            recovered__first_seq=first,
            recovered__leaves=[to_base64(leaf) for leaf in leaves],
        )
    )
    heir.close()
    return log_of(dead)


def test_an_adopted_leaf_that_is_not_the_event_is_named(dead: Session) -> None:
    report = verify_log(adopting(dead, 1, [bytes(32), dead.records[2].leaf_hash]))
    assert steps(report) == [7]
    assert "leaf 1: the event is not the leaf that was sealed or recovered" in messages(report, 7)


def test_an_adopted_leaf_that_is_not_there_is_missing(dead: Session) -> None:
    leaves = [record.leaf_hash for record in dead.records[1:]]
    report = verify_log(adopting(dead, 1, [*leaves, bytes(32)]))
    assert steps(report) == [7]
    assert "leaf 3 is missing" in messages(report, 7)


def test_an_adopted_leaf_that_was_sealed_otherwise_is_named(dead: Session) -> None:
    leaves = [record.leaf_hash for record in dead.records[1:]]
    report = verify_log(adopting(dead, 0, [bytes(32), *leaves]))
    assert steps(report) == [7]
    assert f"adopts a leaf 0 that {dead.id} did not seal" in messages(report, 7)


def test_two_adoptions_that_differ_are_named(dead: Session) -> None:
    heir = heir_of(dead)
    heir.recover(dead)
    dead.records[1], dead.records[2] = dead.records[2], dead.records[1]
    heir.recover(dead)
    heir.close()
    report = verify_log(log_of(dead))
    assert f"adopts another leaf 1 of {dead.id}" in messages(report, 7)


def test_the_tail_of_a_session_that_is_not_here_cannot_be_adopted(dead: Session) -> None:
    report = verify_log(adopting(dead, 1, [], "f" * 32))
    assert f"adopts the tail of {'f' * 32}, which is not here" in messages(report, 7)


def test_the_tail_of_a_session_outside_the_range_may_be_adopted(dead: Session) -> None:
    heir = heir_of(dead)
    heir.recover(dead)
    heir.close()
    log = log_of(dead)
    report = verify_package(log.package(6), log.policy())
    assert (report.exit_code, report.start) == (0, 6)


@pytest.mark.parametrize(
    ("leaves", "message"), [(["?"], "not base64"), ([to_base64(b"short")], "not a SHA-256 hash")]
)
def test_adopted_leaves_are_hashes(dead: Session, leaves: list[str], message: str) -> None:
    heir = heir_of(dead)
    heir.ship(
        heir.record(
            "session.recovered",
            recovered__session=dead.id,
            recovered__first_seq=1,
            recovered__leaves=leaves,
        )
    )
    heir.close()
    assert f"a recovered leaf is {message}" in messages(verify_log(log_of(dead)), 7)


def test_a_plain_session_is_judged_as_if_it_were_looked_at_leaf_by_leaf(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        session.call(number)
    session.close()
    log = log_of(session)
    quick = verify_log(log).json
    monkeypatch.setattr("tallystick.verify.sessions._is_plain", lambda case: False)
    assert verify_log(log).json == quick


def test_seals_that_overlap_in_the_midst_of_a_session_cannot_be_compared_there(
    session: Session,
) -> None:
    for number in range(4):
        session.call(number)
    session.seal()
    start = len(session.log.entries_list)
    for number in range(4):
        session.call(number)
    between = session.frontier.copy()
    between.extend([record.leaf_hash for record in session.records[5:7]])
    session.seal()
    session.call(8)
    leaves = [record.leaf_hash for record in session.records[7:]]
    body, session.frontier = make_seal(
        between, leaves, session.key.name, session.key.sign, session.key.public_key
    )
    session.log.accept(SealText(0, body))
    log = log_of(session)
    assert verify_log(log).exit_code == 0
    report = verify_package(log.package(start), log.policy())
    assert (report.exit_code, steps(report), steps(report, "not_checked")) == (2, [], [6])
    assert "in the midst of a session" in messages(report, 6, "not_checked")

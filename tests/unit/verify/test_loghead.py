"""Steps 8 to 11: order and counts of entries, root, checkpoints, the heads that events state."""

from typing import Any

import pytest

from tallystick.tlog.checkpoint import Checkpoint, read_checkpoint, sign_checkpoint
from tallystick.tlog.encoding import to_base64
from tallystick.verify.source import SpansText
from tests.builder import ORIGIN, Log, Session, sample_log, span_record
from tests.forge import Forgery
from tests.keys import KeyPair, key_pair
from tests.verifying import messages, steps, verify_log, verify_package


@pytest.fixture(scope="module")
def log() -> Log:
    return sample_log()


def signed(log: Log, size: int, root: bytes, key: KeyPair | None = None) -> str:
    by = key or log.key
    return sign_checkpoint(Checkpoint(by.name, size, root), by.sign, by.public_key)


def with_newest(log: Log, note: str) -> bytes:
    package = Forgery.of(log.package())
    package.files["checkpoint"] = note.encode()
    return package.sign(log.key).package()


def test_a_checkpoint_of_another_root_is_named(log: Log) -> None:
    report = verify_package(with_newest(log, signed(log, 32, bytes(32))), log.policy())
    assert {9, 11} <= set(steps(report))
    assert "the entries do not give the checkpoint's root" in messages(report, 9)


def test_a_checkpoint_that_the_log_did_not_sign_is_named(log: Log) -> None:
    forger = key_pair(ORIGIN, "forger")
    report = verify_package(with_newest(log, signed(log, 32, log.root(), forger)), log.policy())
    assert steps(report) == [10]
    assert "checkpoint: the newest checkpoint: no known key signed" in messages(report, 10)


def test_a_policy_for_another_log_does_not_verify_this_one(log: Log) -> None:
    report = verify_log(log, log.policy(log=key_pair("log.example/other").key))
    assert 10 in steps(report)


def stored(log: Log, *notes: str) -> bytes:
    package = Forgery.of(log.package())
    lines = package.lines("checkpoints.ndjson")
    package.put_lines(
        "checkpoints.ndjson", [*lines, *(b'{"checkpoint":%b}' % quoted(n) for n in notes)]
    )
    return package.sign(log.key).package()


def quoted(note: str) -> bytes:
    return b'"' + note.replace("\n", "\\n").encode() + b'"'


def test_every_stored_checkpoint_must_be_signed(log: Log) -> None:
    root = read_checkpoint(log.notes[0]).root
    forged = signed(log, 11, root, key_pair(ORIGIN, "forger"))
    report = verify_package(stored(log, forged), log.policy())
    assert steps(report) == [10]
    assert "checkpoints: a stored checkpoint: no known key signed" in messages(report, 10)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (11, "at size 11 it states root"),
        (33, "it is of size 33, larger than the newest: the log was cut"),
    ],
)
def test_every_stored_checkpoint_must_be_of_this_tree(log: Log, size: int, message: str) -> None:
    report = verify_package(stored(log, signed(log, size, bytes(32))), log.policy())
    assert steps(report) == [10]
    assert message in messages(report, 10)


def test_without_a_policy_stored_checkpoints_are_compared_all_the_same(log: Log) -> None:
    report = verify_package(stored(log, signed(log, 11, bytes(32))), None)
    assert steps(report) == [10]
    other = key_pair("log.example/other")
    report = verify_package(stored(log, signed(log, 11, bytes(32), other)), None)
    assert "it is of log.example/other: expected log.example/tenant" in messages(report, 10)


def test_a_stored_checkpoint_outside_the_range_cannot_be_compared(log: Log) -> None:
    package = Forgery.of(log.package(20, 30))
    line = b'{"checkpoint":%b}' % quoted(log.notes[0])
    package.put_lines("checkpoints.ndjson", [*package.lines("checkpoints.ndjson"), line])
    report = verify_package(package.sign(log.key).package(), log.policy())
    assert (report.exit_code, steps(report)) == (0, []), "a proof for the head of size 11 is there"
    package.put_lines("checkpoints.ndjson", [line])
    report = verify_package(package.sign(log.key).package(), log.policy())
    assert "the entries give none in this range" in messages(report, 10)


def test_what_the_policy_knows_of_the_log_holds(log: Log) -> None:
    policy = log.policy(minimum_size=32, checkpoints=tuple(log.notes))
    report = verify_log(log, policy)
    assert report.exit_code == 0
    assert report.findings.checked[10, "checkpoints of the policy"] == 3
    report = verify_log(log, log.policy(minimum_size=33))
    assert messages(report, 10) == ": the log has 32 entries, the policy knows 33"


@pytest.mark.parametrize(
    ("size", "message"),
    [(11, "at size 11 it states root"), (33, "larger than the newest: the log was cut")],
)
def test_a_checkpoint_of_the_policy_is_an_ancestor(log: Log, size: int, message: str) -> None:
    report = verify_log(log, log.policy(checkpoints=(signed(log, size, bytes(32)),)))
    assert steps(report) == [10]
    assert message in messages(report, 10)


def test_a_checkpoint_of_the_policy_is_signed_by_its_log(log: Log) -> None:
    root = read_checkpoint(log.notes[0]).root
    forged = signed(log, 11, root, key_pair(ORIGIN, "forger"))
    for note in (forged, "no note"):
        report = verify_log(log, log.policy(checkpoints=(note,)))
        assert steps(report) == [10]


def test_a_checkpoint_of_the_policy_that_a_range_cannot_show_is_not_checked() -> None:
    log = Log()
    session = Session(log)
    session.open()
    note = log.publish()
    session.call(1)
    session.seal()
    session.call(2)
    session.close()
    log.publish()
    report = verify_package(log.package(4), log.policy(checkpoints=(note,)))
    assert (report.exit_code, steps(report), steps(report, "not_checked")) == (2, [], [10])
    assert "of size 2 lies outside the range" in messages(report, 10, "not_checked")


def stating(**changes: Any) -> Log:
    log = Log()
    session = Session(log)
    session.open()
    note = log.publish()
    session.call(1, head=note, **changes)
    session.close()
    log.publish()
    return log


def test_a_head_of_this_log_may_be_stated() -> None:
    report = verify_log(stating())
    assert report.exit_code == 0
    assert report.findings.checked[11, "different log heads"] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log__origin": "log.example/other"}, "a head of another log: log.example/other"),
        ({"log__size": 3}, "the log at size 3, younger than its own entry"),
        ({"log__size": -1}, "the log at size -1"),
        ({"log__root": to_base64(bytes(32))}, "another log of size 2: the log was rewritten"),
        ({"log__root": "?"}, "another log of size 2: the log was rewritten"),
    ],
)
def test_a_head_that_is_not_of_this_log_is_named(changes: dict[str, Any], message: str) -> None:
    report = verify_log(stating(**changes))
    assert 11 in steps(report)
    assert message in messages(report, 11)


@pytest.mark.parametrize("part", ["log__origin", "log__size", "log__root"])
def test_a_part_of_a_head_is_named(part: str) -> None:
    log = Log()
    session = Session(log)
    session.open()
    whole: dict[str, Any] = {
        "log__origin": ORIGIN,
        "log__size": 2,
        "log__root": to_base64(bytes(32)),
    }
    session.call(1, **{part: whole[part]})
    session.close()
    log.publish()
    report = verify_log(log)
    assert steps(report) == [11]
    assert "a part of a log head" in messages(report, 11)


def test_the_empty_log_may_be_stated() -> None:
    log = Log()
    session = Session(log)
    note = log.publish()
    session.open()
    session.call(1, head=note)
    session.close()
    log.publish()
    report = verify_log(log)
    assert report.exit_code == 0
    report = verify_package(log.package(3), log.policy())
    assert report.exit_code == 0


def test_a_head_before_the_range_needs_its_proof(log: Log) -> None:
    whole = Forgery.of(log.package(20, 30))
    claims = [line for line in whole.lines("checkpoints.ndjson") if b"consistency" in line]
    assert len(claims) == 2
    whole.put_lines("checkpoints.ndjson", claims[1:])
    report = verify_package(whole.sign(log.key).package(), log.policy())
    assert "no proof for the log head of size 11" in messages(report, 11)


def test_two_proofs_for_different_roots_of_one_size_are_named(log: Log) -> None:
    package = Forgery.of(log.package())
    package.edit_line(
        "checkpoints.ndjson", 3, lambda line: line.update(size=0, root=to_base64(bytes(32)))
    )
    report = verify_package(package.sign(log.key).package(), log.policy())
    assert "two roots at size 0" in messages(report, 11)


def test_received_times_across_pieces_never_decrease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick.verify.pieces.PIECE_ENTRIES", 16)
    log = Log()
    session = Session(log)
    session.open()
    for number in range(20):
        session.call(number)
    log.now_us -= 60_000_000
    session.close()
    log.publish()
    package = Forgery.of(log.package(0, 0))
    whole = Forgery.of(log.package())
    assert package.files["checkpoint"] == whole.files["checkpoint"]
    whole.edit_manifest(lambda stated: stated.update(from_us=0))
    report = verify_package(whole.sign(log.key).package(), log.policy())
    assert steps(report) == [8]
    assert "log index 22: received at" in messages(report, 8)


def test_the_root_of_a_span_batch_covers_each_record_and_their_number() -> None:
    log = Log()
    session = Session(log)
    session.open()
    log.accept(SpansText(0, tuple(span_record(number) for number in range(3))))
    session.close()
    log.publish()
    package = Forgery.of(log.package())
    package.edit_line("spans.ndjson", 0, lambda line: line["records"].pop())
    report = verify_package(package.sign(log.key).package(), log.policy())
    assert steps(report) == [8]
    assert "the span records were altered" in messages(report, 8)
    assert "counts 3 span records" in messages(report, 8)

"""What stands outside of the range of a partial package is held against its own log entries."""

import json
from dataclasses import replace

from tallystick.profile import encode
from tallystick.tlog.entry import encode_entry, parse_entry
from tests.builder import sample_log
from tests.forge import Forgery
from tests.verifying import messages, steps, verify_package


def test_a_record_whose_entry_is_of_another_kind_is_named() -> None:
    log = sample_log()
    opening = parse_entry(log.entries_list[0])
    log.entries_list[0] = encode_entry(replace(opening, kind="seal"))
    log.publish()
    report = verify_package(log.package(3, 20), log.policy())
    assert report.exit_code == 1
    assert 2 in steps(report)
    assert "the event is not what its entry commits to" in messages(report, 2)


def test_a_context_record_that_stands_in_the_range_too_is_named() -> None:
    log = sample_log()
    further = Forgery.of(log.package(20, 30)).lines("context.ndjson")
    (inside,) = [line for line in further if json.loads(line)["log_index"] == 19]
    package = Forgery.of(log.package(3, 20))
    lines = [*package.lines("context.ndjson"), inside]
    lines.sort(key=lambda line: json.loads(line)["log_index"])
    package.put_lines("context.ndjson", lines)
    report = verify_package(package.sign(log.key).package(), log.policy())
    assert (report.exit_code, steps(report)) == (1, [8])
    assert "not outside the range" in messages(report, 8)


def test_roots_that_a_broken_range_proof_cannot_give_are_a_fault_of_their_own() -> None:
    log = sample_log()
    package = Forgery.of(log.package(3, 20))
    proof = json.loads(package.files["range-proof.json"])
    package.files["range-proof.json"] = encode({**proof, "left": []})
    report = verify_package(package.sign(log.key).package(), log.policy())
    assert report.exit_code == 1
    assert "the range proof: the frontier does not fit" in messages(report, 9)

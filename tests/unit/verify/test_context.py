"""What stands outside of the range of a partial package is held against its own log entries."""

from dataclasses import replace

from tallystick.tlog.entry import encode_entry, parse_entry
from tests.builder import sample_log
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

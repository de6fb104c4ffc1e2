"""Packages of a part of the log, from an operator who left something out before it was signed."""

from collections.abc import Collection

import pytest

from tests.builder import Log, Session
from tests.requirements import requirement
from tests.verifying import found, messages, verify_package

pytestmark = requirement("verify.no-silent-pass")

SESSION_START, FIRST_CALL, SEAL = 2, 4, 8


def log_without(dropped: Collection[int]) -> Log:
    """A log whose second session sealed four calls, of which the service kept not all."""
    log = Log()
    Session(log, "earlier").open()
    session = Session(log, "second")
    session.open()
    for number in range(4):
        if number in dropped:
            session.record("tool.completed", action__id=f"{number:032x}", tool__name="lookup")
        else:
            session.call(number)
    session.seal()
    log.publish()
    return log


@pytest.mark.parametrize("start", [0, SESSION_START, FIRST_CALL])
@pytest.mark.parametrize("dropped", [{3}, {0}, {1, 2}, {0, 1, 2, 3}])
def test_an_event_that_a_seal_of_the_range_states_is_missed(start: int, dropped: set[int]) -> None:
    log = log_without(dropped)
    report = verify_package(log.package(start), log.policy())
    assert report.exit_code == 1
    assert "missing" in messages(report, 7)


@pytest.mark.parametrize("start", range(SEAL + 1))
def test_a_range_that_begins_anywhere_in_an_honest_log_verifies(start: int) -> None:
    log = log_without(())
    report = verify_package(log.package(start), log.policy())
    assert (report.exit_code, found(report)) == (0, [])

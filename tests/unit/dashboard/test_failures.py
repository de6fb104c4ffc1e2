"""Failed log-ins are counted by address, and forgotten with time."""

from tallystick.testing import FakeClock
from tallystick_dashboard.failures import FREE_FAILURES, MAX_ADDRESSES, Failures
from tests.requirements import requirement

pytestmark = requirement("auth.sign-on")


def failed(failures: Failures, address: str, times: int = FREE_FAILURES) -> Failures:
    for _ in range(times):
        failures.note(address)
    return failures


def test_an_address_that_failed_too_often_waits_and_no_other_does() -> None:
    clock = FakeClock()
    failures = failed(Failures(clock.monotonic_s), "192.0.2.1", FREE_FAILURES - 1)
    assert failures.wait_s("192.0.2.1") == 0
    failures.note("192.0.2.1")
    assert (failures.wait_s("192.0.2.1"), failures.wait_s("192.0.2.2")) == (2, 0)
    clock.advance(2)
    assert failures.wait_s("192.0.2.1") == 0
    failures.note("192.0.2.1")
    assert failures.wait_s("192.0.2.1") == 2


def test_addresses_of_one_network_of_ipv6_are_counted_together() -> None:
    failures = failed(Failures(FakeClock().monotonic_s), "2001:db8::1")
    assert failures.wait_s("2001:db8::ffff:1") == 2
    assert failures.wait_s("2001:db8:0:1::1") == 0


def test_the_oldest_of_too_many_addresses_is_forgotten() -> None:
    failures = failed(Failures(FakeClock().monotonic_s), "not an address")
    for number in range(MAX_ADDRESSES):
        failures.note(f"192.0.2.1/{number}")
    assert failures.wait_s("not an address") == 0

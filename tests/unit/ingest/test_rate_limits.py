"""How often somebody may ask: tokens come back with time, and memory is bounded."""

import pytest

from tallystick_ingest.auth import limits
from tallystick_ingest.auth.limits import BURST_S, Buckets, RateLimits, TooManyRequestsError
from tests.requirements import requirement


class Time:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@requirement("auth.rate-limits")
def test_a_bucket_gives_what_is_in_it_and_refills_with_time() -> None:
    time = Time()
    buckets = Buckets(2, 4, time)
    assert [buckets.take("key") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    time.now_s += 0.5
    assert [buckets.take("key") for _ in range(2)] == [0, 0.5]
    time.now_s += 3_600
    assert [buckets.take("key") for _ in range(5)] == [0, 0, 0, 0, 0.5]


def test_one_name_takes_nothing_from_another() -> None:
    buckets = Buckets(1, 1, Time())
    assert buckets.take("one") == 0
    assert buckets.take("one") > 0
    assert buckets.take("two") == 0


def test_a_clock_that_stands_still_gives_nothing_back() -> None:
    buckets = Buckets(1, 1, Time())
    assert [buckets.take("key") for _ in range(3)] == [0, 1, 1]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BUCKETS", 3)
    buckets = Buckets(1, 1, Time())
    assert buckets.take("first") == 0
    for number in range(3):
        assert buckets.take(f"other {number}") == 0
    assert buckets.take("first") == 0
    assert buckets.take("other 2") > 0


@requirement("auth.rate-limits")
def test_a_rate_of_zero_limits_nothing() -> None:
    rates = RateLimits(0, 0, Time())
    for _ in range(10_000):
        assert rates.is_request_due("key")
        rates.require_question("key")


@requirement("auth.rate-limits")
def test_requests_and_questions_of_one_caller_are_counted_apart() -> None:
    time = Time()
    rates = RateLimits(1, 1, time)
    assert [rates.is_request_due("key") for _ in range(BURST_S + 1)] == [True] * BURST_S + [False]
    for _ in range(BURST_S):
        rates.require_question("key")
    with pytest.raises(TooManyRequestsError, match="try again in 1 s") as refused:
        rates.require_question("key")
    assert refused.value.wait_s == 1


@requirement("auth.rate-limits")
def test_log_ins_and_guesses_of_an_address_are_slowed() -> None:
    time = Time()
    rates = RateLimits(0, 0, time)
    for _ in range(limits.FREE_LOGINS):
        rates.require_login("192.0.2.1")
    with pytest.raises(TooManyRequestsError, match="log-ins from this address") as refused:
        rates.require_login("192.0.2.1")
    assert refused.value.wait_s == 2
    rates.require_login("192.0.2.2")
    for _ in range(limits.FREE_GUESSES):
        rates.require_guess("192.0.2.1")
    with pytest.raises(TooManyRequestsError):
        rates.require_guess("192.0.2.1")

"""How often somebody may ask: tokens come back with time, and memory is bounded."""

import pytest

from tallystick.errors import AuthorizationError, ConfigError
from tallystick_ingest.auth import limits
from tallystick_ingest.auth.limits import (
    BURST_S,
    MAX_RATE,
    Buckets,
    CallerLimits,
    RateLimits,
    TooManyRequestsError,
)
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
    buckets = Buckets(2, 2, time)
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


def test_a_bucket_that_is_full_again_is_forgotten() -> None:
    time = Time()
    buckets = Buckets(1, 60, time)
    for number in range(1_000):
        buckets.take(f"guesser {number}")
    time.now_s += 30
    buckets.take("late")
    assert len(buckets) == 1_001
    time.now_s += 30
    buckets.take("later")
    assert len(buckets) == 2
    assert not buckets.is_empty("guesser 1")


@requirement("auth.rate-limits")
def test_a_caller_with_limits_of_its_own_is_held_to_them_alone() -> None:
    time = Time()
    rates = RateLimits(1, 0, time)
    own = CallerLimits(requests_per_s=3, questions_per_s=1)
    taken = [rates.is_request_due("limited", own) for _ in range(3 * BURST_S + 1)]
    assert taken == [True] * (3 * BURST_S) + [False]
    for _ in range(BURST_S):
        rates.require_question("limited", own)
    with pytest.raises(TooManyRequestsError, match="try again in 1 s"):
        rates.require_question("limited", own)
    assert all(rates.is_request_due("free", CallerLimits(requests_per_s=0)) for _ in range(1_000))
    assert [rates.is_request_due("as set") for _ in range(BURST_S + 1)][-2:] == [True, False]


def test_a_limit_that_is_lowered_holds_at_once_and_one_that_is_raised_fills_with_time() -> None:
    time = Time()
    rates = RateLimits(0, 0, time)
    assert rates.is_request_due("key", CallerLimits(requests_per_s=100))
    lower, higher = CallerLimits(requests_per_s=1), CallerLimits(requests_per_s=10)
    assert sum(rates.is_request_due("key", lower) for _ in range(100)) == BURST_S
    assert not rates.is_request_due("key", higher)
    time.now_s += BURST_S
    assert sum(rates.is_request_due("key", higher) for _ in range(100)) == 10 * BURST_S


@pytest.mark.parametrize(
    ("wanted", "own", "is_given"),
    [
        (CallerLimits(), CallerLimits(), True),
        (CallerLimits(10, 5), CallerLimits(), True),
        (CallerLimits(10_000, 0), CallerLimits(), False),
        (CallerLimits(0, 101), CallerLimits(), False),
        (CallerLimits(0, 100), CallerLimits(), True),
        (CallerLimits(), CallerLimits(questions_per_s=7), False),
        (CallerLimits(questions_per_s=7), CallerLimits(questions_per_s=7), True),
        (CallerLimits(questions_per_s=0), CallerLimits(questions_per_s=0), True),
        (CallerLimits(), CallerLimits(requests_per_s=7), False),
    ],
    ids=str,
)
def test_nobody_but_an_administrator_gives_a_limit_above_their_own(
    wanted: CallerLimits, own: CallerLimits, is_given: bool
) -> None:
    rates = RateLimits(0, 100, Time())
    if is_given:
        rates.require_grantable(wanted, own)
    else:
        with pytest.raises(AuthorizationError, match="the caller's own"):
            rates.require_grantable(wanted, own)


@pytest.mark.parametrize("rate", [-1, MAX_RATE + 1, 0.5, True, "5"], ids=str)
def test_what_is_no_rate_is_no_limit(rate: object) -> None:
    with pytest.raises(ConfigError, match="a whole number from 0 to 1000000"):
        CallerLimits(requests_per_s=rate)  # type: ignore[arg-type]


@requirement("auth.rate-limits")
def test_addresses_of_one_network_are_one_guesser() -> None:
    rates = RateLimits(0, 0, Time())
    for number in range(limits.FREE_GUESSES):
        rates.require_guess(f"2001:db8:1:2:{number:x}::1")
    with pytest.raises(TooManyRequestsError):
        rates.require_guess("2001:db8:1:2:ffff::1")
    rates.require_guess("2001:db8:1:3::1")
    for number in range(limits.FREE_GUESSES):
        rates.require_guess(f"::ffff:192.0.2.{number}")
    rates.require_guess("::ffff:192.0.2.255")


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

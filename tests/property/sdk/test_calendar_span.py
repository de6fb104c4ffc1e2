"""Periods of the calendar: legal examples, and agreement with dateutil over all dates."""

import datetime as dt

import pytest
from dateutil.relativedelta import (  # type: ignore[import-untyped]
    relativedelta,
)
from hypothesis import given
from hypothesis import strategies as st

from tallystick.calendar_span import FLOOR, CalendarSpan, day_of, parse_duration
from tests.requirements import requirement

DAY_US = 86_400_000_000
spans = st.builds(CalendarSpan, st.integers(0, 120), st.integers(0, 400))
days = st.dates(dt.date(1970, 1, 1), dt.date(2200, 1, 1))


def moment(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp() * 1_000_000)


@requirement("retention.calendar")
@pytest.mark.parametrize(
    ("since", "last"),
    [
        ("2025-08-31", "2026-02-28"),
        ("2027-08-31", "2028-02-29"),
        ("2025-08-28", "2026-02-28"),
        ("2026-03-30", "2026-09-30"),
        ("2024-02-29", "2024-08-29"),
        ("2026-12-31", "2027-06-30"),
        ("2026-03-29", "2026-09-29"),
    ],
)
def test_six_months_end_with_the_end_of_the_day_of_the_same_number(since: str, last: str) -> None:
    for of_day in ("00:00:00", "01:59:59.999999", "23:59:59.999999"):
        begun = moment(f"{since} {of_day}")
        assert not FLOOR.is_over(begun, moment(f"{last} 23:59:59.999999"))
        assert FLOOR.is_over(begun, moment(last) + DAY_US)


@requirement("retention.calendar")
@given(days, spans)
def test_the_last_day_is_that_of_dateutil(first: dt.date, span: CalendarSpan) -> None:
    assert span.last_day(first) == first + relativedelta(months=span.months, days=span.days)


@given(days)
def test_six_months_are_never_180_days(first: dt.date) -> None:
    last = FLOOR.last_day(first)
    assert last is not None
    assert 181 <= (last - first).days <= 184


@given(spans, st.integers(0, 7_000_000_000_000_000), st.integers(0, 7_000_000_000_000_000))
def test_the_cut_is_where_periods_begin_to_be_over(
    span: CalendarSpan, since: int, now: int
) -> None:
    assert (since < span.over_before_us(now)) == span.is_over(since, now)


@pytest.mark.parametrize(
    ("text", "months", "days_"),
    [("P6M", 6, 0), ("P1Y", 12, 0), ("P7Y2M10D", 86, 10), ("P2W", 0, 14), ("P0Y1D", 0, 1)],
)
def test_durations_are_read(text: str, months: int, days_: int) -> None:
    assert parse_duration(text) == CalendarSpan(months, days_)
    assert parse_duration(str(parse_duration(text))) == CalendarSpan(months, days_)


@pytest.mark.parametrize(
    "text", ["", "P", "6M", "P6", "P-6M", "PT6H", "P1.5M", "P0D", "p6m", "P6M ", "P٦M", "P99999Y"]
)
def test_everything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_duration(text)


def test_a_period_behind_the_end_of_time_is_never_over() -> None:
    assert not parse_duration("P9999Y").is_over(0, 10**18)
    assert day_of(10**19) == dt.date.max

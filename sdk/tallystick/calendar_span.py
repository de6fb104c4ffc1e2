"""Periods of the calendar: ISO 8601 durations of years, months, weeks and days, counted in UTC.

Six months are six months, not 180 days. A period begins on the day of an event and ends with the end of the
day of the same number, or of the month where that has no such day (Regulation (EEC, Euratom) No 1182/71,
article 3(2)(c)): from 31 August six months last to the end of 28 February, or 29 in a leap year.
Standard library alone, since the verifier counts by the same rule.
"""

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

SPAN_FORM: Final = "an ISO 8601 duration such as P6M"

_SPAN: Final = re.compile(
    r"P(?=\d)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?", re.ASCII
)
_MONTHS_A_YEAR: Final = 12
_DAYS_A_WEEK: Final = 7
_DAY: Final = dt.timedelta(days=1)
_DAY_US: Final = 86_400_000_000
_EPOCH: Final = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class CalendarSpan:
    """A period: whole months first, then days."""

    months: int
    days: int

    def __str__(self) -> str:
        years, months = divmod(self.months, _MONTHS_A_YEAR)
        parts = ((years, "Y"), (months, "M"), (self.days, "D"))
        return "P" + ("".join(f"{number}{unit}" for number, unit in parts if number) or "0D")

    def last_day(self, first: dt.date) -> dt.date | None:
        """Return the day with which a period from `first` ends; None behind the year 9999."""
        months = first.year * _MONTHS_A_YEAR + first.month - 1 + self.months
        year, month = divmod(months, _MONTHS_A_YEAR)
        if year > dt.MAXYEAR:
            return None
        day = min(first.day, calendar.monthrange(year, month + 1)[1])
        try:
            return dt.date(year, month + 1, day) + self.days * _DAY
        except OverflowError:
            return None

    def is_over(self, since_us: int, now_us: int) -> bool:
        """Whether a period from a moment is over at another; µs since 1970 UTC."""
        last = self.last_day(day_of(since_us))
        return last is not None and last < day_of(now_us)

    def over_before_us(self, now_us: int) -> int:
        """Return the first moment from which on a period is not over yet at `now_us`: a midnight, UTC."""
        low, high = 0, max(0, now_us // _DAY_US)
        while low < high:
            middle = (low + high) // 2
            if self.is_over(middle * _DAY_US, now_us):
                low = middle + 1
            else:
                high = middle
        return low * _DAY_US


def day_of(moment_us: int) -> dt.date:
    """Return the day of a moment, UTC; the last that there is for those behind the year 9999."""
    days = max(0, moment_us // _DAY_US)
    return _EPOCH + min(days * _DAY, dt.date.max - _EPOCH)


def parse_duration(text: str) -> CalendarSpan:
    """Read a duration; raise ValueError for anything else, for hours and fractions, and for one of no length."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"expected {SPAN_FORM}, got {text[:32]!r}")
    years, months, weeks, days = (int(number or 0) for number in found.groups())
    span = CalendarSpan(years * _MONTHS_A_YEAR + months, weeks * _DAYS_A_WEEK + days)
    if span == CalendarSpan(0, 0):
        raise ValueError(f"expected a duration of some length, got {text[:32]!r}")
    return span


FLOOR: Final = CalendarSpan(6, 0)
"""AI Act, articles 19(1) and 26(6): logs are kept for at least six months."""

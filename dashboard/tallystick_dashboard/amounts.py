"""Moments, durations and sizes as people read them: UTC, and one unit."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_US: Final = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"))
_SMALL_UNITS_US: Final = ((1_000_000, "s"), (1_000, "ms"), (1, "µs"))
_THREE_FIGURES: Final = 100
_TWO_FIGURES: Final = 10
_KILO: Final = 1_000
_MAX_MOMENT_US: Final = 253_402_300_799_999_999
"""The end of the year 9999; what is later is a count and no date."""


def moment(time_us: int | None) -> str:
    """Write a moment in UTC, to the microsecond."""
    if time_us is None:
        return ""
    if not 0 <= time_us <= _MAX_MOMENT_US:
        return f"{time_us} µs since 1970"
    when = _EPOCH + timedelta(microseconds=time_us)
    return when.strftime("%Y-%m-%d %H:%M:%S.%f UTC")


def duration(us: int) -> str:
    """Write a duration in one unit and three figures: 412 µs, 3.42 ms, 51.2 s."""
    for size, unit in (*_UNITS_US, *_SMALL_UNITS_US):
        if us >= size:
            value = us / size
            digits = _digits(value) if size > 1 else 0
            return f"{value:.{digits}f} {unit}"
    return "0 µs"


def _digits(value: float) -> int:
    if value >= _THREE_FIGURES:
        return 0
    return 1 if value >= _TWO_FIGURES else 2


def size(count: int) -> str:
    """Write a number of bytes."""
    if count < _KILO:
        return f"{count} bytes"
    value, unit = (count / _KILO, "kB") if count < _KILO**2 else (count / _KILO**2, "MB")
    return f"{value:.{_digits(value)}f} {unit}"

"""A moment as people write it: ISO 8601, `today`, `30m` ago, or microseconds since 1970."""

import re
from datetime import UTC, datetime
from typing import Final

from tallystick.errors import ConfigError
from tallystick.profile import MAX_INTEGER

_SPAN: Final = re.compile(r"([0-9]{1,6})(s|m|h|d|w)", re.ASCII)
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_US: Final = re.compile(r"[0-9]{14,16}", re.ASCII)
"""Microseconds have 14 digits from 1973 on; no other form is digits alone."""
_US_PER_S: Final = 1_000_000


def parse_moment(text: str, now_us: int) -> int:
    """Return a moment in microseconds; a date without a time is its midnight, times are UTC.

    Raises ConfigError and says which forms there are.
    """
    wanted = text.strip()
    if wanted == "now":
        return now_us
    if wanted in ("today", "yesterday"):
        midnight = now_us - now_us % (86_400 * _US_PER_S)
        return midnight if wanted == "today" else midnight - 86_400 * _US_PER_S
    ago = _SPAN.fullmatch(wanted)
    if ago:
        return max(0, now_us - int(ago[1]) * _UNIT_S[ago[2]] * _US_PER_S)
    if _US.fullmatch(wanted):
        return min(int(wanted), MAX_INTEGER)
    return _parse_iso(wanted)


def parse_end(text: str, now_us: int) -> int:
    """Return a moment to come: how long from now, such as 90d, or any form of `parse_moment`.

    Raises ConfigError, also for one that no record can state (after the year 2255).
    """
    ahead = _SPAN.fullmatch(text.strip())
    end_us = (
        now_us + int(ahead[1]) * _UNIT_S[ahead[2]] * _US_PER_S
        if ahead
        else parse_moment(text, now_us)
    )
    if end_us > MAX_INTEGER:
        raise ConfigError("this end is too far away: a moment before 2255-06-05, or no end at all")
    return end_us


def _parse_iso(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            "this is no moment: write 2026-11-22, 2026-11-22T15:00:00Z, today, yesterday, now, "
            "or how long ago: 30s, 15m, 2h, 7d"
        ) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    us = (since.days * 86_400 + since.seconds) * _US_PER_S + since.microseconds
    return max(0, us)

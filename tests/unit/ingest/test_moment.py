"""Moments as people write them."""

import pytest

from tallystick.errors import ConfigError
from tallystick_ingest.moment import parse_end, parse_moment

NOW = 1_796_213_472_000_000  # 2026-12-02T12:11:12Z
DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOW),
        (" now ", NOW),
        ("30s", NOW - 30_000_000),
        ("15m", NOW - 900_000_000),
        ("2h", NOW - 7_200_000_000),
        ("7d", NOW - 7 * DAY),
        ("1w", NOW - 7 * DAY),
        ("999999w", 0),
        ("today", NOW - NOW % DAY),
        ("yesterday", NOW - NOW % DAY - DAY),
        ("2026-12-02", 1_796_169_600_000_000),
        ("2026-12-02T12:11:12Z", NOW),
        ("2026-12-02T12:11:12", NOW),
        ("2026-12-02 12:11:12.000001", NOW + 1),
        ("2026-12-02T13:11:12+01:00", NOW),
        (str(NOW), NOW),
        ("0001-01-01", 0),
        ("9999-12-31T23:59:59.999999Z", 253402300799999999),
    ],
)
def test_every_form_is_understood(text: str, moment: int) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["", "soon", "5x", "-5m", "1.5h", "12", "2026-13-01", "٣٠m", "5m ago", "9" * 40]
)
def test_what_is_no_moment_is_named_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ConfigError, match="30s, 15m"):
        parse_moment(text, NOW)


@pytest.mark.parametrize(
    ("text", "moment"),
    [("90d", NOW + 90 * DAY), ("2026-12-02T12:11:12Z", NOW), ("2255-06-05", 9007113600000000)],
)
def test_an_end_is_ahead(text: str, moment: int) -> None:
    assert parse_end(text, NOW) == moment


@pytest.mark.parametrize("text", ["999999w", "99999d", "2255-06-06", "9999-12-31"])
def test_an_end_that_no_record_can_state_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="2255"):
        parse_end(text, NOW)

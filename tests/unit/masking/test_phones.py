"""Telephone numbers, and the numbers that are none."""

import pytest

from tests.requirements import requirement
from tests.unit.masking.maskers import redacted

pytestmark = requirement("mask.detectors-validate")


@pytest.mark.parametrize(
    "number",
    [
        "+44 20 7946 0958",
        "+442079460958",
        "+44 (0)20 7946 0958",
        "0044 20 7946 0958",
        "020 7946 0018",
        "(020) 7946 0018",
        "07700 900123",
        "07700900123",
        "447700900123",
        "+49 30 901820",
        "030/901820",
        "0151 12345678",
        "+33 6 12 34 56 78",
        "01 23 45 67 89",
        "06.12.34.56.78",
        "+34 612 34 56 78",
        "612 34 56 78",
        "912 345 678",
        "512 345 678",
        "+39 06 1234 5678",
        "+353 1 234 5678",
        "(212) 555-0123",
        "212-555-0123",
        "212.555.0123",
        "1-800-555-0123",
        "+1 212 555 0123",
        "(11) 2345-6789",
        "212-555-0123 x45",
        "+44 20 7946 0958 ext. 12",
        "+44\u00a020\u00a07946\u00a00958",
        "+44 20 7946\u20110958",
        "０７７００ ９００１２３",
    ],
)
def test_a_telephone_number_is_masked_wherever_it_stands(number: str) -> None:
    assert redacted(number) == "[phone]"
    assert redacted(f"Reach me at {number}, please.") == "Reach me at [phone], please."
    assert redacted(f"id,{number},7") == "id,[phone],7"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00+00:00",
        "2026-11-22 10:00:00",
        "22/11/2026 and 22.11.2026",
        "192.168.100.200",
        "v1.20.300 and 2026.10.5",
        "550e8400-e29b-41d4-a716-446655440000",
        "9f730f2a07700900123f730f2a9f730f2a9f730f2",
        "1795616400 and 1795616400123",
        "£1,234,567.89 or 612 345 678 bytes",
        "order 0412345678",
        "order no. 0412345678, invoice #0412345678",
        "ISBN 0-306-40615-2",
        "0000012345 is padded",
        "51.507351, -0.127758",
        "0.123456789",
        "version 0.0.624277716",
        "1 234 567 rows",
        "1234567890",
        "@@ -1234,7 +2345,9 @@",
        "3.14159265358979",
        "100 200 300 400 500",
    ],
)
def test_what_is_no_telephone_number_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("text", ["call 901820345", "Tel. 5550123", "his mobile: 7700900123"])
def test_words_before_a_bare_number_make_it_a_telephone_number(text: str) -> None:
    assert str(redacted(text)).endswith("[phone]")


def test_an_unknown_country_code_is_no_telephone_number() -> None:
    assert redacted("+999 123 456 789") == "+999 123 456 789"

"""Cards, bank accounts and national insurance numbers: found by their check digits, not by their looks."""

import pytest

from tallystick.masking import Mode, kinds
from tallystick.masking.checksums import is_card, is_iban, luhn_holds
from tests.requirements import requirement
from tests.unit.masking.maskers import POLICY, redacted, redacting

pytestmark = requirement("mask.detectors-validate")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111111111111111", "[card]"),
        ("4111 1111 1111 1111", "[card]"),
        ("4111-1111-1111-1111, exp 12/28", "[card], exp 12/28"),
        ("3782 822463 10005", "[card]"),
        ("3056 930902 5904", "[card]"),
        ("5555.5555.5555.4444", "[card]"),
        ("2223003122003222", "[card]"),
        ("6011111111111117", "[card]"),
        ("card4111111111111111", "card[card]"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "[card]"),
        ("4111111111111111 07700 900123", "[card] [phone]"),
        ("visa card 4222222222222", "visa card [card]"),
        ("it was 4187463319128452989 then", "it was [card] then"),
        ("6304 0000 0000 0000 000", "[card]"),
        ("٤١١١ ١١١١ ١١١١ ١١١١", "[card]"),
        ("４１１１１１１１１１１１１１１１", "[card]"),
    ],
)
def test_a_card_number_is_masked_in_every_way_of_writing_it(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # Luhn fails
        "1234567890123452",  # Luhn holds, no issuer
        "1795616400123456789",  # nanoseconds
        "12345678-1234-4123-8123-123456789012",
        "a4111111111111111",  # a piece of a hash
        "4000000000006",  # an article number of thirteen digits
        "4187463319128452989",  # alone, nineteen digits are an identifier
        "978-3-16-148410-0",
        "99 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "0.4111111111111111",
    ],
)
def test_a_number_that_only_looks_like_a_card_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GB29NWBK60161331926819", "[iban]"),
        ("GB29 NWBK 6016 1331 9268 19.", "[iban]."),
        ("IBAN: de89370400440532013000", "IBAN: [iban]"),
        ("FR14-2004-1010-0505-0001-3M02-606", "[iban]"),
        ("MT84MALT011000012345MTLCAST001S", "[iban]"),
        ("NO93 8601 1117 947 is hers", "[iban] is hers"),
    ],
)
def test_an_iban_is_masked(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "GB29NWBK60161331926818",  # mod 97 fails
        "GB29NWBK6016133192681",  # a character short
        "GB29NWBK601613319268190",  # one too many
        "XX29NWBK60161331926819",  # no such country
        "AGB29NWBK60161331926819",
        "GB29  NWBK60161331926819",
        "ee54ce98-7022-42a9-0514-095da8644e53",  # a UUID whose first twenty characters would check
    ],
)
def test_what_fails_length_country_or_check_sum_is_no_iban(text: str) -> None:
    assert "[iban]" not in str(redacted(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AB123456C", "[uk_nino]"),
        ("QQ 12 34 56 C", "[uk_nino]"),
        ("NI: jw-22-52-38-a.", "NI: [uk_nino]."),
        ("her NI number is AB123456", "her NI number is [uk_nino]"),
        ("ＡＢ１２３４５６Ｃ", "[uk_nino]"),
        ("ab123456c is her nino", "ab123456c is her nino"),
        ("nino ab123456c", "nino [uk_nino]"),
    ],
)
def test_a_national_insurance_number_is_masked(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    ["GB123456A", "DA123456B", "AO123456B", "AB123456E", "AB123456", "XAB123456C", "AB1234567C"],
)
def test_an_impossible_prefix_suffix_or_length_is_no_national_insurance_number(text: str) -> None:
    assert redacted(text) == text


def test_a_short_commit_id_is_no_national_insurance_number() -> None:
    assert redacted("ce123456a fix the build") == "ce123456a fix the build"


def test_luhn_and_mod_97_hold_for_published_examples_and_fail_for_each_changed_digit() -> None:
    assert luhn_holds("79927398713")
    assert is_card("378282246310005")
    assert is_iban("BE68539007547034")
    for place in range(len("378282246310005")):
        digits = list("378282246310005")
        digits[place] = str((int(digits[place]) + 1) % 10)
        assert not is_card("".join(digits))


@pytest.mark.parametrize("text", ["", "GB", "GB2", "DE89é70400440532013000", "²²²²²²²²²²²²²²²²"])
def test_garbage_has_no_check_sum(text: str) -> None:
    assert not is_iban(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 10.0.0.1:8080", "from [ip]:8080"),
        ("2001:db8::1 and fe80::1", "[ip] and [ip]"),
        ("version 1.2.3, 300.1.1.1, 10:59:11, ::", "version 1.2.3, 300.1.1.1, 10:59:11, ::"),
    ],
)
def test_network_addresses_are_found_where_the_policy_asks_for_them(
    text: str, expected: str
) -> None:
    assert redacting(POLICY.with_mode(kinds.IP, Mode.REDACT)).mask(text).value == expected

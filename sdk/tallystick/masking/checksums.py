"""Check digits and number plans of cards and bank accounts: what tells a number from a look-alike."""

from typing import Final

_LUHN_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

# Issuer ranges: first and last prefix, lengths. ISO/IEC 7812; the schemes' published ranges.
_ISSUERS: Final = (
    ("4", "4", (13, 16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),  # Mastercard
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", (14, 16)),  # Diners Club
    ("309", "309", (14, 16)),
    ("36", "36", (14, 16)),
    ("38", "39", (14, 16)),
    ("35", "35", (16, 17, 18, 19)),  # JCB
    ("1800", "1800", (15,)),
    ("2131", "2131", (15,)),
    ("6011", "6011", (16, 19)),  # Discover
    ("644", "659", (16, 19)),
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("81", "81", (16, 17, 18, 19)),
    ("50", "50", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro, Elo, RuPay
    ("56", "58", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("60", "60", (16, 17, 18, 19)),
    ("63", "63", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("67", "67", (12, 13, 14, 15, 16, 17, 18, 19)),
)
_ISSUERS_BY_DIGIT: Final = {
    digit: [issuer for issuer in _ISSUERS if issuer[0][0] <= digit <= issuer[1][0]]
    for digit in "0123456789"
}
_IBAN_VALUES: Final = {ord("A") + place: str(10 + place) for place in range(26)}
CARD_LENGTHS: Final = range(12, 20)

# Lengths by country code: the SWIFT IBAN registry.
_IBAN_LENGTHS: Final = {
    code: length
    for length, codes in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for code in codes.split()
}


def luhn_holds(digits: str) -> bool:
    """Whether the last of `digits` is their Luhn check digit (ISO/IEC 7812-1, annex B)."""
    numbers = [ord(digit) - 48 for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(_LUHN_DOUBLED[one] for one in numbers[1::2])) % 10 == 0


def is_card(digits: str) -> bool:
    """Whether `digits` have an issuer's prefix, its length, and a Luhn check digit."""
    size = len(digits)
    for first, last, lengths in _ISSUERS_BY_DIGIT[digits[0]]:
        if first <= digits[: len(first)] <= last and size in lengths:
            return luhn_holds(digits)
    return False


def iban_length(country: str) -> int | None:
    """Return how long an IBAN of this country is, None where it has none."""
    return _IBAN_LENGTHS.get(country)


def is_iban(text: str) -> bool:
    """Whether upper-case `text` has its country's length and the mod-97 check (ISO 13616-1)."""
    if (
        _IBAN_LENGTHS.get(text[:2]) != len(text)
        or not text[2:4].isdigit()
        or not (text.isascii() and text.isalnum())
    ):
        return False
    bank, account, country = map(_numbers, (text[4:8], text[8:], text[:2]))
    return int(bank + account + country + text[2:4]) % 97 == 1


def _numbers(text: str) -> str:
    """Write letters as numbers; most pieces of an account number have none, which is cheap to see."""
    return text if text.isdigit() else text.translate(_IBAN_VALUES)

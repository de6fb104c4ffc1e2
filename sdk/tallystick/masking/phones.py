"""The numbering plan: which groups of digits are a telephone number.

An own, small plan, so that every installation finds the same numbers: international numbers by
country code and length (ITU-T E.164), national ones by the ways of writing them. Without a `+`, a
leading zero, brackets or a word such as "call" before it, a bare number is left alone: it is more often
an identifier.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tallystick.masking import kinds
from tallystick.masking.keys import KeyRule

PHONE_LENGTHS: Final = range(7, 18)
"""Digits of anything that can be a phone number, with an international prefix."""
_E164_LENGTHS: Final = range(7, 16)

# Country codes by the shortest and longest national number: E.164 and the national plans.
_NATIONAL_LENGTHS: Final = {
    code: range(shortest, longest + 1)
    for (shortest, longest), codes in {
        (5, 10): "64 290 500 682 683 690 247 676 677 678 688 386 685",
        (5, 12): "31 61 352 358 971",
        (6, 8): "47 298 299 597 672 687",
        (6, 10): "40 48 53 95 252 355 376 421 508 681 689 880",
        (6, 12): "39 43 46 49 359 375 381 595 598",
        (7, 7): "238 239 246 248 269 291 297 592 673 674 680 691 692",
        (7, 9): "220 231 241 245 265 354 385 423 599 670 675 853 961 965 967 968 975",
        (7, 10): "44 84 98 230 243 254 263 267 353 372 960",
        (7, 12): "27 62 63 82 86 90 501 503 507 679 852 882 886 972 974",
        (
            8,
            8,
        ): """45 216 222 223 226 227 228 232 235 236 253 257 266 350 356 357 370 371 373 374 389 505 509
            800 808 973 993""",
        (8, 9): "32 36 51 213 224 233 237 250 258 264 268 377 382 387 591 962 963",
        (8, 10): "20 60 229 378 506 850 855 856 964 970 976",
        (8, 12): "55 57 65 66 81 91 92 383 502 504 593 883 977",
        (
            9,
            9,
        ): """33 34 93 94 211 212 218 221 240 242 244 249 251 255 256 260 261 262 351 590 594 596 979 992
            994 995 998""",
        (9, 12): "41 56 380 420 870 881 966 996",
        (10, 10): "1 52 58 225",
        (10, 12): "7 30 54 234 878 888",
    }.items()
    for code in codes.split()
}

_NANP_GROUPS: Final = frozenset({(3, 3, 4), (1, 3, 3, 4), (3, 7), (1, 3, 7), (1, 10)})
_GROUPS_WITHOUT_TRUNK: Final = frozenset(
    {(3, 2, 2, 2), (2, 3, 2, 2), (2, 2, 2, 2), (3, 3, 3), (1, 2, 2, 2, 2)}
)
_CALL_WORDS: Final = re.compile(
    r"phone|\btel\b|telef|mobil|\bcell\b|\bfax\b|\bcall|\bsms\b|whatsapp|\bdial\b|\bring\b|msisdn|handy|rufnummer"
)
_COUNTED: Final = re.compile(
    r"(?:\b(?:order|invoice|ticket|isbn|issn|sku|ean|gtin|build|version|ref|reference|commit|pr|id|epoch|job|part)"
    r"(?:[ _-]?(?:no|number|id|code))?[ \t]?[#:.=]?[ \t]?|[#$€£¥])$"
)
_UNIT: Final = re.compile(r" ?(?:%|[kKMGT]?i?B\b|bytes|rows|EUR|USD|GBP|[$€£¥])")
_CONTEXT_CHARS: Final = 40


@dataclass(frozen=True, slots=True)
class Written:
    """Digits as they stand in a text."""

    digits: str
    groups: tuple[int, ...]
    """Lengths of the groups that separators divide."""
    separators: str
    """What stands between the groups, joined."""
    is_international: bool
    """A `+` stands before."""
    is_bracketed: bool
    """The first group stands in brackets."""


class Surroundings(Enum):
    """What stands around a number."""

    SILENT = 0
    CALL = 1
    """The key, or words before, speak of telephones."""
    COUNTED = 2
    """It is announced as an order, a version or money, or followed by a unit."""


def surroundings(text: str, start: int, end: int, rule: KeyRule) -> Surroundings:
    """Return what the key and the text around `text[start:end]` say about the number."""
    before = text[max(0, start - _CONTEXT_CHARS) : start].lower()
    if _COUNTED.search(before) or _UNIT.match(text, end):
        return Surroundings.COUNTED
    is_call = rule.kind == kinds.PHONE or _CALL_WORDS.search(before)
    return Surroundings.CALL if is_call else Surroundings.SILENT


def is_phone(number: Written, around: Surroundings) -> bool:
    """Whether the number is a telephone number; what stands around decides on forms that others share."""
    has_exit_code = number.digits.startswith("00") and number.groups[0] > 1
    if number.is_international or has_exit_code:
        return _fits_country(number.digits.removeprefix("00"))
    if around is Surroundings.CALL:
        return len(number.digits) in _E164_LENGTHS
    if _is_bracketed(number) or (
        len(number.groups) > 1 and (_is_trunk(number) or _is_north_american(number))
    ):
        return True
    if around is Surroundings.COUNTED:
        return False
    return _is_trunk(number) or _is_without_trunk(number) or _is_uk_mobile(number)


def _fits_country(digits: str) -> bool:
    for size in (1, 2, 3):
        lengths = _NATIONAL_LENGTHS.get(digits[:size])
        if lengths is not None:
            national = digits[size:]
            return len(national) in lengths or len(national.removeprefix("0")) in lengths
    return False


def _is_bracketed(number: Written) -> bool:
    """Area code in brackets: (11) 2345-6789."""
    has_area = (
        number.is_bracketed
        and number.separators.startswith(")")
        and number.groups[0] in range(2, 6)
    )
    return has_area and len(number.digits) in range(8, 13)


def _is_trunk(number: Written) -> bool:
    """National form with the trunk zero: 020 7946 0018, 07700900123, (0151) 12345678."""
    if number.digits[0] != "0" or number.digits[1] == "0" or number.groups[0] < 2:  # noqa: PLR2004
        return False
    if len(number.groups) == 1:
        return len(number.digits) in (10, 11)
    return len(number.digits) in range(9, 13)


def _is_north_american(number: Written) -> bool:
    """Area code and exchange of the North American plan: 212-555-0123, +1 aside."""
    if number.groups not in _NANP_GROUPS:
        return False
    local = number.digits[-10:]
    has_prefix = len(number.digits) == len(local) or number.digits[0] == "1"
    needs_brackets = len(number.groups) == 2 and not number.is_bracketed  # noqa: PLR2004
    return has_prefix and not needs_brackets and local[0] > "1" and local[3] > "1"


def _is_without_trunk(number: Written) -> bool:
    """Countries that write no trunk zero: 612 34 56 78, 22 123 45 67, 12 34 56 78, 601 234 567."""
    if number.groups not in _GROUPS_WITHOUT_TRUNK or len(set(number.separators)) != 1:
        return False
    if number.groups == (3, 3, 3):
        return number.digits[0] in "679" and number.separators[0] in " -"
    return number.separators[0] in " -."


def _is_uk_mobile(number: Written) -> bool:
    """E.164 without its plus, as systems store it: 447700900123."""
    return len(number.groups) == 1 and len(number.digits) == 12 and number.digits.startswith("447")  # noqa: PLR2004

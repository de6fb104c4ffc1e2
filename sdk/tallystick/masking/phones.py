"""The numbering plan: which groups of digits are a telephone number.

An own, small plan, so that every installation finds the same numbers: international numbers by
country code and length (ITU-T E.164), national ones by the ways of writing them. Without a `+`, a
leading zero, brackets or a word such as "call" before it, a bare number is left alone: it is more often
an identifier.
"""

import re
from enum import Enum
from typing import Final, NamedTuple

from tallystick.masking import around, kinds
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
_SHORT_TRUNK: Final = frozenset({(2, 2, 2, 2), (2, 3, 3)})
"""Eight digits with the trunk zero: 08-12 34 56, 02 123 456."""
_LONG_AREA: Final = frozenset({(2, 3, 4), (2, 4, 4)})
"""Portugal and Greece: 21 234 5678, 21 2345 6789."""
_FIRST_LENGTHS: Final = frozenset(
    groups[:2] for groups in (*_NANP_GROUPS, *_GROUPS_WITHOUT_TRUNK, *_LONG_AREA)
) | {(12,)}
_PREFIX: Final = re.compile(r"(?:\+ ?)?\(?\+?$")
_WITHOUT_DIGITS: Final = dict.fromkeys(map(ord, "0123456789"))
_PREFIX_ENDS: Final = frozenset("+( ")
_CALL_STEMS: Final = (
    *("phone", "telef", "tel\u00e9f", "mobil", "whatsapp", "msisdn", "handy", "rufnummer"),
    *("teleg", "puhelin", "telem\u00f3vel", "celular", "m\u00f3vil", "cellulare"),
)
_CALL_WORDS: Final = frozenset(("tel", "cell", "fax", "call", "sms", "dial", "ring")) | {
    "t\u00e9l",
    "tlf",
    "gsm",
    "mob",
    "anruf",
    "anrufen",
    "appeler",
    "llamar",
    "bellen",
}
_CALL_VERBS: Final = frozenset(("calls", "called", "calling", "rang", "texted"))
_BY: Final = frozenset(("from", "on", "at"))
_FRACTION: Final = re.compile(r"[0-9]+\.[0-9]+")
_COUNTED_WORDS: Final = frozenset(
    ("order", "invoice", "ticket", "isbn", "issn", "sku", "ean", "gtin", "build", "version", "ref")
) | {"reference", "commit", "pr", "id", "epoch", "job", "part"}
_NUMBERING: Final = frozenset({"no", "number", "id", "code"})
_WORD: Final = re.compile(r"[^\W\d_]+")
_CURRENCIES: Final = ("#", "$", "€", "£", "¥")
_UNIT: Final = re.compile(r" ?(?:%|[kKMGT]?i?B\b|bytes|rows|EUR|USD|GBP|[$€£¥])")
_CONTEXT_CHARS: Final = 40


class Surroundings(Enum):
    """What stands around a number."""

    SILENT = 0
    CALL = 1
    """The key, or words before, speak of telephones."""
    COUNTED = 2
    """It is announced as an order, a version or money."""


class Opening(NamedTuple):
    """Where a telephone number can begin, and what stands before it."""

    start: int
    """With its plus and bracket."""
    is_international: bool
    """A `+` stands before."""
    is_bracketed: bool
    """The first group stands in brackets."""
    around: Surroundings


class Written(NamedTuple):
    """Digits as they stand in a text."""

    digits: str
    groups: tuple[int, ...]
    """Lengths of the groups that separators divide."""
    written: str
    """The digits with what stands between them."""
    opening: Opening
    is_counted: bool
    """A unit follows."""


def opening_at(
    text: str, start: int, run_start: int, lengths: tuple[int, ...], rule: KeyRule
) -> Opening | None:
    """Return the opening of a number whose digits begin at `start`; None where none can begin.

    None begins inside a word, an identifier or a decimal fraction.
    `lengths` are those of its first two groups; before `run_start` stand other characters than digits
    and separators.
    """
    before = text[start - 1 : start]
    prefix = _PREFIX.search(text, max(0, start - 4), start) if before in _PREFIX_ENDS else None
    begin = prefix.start() if prefix else start
    before = text[begin - 1 : begin]
    if before.isalnum() or before == ".":
        return None
    if before == "-" and text[begin - 2 : begin - 1].isalnum():
        return None
    after = start + lengths[0]
    is_international = "+" in text[begin:start]
    is_bracketed = "(" in text[begin:start] and text[after : after + 1] == ")"
    surroundings = _surroundings(text, start, run_start, rule)
    is_likely = is_international or is_bracketed or surroundings is Surroundings.CALL
    if is_likely or (text[start] == "0" and lengths[0] > 1) or lengths in _FIRST_LENGTHS:
        return Opening(begin, is_international, is_bracketed, surroundings)
    return None


def is_counted(text: str, end: int) -> bool:
    """Whether a unit of measure or a currency follows."""
    return _UNIT.match(text, end) is not None


def is_phone(number: Written) -> bool:
    """Whether the number is a telephone number; what stands around decides on forms that others share."""
    opening = number.opening
    has_exit_code = number.digits.startswith("00") and number.groups[0] > 1
    if (opening.is_international or has_exit_code) and fits_country(
        number.digits.removeprefix("00")
    ):
        return True
    if opening.is_international:
        return False
    is_counted_thing = number.is_counted or opening.around is Surroundings.COUNTED
    if opening.around is Surroundings.CALL and not is_counted_thing:
        is_fraction = _FRACTION.fullmatch(number.written) is not None
        return len(number.digits) in _E164_LENGTHS and not is_fraction
    if _is_bracketed(number) or (
        len(number.groups) > 1 and (_is_trunk(number) or _is_north_american(number))
    ):
        return True
    return not is_counted_thing and (
        _is_trunk(number) or _is_without_trunk(number) or _is_uk_mobile(number)
    )


def _surroundings(text: str, start: int, run_start: int, rule: KeyRule) -> Surroundings:
    if start - run_start < _CONTEXT_CHARS:
        before = around.before(text, start, _CONTEXT_CHARS)
        words = _WORD.findall(before)
        if before.endswith(_CURRENCIES) or (words and _is_announced(before, words)):
            return Surroundings.COUNTED
        if _is_called(before, words):
            return Surroundings.CALL
    return Surroundings.CALL if rule.kind == kinds.PHONE else Surroundings.SILENT


def speaks_of_calls(lowered: str) -> bool:
    """Whether a word for telephones stands in a text of small letters."""
    words = _WORD.findall(lowered)
    return not (_CALL_WORDS | _CALL_VERBS).isdisjoint(words) or _is_called(lowered, words)


def _is_called(before: str, words: list[str]) -> bool:
    """Whether words speak of telephones; a verb does so only right before the number."""
    if not _CALL_WORDS.isdisjoint(words) or any(stem in before for stem in _CALL_STEMS):
        return True
    last = words[-2:-1] if words[-1:] and words[-1] in _BY else words[-1:]
    return not _CALL_VERBS.isdisjoint(last)


def _is_announced(before: str, words: list[str]) -> bool:
    """Whether the last words are those of a thing that is counted: "order no. "."""
    if not before.rstrip(" \t#:.=").endswith(words[-1]):
        return False
    return words[-1] in _COUNTED_WORDS or (
        words[-1] in _NUMBERING and not _COUNTED_WORDS.isdisjoint(words[-2:-1])
    )


def fits_country(digits: str) -> bool:
    """Whether a country code and as many digits follow each other as that country's numbers have."""
    for size in (1, 2, 3):
        lengths = _NATIONAL_LENGTHS.get(digits[:size])
        if lengths is not None:
            national = digits[size:]
            return len(national) in lengths or len(national.removeprefix("0")) in lengths
    return False


def _is_bracketed(number: Written) -> bool:
    """Area code in brackets: (11) 2345-6789."""
    is_area = number.opening.is_bracketed and number.groups[0] in range(2, 6)
    return is_area and len(number.groups) > 1 and len(number.digits) in range(8, 13)


def _is_trunk(number: Written) -> bool:
    """National form with the trunk zero: 020 7946 0018, 07700900123, (0151) 12345678."""
    if number.digits[0] != "0" or number.digits[1] == "0" or number.groups[0] < 2:  # noqa: PLR2004
        return False
    if len(number.groups) == 1:
        return len(number.digits) in (10, 11)
    if number.groups in _SHORT_TRUNK:
        return True
    return len(number.digits) in range(9, 14)


def _is_north_american(number: Written) -> bool:
    """Area code and exchange of the North American plan: 212-555-0123, +1 aside."""
    if number.groups not in _NANP_GROUPS:
        return False
    local = number.digits[-10:]
    has_prefix = len(number.digits) == len(local) or number.digits[0] == "1"
    needs_brackets = len(number.groups) == 2 and not number.opening.is_bracketed  # noqa: PLR2004
    return has_prefix and not needs_brackets and local[0] > "1" and local[3] > "1"


def _is_without_trunk(number: Written) -> bool:
    """Countries that write no trunk zero: 612 34 56 78, 22 123 45 67, 12 34 56 78, 601 234 567."""
    separators = set(number.written.translate(_WITHOUT_DIGITS))
    if number.groups in _LONG_AREA:
        return number.digits[0] == "2" and separators == {" "}
    if number.groups not in _GROUPS_WITHOUT_TRUNK:
        return False
    if number.groups == (3, 3, 3):
        return number.digits[0] in "56789" and separators in ({" "}, {"-"})
    return separators in ({" "}, {"-"}, {"."})


def _is_uk_mobile(number: Written) -> bool:
    """E.164 without its plus, as systems store it: 447700900123."""
    return len(number.groups) == 1 and len(number.digits) == 12 and number.digits.startswith("447")  # noqa: PLR2004

"""National identity numbers: each country's ways of writing them, and the check that tells them from others.

A number is read by its shape (`6-4`, `2.3.3-L`: groups of digits, letters, what stands between). What
the shape and the check leave open in one number of fifty is taken as it stands; what they leave open more
often, only under a key or behind a word that names such a number.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from tallystick.masking import around, kinds
from tallystick.masking.checksums import luhn_holds
from tallystick.masking.hits import Hit
from tallystick.masking.phones import speaks_of_calls
from tallystick.masking.subject import Subject

Check = Callable[[str], bool]
"""Whether letters and digits, without separators and in capitals, are such a number."""


class Form(NamedTuple):
    """One country's number in one shape."""

    holds: Check
    is_strong: bool
    """Needs no word beside it."""


_TOKEN: Final = re.compile(
    r"(?<![0-9A-Za-z])[A-Za-z]?(?:-?[0-9])(?<![0-9A-Za-z]-.)[0-9A-Za-z]*+(?:[./+-][0-9A-Za-z]++)*+"
    r"|(?<![0-9A-Za-z])[A-Za-z]-[0-9]{7,8}-[A-Za-z](?![0-9A-Za-z])"
)
_SPACED: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"[0-9] [0-9]{2} [0-9]{2} [0-9][0-9AB] [0-9]{3} [0-9]{3}(?: [0-9]{2})?"
    r"|[0-9]{13} [0-9]{2}|[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}|[0-9]{3} [0-9]{3} [0-9]{3,4}"
    r"|[0-9]{4} [0-9]{6}|[0-9]{6} [0-9]{3,5}|[0-9]{6} [0-9]{3} [0-9]{2}|[0-9]{8} [A-Z]"
    r")(?![0-9A-Za-z]| ?[0-9])"
)
_FISCAL_CODE: Final = re.compile(
    r"(?<![0-9A-Za-z])[A-Za-z]{6}[0-9]{2}[A-EHLMPRSTa-ehlmprst][0-9]{2}[A-Za-z][0-9]{3}[A-Za-z](?![0-9A-Za-z])"
)
_SHAPE: Final = re.compile(r"[0-9]+|[A-Za-z]+|[ ./+-]")
_SIZES: Final = range(8, 22)
_PIECE_OF_MORE: Final = frozenset("-_.+#%$\u20ac\u00a3\\")
"""Before a number: it is a piece of an identifier, a fraction, or money."""
_NAMED: Final = re.compile(
    r"(?<![a-z0-9])(?:dni|nie|nif|nir|cnp|cpr|bsn|nhs|ppsn?|egn|oib|svnr|idnr|niss|insz|inss|ssn|ahv|avs|amka|nin|rrn|cf)"
    r"(?:[^a-z0-9]|n(?:r|o|um)|$)"
    r"|steuer|tax.?(?:id|number|payer)|s[eé]curit[eé].?sociale|secu(?![a-z])|insee|codice.?fiscale|contribuinte"
    r"|burgerservice|sofi.?n|rijksregister|registre.?national|personn?(?:ummer|r)|personal.?(?:identity|number)"
    r"|henkil|hetu|pps.?n|sozialvers|sv.?n(?:r|ummer)|versicherungsn|rodn[eéaá]|numeric.?personal|f[oø]dselsn|kennitala"
    r"|isikukood|asmens|personas.?kod|national.?(?:id|insurance)|identity.?(?:no|number|card)|(?<![a-z])id[ -]card"
    r"|social.?security|contribuyente|pesel|documento|identidad|passport|reisepass|ausweis"
)
_OTHER: Final = frozenset({kinds.CARD, kinds.IBAN, kinds.PHONE})
"""Kinds of numbers: a whole value under such a name is one."""
_NAME_CHARS: Final = 48


def find_national_ids(subject: Subject) -> Iterator[Hit]:
    """Find numbers of persons by shape and check; linear, each character read twice at most."""
    text = subject.text
    named = subject.rule.kind
    is_named = named == kinds.NATIONAL_ID
    for pattern in (_TOKEN, _SPACED):
        for match in pattern.finditer(text):
            is_other = named in _OTHER and len(match[0]) == len(text)
            if len(match[0]) in _SIZES and not is_other and _is_number(text, match, is_named):
                yield Hit(*match.span(), kinds.NATIONAL_ID)


def is_national_id_alone(digits: str) -> bool:
    """Whether digits that are the whole of a value are such a number: where no word beside them is needed."""
    return any(form.is_strong and form.holds(digits) for form in _FORMS.get(str(len(digits)), ()))


def find_fiscal_codes(subject: Subject) -> Iterator[Hit]:
    """Find Italian fiscal codes by their check letter."""
    for match in _FISCAL_CODE.finditer(subject.text):
        if _is_italian(match[0].upper()):
            yield Hit(*match.span(), kinds.NATIONAL_ID)


def speaks_of_national_ids(lowered: str) -> bool:
    """Whether a name of such a number stands in a text of small letters."""
    return _NAMED.search(lowered) is not None


def _is_number(text: str, match: re.Match[str], is_named: bool) -> bool:
    forms = _FORMS.get(_shape(match[0]))
    start = match.start()
    if forms is None or text[start - 1 : start] in _PIECE_OF_MORE:
        return False
    compact = "".join(filter(str.isalnum, match[0])).upper()
    holding = [form for form in forms if form.holds(compact)]
    if not holding:
        return False
    before = around.before(text, start, _NAME_CHARS)
    if is_named or _NAMED.search(before):
        return True
    is_other = around.announces_count(before) or speaks_of_calls(before)
    return not is_other and any(form.is_strong for form in holding)


def _shape(text: str) -> str:
    """Write digits as their count and letters as `L`: `123456-789A` is `6-3L`."""
    return "".join(
        str(len(part)) if part.isdigit() else "L" * len(part) if part.isalpha() else part
        for part in _SHAPE.findall(text)
    )


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _is_day(month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31  # noqa: PLR2004 - of the calendar


def _is_german(digits: str) -> bool:
    """Steuer-ID: one digit twice or thrice among ten, then ISO 7064 MOD 11,10."""
    body = digits[:10]
    times = sorted(body.count(digit) for digit in set(body))
    if body[0] == "0" or times[-1] not in (2, 3) or times[-2] != 1:
        return False
    product = 10
    for digit in body:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def _is_german_pension(code: str) -> bool:
    """Rentenversicherungsnummer: area, birth date, initial, serial; check digit over all of them."""
    if not code[8].isalpha() or not _is_day(code[4:6], code[2:4]):
        return False
    digits = f"{code[:8]}{ord(code[8]) - 64:02d}{code[9:11]}"
    products = [
        int(digit) * weight
        for digit, weight in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True)
    ]
    return sum(one // 10 + one % 10 for one in products) % 10 == int(code[11])


def _is_french(code: str) -> bool:
    """NIR: sex, year, month, department, town, serial, and 97 minus the rest as key."""
    if code[0] not in "123478" or not (code[3:5] <= "12" or code[3:5] >= "20"):
        return False
    body = code[:13].replace("2A", "19").replace("2B", "18")
    if not body.isdigit() or code[3:5] == "00":
        return False
    return len(code) == 13 or 97 - int(body) % 97 == int(code[13:])  # noqa: PLR2004 - without its key


_ODD: Final = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21),
            *(2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        ),
        strict=True,
    )
)


def _is_italian(code: str) -> bool:
    """Codice fiscale: a table for the odd places, the order of the alphabet for the even ones."""
    even = sum(int(one) if one.isdigit() else ord(one) - 65 for one in code[1:15:2])
    return (sum(_ODD[one] for one in code[:15:2]) + even) % 26 == ord(code[15]) - 65


def _is_spanish(code: str) -> bool:
    """DNI and NIE: the rest by 23 picks the letter."""
    body = code[:-1]
    if body[0] in "XYZ":
        body = str("XYZ".index(body[0])) + body[1:]
    return body.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(body) % 23] == code[-1]


def _is_polish(digits: str) -> bool:
    """PESEL: birth date with the century in the month, and weights 1, 3, 7, 9."""
    is_date = int(digits[2:4]) < 93 and _is_day(f"{int(digits[2:4]) % 20}", digits[4:6])  # noqa: PLR2004
    return is_date and _weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _is_dutch(digits: str) -> bool:
    return int(digits) > 0 and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _is_belgian(digits: str) -> bool:
    """Rijksregisternummer: 97 minus the rest, with a 2 before it for those born from 2000 on."""
    if int(digits[2:4]) > 12 or int(digits[4:6]) > 31:  # noqa: PLR2004 - unknown months and days are zero
        return False
    check = int(digits[9:])
    return check in (97 - int(digits[:9]) % 97, 97 - int(f"2{digits[:9]}") % 97)


def _is_swedish(digits: str) -> bool:
    short = digits[-10:]
    day = int(short[4:6])
    is_person = _is_day(short[2:4], f"{day - 60 if day > 60 else day}")  # noqa: PLR2004 - coordination number
    return is_person and digits[:-10] in ("", "19", "20") and luhn_holds(short)


def _is_swedish_of_age(digits: str) -> bool:
    """With its century; a later year is more often a time stamp than a person in the data."""
    return digits[:4] < "2016" and _is_swedish(digits)


def _is_danish(digits: str) -> bool:
    return _is_day(digits[2:4], digits[:2])


def _is_finnish(code: str) -> bool:
    body = code[:6] + code[-4:-1]
    letters = "0123456789ABCDEFHJKLMNPRSTUVWXY"
    return body.isdigit() and _is_danish(code) and letters[int(body) % 31] == code[-1]


def _is_norwegian(digits: str) -> bool:
    """Two check digits; 40 is added to the day of those without residence."""
    if not _is_day(digits[2:4], f"{int(digits[:2]) % 40}"):
        return False
    first = _weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    return first == 0 and _weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def _is_czech(digits: str) -> bool:
    """Rodné číslo, of Slovakia too: 50 (or 20, 70) is added to the month, the whole divides by 11."""
    month = int(digits[2:4]) % 50
    is_date = _is_day(f"{month - 20 if month > 20 else month}", digits[4:6])  # noqa: PLR2004 - since 2004
    return is_date and (len(digits) == 9 or int(digits) % 11 == 0)  # noqa: PLR2004 - before 1954


def _is_romanian(digits: str) -> bool:
    county = int(digits[7:9])
    is_place = 1 <= county <= 52 or county == 70 or 80 <= county <= 83  # noqa: PLR2004 - of the register
    if digits[0] in "09" or not is_place or not _is_day(digits[3:5], digits[5:7]):
        return False
    check = _weighted(digits, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return (1 if check == 10 else check) == int(digits[12])  # noqa: PLR2004 - ten has no digit


def _is_romanian_no_time(digits: str) -> bool:
    """Whether it is one that is no time in milliseconds since 1970, of the years from 2020 on."""
    return not digits.startswith(("16", "17", "18")) and _is_romanian(digits)


def _is_portuguese(digits: str) -> bool:
    check = 11 - _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return digits[0] in "123" and (0 if check > 9 else check) == int(digits[8])  # noqa: PLR2004


def _is_irish(code: str) -> bool:
    extra = ord(code[8]) - 64 if len(code) == 9 and code[8] != "W" else 0  # noqa: PLR2004
    total = _weighted(code[:7], (8, 7, 6, 5, 4, 3, 2)) + 9 * extra
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == code[7]


def _is_austrian(digits: str) -> bool:
    check = _weighted(digits[:3] + digits[4:], (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11
    return _is_day(digits[6:8], digits[4:6]) and check == int(digits[3])


def _is_nhs(digits: str) -> bool:
    return _weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def _is_bulgarian(digits: str) -> bool:
    month = int(digits[2:4]) % 20
    check = _weighted(digits, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10
    return _is_day(f"{month}", digits[4:6]) and check == int(digits[9])


def _is_croatian(digits: str) -> bool:
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def _is_greek(digits: str) -> bool:
    return _is_danish(digits) and luhn_holds(digits)


def _is_baltic(digits: str) -> bool:
    """Estonia and Lithuania: two rows of weights, the second where the first gives ten."""
    check = _weighted(digits, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:  # noqa: PLR2004 - ten has no digit
        check = _weighted(digits, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return digits[0] in "123456" and _is_day(digits[3:5], digits[5:7]) and check == int(digits[10])


def _is_yugoslav(digits: str) -> bool:
    """JMBG and EMŠO, of Slovenia and its neighbours."""
    check = -_weighted(digits, (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return _is_danish(digits) and digits[4] in "09" and check % 10 == int(digits[12])


def _is_swiss(digits: str) -> bool:
    return digits.startswith("756") and _weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


def _is_american(digits: str) -> bool:
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00"


def _strong(*checks: Check) -> tuple[Form, ...]:
    return tuple(Form(check, is_strong=True) for check in checks)


def _weak(*checks: Check) -> tuple[Form, ...]:
    return tuple(Form(check, is_strong=False) for check in checks)


_ELEVEN: Final = _strong(_is_polish, _is_german, _is_belgian, _is_norwegian, _is_greek)
_TEN: Final = _weak(_is_swedish, _is_danish, _is_czech, _is_austrian, _is_nhs, _is_bulgarian)

# A country more is a check and its shapes here.
_FORMS: Final[dict[str, tuple[Form, ...]]] = {
    "11": _ELEVEN + _weak(_is_baltic, _is_croatian),
    "2 3 3 3": _strong(_is_german),
    "8L3": _strong(_is_german_pension),
    "15": _strong(_is_french),
    "6L8": _strong(_is_french),
    "13 2": _strong(_is_french),
    "1 2 2 2 3 3 2": _strong(_is_french),
    "1 2 2 1L 3 3 2": _strong(_is_french),
    "1-2-2-2-3-3-2": _strong(_is_french),
    "13": _strong(_is_romanian_no_time, _is_swiss) + _weak(_is_romanian, _is_french, _is_yugoslav),
    "1 2 2 2 3 3": _weak(_is_french),
    "8L": _strong(_is_spanish),
    "8 L": _strong(_is_spanish),
    "8-L": _strong(_is_spanish),
    "2.3.3-L": _strong(_is_spanish),
    "2.3.3L": _strong(_is_spanish),
    "L7L": _strong(_is_spanish),
    "L7-L": _strong(_is_spanish),
    "L-7-L": _strong(_is_spanish),
    "9": _weak(_is_dutch, _is_portuguese, _is_czech),
    "4.2.3": _strong(_is_dutch),
    "3 3 3": _weak(_is_dutch, _is_portuguese),
    "3.3.3": _weak(_is_dutch, _is_portuguese),
    "2.2.2-3.2": _strong(_is_belgian),
    "2.2.2-3-2": _strong(_is_belgian),
    "2.2.2.3.2": _strong(_is_belgian),
    "6-3-2": _strong(_is_belgian),
    "6 3 2": _strong(_is_belgian),
    "6-4": _strong(_is_swedish, _is_danish, _is_finnish),
    "6+4": _strong(_is_swedish, _is_finnish),
    "8-4": _strong(_is_swedish_of_age) + _weak(_is_swedish),
    "10": _TEN,
    "12": _weak(_is_swedish),
    "6/4": _strong(_is_czech),
    "6/3": _strong(_is_czech),
    "6 4": _weak(_is_swedish, _is_danish, _is_czech),
    "6-3L": _strong(_is_finnish),
    "6L3L": _strong(_is_finnish),
    "6L4": _strong(_is_finnish),
    "6 5": _strong(_is_norwegian),
    "6-5": _strong(_is_danish),  # Latvia: the date alone, as in Denmark
    "7L": _weak(_is_irish),
    "7LL": _weak(_is_irish),
    "4 6": _weak(_is_austrian),
    "4-6": _weak(_is_austrian),
    "3 3 4": _weak(_is_nhs),
    "3-3-4": _weak(_is_nhs),
    "3.4.4.2": _strong(_is_swiss),
    "3-2-4": _strong(_is_american),
}

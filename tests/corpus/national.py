"""National identity numbers with valid check digits, by country.

Each maker draws one spelling. `is_strong` says that the number shows what it is: a form or a check sum
that other numbers rarely have. The weak ones are drawn only beside a label.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.corpus.drawing import CAPITALS, DIGITS, digits, grouped, luhn_digit, mod_11_10, weighted

Draw = random.Random


@dataclass(frozen=True)
class Number:
    """One number as somebody wrote it."""

    text: str
    is_strong: bool


def birth(draw: Draw) -> tuple[int, int, int]:
    return draw.randrange(1940, 2007), draw.randrange(1, 13), draw.randrange(1, 29)


def german_tax_id(draw: Draw) -> Number:
    while True:
        body = [*draw.sample(DIGITS, 9)]
        body.insert(draw.randrange(10), draw.choice(body))
        if body[0] != "0":
            break
    number = "".join(body)
    number += mod_11_10(number)
    return Number(draw.choice((number, grouped(number, (2, 3, 3, 3), " "))), is_strong=True)


def french_nir(draw: Draw) -> Number:
    year, month, _ = birth(draw)
    department = draw.choice((f"{draw.randrange(1, 96):02d}", "2A", "2B"))
    body = f"{draw.choice('12')}{year % 100:02d}{month:02d}{department}{digits(draw, 6)}"
    value = int(body.replace("2A", "19").replace("2B", "18"))
    number = f"{body}{97 - value % 97:02d}"
    spaced = grouped(number, (1, 2, 2, 2, 3, 3, 2), " ")
    return Number(draw.choice((number, spaced)), is_strong=True)


_ODD = dict(
    zip(
        DIGITS + CAPITALS,
        [
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21),
            *(2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        ],
        strict=True,
    )
)


def italian_fiscal_code(draw: Draw) -> Number:
    year, month, day = birth(draw)
    consonants = "".join(draw.choices("BCDFGLMNPRSTVZ", k=6))
    born = f"{year % 100:02d}{'ABCDEHLMPRST'[month - 1]}{day + draw.choice((0, 40)):02d}"
    body = f"{consonants}{born}{draw.choice('ABCDEFGHIL')}{digits(draw, 3)}"
    even = {one: place % 10 if one in DIGITS else place - 10 for place, one in enumerate(_ODD)}
    total = sum(_ODD[one] for one in body[::2]) + sum(even[one] for one in body[1::2])
    number = body + CAPITALS[total % 26]
    return Number(draw.choice((number, number, number.lower())), is_strong=True)


def spanish_dni(draw: Draw) -> Number:
    letters = "TRWAGMYFPDXBNJZSQVHLCKE"
    if draw.random() < 0.3:
        first = draw.randrange(3)
        body = digits(draw, 7)
        number = f"{'XYZ'[first]}{body}{letters[int(f'{first}{body}') % 23]}"
    else:
        body = digits(draw, 8)
        number = body + letters[int(body) % 23]
    return Number(draw.choice((number, f"{number[:-1]}-{number[-1]}")), is_strong=True)


def polish_pesel(draw: Draw) -> Number:
    year, month, day = birth(draw)
    body = f"{year % 100:02d}{month + 20 * (year >= 2000):02d}{day:02d}{digits(draw, 4)}"
    check = -weighted(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10
    return Number(f"{body}{check}", is_strong=True)


def dutch_bsn(draw: Draw) -> Number:
    while True:
        body = digits(draw, 8)
        check = weighted(body, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
        if check < 10 and body[0] != "0":
            number = f"{body}{check}"
            return Number(draw.choice((number, grouped(number, (4, 2, 3), "."))), is_strong=False)


def belgian_register_number(draw: Draw) -> Number:
    year, month, day = birth(draw)
    body = f"{year % 100:02d}{month:02d}{day:02d}{draw.randrange(1, 998):03d}"
    check = 97 - int(f"{'2' if year >= 2000 else ''}{body}") % 97
    number = f"{body}{check:02d}"
    spelled = f"{number[:2]}.{number[2:4]}.{number[4:6]}-{number[6:9]}.{number[9:]}"
    return Number(draw.choice((number, spelled)), is_strong=True)


def swedish_personal_number(draw: Draw) -> Number:
    year, month, day = birth(draw)
    body = f"{year % 100:02d}{month:02d}{day:02d}{digits(draw, 3)}"
    tail = body[6:] + luhn_digit(body)
    century = draw.choice(("", str(year // 100)))
    gap = draw.choice(("-", "-", ""))
    return Number(f"{century}{body[:6]}{gap}{tail}", is_strong=bool(gap))


def portuguese_nif(draw: Draw) -> Number:
    body = draw.choice("123") + digits(draw, 7)
    check = 11 - weighted(body, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    number = f"{body}{check if check < 10 else 0}"
    return Number(draw.choice((number, grouped(number, (3, 3, 3), " "))), is_strong=False)


def irish_ppsn(draw: Draw) -> Number:
    body = digits(draw, 7)
    extra = draw.choice(("", "A", "W"))
    total = weighted(body, (8, 7, 6, 5, 4, 3, 2)) + (9 if extra == "A" else 0)
    return Number(f"{body}{'WABCDEFGHIJKLMNOPQRSTUV'[total % 23]}{extra}", is_strong=False)


def austrian_insurance_number(draw: Draw) -> Number:
    year, month, day = birth(draw)
    born = f"{day:02d}{month:02d}{year % 100:02d}"
    while True:
        serial = str(draw.randrange(100, 1000))
        check = (weighted(serial, (3, 7, 9)) + weighted(born, (5, 8, 4, 2, 1, 6))) % 11
        if check < 10:
            gap = draw.choice((" ", ""))
            return Number(f"{serial}{check}{gap}{born}", is_strong=False)


def danish_cpr(draw: Draw) -> Number:
    year, month, day = birth(draw)
    gap = draw.choice(("-", "-", ""))
    return Number(f"{day:02d}{month:02d}{year % 100:02d}{gap}{digits(draw, 4)}", bool(gap))


def finnish_code(draw: Draw) -> Number:
    year, month, day = birth(draw)
    born = f"{day:02d}{month:02d}{year % 100:02d}"
    serial = f"{draw.randrange(2, 900):03d}"
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(born + serial) % 31]
    return Number(f"{born}{'A' if year >= 2000 else '-'}{serial}{check}", is_strong=True)


def czech_birth_number(draw: Draw) -> Number:
    while True:
        year, month, day = birth(draw)
        women = draw.choice((0, 50))
        body = f"{year % 100:02d}{month + women:02d}{day:02d}{digits(draw, 3)}"
        check = int(body) % 11
        if year >= 1954 and check < 10:
            gap = draw.choice(("/", "/", ""))
            return Number(f"{body[:6]}{gap}{body[6:]}{check}", is_strong=bool(gap))


def romanian_cnp(draw: Draw) -> Number:
    year, month, day = birth(draw)
    sex = draw.choice("12" if year < 2000 else "56")
    county = f"{draw.randrange(1, 47):02d}"
    body = f"{sex}{year % 100:02d}{month:02d}{day:02d}{county}{draw.randrange(1, 1000):03d}"
    check = weighted(body, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    number = f"{body}{1 if check == 10 else check}"
    return Number(number, is_strong=not number.startswith(("16", "17", "18")))


def uk_nhs_number(draw: Draw) -> Number:
    while True:
        body = "4" + digits(draw, 8)
        check = 11 - weighted(body, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
        if check != 10:
            number = f"{body}{check % 11}"
            return Number(draw.choice((number, grouped(number, (3, 3, 4), " "))), is_strong=False)


MAKERS: dict[str, Callable[[Draw], Number]] = {
    "DE": german_tax_id,
    "FR": french_nir,
    "IT": italian_fiscal_code,
    "ES": spanish_dni,
    "PL": polish_pesel,
    "NL": dutch_bsn,
    "BE": belgian_register_number,
    "SE": swedish_personal_number,
    "PT": portuguese_nif,
    "IE": irish_ppsn,
    "AT": austrian_insurance_number,
    "DK": danish_cpr,
    "FI": finnish_code,
    "CZ": czech_birth_number,
    "RO": romanian_cnp,
    "GB": uk_nhs_number,
}

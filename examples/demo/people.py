"""Invented customers, made from a seed: valid in form, nobody in fact."""

import random
from dataclasses import asdict, dataclass
from typing import Final

_FIRST: Final = ("Ada", "Bram", "Chloé", "Dilan", "Edith", "Femi", "Greta", "Hugo", "Ines", "Jonas")
_LAST: Final = ("Adeyemi", "Brandt", "Clarke", "Duarte", "Evans", "Fischer", "Grant", "Hughes")
_NINO_FIRST: Final = "ABCEGHJKLMNPRSTWXYZ"
_NINO_LAST: Final = "ABCD"


@dataclass(frozen=True, slots=True)
class Customer:
    """One row of the customers' table."""

    id: int
    name: str
    email: str
    phone: str
    national_insurance_number: str
    iban: str
    balance_pence: int


def customers(count: int, seed: int = 2026) -> list[dict[str, object]]:
    """Give `count` customers; the same seed gives the same people."""
    source = random.Random(seed)  # noqa: S311 - invented people need no unpredictable numbers
    return [asdict(_customer(number, source)) for number in range(1, count + 1)]


def _customer(number: int, source: random.Random) -> Customer:
    first, last = source.choice(_FIRST), source.choice(_LAST)
    return Customer(
        id=number,
        name=f"{first} {last}",
        email=f"{first}.{last}{number}@example.com".lower().replace("é", "e"),
        phone=f"+44 20 7946 0{source.randrange(1000):03d}",  # a range kept free for fiction
        national_insurance_number=_national_insurance_number(source),
        iban=_iban(source),
        balance_pence=source.randrange(0, 5_000_000),
    )


def _national_insurance_number(source: random.Random) -> str:
    digits = f"{source.randrange(10**6):06d}"
    prefix = source.choice(_NINO_FIRST) + source.choice("ABCEHJKLMPRSTWXYZ")
    if prefix in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ"):
        prefix = "AA"
    return f"{prefix} {digits[:2]} {digits[2:4]} {digits[4:]} {source.choice(_NINO_LAST)}"


def _iban(source: random.Random) -> str:
    account = f"NWBK{source.randrange(10**14):014d}"
    as_digits = "".join(str(int(character, 36)) for character in f"{account}GB00")
    return f"GB{98 - int(as_digits) % 97:02d}{account}"

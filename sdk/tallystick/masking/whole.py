"""Texts that are one value and nothing else, told by their form at once.

The same answer as that of the detectors, which need not run: each form here is one that only one of
them finds, or that its kind would win. What is not plainly such a value is left to them.
"""

import re
from typing import Final

from tallystick.masking import kinds
from tallystick.masking.checksums import is_card, is_iban
from tallystick.masking.detectors import is_nino_prefix
from tallystick.masking.phones import fits_country

SHORTEST: Final = 9
LONGEST: Final = 64
_EMAIL: Final = re.compile(
    r"(?:[A-Za-z]{1,14}(?:\.[A-Za-z]{1,14}){0,2}[0-9]{0,5}|[A-Za-z]{1,2}\*{1,12})"
    r"@(?:[a-z][a-z-]{0,30}\.){1,3}[a-z]{2,10}"
)
_PHONE: Final = re.compile(r"\+[1-9][0-9 ]*[0-9]")
_PHONE_LENGTHS: Final = range(7, 16)
_CARD: Final = re.compile(r"[0-9]{4}(?:([ -]?)[0-9]{4}\1[0-9]{4}\1[0-9]{4})")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,4})?")
_NINO: Final = re.compile(r"[A-Z]{2}([ -]?)[0-9]{2}\1[0-9]{2}\1[0-9]{2}\1[A-D]")
_LONGEST_NINO: Final = 13
"""With its four gaps; the shortest account number has fifteen characters."""
_HEX: Final = frozenset("ABCDEF")


def whole_kind(text: str) -> str | None:
    """Return the kind of which the whole of `text` is; None where that is not plain."""
    if "@" in text:
        return kinds.EMAIL if _EMAIL.fullmatch(text) else None
    first = text[0]
    if first == "+":
        return kinds.PHONE if _PHONE.fullmatch(text) and _is_phone(text) else None
    if "A" <= first <= "Z":
        return _lettered(text) if "A" <= text[1] <= "Z" else None
    if not "0" <= first <= "9" or not _CARD.fullmatch(text):
        return None
    return kinds.CARD if is_card(text.replace(" ", "").replace("-", "")) else None


def _is_phone(text: str) -> bool:
    digits = text[1:].replace(" ", "")
    return len(digits) in _PHONE_LENGTHS and "  " not in text and fits_country(digits)


def _lettered(text: str) -> str | None:
    if len(text) > _LONGEST_NINO:
        is_account = _IBAN.fullmatch(text) is not None and is_iban(text.replace(" ", ""))
        return kinds.IBAN if is_account else None
    if not _NINO.fullmatch(text) or not is_nino_prefix(text[:2]):
        return None
    is_hash_like = text.isalnum() and _HEX.issuperset(text[:2] + text[-1])
    return None if is_hash_like else kinds.UK_NINO

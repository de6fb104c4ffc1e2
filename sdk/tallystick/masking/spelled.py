"""Values in spellings that hide them: `jane (at) example (dot) com`, a card with odd separators.

What a spelling may look like is listed here; what no rule lists (digits as words, a number backwards) is
not found, and `docs/masking.md` says so.
"""

import re
from collections.abc import Iterator
from typing import Final

from tallystick.masking import kinds
from tallystick.masking.checksums import is_card
from tallystick.masking.hits import Hit
from tallystick.masking.subject import Subject

_DOT: Final = r"(?:\.| ?[\[({<](?:dot|\.)[\])}>] ?| dot )"
_DOMAIN: Final = rf"[\w-]{{2,63}}(?:{_DOT}[\w-]{{2,63}}){{0,4}}{_DOT}[^\W\d_]{{2,24}}(?![\w-])"
_SPELLED: Final = re.compile(
    r"(?<![\w.+-])[\w+-]{2,64}(?:(?:\.| ?[\[({<]dot[\])}>] ?)[\w+-]{1,64}){0,4}"
    rf"(?: ?[\[({{<](?:at|@)[\])}}>] ?| @ | at (?=[\w-]{{1,63}} dot )){_DOMAIN}",
    re.IGNORECASE,
)
_ODD_CARD: Final = re.compile(
    r"(?<![0-9A-Za-z.])[0-9]{4}"
    r"(?P<odd> {4,8}|[_:|*~\n\\]|\r\n|(?:</?[a-z]{1,6}>){1,2})"
    r"(?:[0-9]{4}(?P=odd)[0-9]{4}(?P=odd)[0-9]{4}|[0-9]{6}(?P=odd)[0-9]{5})(?![0-9A-Za-z])"
)
_GROUPS: Final = re.compile(r"[0-9]+")


def find_spelled_emails(subject: Subject) -> Iterator[Hit]:
    """Find addresses whose `@` and dots are written out."""
    for match in _SPELLED.finditer(subject.text):
        yield Hit(*match.span(), kinds.EMAIL)


def find_odd_cards(subject: Subject) -> Iterator[Hit]:
    """Find cards in groups of four with the same unusual separator between all of them."""
    for match in _ODD_CARD.finditer(subject.text):
        if is_card("".join(_GROUPS.findall(match[0]))):
            yield Hit(*match.span(), kinds.CARD)

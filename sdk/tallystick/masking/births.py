"""Dates of birth in sentences: a date behind a word that speaks of a birth.

Any other date stays; behind a key that names a birth date, the whole value is taken (see `keys`).
"""

import re
from collections.abc import Iterator
from typing import Final

from tallystick.masking import around, kinds
from tallystick.masking.hits import Hit
from tallystick.masking.subject import Subject

_STEMS: Final = (
    *(
        "birth",
        "born",
        "dob",
        "d.o.b",
        "gebor",
        "geb.",
        "geburt",
        "geboorte",
        "naiss",
        "n\u00e9 ",
        "n\u00e9e ",
    ),
    *(
        "nacid",
        "nacim",
        "nato ",
        "nata ",
        "nascit",
        "nascid",
        "nasciment",
        "urodz",
        "f\u00f6d",
        "f\u00f8d",
    ),
    *("synty", "naroz", "n\u0103scut", "n\u0103scut\u0103", "nascut", "naster", "foedsel", "fodel"),
)
"""Of sixteen languages."""
_DATE: Final = re.compile(
    r"(?<![0-9A-Za-z.-])(?:"
    r"(?:19|20)[0-9]{2}([-/.])[0-9]{1,2}\1[0-9]{1,2}"
    r"|[0-9]{1,2}(?:([-/.]) ?[0-9]{1,2}\2 ?)(?:19|20)?[0-9]{2}"
    r"|[0-9]{1,2}(?:st|nd|rd|th|\.|er)? (?:of |de )?[^\W\d_]{3,10}\.?,? (?:of |de )?(?:19|20)[0-9]{2}"
    r"|[^\W\d_]{3,10}\.? [0-9]{1,2}(?:st|nd|rd|th)?,? (?:19|20)[0-9]{2}"
    r")(?![0-9A-Za-z])"
)
_BEFORE_CHARS: Final = 40


def find_births(subject: Subject) -> Iterator[Hit]:
    """Find dates up to 40 characters behind a word for a birth."""
    lowered = subject.text.lower()
    if not speaks_of_birth(lowered):
        return
    for date in _DATE.finditer(subject.text):
        before = around.before(lowered, date.start(), _BEFORE_CHARS)
        if speaks_of_birth(before):
            yield Hit(*date.span(), kinds.PERSON)


def speaks_of_birth(lowered: str) -> bool:
    """Whether a word for a birth stands in a text of small letters."""
    return any(stem in lowered for stem in _STEMS)

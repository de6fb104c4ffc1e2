"""Whether a clean text stays clean whatever its digits are: then its shape alone says so the next time.

A time stamp, a counter or a number of milliseconds makes every log line new, and none of them different.
"""

import re
from typing import Final

from tallystick.masking.births import speaks_of_birth
from tallystick.masking.digits import RUN_OF_DIGITS
from tallystick.masking.keys import KeyRule
from tallystick.masking.national import speaks_of_national_ids
from tallystick.masking.phones import speaks_of_calls
from tallystick.masking.readings import is_name, may_have_escapes
from tallystick.masking.subject import (
    ACCOUNT,
    ARMOUR,
    AT,
    MIXED,
    NUMBER,
    SPELLED,
    inspect,
    is_time,
)

_BY_DIGITS: Final = AT | ACCOUNT | MIXED | SPELLED | ARMOUR
"""Traits of texts in which other digits may be a find."""
_IN_PREFIXES: Final = re.compile(
    r"(?:sq|dt|fm)[0-9]|r[0-9]_|_v[0-9]_|KEY-[0-9]|[0-9]//[0-9]|[0-9]Q~"
)
"""Digits in the prefixes of issued secrets (see `credentials`)."""
_MOST_DIGITS: Final = 8
"""Fewer than any number has that needs no word beside it."""


def is_clean_by_shape(text: str, rule: KeyRule) -> bool:
    """Whether a text that is clean under `rule` would be so with any other digits."""
    if rule.kind is None and is_time(text):
        return True
    if rule.kind is not None or not text.isascii() or may_have_escapes(text) or "\0" in text:
        return False
    subject = inspect(text, rule)
    lowered = text.lower()
    if subject.traits & _BY_DIGITS or speaks_of_birth(lowered):
        return False
    if subject.traits & NUMBER and not _are_short(text, lowered):
        return False
    return all(is_name(run[0]) and not _IN_PREFIXES.search(run[0]) for run in subject.runs)


def _are_short(text: str, lowered: str) -> bool:
    """Whether no number in the text is one of a person or a telephone, whatever its digits are."""
    if speaks_of_calls(lowered) or speaks_of_national_ids(lowered):
        return False
    return not any(
        sum(map(str.isdecimal, run[0])) > _MOST_DIGITS
        or text[run.start() - 1 : run.start()].isalpha()
        or text[run.end() : run.end() + 1].isalpha()
        for run in RUN_OF_DIGITS.finditer(text)
    )

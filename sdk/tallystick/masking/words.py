"""Single words that machines write: identifiers, digests, signatures, keys, base64.

A request of spans brings several new ones with each span, and most of them are clean. What a detector needs to see in
such a word shows in its outline, so that none but the few that may find something look at it.
"""

import re
from typing import Final

from tallystick.masking.keys import PLAIN
from tallystick.masking.readings import is_encoded
from tallystick.masking.subject import ACCOUNT, BIRTH, MIXED, NUMBER, RUN, SPELLED, YEARS, Subject

_WORD: Final = re.compile(r"[0-9A-Za-z+/_-]{11,}(?=={0,2}\Z)")
_OUTLINE: Final = bytes.maketrans(
    b"123456789ABCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz+/_=",
    b"0" * 9 + b"a" * 51 + b"-" * 4,
)
"""Digits become 0, letters a, all else a dash."""
_SEVEN: Final = b"0" * 7
_PART_OF_NUMBER: Final = re.compile(r"\+?(?:[ *]*[0-9]){0,6}[ *]*")


def word_of(text: str) -> Subject | None:
    """Return an ASCII text that is a single word with its traits, for the detectors; None for any other text.

    Every trait that `subject.inspect` finds is there, and maybe one more: a detector that looks in vain.
    """
    word = _WORD.match(text)
    if word is None:
        return None
    outline = b"-" + text.encode().translate(_OUTLINE)
    traits = RUN
    if _SEVEN in outline.translate(None, b"-"):
        traits |= NUMBER
    if b"-aa00" in outline or b"-aa-00" in outline or "IBAN" in text:
        traits |= ACCOUNT
    if (b"0000" in outline or b"0-0" in outline) and YEARS.search(text):
        traits |= BIRTH
    if b"0000-0000" in outline:
        traits |= SPELLED
    if b"a00a00a" in outline or b"000000a000" in outline:
        traits |= MIXED
    return Subject(text, PLAIN, [word], traits)


def is_readable(word: Subject) -> bool:
    """Whether something else may be read in a word: base64 or hexadecimal of a text, or compressed."""
    return is_encoded(word.text, word.runs[0][0])


def is_part_of_number(text: str) -> bool:
    """Whether a text is what others leave of a number, such as `+44 *** *** 0123`: no detector finds anything in it."""
    return _PART_OF_NUMBER.fullmatch(text) is not None

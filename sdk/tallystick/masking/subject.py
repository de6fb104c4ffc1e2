"""What the detectors look at: a text, what its key says, and traits that are cheap to see.

Most texts of a tool call are plainly harmless. A detector runs only where a trait that it needs is
there, so that the cost of masking is a handful of scans and not one per pattern.
"""

import re
from typing import Final, NamedTuple

from tallystick.masking.keys import KeyRule

AT: Final = 1
"""An `@`."""
NUMBER: Final = 2
"""Seven digits or more with at most three separators between, other than a date."""
RUN: Final = 4
"""Eleven characters or more of base64's alphabets, dots and tildes: no words, no hash, no UUID."""
PAIR: Final = 8
"""A colon, an equals sign or the end of a tag."""
SPOKEN: Final = 16
"""A command-line flag, or a word for a secret in a sentence."""
SCHEME: Final = 32
"""The name of an HTTP authentication scheme."""
ARMOUR: Final = 64
"""The beginning of an armoured block."""
ACCOUNT: Final = 128
"""Two letters and two digits at the beginning of a word."""
BIRTH: Final = 256
"""A year of the last two centuries, or a date without one."""
TABLE: Final = 512
"""More than one line."""
SPELLED: Final = 2048
"""An `@` in brackets, with spaces or in words; odd separators between groups of digits."""
MIXED: Final = 1024
"""Six letters before two digits, a letter and two digits; six digits, a letter and three digits."""
ALWAYS: Final = 0
"""None of these: what can stand in any text that is not harmless."""

_TIME: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
"""A date, with or without a time of the day."""
_HARMLESS: Final = re.compile(
    r"(?:[A-Z]?[a-z]{0,20}+[ ./,()_-])*+[A-Z]?[a-z]{0,20}+"  # words
    r"|(?=.{1,10}$)(?!-)[A-Za-z ./,()_-]*[0-9]{1,5}[A-Za-z ./,()_-]*"  # a word and a small number
    rf"|{_TIME}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # UUID
    r"|(?=[0-9]*[a-f])(?![a-f]{2}[0-9]{12,30}$|(?:[2-7][0-9a-f]){8,32}$)[0-9a-f]{7,64}"  # hash, no text or account
    r"|v?(?:[0-9]{1,3}(?:\.[0-9]{1,3}){1,2}|20[0-9]{2}(?:\.[0-9]{1,2}){1,2})"  # version
)
_TIMES: Final = re.compile(_TIME)
_NUMBER: Final = re.compile(
    r"[0-9](?<![0-9].)(?![0-9]{3}-[0-9]{2}-[0-9]{2}(?![0-9]))(?:[ ().\-/+\t]{0,3}[0-9]){6}"
)
_ACCOUNT: Final = re.compile(
    r"[0-9](?<![0-9].)[0-9]"
    r"(?:(?<=[A-Za-z]{2}..)(?<![0-9A-Za-z]....)|(?<=[A-Za-z]{2}[ .-]..)(?<![0-9A-Za-z].....)|(?<=IBAN[A-Z]{2}..))"
    r"[ .\-_\n]?[0-9A-Za-z]{2}",
    re.DOTALL,
)
_MIXED: Final = re.compile(
    r"[0-9]{2}(?:(?<=[A-Za-z]{6}..)(?<![0-9A-Za-z].{8})[A-Za-z][0-9]{2}[A-Za-z]|[0-9]{4}[A-FU-Ya-fu-y][0-9]{3})"
)
_ODD_GROUPS: Final = re.compile(
    r"[0-9]{4}( {4,8}|[_:|*~\n\\]|\r\n|(?:</?[a-z]{1,6}>){1,2})[0-9]{4,6}\1[0-9]{4}"
)
YEARS: Final = re.compile(r"(?:19|20)[0-9]{2}|[0-9][-/.] ?[0-9]{1,2}[-/.] ?[0-9]{2}")
"""A year of the last two centuries, or a date without one."""
_RUN: Final = re.compile(r"(?<![0-9A-Za-z+/_.~-])[0-9A-Za-z+/_.~-]{11,}")
_WORDS: Final = re.compile(
    r"(?:[a-z]*+[./_-])*+[a-z]*+|(?!(?:[2-7][0-9a-f]|0[9ad]){8,}$)[0-9a-f-]*+"
)
_WORDS_WITH_TRAITS: Final = (
    *((scheme, SCHEME) for scheme in ("bearer", "basic", "digest", "negotiate", "apikey")),
    *((word, SPOKEN) for word in ("--", "passw", "passphrase", "secret", "pin ", " -u", "mysql")),
    *((word, SPELLED) for word in ("[at]", "(at)", "{at}", "<at>", "[@]", "(@)", " @ ", " dot ")),
    ("-----begin", ARMOUR),
)
"""Nearly all of them stand before a space, or hold one."""
_ANY_WORD: Final = re.compile("|".join(re.escape(word) for word, _ in _WORDS_WITH_TRAITS))
_LONG_TEXT: Final = 80
"""Characters, above which to search for each word takes less time than for any."""
_AT_SIGNS: Final = ("[@]", "(@)", "{@}", "[at]", "(at)", "{at}", "<at>", "[AT]", "(AT)")
_OUTLINE: Final = bytes.maketrans(
    b"123456789ABCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz", b"0" * 9 + b"a" * 51
)
"""Digits become 0, letters a: what a pattern needs is then a plain text to look for."""
_JOINED: Final = bytes.maketrans(b"a+/_.~-", b"0" * 7)
_LONG: Final = b"0" * 11
_FEWEST_DIGITS: Final = 7

Runs = list[re.Match[str]]


class Subject(NamedTuple):
    """A text under inspection."""

    text: str
    rule: KeyRule
    """What the key above the text says."""
    runs: Runs
    """Where encoded text and issued secrets can stand."""
    traits: int
    """AT | NUMBER | ..."""


def is_harmless(text: str) -> bool:
    """Whether the text is nothing but words, a time stamp, a UUID, a hash or a version."""
    return _HARMLESS.fullmatch(text) is not None and "(at)" not in text and " dot " not in text


def is_time(text: str) -> bool:
    """Whether the text is nothing but a time stamp: harmless whatever its digits are."""
    return _TIMES.fullmatch(text) is not None


def inspect(text: str, rule: KeyRule) -> Subject:
    """Return the text with its traits."""
    outline = text.encode("ascii", "replace").translate(_OUTLINE)
    runs: Runs = []
    if _LONG in outline.translate(_JOINED):
        runs = [run for run in _RUN.finditer(text) if not _WORDS.fullmatch(run[0])]
    traits = RUN if runs else 0
    if "@" in text:
        traits |= AT
    if ":" in text or ">" in text or ("=" in text and "=" in text.rstrip("=")):
        traits |= PAIR  # base64 ends in signs of equality behind which nothing stands
    if " " in text or "\t" in text:
        lowered = text.lower()
        if len(text) > _LONG_TEXT or _ANY_WORD.search(lowered):
            traits |= _of_sentences(lowered)
    elif ("at" in text or "@" in text or "AT" in text) and any(map(text.__contains__, _AT_SIGNS)):
        traits |= SPELLED
    if "\n" in text:
        traits |= TABLE
    return Subject(
        text, rule, runs, traits | _of_digits(text, outline) if b"0" in outline else traits
    )


def _of_sentences(lowered: str) -> int:
    traits = 0
    for word, trait in _WORDS_WITH_TRAITS:
        if word in lowered:
            traits |= trait
    return traits


def _of_digits(text: str, outline: bytes) -> int:
    """Return the traits that need digits: each pattern runs only where its plain outline is there."""
    traits = 0
    if outline.count(b"0") >= _FEWEST_DIGITS and _NUMBER.search(text):
        traits |= NUMBER
    if _may_hold_account(outline) and _ACCOUNT.search(text):
        traits |= ACCOUNT
    if _may_hold_date(outline) and YEARS.search(text):
        traits |= BIRTH
    if (b"a00a00a" in outline or b"000000a000" in outline) and _MIXED.search(text):
        traits |= MIXED
    if b"0000" in outline and _ODD_GROUPS.search(text):
        traits |= SPELLED
    return traits


def _may_hold_account(outline: bytes) -> bool:
    return b"aa00" in outline or b"aa 00" in outline or b"aa-00" in outline or b"aa.00" in outline


def _may_hold_date(outline: bytes) -> bool:
    is_numeric = b"0000" in outline or b"0.0" in outline or b"0-0" in outline
    return is_numeric or b"0/0" in outline or b"0. 0" in outline

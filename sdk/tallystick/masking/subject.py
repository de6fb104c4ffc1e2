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
"""An `@` with spaces or in words; odd separators between four digits and four more."""
MIXED: Final = 1024
"""Six letters before two digits, a letter and two digits; six digits, a letter and three digits."""
TRAITS: Final = 4095
"""All of these."""
ALWAYS: Final = 0
"""None of these: what can stand in any text that is not harmless."""

_HARMLESS: Final = re.compile(
    r"(?:[A-Z]?[a-z]{0,20}+[ ./,()_-])*+[A-Z]?[a-z]{0,20}+"  # words
    r"|(?=.{1,10}$)(?!-)[A-Za-z ./,()_-]*[0-9]{1,5}[A-Za-z ./,()_-]*"  # a word and a small number
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}"  # date and time
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # UUID
    r"|(?=[0-9]*[a-f])(?![a-f]{2}[0-9]{12,30}$|(?:[2-7][0-9a-f]){8,32}$)[0-9a-f]{7,64}"  # hash, no text or account
    r"|v?(?:[0-9]{1,3}(?:\.[0-9]{1,3}){1,2}|20[0-9]{2}(?:\.[0-9]{1,2}){1,2})"  # version
)
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
_SPELLED: Final = re.compile(
    r"[\[({<](?:[aA][tT]|@)[\])}>]| @ | (?:dot|DOT) |[0-9]{4}(?: {4,8}|[_:|*~\n\\]|\r\n|</)[^ ]{0,16}[0-9]{4}"
)
_BIRTH: Final = re.compile(r"(?:19|20)[0-9]{2}|[0-9][-/.] ?[0-9]{1,2}[-/.] ?[0-9]{2}")
_RUN: Final = re.compile(r"(?<![0-9A-Za-z+/_.~-])[0-9A-Za-z+/_.~-]{11,}")
_WORDS: Final = re.compile(
    r"(?:[a-z]*+[./_-])*+[a-z]*+|(?!(?:[2-7][0-9a-f]|0[9ad]){8,}$)[0-9a-f-]*+"
)
_WORDS_WITH_TRAITS: Final = (
    *((scheme, SCHEME) for scheme in ("bearer", "basic", "digest", "negotiate", "apikey")),
    *((word, SPOKEN) for word in ("--", "passw", "passphrase", "secret", "pin ", " -u", "mysql")),
    ("-----begin", ARMOUR),
)
"""All of them stand before a space, or hold one."""

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


def inspect(text: str, rule: KeyRule) -> Subject:
    """Return the text with its traits."""
    runs = [run for run in _RUN.finditer(text) if not _WORDS.fullmatch(run[0])]
    traits = RUN if runs else 0
    if "@" in text:
        traits |= AT
    if ":" in text or "=" in text or ">" in text:
        traits |= PAIR
    if " " in text or "\t" in text:
        traits |= _of_sentences(text.lower())
    if _NUMBER.search(text):
        traits |= NUMBER
    if _ACCOUNT.search(text):
        traits |= ACCOUNT
    if _BIRTH.search(text):
        traits |= BIRTH
    if _MIXED.search(text):
        traits |= MIXED
    if "\n" in text:
        traits |= TABLE
    if _SPELLED.search(text):
        traits |= SPELLED
    return Subject(text, rule, runs, traits)


def _of_sentences(lowered: str) -> int:
    traits = 0
    for word, trait in _WORDS_WITH_TRAITS:
        if word in lowered:
            traits |= trait
    return traits

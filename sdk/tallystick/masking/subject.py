"""What the detectors look at: a text, what its key says, and traits that are cheap to see.

Most texts of a tool call are plainly harmless. A detector runs only where a trait that it needs is
there, so that the cost of masking is a handful of scans and not one per pattern.
"""

import re
from dataclasses import dataclass
from typing import Final

from tallystick.masking.keys import KeyRule

AT: Final = 1
"""An `@`."""
NUMBER: Final = 2
"""Six digits or more with at most three separators between."""
RUN: Final = 4
"""Eleven characters or more of base64's alphabets, dots and tildes that are not words."""
PAIR: Final = 8
"""A colon, an equals sign or the end of a tag."""
SPOKEN: Final = 16
"""A command-line flag, or a word for a secret in a sentence."""
SCHEME: Final = 32
"""The name of an HTTP authentication scheme."""
ARMOUR: Final = 64
"""The beginning of an armoured block."""
ANYTHING: Final = 127
"""Any of these."""

_HARMLESS: Final = re.compile(
    r"(?:[A-Z]?[a-z]{0,20}+[ ./,()_-])*+[A-Z]?[a-z]{0,20}+"  # words
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}"  # date and time
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # UUID
    r"|(?=[0-9]*[a-f])[0-9a-f]{7,64}"  # hash
    r"|v?[0-9]{1,5}(?:\.[0-9]{1,6}){1,2}"  # version
)
_NUMBER: Final = re.compile(r"[0-9](?:[ ().\-/+\t]{0,3}[0-9]){5}")
_RUN: Final = re.compile(r"(?<![0-9A-Za-z+/_.~-])[0-9A-Za-z+/_.~-]{11,}")
_WORDS: Final = re.compile(r"(?:[a-z]*+[./_-])*+[a-z]*+")
_SCHEMES: Final = ("bearer", "basic", "digest", "negotiate", "apikey")
_SPOKEN: Final = ("--", "passw", "passphrase", "secret", "pin ")

Runs = list[re.Match[str]]


@dataclass(frozen=True, slots=True)
class Subject:
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
    return _HARMLESS.fullmatch(text) is not None


def inspect(text: str, rule: KeyRule) -> Subject:
    """Return the text with its traits."""
    runs = [run for run in _RUN.finditer(text) if not _WORDS.fullmatch(run[0])]
    lowered = text.lower()
    traits = RUN if runs else 0
    if "@" in text:
        traits |= AT
    if ":" in text or "=" in text or ">" in text:
        traits |= PAIR
    if "-----BEGIN" in text:
        traits |= ARMOUR
    if _NUMBER.search(text):
        traits |= NUMBER
    return Subject(text, rule, runs, traits | _spoken(lowered))


def _spoken(lowered: str) -> int:
    traits = 0
    for word in _SPOKEN:
        if word in lowered:
            traits = SPOKEN
            break
    for scheme in _SCHEMES:
        if scheme in lowered:
            return traits | SCHEME
    return traits

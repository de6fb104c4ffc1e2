"""What the name of a key says about its value: drop it unseen, put a token in its place, or look closer.

The name is cut into words (`customerFirst_name` -> customer, first, name), which are looked up in the
vocabulary. A name never exempts a value from masking by itself: only a name of a technical kind
together with a whole value of a safe shape does.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tallystick.masking import kinds, vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class KeyRule:
    """What a key's name says; names of one meaning share one object, so identity is a cache key."""

    kind: str | None = None
    """The kind of the value, as far as the name tells."""
    is_certain: bool = False
    """The whole value is of that kind, whatever it looks like."""
    shape: re.Pattern[str] | None = None
    """The name is ambiguous: only a value that this matches counts, or one beside personal data."""
    exempts: bool = False
    """A whole value of a safe shape (see `is_safe_value`) is not looked at further."""
    is_person: bool = False
    """The name stands for a person: an ambiguous key inside is taken as personal."""
    schema_of: "KeyRule | None" = None
    """The value is the JSON Schema of a property, whose data would follow this rule."""
    reaches_inside: bool = False
    """The keys inside are judged in the light of this one."""
    is_contextual: bool = False
    """The keys beside it decide about its value."""
    is_hint: bool = False
    """Only what its form shows to be of the kind is."""
    is_decreed: bool = False
    """Not a name but a rule for the place: true and false are covered too."""


PLAIN: Final = KeyRule()
"""A name that says nothing."""
PERSONAL: Final = KeyRule(kinds.PERSON, is_certain=True, reaches_inside=True)
"""A name that stands for something personal, or an ambiguous one beside personal data."""
SCHEMAS: Final = KeyRule(reaches_inside=True)
"""The value is a mapping of property names to JSON Schemas: names of data, not data."""

_SECRET: Final = KeyRule(kinds.SECRET, is_certain=True)
_SECRET_OR_ID: Final = KeyRule(kinds.SECRET, is_certain=True, exempts=True)
_TECHNICAL: Final = KeyRule(exempts=True)
_PERSON_RECORD: Final = KeyRule(is_person=True, reaches_inside=True)
IN_CONTEXT: Final = KeyRule(is_contextual=True)
_CONTEXTUAL: Final = vocabulary.SCHEMA_NAMES | {"value"}
"""The value of a `key` beside it; the names of schemas."""
_EMAIL: Final = KeyRule(kinds.EMAIL)
_PHONE: Final = KeyRule(kinds.PHONE)
_CARD: Final = KeyRule(kinds.CARD)

_HUMAN_NAME: Final = re.compile(
    r"[^\W\d_a-z][^\W\d_]*(?:[ '.\u2019-]{1,2}[^\W\d_a-z][^\W\d_]*){1,4}\.?"
)
_POSTAL_CODE: Final = re.compile(
    r"[0-9]{3,5}(?:[ -]?[0-9]{2,5})?|[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}"
)
_NO_MACHINE_ADDRESS: Final = re.compile(
    r"(?![0-9.]+(?::[0-9]+)?$|[0-9a-fA-F]*:[0-9a-fA-F:.]*(?:%\w+)?$|0x[0-9a-fA-F]+$|[^\s:]+:[0-9]+$|[a-z][a-z0-9+.-]*://)"
    r"(?=.*[\s,0-9])(?s:.+)"
)
ADDRESS: Final = KeyRule(kinds.PERSON, shape=_NO_MACHINE_ADDRESS, is_contextual=True)

# Whole names, their words joined, for which the value's shape decides.
_AMBIGUOUS: Final = {
    "name": KeyRule(kinds.PERSON, shape=_HUMAN_NAME, is_contextual=True),
    "displayname": KeyRule(kinds.PERSON, shape=_HUMAN_NAME, is_contextual=True),
    "zip": KeyRule(kinds.PERSON, shape=_POSTAL_CODE, is_contextual=True),
    "address": ADDRESS,
}
_BY_ENDING: Final = (
    (_EMAIL, vocabulary.EMAIL_ENDINGS),
    (_PHONE, vocabulary.PHONE_ENDINGS),
    (_CARD, vocabulary.CARD_ENDINGS),
    (KeyRule(kinds.IBAN), vocabulary.IBAN_ENDINGS),
    (KeyRule(kinds.UK_NINO), vocabulary.UK_NINO_ENDINGS),
    (
        KeyRule(kinds.NATIONAL_ID, is_certain=True, reaches_inside=True),
        vocabulary.NATIONAL_ID_ENDINGS,
    ),
    (PERSONAL, vocabulary.PERSON_ENDINGS),
)
_BY_LAST_WORD: Final = {
    "mail": _EMAIL,
    "tel": _PHONE,
    "fax": _PHONE,
    "card": _CARD,
    "pan": _CARD,
    "cc": KeyRule(kinds.CARD, is_hint=True),  # a copy of a message, too
    "dob": PERSONAL,
    "born": PERSONAL,
    "birth": PERSONAL,
}
_NATIONAL_ID_NAME: Final = KeyRule(kinds.NATIONAL_ID)
_LETTERS: Final = str.maketrans({"\u0142": "l", "\u00f8": "o", "\u00e6": "ae", "\u00df": "ss"})
"""What no decomposition brings to ASCII."""
_OF_PERSONS: Final = frozenset({kinds.EMAIL, kinds.PHONE, kinds.NATIONAL_ID, kinds.UK_NINO})

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD: Final = re.compile(r"[^\W_]+")
_MARKED: Final = re.compile(r"\[[a-z_]+(?::[^\]]*)?\]")
"""A marker in a masked key: `[secret]` names no secret."""
_LONGEST_NAME: Final = 128
"""A longer key is text, not a name."""

_SAFE_VALUE: Final = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # UUID
    r"|[0-9a-f]{7,128}|[0-9A-F]{7,128}"  # hash, trace id
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}"  # date and time
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?: ?Z| ?[+-][0-9]{2}:?[0-9]{2})?)?"
    r"|[+-]?[0-9]{1,19}(?:\.[0-9]{1,19})?"  # number
    r"|v?[0-9]{1,5}(?:\.[0-9]{1,6}){1,3}"  # version
)


@lru_cache(maxsize=4096)
def key_rule(name: str) -> KeyRule:
    """Return what the name of a key says about its value."""
    if len(name) > _LONGEST_NAME:
        return PLAIN
    words = _WORD.findall(_without_accents(_CAMEL.sub(" ", _MARKED.sub(" ", name)).lower()))
    if not words:
        return PLAIN
    if name in _CONTEXTUAL:
        return IN_CONTEXT
    joined = "".join(words)
    return _secret(words, joined) or _personal(words[-1], joined) or _technical(words)


@lru_cache(maxsize=256)
def schema_rule(rule: KeyRule) -> KeyRule:
    """Return the rule for the schema of a property whose data follows `rule`."""
    return KeyRule(schema_of=rule, reaches_inside=True)


@lru_cache(maxsize=64)
def decreed(kind: str) -> KeyRule:
    """Return the rule of a place whose whole value is taken for `kind`."""
    return KeyRule(kind, is_certain=True, reaches_inside=True, is_decreed=True)


def are_of_a_person(rules: Iterable[KeyRule]) -> bool:
    """Whether one of these keys of a mapping holds what only a person has."""
    return any(rule is PERSONAL or rule.kind in _OF_PERSONS for rule in rules)


def are_of_a_thing(names: Iterable[str]) -> bool:
    """Whether one of these keys of a mapping is typical of things."""
    return any(name.lower().replace("_", "") in vocabulary.THING_WORDS for name in names)


def is_safe_value(text: str) -> bool:
    """Whether the whole of `text` is a UUID, a hash, a time stamp, a number or a version."""
    return _SAFE_VALUE.fullmatch(text) is not None


def _without_accents(name: str) -> str:
    if name.isascii():
        return name
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    return "".join(one for one in plain if not unicodedata.combining(one))


def _secret(words: list[str], joined: str) -> KeyRule | None:
    if joined.endswith(vocabulary.SECRET_OR_ID_ENDINGS):
        return _SECRET_OR_ID
    if words[-1] in vocabulary.HARMLESS_LAST:
        return None
    by_ending = joined.endswith(vocabulary.SECRET_ENDINGS) or words[-1] in vocabulary.SECRET_LAST
    return _SECRET if by_ending or not vocabulary.SECRET_WORDS.isdisjoint(words) else None


def _personal(last: str, joined: str) -> KeyRule | None:
    stem = joined.rstrip("0123456789")
    for rule, endings in _BY_ENDING:
        if stem.endswith(endings):
            return rule
    found = _AMBIGUOUS.get(stem) or _BY_LAST_WORD.get(last)
    if stem in vocabulary.NATIONAL_ID_NAMES or last in vocabulary.NATIONAL_ID_NAMES:
        found = _NATIONAL_ID_NAME
    is_record = last in vocabulary.PERSON_WORDS or last.removesuffix("s") in vocabulary.PERSON_WORDS
    return found or (_PERSON_RECORD if is_record else None)


def _technical(words: list[str]) -> KeyRule:
    is_numbered = words[-1] in vocabulary.NUMBERING and not vocabulary.NUMBERED.isdisjoint(words)
    return _TECHNICAL if is_numbered or words[-1] in vocabulary.TECHNICAL_LAST else PLAIN

"""Cards and telephone numbers: what a run of digit groups can be.

A run such as `07700 900123 4111 1111 1111 1111` may hold several numbers, so it is cut into its groups
and read from the left, the longest reading first. Dates, addresses of machines and identifiers are
recognised by their form and passed over.
"""

import re
from collections.abc import Iterator
from typing import Final

from tallystick.masking import kinds
from tallystick.masking.checksums import CARD_LENGTHS, is_card
from tallystick.masking.hits import Hit
from tallystick.masking.keys import KeyRule
from tallystick.masking.phones import (
    PHONE_LENGTHS,
    Written,
    is_phone,
    surroundings,
)
from tallystick.masking.subject import Subject

Span = tuple[int, int]

_RUN: Final = re.compile(r"[0-9](?:[ ().\-/+\t]{0,3}[0-9]){6,}")
_GROUP: Final = re.compile(r"[0-9]+")
_PASSED_OVER: Final = re.compile(
    r"(?:[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2[0-9]{4})(?![0-9])"  # dates
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9]|\.[0-9])"  # IPv4
)
_PREFIX: Final = re.compile(r"(?:\+ ?)?\(?\+?$")
_EXTENSION: Final = re.compile(r" ?(?:x|ext\.?|#) ?[0-9]{1,6}(?![0-9A-Za-z])")
_IDENTIFIER_CHARS: Final = re.compile(r"[0-9A-Za-z-]*")
_IDENTIFIER: Final = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=[0-9]*[a-fA-F])[0-9a-fA-F]{14,}"
)
_CARD_CONTEXT: Final = re.compile(r"card|\bpan\b|visa|amex|maestro|mastercard|karte|carte|tarjeta")
_MOST_GROUPS: Final = 19
"""A card written digit by digit."""
_LONGEST_CARD_GROUP: Final = 8
_NEAR_CHARS: Final = 64
_SURE_CARD_LENGTHS: Final = (14, 15, 16)
"""Other lengths collide with article numbers and counters: they need a word before."""
_NINETEEN: Final = (4, 4, 4, 4, 3)


def find_numbers(subject: Subject) -> Iterator[Hit]:
    """Find cards and telephone numbers. Linear: at most `_MOST_GROUPS` readings per group."""
    text = subject.text
    for run in _RUN.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, *run.span())]
        yield from _read(text, groups, subject.rule)


def _read(text: str, groups: list[Span], rule: KeyRule) -> Iterator[Hit]:
    first = 0
    while first < len(groups):
        passed = _passed_over(text, groups, first)
        if passed:
            first += passed
            continue
        for last in range(min(first + _MOST_GROUPS, len(groups)), first, -1):
            hit = _classify(text, groups[first:last], rule)
            if hit is not None:
                yield hit
                first = last - 1
                break
        first += 1


def _passed_over(text: str, groups: list[Span], first: int) -> int:
    """Return how many groups from here form a date or a machine's address."""
    form = _PASSED_OVER.match(text, groups[first][0])
    if form is None or (groups[first][0] > 0 and text[groups[first][0] - 1] in "+("):
        return 0
    return sum(1 for start, _ in groups[first : first + 4] if start < form.end())


def _classify(text: str, groups: list[Span], rule: KeyRule) -> Hit | None:
    size = sum(end - start for start, end in groups)
    if size in CARD_LENGTHS and _is_card_here(text, groups, size, rule):
        return Hit(groups[0][0], groups[-1][1], kinds.CARD)
    if size in PHONE_LENGTHS:
        return _phone_here(text, groups, rule)
    return None


def _is_card_here(text: str, groups: list[Span], size: int, rule: KeyRule) -> bool:
    if len(groups) > 1 and max(end - start for start, end in groups) > _LONGEST_CARD_GROUP:
        return False
    if not is_card("".join(text[start:end] for start, end in groups)):
        return False
    start, end = groups[0][0], groups[-1][1]
    if text[start - 1 : start] == "+":
        return False
    is_sure = size in _SURE_CARD_LENGTHS or tuple(end - start for start, end in groups) == _NINETEEN
    if not is_sure and rule.kind != kinds.CARD:
        return _CARD_CONTEXT.search(text[max(0, start - _NEAR_CHARS) : start].lower()) is not None
    return not _is_identifier(text, start, end)


def _phone_here(text: str, groups: list[Span], rule: KeyRule) -> Hit | None:
    start, end = groups[0][0], groups[-1][1]
    prefix = _PREFIX.search(text, max(0, start - 4), start)
    begin = prefix.start() if prefix else start
    if _is_glued(text, begin, end):
        return None
    number = Written(
        digits="".join(text[one:other] for one, other in groups),
        groups=tuple(other - one for one, other in groups),
        separators="".join(text[groups[i][1] : groups[i + 1][0]] for i in range(len(groups) - 1)),
        is_international="+" in text[begin:start],
        is_bracketed="(" in text[begin:start],
    )
    if not is_phone(number, surroundings(text, begin, end, rule)):
        return None
    extension = _EXTENSION.match(text, end)
    return Hit(begin, extension.end() if extension else end, kinds.PHONE)


def _is_glued(text: str, start: int, end: int) -> bool:
    """Whether letters touch the number, or it is a piece of a longer identifier."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isalnum() or before == "." or (after.isalnum() and not _EXTENSION.match(text, end)):
        return True
    return (before == "-" or after == "-") and _is_identifier(text, start, end)


def _is_identifier(text: str, start: int, end: int) -> bool:
    """Whether the number stands inside a UUID or a hash."""
    near = text[max(0, start - _NEAR_CHARS) : start][::-1]
    left = _IDENTIFIER_CHARS.match(near)
    right = _IDENTIFIER_CHARS.match(text, end, end + _NEAR_CHARS)
    whole = text[start - (left.end() if left else 0) : right.end() if right else end]
    return _IDENTIFIER.fullmatch(whole) is not None

"""Cards and telephone numbers: what a run of digit groups can be.

A run such as `07700 900123 4111 1111 1111 1111` may hold several numbers, so it is cut into its groups
and read from the left, the longest reading first. Dates, addresses of machines and identifiers are
recognised by their form and passed over.
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from tallystick.masking import around, kinds
from tallystick.masking.checksums import CARD_LENGTHS, is_card, luhn_holds
from tallystick.masking.hits import Hit
from tallystick.masking.keys import KeyRule
from tallystick.masking.phones import (
    PHONE_LENGTHS,
    Opening,
    Written,
    is_counted,
    is_phone,
    opening_at,
)
from tallystick.masking.subject import Subject

RUN_OF_DIGITS: Final = re.compile(
    r"[0-9](?<![0-9].)(?![0-9]{3}-[0-9]{2}-[0-9]{2}(?![0-9]))(?:[ ().\-/+\t]{0,3}[0-9]){6,}"
)
_GROUP: Final = re.compile(r"[0-9]+")
_PASSED_OVER: Final = re.compile(
    r"(?:[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2[0-9]{4})(?![0-9])"  # dates
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9]|\.[0-9])"  # IPv4
)
_EXTENSION: Final = re.compile(r" ?(?:x|ext\.?|#) ?[0-9]{1,6}(?![0-9A-Za-z])")
_IDENTIFIER_CHARS: Final = re.compile(r"[0-9A-Za-z-]*")
_IDENTIFIER: Final = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=[0-9]*[a-fA-F])[0-9a-fA-F]{14,}"
)
_FRACTION: Final = re.compile(r"[0-9]\.")
_CARD_CONTEXT: Final = re.compile(
    r"card|\bpan\b|\bcc(?:num|n)?\b|visa|amex|maestro|mastercard|karte|carte|tarjeta|carta di|kaart"
)
_MOST_GROUPS: Final = 19
"""A card written digit by digit."""
_LONGEST_CARD_GROUP: Final = 8
_NEAR_CHARS: Final = 64
_SURE_CARD_LENGTHS: Final = (14, 15, 16)
"""Other lengths collide with article numbers and counters."""
_NINETEEN: Final = (4, 4, 4, 4, 3)
_OLD_VISA: Final = (13,)
"""As long as an article number, of which some begin with a 4."""


class Run(NamedTuple):
    """Groups of digits with nothing but separators between them."""

    text: str
    rule: KeyRule
    spans: list[tuple[int, int]]
    """Where each group stands in the text."""
    lengths: tuple[int, ...]
    digits: str
    """The digits of all groups, joined."""
    offsets: list[int]
    """Where each group begins in `digits`, and the end."""

    @classmethod
    def of(cls, subject: Subject, start: int, end: int) -> "Run":
        """Cut `text[start:end]` into its groups."""
        spans = [group.span() for group in _GROUP.finditer(subject.text, start, end)]
        lengths = tuple(last - first for first, last in spans)
        digits = "".join(subject.text[first:last] for first, last in spans)
        return cls(
            subject.text, subject.rule, spans, lengths, digits, list(accumulate(lengths, initial=0))
        )


def find_numbers(subject: Subject) -> Iterator[Hit]:
    """Find cards and telephone numbers. Linear: at most `_MOST_GROUPS` readings per group."""
    for run in RUN_OF_DIGITS.finditer(subject.text):
        yield from _read(Run.of(subject, *run.span()))


def _read(run: Run) -> Iterator[Hit]:
    first = 0
    while first < len(run.spans):
        passed = _passed_over(run, first)
        if passed:
            first += passed
            continue
        hit, taken = _number_at(run, first)
        if hit is not None:
            yield hit
        first += taken


def _passed_over(run: Run, first: int) -> int:
    """Return how many groups from here form a date or a machine's address."""
    start = run.spans[first][0]
    form = _PASSED_OVER.match(run.text, start)
    if form is None or (start > 0 and run.text[start - 1] in "+("):
        return 0
    return sum(1 for place, _ in run.spans[first : first + 4] if place < form.end())


def _number_at(run: Run, first: int) -> tuple[Hit | None, int]:
    """Return the longest number that begins with this group, and how many groups it takes."""
    begin = run.offsets[first]
    if run.offsets[-1] - begin < PHONE_LENGTHS.start:
        return None, len(run.spans) - first
    opening = opening_at(
        run.text, run.spans[first][0], run.spans[0][0], run.lengths[first : first + 2], run.rule
    )
    for last in range(min(first + _MOST_GROUPS, len(run.spans)), first, -1):
        size = run.offsets[last] - begin
        if size < PHONE_LENGTHS.start:
            break
        if size in CARD_LENGTHS and _is_card_here(run, first, last):
            return Hit(run.spans[first][0], run.spans[last - 1][1], kinds.CARD), last - first
        hit = _phone_here(run, first, last, opening) if opening and size in PHONE_LENGTHS else None
        if hit is not None:
            return hit, last - first
    return None, 1


def _is_card_here(run: Run, first: int, last: int) -> bool:
    lengths = run.lengths[first:last]
    if lengths[0] == 1 and 1 in (run.lengths[first - 1 : first] + run.lengths[last : last + 1]):
        return False  # a piece of a longer list of single digits
    digits = run.digits[run.offsets[first] : run.offsets[last]]
    if not luhn_holds(digits) or not (is_card(digits) or _is_named_card(run, first)):
        return False
    if len(lengths) > 1 and max(lengths) > _LONGEST_CARD_GROUP:
        return False
    start, end = run.spans[first][0], run.spans[last - 1][1]
    if run.text[start - 1 : start] == "+" or _FRACTION.match(run.text, max(0, start - 2), start):
        return False
    is_expected = sum(lengths) in _SURE_CARD_LENGTHS or _is_card_expected(run, first, last)
    return is_expected and not _is_identifier(run.text, start, end)


def _is_card_expected(run: Run, first: int, last: int) -> bool:
    """Whether a number of an unusual length stands where a card number would: it may be a counter."""
    lengths, (start, _), (_, end) = run.lengths[first:last], run.spans[first], run.spans[last - 1]
    if lengths == _NINETEEN or _is_named_card(run, first):
        return True
    if end - start == len(run.text):
        return False  # a whole value of such a length is more often an identifier than a number in a text
    if lengths == _OLD_VISA and run.text[start] == "4":
        return not around.announces_count(around.before(run.text, start, _NEAR_CHARS))
    return lengths == (sum(_NINETEEN),)


def _is_named_card(run: Run, first: int) -> bool:
    """Whether the key, or a word before the number, speaks of cards."""
    start = run.spans[first][0]
    if run.rule.kind == kinds.CARD or start - run.spans[0][0] >= _NEAR_CHARS:
        return run.rule.kind == kinds.CARD  # nothing but digits stands before it
    return _CARD_CONTEXT.search(around.before(run.text, start, _NEAR_CHARS)) is not None


def _phone_here(run: Run, first: int, last: int, opening: Opening) -> Hit | None:
    end = run.spans[last - 1][1]
    number = Written(
        digits=run.digits[run.offsets[first] : run.offsets[last]],
        groups=run.lengths[first:last],
        written=run.text[run.spans[first][0] : end],
        opening=opening,
        is_counted=is_counted(run.text, end),
    )
    if not is_phone(number) or _is_glued(run.text, opening.start, end):
        return None
    extension = _EXTENSION.match(run.text, end)
    return Hit(opening.start, extension.end() if extension else end, kinds.PHONE)


def _is_glued(text: str, start: int, end: int) -> bool:
    """Whether letters follow at once, or the number is a piece of a longer identifier."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if after.isalnum() and not _EXTENSION.match(text, end):
        return True
    return (before == "-" or after == "-") and _is_identifier(text, start, end)


def _is_identifier(text: str, start: int, end: int) -> bool:
    """Whether the number stands inside a UUID or a hash."""
    near = text[max(0, start - _NEAR_CHARS) : start][::-1]
    left = _IDENTIFIER_CHARS.match(near)
    right = _IDENTIFIER_CHARS.match(text, end, end + _NEAR_CHARS)
    whole = text[start - (left.end() if left else 0) : right.end() if right else end]
    return _IDENTIFIER.fullmatch(whole) is not None

"""Detectors: each finds one family of data in a text and validates what it found.

`DETECTORS` is the whole list. A country's identity number or a new kind of account is one more function
and one more line there; kinds that the policy keeps are not looked for at all.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tallystick.masking import kinds
from tallystick.masking.births import find_births
from tallystick.masking.checksums import iban_length, is_iban
from tallystick.masking.columns import find_cells, find_columns
from tallystick.masking.credentials import (
    find_after_schemes,
    find_issued,
    find_private_keys,
    find_url_users,
)
from tallystick.masking.digits import find_numbers
from tallystick.masking.elided import find_elided
from tallystick.masking.hits import Hit
from tallystick.masking.keys import KeyRule
from tallystick.masking.national import find_fiscal_codes, find_national_ids
from tallystick.masking.pairs import find_pairs, find_spoken
from tallystick.masking.spelled import find_odd_cards, find_spelled_emails
from tallystick.masking.subject import (
    ACCOUNT,
    ALWAYS,
    ARMOUR,
    AT,
    BIRTH,
    MIXED,
    NUMBER,
    PAIR,
    RUN,
    SCHEME,
    SPELLED,
    SPOKEN,
    TABLE,
    Subject,
)

_DOMAIN: Final = re.compile(
    r"@(?:[^\W_](?:[\w-]{0,62})\.){1,8}(?:xn--[0-9a-z-]{2,58}|[^\W\d_]{2,24})"
)
_NO_LOCAL: Final = re.compile(r"[^\w.!$*+^~'-]")
_LOCAL_CHARS: Final = 128
"""RFC 5321 allows 64; more is taken along rather than left in sight."""
_URL_USER: Final = re.compile(r"://(?:[^\s/@]*:[^\s/@]*|[^\s/@]{16,})$")
"""Before the `@` of a URL with credentials, which are found as a secret."""
_REPOSITORY_USERS: Final = frozenset({"git", "hg"})
_NINO: Final = re.compile(
    r"[0-9](?:(?<=[A-Za-z][0-9])|(?<=[A-Za-z][ .-][0-9]))[0-9](?:[ .-]?[0-9]{2}){2}(?:[ .-]?[A-DTa-dt](?![0-9A-Za-z]))?"
)
_NINO_LETTERS: Final = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[ .-]?$")
_NINO_UNUSED: Final = frozenset({"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"})
_NINO_EXAMPLES: Final = frozenset({"QQ", "ZZ"})
"""Never issued, and what everybody writes in examples; ZZ with a T at its end."""
_NINO_CONTEXT: Final = re.compile(r"\bni\b|nino|national insurance|insurance n")
_HEX: Final = frozenset("abcdef")
_IBAN_START: Final = re.compile(
    r"[0-9](?:(?<=^[A-Za-z]{2}[0-9])|(?<=[^0-9A-Za-z][A-Za-z]{2}[0-9])|(?<=IBAN[A-Za-z]{2}[0-9]))[0-9]"
    r"(?=[ .\-_\n]?[0-9A-Za-z]{4})"
)
_GAPS: Final = frozenset(" .-_\n")
"""What may stand between the groups of an account number."""
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ALPHANUMERIC: Final = re.compile(r"[0-9A-Za-z]")
_IPV4: Final = re.compile(
    r"(?<![0-9A-Za-z_.-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z_-]|\.[0-9])"
)
_IPV6: Final = re.compile(
    r"(?<![0-9A-Za-z_:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z_:])"
)
_VERSION: Final = re.compile(r"(?:rv:|[vV]ersion[ :=]{1,2})$")
_CONTEXT_CHARS: Final = 40

Find = Callable[[Subject], Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Detector:
    """One family of data."""

    kinds: frozenset[str]
    """What it can find."""
    needs: int
    """The trait without which there is nothing to find (see `subject`), or ALWAYS."""
    find: Find
    """Linear in the text; yields validated places, in any order."""


def find_emails(subject: Subject) -> Iterator[Hit]:
    """Find e-mail addresses: from each `@`, the domain forwards and the local part backwards."""
    text = subject.text
    for domain in _DOMAIN.finditer(text):
        start = _local_start(text, domain.start())
        if start < domain.start() and not _is_login(text, start, domain):
            yield Hit(start, domain.end(), kinds.EMAIL)


def find_uk_ninos(subject: Subject) -> Iterator[Hit]:
    """Find UK national insurance numbers: two letters, six digits, a letter from A to D."""
    text, rule = subject.text, subject.rule
    for digits in _NINO.finditer(text):
        prefix = _NINO_LETTERS.search(text, max(0, digits.start() - 3), digits.start())
        if prefix and _is_nino(text, prefix.start(), digits.end(), rule):
            yield Hit(prefix.start(), digits.end(), kinds.UK_NINO)


def find_ibans(subject: Subject) -> Iterator[Hit]:
    """Find bank account numbers by their country's length and the mod-97 check."""
    text = subject.text
    for match in _IBAN_START.finditer(text):
        start = match.start() - 2
        if _UUID.match(text, start):
            continue
        length = iban_length(text[start : match.start()].upper())
        end = None if length is None else _end_of(text, start, length)
        if end is not None and is_iban("".join(_ALPHANUMERIC.findall(text[start:end])).upper()):
            yield Hit(start, end, kinds.IBAN)


def find_ips(subject: Subject) -> Iterator[Hit]:
    """Find IPv4 and IPv6 addresses; off in the default policy."""
    for form in (_IPV4, _IPV6):
        for match in form.finditer(subject.text):
            is_version = _VERSION.search(subject.text, max(0, match.start() - 9), match.start())
            if is_version is None and _is_ip(match[0]):
                yield Hit(*match.span(), kinds.IP)


def is_nino_prefix(prefix: str) -> bool:
    """Whether national insurance numbers begin with these two letters, at least in examples."""
    is_unused = prefix[0] in "DFIQUV" or prefix[1] in "DFIOQUV" or prefix in _NINO_UNUSED
    return prefix in _NINO_EXAMPLES or not is_unused


DETECTORS: Final = (
    Detector(frozenset({kinds.SECRET}), RUN, find_issued),
    Detector(frozenset({kinds.SECRET}), ARMOUR, find_private_keys),
    Detector(frozenset({kinds.SECRET}), AT, find_url_users),
    Detector(frozenset({kinds.SECRET}), SCHEME, find_after_schemes),
    Detector(frozenset({kinds.SECRET}), SPOKEN, find_spoken),
    Detector(frozenset({kinds.SECRET, kinds.PERSON, kinds.NATIONAL_ID}), PAIR, find_pairs),
    Detector(frozenset({kinds.EMAIL}), AT, find_emails),
    Detector(frozenset({kinds.EMAIL}), SPELLED, find_spelled_emails),
    Detector(frozenset({kinds.CARD}), SPELLED, find_odd_cards),
    Detector(frozenset({kinds.CARD, kinds.PHONE}), NUMBER, find_numbers),
    Detector(frozenset({kinds.IBAN}), ACCOUNT, find_ibans),
    Detector(frozenset({kinds.UK_NINO}), ACCOUNT, find_uk_ninos),
    Detector(frozenset({kinds.NATIONAL_ID}), NUMBER | MIXED, find_national_ids),
    Detector(frozenset({kinds.NATIONAL_ID}), MIXED, find_fiscal_codes),
    Detector(frozenset({kinds.PERSON}), BIRTH, find_births),
    Detector(frozenset(kinds.ALL), TABLE, find_columns),
    Detector(frozenset(kinds.ALL), PAIR, find_cells),
    Detector(frozenset({kinds.WITHHELD}), PAIR, find_elided),
    Detector(frozenset({kinds.IP}), ALWAYS, find_ips),
)


def _local_start(text: str, at: int) -> int:
    low = max(0, at - _LOCAL_CHARS)
    if text[at - 1 : at] == '"':  # a quoted local part
        opening = text.rfind('"', low, at - 1)
        return opening if opening >= 0 else at
    stop = _NO_LOCAL.search(text[low:at][::-1])
    start = at - stop.start() if stop else low
    while start < at and text[start] in "'.-":
        start += 1
    return start


def _is_login(text: str, start: int, domain: re.Match[str]) -> bool:
    """Whether `local@domain` is where to log in, not whom to write: `git@host:path`, a URL's user."""
    if text[start : domain.start()] in _REPOSITORY_USERS:
        return text[domain.end() : domain.end() + 1] in (":", "/")
    return _URL_USER.search(text, max(0, start - _LOCAL_CHARS), domain.start()) is not None


def _is_nino(text: str, start: int, end: int, rule: KeyRule) -> bool:
    number = "".join(_ALPHANUMERIC.findall(text[start:end]))
    prefix = number[:2].upper()
    if not is_nino_prefix(prefix) or (number[-1] in "Tt") != (
        prefix == "ZZ" and number[-1].isalpha()
    ):
        return False
    is_short = number[-1].isdigit()
    is_hash_like = end - start == len(number) and set(number) - set("0123456789") <= _HEX
    if not (is_short or is_hash_like):
        return True
    if text[end : end + 1].isalnum():
        return False
    before = text[max(0, start - _CONTEXT_CHARS) : start].lower()
    return rule.kind == kinds.UK_NINO or _NINO_CONTEXT.search(before) is not None


def _end_of(text: str, start: int, length: int) -> int | None:
    """Return where `length` letters and digits end, single separators between them allowed."""
    left = length
    for position in range(start, min(len(text), start + 2 * length)):
        if text[position].isascii() and text[position].isalnum():
            left -= 1
            if left == 0:
                glued = _ALPHANUMERIC.match(text, position + 1)
                return None if glued else position + 1
        elif text[position] not in _GAPS or text[position - 1] in _GAPS:
            return None
    return None


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return text not in ("::", ":::")

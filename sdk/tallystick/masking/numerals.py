"""Numbers that stand alone: a whole value of nothing but digits, below a key that names no kind.

The same answer as that of the detectors, which need not run: without a word, a plus or a separator around it, a
number of most lengths can be nothing personal, and one of the others is told by its first or its check digits.
"""

from collections.abc import Callable
from typing import Final

from tallystick.masking.checksums import is_card
from tallystick.masking.national import is_national_id_alone

_HEX_OF_TEXT: Final = frozenset("234567")
"""First digits of text that is written in hexadecimal."""


def may_tell(digits: str) -> bool:
    """Whether ASCII digits that are the whole of a value may be more than a number. Never wrongly False."""
    if digits[0] == "0":
        return True
    return _MAY_TELL.get(len(digits), _of_any_length)(digits)


def _never(_digits: str) -> bool:
    return False


def _of_any_length(_digits: str) -> bool:
    return True


def _is_uk_mobile(digits: str) -> bool:
    return digits.startswith("447")


def _is_card_or_national_id(digits: str) -> bool:
    return is_card(digits) or is_national_id_alone(digits)


def _is_card_or_text(digits: str) -> bool:
    return is_card(digits) or digits[0] in _HEX_OF_TEXT


def _is_text(digits: str) -> bool:
    return digits[0] in _HEX_OF_TEXT


_MAY_TELL: Final[dict[int, Callable[[str], bool]]] = {
    **dict.fromkeys((*range(1, 11), 17, 19), _never),
    11: is_national_id_alone,
    12: _is_uk_mobile,
    13: is_national_id_alone,
    14: is_card,
    15: _is_card_or_national_id,
    16: _is_card_or_text,
    18: _is_text,
}

"""What stands before a number: the words that may say what it is.

A word speaks of the next number, not of the one behind it: what stands before another number or a marker
counts only where nothing but the separators of a list lie between the two.
"""

import re
from typing import Final

_LAST_NUMBER: Final = re.compile(
    r".*(?:[0-9](?:[ ./()-]{0,3}[0-9]){5}|\[[a-z_]{2,20}(?::[^\]\s]{1,44})?\])[0-9]*", re.DOTALL
)
_OWN_NAME: Final = re.compile(
    r".*(?:[{&?\n]\s{0,8}|,\s{0,3}(?=[\"']))[\"']?[\w .-]{1,40}[\"']?[ \t]{0,3}[:=]\s{0,3}[\"']?\(?\+?",
    re.DOTALL,
)
"""The number is the value of a key of its own."""
_OWN: Final = re.compile(r"[\w .-]+[\"']?[ \t]*[:=][^:=]*\Z")
_LIST: Final = re.compile(r"(?:,? |/| / )(?:(?:or|and|oder|und|ou|et|o|y|e|en|of|i|lub) )?\(?\+?")

_COUNTED: Final = re.compile(
    r"(?:order|invoice|article|barcode|ticket|issue|build|sku|ean|isbn|gtin|job|run|part|ref|reference|epoch|(?<![a-z])(?:id|pr|ts))"
    r"[ _-]?(?:no|nr|number|id|key)?[\"'. :=#]{0,4}$"
)


def before(text: str, start: int, chars: int) -> str:
    """Return, in lower case, what of the `chars` characters before `start` can speak of what begins there."""
    near = text[max(0, start - chars) : start].lower()
    if _OWN_NAME.fullmatch(near):
        own = _OWN.search(near)
        near = near if own is None else own[0]
    number = _LAST_NUMBER.match(near)
    if number is None or _LIST.fullmatch(near, number.end()):
        return near
    return near[number.end() :]


def announces_count(near: str) -> bool:
    """Whether what stands before a number ends with the name of a thing that is counted: "order no. "."""
    return _COUNTED.search(near) is not None

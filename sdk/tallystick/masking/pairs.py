"""Keys and values inside a text: `password=...`, `"api_key": "..."`, `Cookie: ...`, `--token ...`.

Tool results are often text with fragments of JSON, YAML, query strings or headers in it. The name before
each separator is judged by the same rules as the key of a dict.
"""

import re
from collections.abc import Iterator
from typing import Final

from tallystick.masking import kinds
from tallystick.masking.credentials import looks_random
from tallystick.masking.hits import Hit
from tallystick.masking.keys import PLAIN, KeyRule, is_safe_value, key_rule
from tallystick.masking.subject import Subject
from tallystick.masking.tokens import is_marker
from tallystick.masking.vocabulary import NO_VALUES

_SEPARATOR: Final = re.compile(r"[:=>](?<![0-9]{2}.)(?!//)")
"""Not the colon of a time of day, nor of a URL."""
_NAME_REVERSED: Final = re.compile(
    r"[ \t]{0,3}(?:>\w{1,8}/<)?[*`]{0,3}[\"']?\\{0,3}([\w.\-]{2,64})(?![\w.\-])(.?)", re.DOTALL
)
_LOOK_BACK_CHARS: Final = 72
_VALUE: Final = re.compile(
    r"[>=]?[*`]{0,3}\s{0,3}(?:</[A-Za-z]\w{0,9}>\s{0,3}(?:<[A-Za-z][^<>]{0,80}>\s{0,3}){1,3})?(?:"
    r"\\{1,3}[\"']([^\"'\\]*)"  # a quotation inside a quotation
    r"|\"((?:[^\"\\]|\\.)*)"
    r"|'((?:[^'\\]|\\.)*)"
    r"|([^\s\"'&;,<>(){}\[\]\\]+)"
    r")",
    re.DOTALL,
)
_BARE: Final = 4
"""The group of _VALUE that stands without quotation marks."""
_REST_OF_LINE: Final = re.compile(r"[^\r\n\"']*")
_FLAG: Final = re.compile(r"(?<![\w-])--?([A-Za-z][\w-]{2,40})[ \t]+[\"']?([^\s\"'-][^\s\"']*)")
_SAID: Final = re.compile(
    r"\b(passw(?:or)?d|passphrase|secret|pin) (?:is|was) [\"']?([^\s\"']{4,})", re.IGNORECASE
)
_LOGIN: Final = re.compile(
    r"(?<!\S)-u[ \t]*[\"']?[^\s:\"'-][^\s:\"']{0,63}:([^\s\"']{3,})|\blogin[ \t]+\S{1,64}[ \t]+password[ \t]+(\S+)"
    r"|\bmysql(?:dump|admin)?\b[^\n|;]{0,256}?[ \t]-p([^\s\"']{3,})"
)
"""`curl -u user:password`, netrc, and MySQL's password glued to its flag."""
_WHOLE_LINE: Final = ("authorization", "cookie")
"""Headers whose value goes on to the end of the line."""
_WEAK_ENDINGS: Final = ("token", "key", "sig", "sid", "auth", "bearer", "jwt")
"""Names that sentences and code use for other things too: the value must look like a secret."""
_WEAK_MINIMUM: Final = 6
_LETTERS_MINIMUM: Final = 4
_MINIMUM: Final = 3
_DIGITS_MINIMUM: Final = 5

_PLACEHOLDER: Final = re.compile(r"\$.*|<.*|\{.*|%[({].*|\*+|\.+|[xX]+|-+|_+", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)+,?")


def find_pairs(subject: Subject) -> Iterator[Hit]:
    """Find values whose key, written before them in the text, names a secret or a person."""
    text = subject.text
    for separator in _SEPARATOR.finditer(text):
        name = _name_before(text, separator.start())
        rule = PLAIN if name is None else key_rule(name)
        if name is not None and rule.is_certain and rule.kind is not None:
            yield from _value_after(text, separator, name, rule)


def find_spoken(subject: Subject) -> Iterator[Hit]:
    """Find secrets after a command-line flag, or after "the password is"."""
    for form in (_FLAG, _SAID):
        for match in form.finditer(subject.text):
            rule = key_rule(match[1])
            is_secret = rule.is_certain and rule.kind == kinds.SECRET
            if is_secret and looks_random(match[2]) and not _is_no_value(match[2]):
                yield Hit(*match.span(2), kinds.SECRET)
    for match in _LOGIN.finditer(subject.text):
        start, end = match.span(match.lastindex or 0)
        if not _is_no_value(subject.text[start:end]):
            yield Hit(start, end, kinds.SECRET)


def _name_before(text: str, end: int) -> str | None:
    before = text[max(0, end - _LOOK_BACK_CHARS) : end][::-1]
    found = _NAME_REVERSED.match(before)
    if found is None or (text[end] == ">" and found[2] != "<"):
        return None
    return found[1][::-1]


def _value_after(text: str, separator: re.Match[str], name: str, rule: KeyRule) -> Iterator[Hit]:
    value = _VALUE.match(text, separator.end())
    if value is None or value.lastindex is None or rule.kind is None:
        return
    start, end = value.span(value.lastindex)
    is_bare = value.lastindex == _BARE
    if rule.kind != kinds.SECRET:
        if _is_personal(text[start:end], separator[0], is_bare=is_bare):
            yield Hit(start, end, rule.kind)
    elif rule.exempts and is_safe_value(text[start:end]):
        return
    elif is_bare and name.lower().endswith(_WHOLE_LINE):
        rest = _REST_OF_LINE.match(text, start)
        yield Hit(start, rest.end() if rest else end, kinds.SECRET)
    elif _is_secret(text, start, end, name, is_bare=is_bare, is_assigned=separator[0] != ":"):
        yield Hit(start, end, kinds.SECRET)


def _is_personal(value: str, separator: str, *, is_bare: bool) -> bool:
    """Quoted values, those of a query, and numbers count; a bare word after a colon is most often prose."""
    is_word = separator != "=" and sum(map(str.isdecimal, value)) < _DIGITS_MINIMUM
    if _is_no_value(value) or (is_bare and (is_word or _ATTRIBUTE.fullmatch(value))):
        return False
    return bool(value.strip())


def _is_secret(
    text: str, start: int, end: int, name: str, *, is_bare: bool, is_assigned: bool
) -> bool:
    value = text[start:end]
    if len(value) < _MINIMUM or _is_no_value(value):
        return False
    if is_bare and (text[end : end + 1] in ("(", "[") or _ATTRIBUTE.fullmatch(value)):
        return False  # program text: a call, a look-up, an attribute
    if name.lower().endswith(_WEAK_ENDINGS):
        return len(value) >= _WEAK_MINIMUM and looks_random(value)
    return looks_random(value) or ((is_assigned or not is_bare) and len(value) >= _LETTERS_MINIMUM)


def _is_no_value(value: str) -> bool:
    """Whether the value is empty, a placeholder, a word of a sentence, or masked already."""
    bare = value.strip()
    return (
        not bare
        or bare.lower().rstrip(".,!?)") in NO_VALUES
        or is_marker(bare)
        or _PLACEHOLDER.fullmatch(bare) is not None
    )

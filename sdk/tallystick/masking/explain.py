"""What masking does to a value, place by place, and why; never what stood there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tallystick.errors import MaskingError
from tallystick.masking import kinds
from tallystick.masking.documents import json_document
from tallystick.masking.engine import Masked, Masker
from tallystick.masking.plain import as_plain
from tallystick.masking.rules import Document, FieldRule, Ruled
from tallystick.profile import JsonValue

_MARKER: Final = re.compile(rf"\[({'|'.join((*kinds.ALL, kinds.WITHHELD))})(?::[^\]\s]{{1,44}})?\]")
_PLAIN_NAME: Final = re.compile(r"[\w-]+")
_JSON: Final = ("[", "{")

BY_FORM: Final = "its form shows it"
IN_KEY: Final = "its form shows it, in the key itself"
NOT_ALLOWED: Final = "no allow-list names its place"
BY_LIMIT: Final = "it could not be masked, or lies over a limit"


@dataclass(frozen=True, slots=True)
class Finding:
    """One masked place."""

    place: str
    """A path such as `$.items[0].email`, or the line of a text."""
    kind: str
    why: str
    times: int = 1


def explain(masker: Masker, value: object, tool: str = "", field: str = "") -> list[Finding]:
    """Return what `masker` does to `value`, in the order of the value."""
    masked = masker.mask(value, tool, field)
    try:
        surveyed = masker.surveyed(value, tool, field)
    except MaskingError:
        return [Finding("$", kinds.WITHHELD, BY_LIMIT)]
    return list(_Walk(masker).found(surveyed, masked.value, "$", ""))


def marked_lines(masked: str) -> Iterator[tuple[int, str]]:
    """Give the markers of a masked text by line, counted from 1."""
    for number, line in enumerate(masked.splitlines(), 1):
        for marker in _MARKER.finditer(line):
            yield number, marker[1]


class _Walk:
    """Goes through a value and what masking made of it, side by side."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker

    def found(self, value: object, masked: JsonValue, place: str, key: str) -> Iterator[Finding]:
        if isinstance(value, Ruled):
            yield from _by_rule(value, masked, place)
            return
        plain = _readable(value)
        document = _document_in(plain)
        if document is not None and isinstance(masked, str):
            after = json_document(masked)
            if isinstance(after, dict | list):
                yield from self.found(document, after, place, key)
                return
        if isinstance(plain, Mapping) and isinstance(masked, dict) and len(plain) == len(masked):
            yield from self._mapping(plain, masked, place)
        elif isinstance(plain, list | tuple) and isinstance(masked, list):
            for number, (item, after) in enumerate(zip(plain, masked, strict=False)):
                yield from self.found(item, after, f"{place}[{number}]", key)
        else:
            yield from self._leaf(plain, masked, place, key)

    def _mapping(
        self, plain: Mapping[object, object], masked: dict[str, JsonValue], place: str
    ) -> Iterator[Finding]:
        for (key, item), (name, after) in zip(plain.items(), masked.items(), strict=True):
            at = f"{place}.{name}" if _PLAIN_NAME.fullmatch(name) else f"{place}['{name}']"
            if str(key) != name:
                yield from (Finding(at, kind, IN_KEY) for kind in _kinds(name))
            yield from self.found(item, after, at, name)

    def _leaf(self, plain: object, masked: JsonValue, place: str, key: str) -> Iterator[Finding]:
        if masked == plain or not isinstance(masked, str):
            return
        alone: Masked = self._masker.mask(plain)
        before = _kinds(plain) if isinstance(plain, str) else {}
        for kind, times in _kinds(masked).items():
            if times > before.get(kind, 0):
                is_shown = kind in alone.hits
                why = BY_LIMIT if kind == kinds.WITHHELD and not is_shown else BY_FORM
                if why == BY_FORM and not is_shown:
                    why = f"the key {key!r} names it" if key else "the keys around it name it"
                yield Finding(place, kind, why, times - before.get(kind, 0))


def _by_rule(ruled: Ruled, masked: JsonValue, place: str) -> Iterator[Finding]:
    rule = ruled.rule
    if rule is None:
        yield Finding(place, kinds.WITHHELD, NOT_ALLOWED)
        return
    found = _kinds(str(masked)) or {kinds.KEPT: 1}
    yield from (Finding(place, kind, _named(rule), times) for kind, times in found.items())


def _named(rule: FieldRule) -> str:
    reason = f": {rule.reason}" if rule.reason else ""
    return f"the rule for {rule.path.text} of {rule.tool} says {rule.mode.value}{reason}"


def _readable(value: object) -> object:
    """Return a host's object as masking reads it; None where it cannot be read."""
    if isinstance(value, Document):
        return value.value
    try:
        return as_plain(value)
    except Exception:  # noqa: BLE001  # as in masking itself, such a value is withheld
        return None


def _document_in(plain: object) -> object | None:
    is_json = isinstance(plain, str) and plain.lstrip().startswith(_JSON)
    found = json_document(str(plain)) if is_json else None
    return found if isinstance(found, dict | list) else None


def _kinds(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for marker in _MARKER.finditer(text):
        found[marker[1]] = found.get(marker[1], 0) + 1
    return found

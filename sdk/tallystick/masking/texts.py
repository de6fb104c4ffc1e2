"""Masking one text: find in all its readings, replace, and look again until nothing is found.

Looking again makes masking idempotent by construction: what is returned has been scanned and is
clean. A text that does not settle within a few rounds is withheld.
"""

import json
import re
from typing import Final, Protocol

from tallystick.masking import kinds
from tallystick.masking.detectors import DETECTORS
from tallystick.masking.hits import Hit, merge
from tallystick.masking.keys import PLAIN, KeyRule, is_safe_value
from tallystick.masking.ledger import Ledger
from tallystick.masking.policy import MaskPolicy, Mode
from tallystick.masking.readings import (
    Encoded,
    Reading,
    encoded_runs,
    folded,
    may_have_escapes,
    printable_parts,
    unescaped,
)
from tallystick.masking.subject import TRAITS, inspect, is_harmless
from tallystick.masking.tokens import TOKEN, WITHHELD_MARKER, Marker, is_marker
from tallystick.profile import JsonValue

_ROUNDS: Final = 5
_LAYERS: Final = 3
"""How many times escapes are undone: a URL in a URL in a URL."""
_REMEMBERED_CHARS: Final = 96
_REMEMBERED_TEXTS: Final = 8192
_SHORTEST: Final = 5
"""Nothing that the detectors find is shorter."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MARKER_BEGINS: Final = "[t"
_JSON_BEGINS: Final = "[{"
_IDENTIFYING_DIGITS: Final = 4
_LONGEST_IDENTIFIER: Final = 64


class Structure(Protocol):
    """What masks the values that were found inside a text, and keeps the account."""

    ledger: Ledger

    def value(self, value: object, rule: KeyRule, depth: int) -> JsonValue:
        """Return `value` masked."""
        ...


class TextMasker:
    """Masks texts under one policy; remembers short clean texts, and never one that was masked."""

    __slots__ = ("_clean", "_finders", "_kept", "_marker", "_withholding")

    def __init__(self, policy: MaskPolicy, marker: Marker) -> None:
        self._marker = marker
        self._kept = frozenset(kind for kind in kinds.ALL if policy.mode(kind) is Mode.KEEP)
        self._withholding = frozenset(
            kind for kind in kinds.ALL if policy.mode(kind) is Mode.WITHHOLD
        )
        running = [one for one in DETECTORS if one.kinds - self._kept]
        self._finders = [
            tuple(one.find for one in running if not one.needs or one.needs & traits)
            for traits in range(TRAITS + 1)
        ]
        self._clean: dict[tuple[KeyRule, str], None] = {}

    def mask(self, text: str, rule: KeyRule, within: Structure, depth: int) -> str:
        """Return `text` with markers for what was found, or the marker for withheld."""
        if len(text) < _SHORTEST:
            return _SURROGATE.sub("\ufffd", text)
        memory = (rule, text)
        if memory in self._clean:
            return text
        if rule.kind is None and is_harmless(text):
            return text
        ledger = within.ledger
        if not ledger.may_scan(len(text)) or depth > ledger.limits.depth:
            return text if is_marker(text) else ledger.withhold()
        clean = text if text.isascii() else _SURROGATE.sub("\ufffd", text)
        masked = self._once(clean, rule, within, depth)
        if masked != clean:
            masked = self._settle(masked, rule, within, depth)
            ledger.spend(max(0, len(masked) - len(text)))
        elif len(text) <= _REMEMBERED_CHARS and clean == text:
            self._remember(memory)
        return masked

    def _remember(self, memory: tuple[KeyRule, str]) -> None:
        if len(self._clean) >= _REMEMBERED_TEXTS:
            self._clean.clear()
        self._clean[memory] = None

    def _settle(self, masked: str, rule: KeyRule, within: Structure, depth: int) -> str:
        """Look again at what was masked, until there is nothing left to mask."""
        current = masked
        for _ in range(_ROUNDS):
            if len(current) > within.ledger.limits.text_chars:
                break
            if self._is_settled(current, rule, within, depth):
                return current
            before, current = current, self._once(current, rule, within, depth)
            if current == before:
                return current
        return within.ledger.withhold()

    def _is_settled(self, text: str, rule: KeyRule, within: Structure, depth: int) -> bool:
        """Whether nothing is found once the tokens are out of sight; those need no looking at."""
        if is_marker(text):
            return True
        if rule.kind is not None or text[0] in _JSON_BEGINS:
            return False
        without_tokens = TOKEN.sub("", text)
        return is_harmless(without_tokens) or not self._found(
            without_tokens, rule, within, depth, _LAYERS
        )

    def _once(self, text: str, rule: KeyRule, within: Structure, depth: int) -> str:
        if text[0] in _MARKER_BEGINS and is_marker(text):
            return text
        if text[0] in _JSON_BEGINS and text[-1] in "}]":
            nested = _nested(text, rule, within, depth)
            if nested is not None:
                return nested
        if rule.exempts and is_safe_value(text):
            return text
        hits = self._found(text, rule, within, depth, _LAYERS)
        if not hits:
            return self._by_key(text, rule, within.ledger) if rule.kind else text
        return self._replace(text, merge(hits), within.ledger)

    def _found(
        self, text: str, rule: KeyRule, within: Structure, depth: int, layers: int
    ) -> list[Hit]:
        fold = None if text.isascii() and "\0" not in text else folded(text)
        plain = fold.text if fold else text
        hits: list[Hit] = []
        subject = inspect(plain, rule)
        for find in self._finders[subject.traits]:
            hits += find(subject)
        for run in encoded_runs(plain, subject.runs) if subject.runs else ():
            hits += self._inside(run, within, depth)
        if hits:
            hits = self._wanted(plain, hits)
        escape = unescaped(plain) if layers and may_have_escapes(plain) else None
        if escape is not None:
            inner = self._found(escape.text, rule, within, depth, layers - 1)
            hits += [_moved(hit, escape) for hit in inner]
        return [_moved(hit, fold) for hit in hits] if fold else hits

    def _wanted(self, text: str, hits: list[Hit]) -> list[Hit]:
        """Leave out the kinds that the policy keeps, and what is nothing but a piece of a token."""
        tokens = [token.span() for token in TOKEN.finditer(text)] if "tok_" in text else []
        return [
            hit
            for hit in hits
            if hit.kind not in self._kept
            and not any(start <= hit.start and hit.end <= end for start, end in tokens)
        ]

    def _inside(self, run: Encoded, within: Structure, depth: int) -> list[Hit]:
        """Mask what a run of base64 holds and encode it again; binary with findings is withheld."""
        try:
            text, is_text = run.content.decode(), True
        except UnicodeDecodeError:
            text, is_text = printable_parts(run.content), False
        if not text:
            return []
        masked, counts = within.ledger.aside(lambda: self.mask(text, PLAIN, within, depth + 1))
        if not counts:
            return []
        if not is_text or run.is_packed:
            return [Hit(run.start, run.end, kinds.WITHHELD)]
        return [Hit(run.start, run.end, "", replacement=run.encode(masked.encode()), counts=counts)]

    def _by_key(self, text: str, rule: KeyRule, ledger: Ledger) -> str:
        """Take the whole text for what its key says, where it looks like an identifier at all."""
        if rule.kind is None or rule.kind in self._kept or len(text) > _LONGEST_IDENTIFIER:
            return text
        bare = TOKEN.sub("", text)
        digits = sum(map(str.isdecimal, bare))
        if "@" in bare if rule.kind == kinds.EMAIL else digits >= _IDENTIFYING_DIGITS:
            ledger.count(rule.kind)
            return self._marker.mark(rule.kind, text)
        return text

    def _replace(self, text: str, hits: list[Hit], ledger: Ledger) -> str:
        pieces: list[str] = []
        last = 0
        for hit in hits:
            pieces += text[last : hit.start], self._instead(text, hit, ledger)
            last = hit.end
        if any(hit.kind in self._withholding for hit in hits):
            return WITHHELD_MARKER
        return "".join([*pieces, text[last:]])

    def _instead(self, text: str, hit: Hit, ledger: Ledger) -> str:
        if hit.replacement is not None:
            for kind, times in hit.counts:
                ledger.count(kind, times)
            return hit.replacement
        ledger.count(hit.kind or kinds.WITHHELD)
        return self._marker.mark(hit.kind or kinds.WITHHELD, hit.value or text[hit.start : hit.end])


def _nested(text: str, rule: KeyRule, within: Structure, depth: int) -> str | None:
    """Mask the JSON document that the text is; None where it is none, or not plainly one."""
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        return None
    masked, counts = within.ledger.aside(lambda: _dumped(within.value(document, rule, depth + 1)))
    for kind, times in counts:
        within.ledger.count(kind, times)
    return masked if counts else text


def _dumped(document: JsonValue) -> str:
    return json.dumps(document, ensure_ascii=False)


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build a dict; a key that stands twice would hide the first value, so that is no document."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _moved(hit: Hit, reading: Reading) -> Hit:
    start, end = reading.place(hit.start, hit.end)
    return hit._replace(start=start, end=end, value=hit.value or reading.text[hit.start : hit.end])

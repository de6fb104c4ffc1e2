"""Masking one text: find in all its readings, replace, and look again until nothing is found.

Looking again makes masking idempotent by construction: what is returned has been scanned and is
clean. A text that does not settle within a few rounds is withheld.
"""

import re
from collections.abc import Container, Iterable
from typing import Final, Protocol

from tallystick.masking import kinds
from tallystick.masking.detectors import DETECTORS, Detector, Find
from tallystick.masking.documents import dumped, json_document
from tallystick.masking.hits import Hit, merge
from tallystick.masking.keys import PLAIN, KeyRule, is_safe_value
from tallystick.masking.ledger import Ledger
from tallystick.masking.memory import LONGEST, LONGEST_SHAPE, WIPED, Counts, Memory, Name
from tallystick.masking.mode import Mode
from tallystick.masking.numerals import may_tell
from tallystick.masking.policy import MaskPolicy
from tallystick.masking.readings import (
    Encoded,
    Reading,
    encoded_runs,
    folded,
    may_have_escapes,
    printable_parts,
    unescaped,
)
from tallystick.masking.shapes import is_clean_by_shape
from tallystick.masking.sitting import Known
from tallystick.masking.subject import ALWAYS, inspect, is_harmless
from tallystick.masking.tokens import TOKEN, WITHHELD_MARKER, Marker, is_marker
from tallystick.masking.whole import LONGEST as LONGEST_WHOLE
from tallystick.masking.whole import SHORTEST as SHORTEST_WHOLE
from tallystick.masking.whole import whole_kind
from tallystick.masking.words import is_part_of_number, is_readable, word_of
from tallystick.profile import JsonValue

_ROUNDS: Final = 5
_LAYERS: Final = 3
"""How many times escapes are undone: a URL in a URL in a URL."""
_SHORTEST: Final = 5
"""Nothing that the detectors find is shorter."""

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_MARKER_BEGINS: Final = "[t"
_JSON_BEGINS: Final = "[{"
_IDENTIFYING_DIGITS: Final = 4
_LONGEST_IDENTIFIER: Final = 64
_LONGEST_WORD: Final = 24
"""Single words come back, so that it is cheaper to remember them than to look again."""
_LONGEST_REPEATED: Final = 32
"""Names, versions and the like come back, times and identifiers do not."""
_LONGEST_TIME: Final = 32
"""The shapes of times come back, those of identifiers seldom."""


class Structure(Protocol):
    """What masks the values that were found inside a text, and keeps the account."""

    ledger: Ledger

    def value(self, value: object, rule: KeyRule, depth: int) -> JsonValue:
        """Return `value` masked."""
        ...


class _Finders(dict[int, tuple[Find, ...]]):
    """What has to look at a text with given traits, worked out when first asked for."""

    def __init__(self, running: Iterable[Detector]) -> None:
        super().__init__()
        self._running = tuple(running)

    def __missing__(self, traits: int) -> tuple[Find, ...]:
        self[traits] = found = tuple(
            one.find for one in self._running if not one.needs or one.needs & traits
        )
        return found


class TextMasker:
    """Masks texts under one policy; remembers short clean texts, and never one that was masked."""

    __slots__ = ("_finders", "_kept", "_marker", "_memory", "_sees_ips", "_withholding", "clean")

    def __init__(self, policy: MaskPolicy, marker: Marker) -> None:
        self._marker = marker
        self._kept = frozenset(kind for kind in kinds.ALL if policy.mode(kind) is Mode.KEEP)
        self._withholding = frozenset(
            kind for kind in kinds.ALL if policy.mode(kind) is Mode.WITHHOLD
        )
        self._finders = _Finders(one for one in DETECTORS if one.kinds - self._kept)
        self._memory = Memory()
        self.clean: Container[tuple[KeyRule, str]] = self._memory.clean
        """Texts that are known to stay as they are, each below a key that says this about it."""
        self._sees_ips = kinds.IP not in self._kept

    def mask(self, text: str, rule: KeyRule, within: Structure, depth: int) -> str:
        """Return `text` with markers for what was found, or the marker for withheld."""
        if len(text) < _SHORTEST:
            return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
        if (rule, text) in self.clean:
            return text
        ledger = within.ledger
        is_short = len(text) <= LONGEST_SHAPE and text[0] not in _JSON_BEGINS and text.isascii()
        if is_short and depth <= ledger.limits.depth:
            told = self._at_once(text, rule, ledger)
            if told is not None:
                return told
        elif rule.kind is None and is_harmless(text):
            return text
        return self._looked_at(text, rule, within, depth)

    def _looked_at(self, text: str, rule: KeyRule, within: Structure, depth: int) -> str:
        """Return what masking makes of a text that has to be looked at, once in a sitting."""
        ledger = within.ledger
        sitting, before = ledger.sitting, ledger.left
        known = None if sitting is None else sitting.text(self, rule, text)
        if known is not None and ledger.may_repeat(known, depth):
            return known.masked
        if not ledger.may_scan(len(text)) or depth > ledger.limits.depth:
            return text if is_marker(text) else ledger.withhold()
        clean = text if text.isascii() else _SURROGATE.sub("\ufffd", text)
        masked, counts = ledger.aside(lambda: self._whole(clean, rule, within, depth))
        for kind, times in counts:
            ledger.count(kind, times)
        if masked != clean:
            ledger.spend(max(0, len(masked) - len(text)))
        if clean == text:
            self._remember(text, rule, masked, counts)
        if sitting is not None and len(text) > LONGEST:
            nodes, chars = (was - left for was, left in zip(before, ledger.left, strict=True))
            sitting.keep_text(self, rule, text, Known(masked, counts, depth, nodes, chars))
        return masked

    def _whole(self, text: str, rule: KeyRule, within: Structure, depth: int) -> str:
        document = self._document(text, rule, within, depth)
        if document is not None:  # settled, as each of its texts is
            too_long = len(document) > within.ledger.limits.text_chars
            return within.ledger.withhold() if too_long else document
        masked = self._plain(text, rule, within, depth)
        return masked if masked == text else self._settle(masked, rule, within, depth)

    def _at_once(self, text: str, rule: KeyRule, ledger: Ledger) -> str | None:
        """Return what masking makes of a short ASCII text, where that is known or plain to see."""
        content = text.encode()
        memory = self._memory
        if rule.kind is None and self._is_plainly_clean(text, rule, content):
            if len(text) <= _LONGEST_REPEATED:
                memory.keep_clean_again(rule, text)
            return text
        name = memory.name(rule, content) if len(content) <= LONGEST else None
        found = memory.masked.get(name) if name else None
        if found is not None:
            for kind, times in found[1]:
                ledger.count(kind, times)
            return found[0]
        if rule.exempts or not SHORTEST_WHOLE <= len(text) <= LONGEST_WHOLE:
            return None
        whole = whole_kind(text)
        if whole is None and rule.kind is not None:
            return self._at_once_by_key(text, rule, name, ledger)
        if whole is None or whole in self._kept:
            return None
        return self._mark_new(text, whole, name, ledger)

    def _at_once_by_key(
        self, text: str, rule: KeyRule, name: Name | None, ledger: Ledger
    ) -> str | None:
        """Return the marker for what only its key tells, such as `+44 *** 0123`: no detector would look at it."""
        is_bare = is_part_of_number(text)
        if not is_bare and (may_have_escapes(text) or inspect(text, rule).traits):
            return None
        if self._finders[ALWAYS]:
            return None
        masked = self._by_key(text, rule, ledger)
        if masked == text:
            return None
        if name is not None and rule.kind is not None:
            self._memory.keep_masked(name, masked, ((rule.kind, 1),))
        return masked

    def _is_plainly_clean(self, text: str, rule: KeyRule, content: bytes) -> bool:
        """Whether a text below a key that names no kind has a clean shape, or is harmless."""
        if text.isdecimal():
            return not may_tell(text)
        memory = self._memory
        wiped = content.translate(WIPED)
        is_word = text.isalnum()
        if not is_word and memory.shape_is_clean((rule, wiped)):
            return True
        if not is_harmless(text):
            return (
                is_word and memory.shape_is_clean((rule, wiped)) is True
            ) or self._is_clean_word(text, rule, wiped)
        if not is_word:
            if len(text) <= _LONGEST_TIME:
                self._remember_shape(text, rule, wiped)
        elif len(text) <= _LONGEST_WORD and text.isalpha():
            memory.keep_clean(rule, text)
        return True

    def _is_clean_word(self, text: str, rule: KeyRule, shape: bytes) -> bool:
        """Whether a text is a single word in which nothing is found and nothing can be read."""
        word = word_of(text)
        if word is None or is_readable(word):
            return False
        for find in self._finders[word.traits]:
            for _ in find(word):
                return False
        if len(text) <= LONGEST:
            self._memory.keep_clean(rule, text)
        if _may_have_a_shape(text):
            self._remember_shape(text, rule, shape)
        return True

    def mark(self, text: str, kind: str, ledger: Ledger) -> str:
        """Return the marker of a text that is of `kind` as a whole, and count it."""
        ledger.count(kind)
        return self._marker.mark(kind, text)

    def _mark_new(self, text: str, kind: str, name: Name | None, ledger: Ledger) -> str:
        marked = self._marker.mark(kind, text)
        if name is not None:
            self._memory.keep_masked(name, marked, ((kind, 1),))
        ledger.count(kind)
        return marked

    def _remember(self, text: str, rule: KeyRule, masked: str, counts: Counts) -> None:
        memory = self._memory
        is_short = len(text) <= LONGEST
        if masked == text and is_short:
            memory.keep_clean(rule, text)
        if text[0] in _JSON_BEGINS or not text.isascii():
            return
        if masked != text and is_short:
            memory.keep_masked(memory.name(rule, text.encode()), masked, counts)
        elif masked == text and rule.kind is None and _may_have_a_shape(text):
            self._remember_shape(text, rule, text.encode().translate(WIPED))

    def _remember_shape(self, text: str, rule: KeyRule, shape: bytes) -> None:
        """Judge a shape when it comes a second time: that of an identifier seldom does."""
        memory = self._memory
        if b"0" in shape and memory.is_second_sight(rule, shape):
            is_clean = not self._sees_ips and is_clean_by_shape(text, rule)
            memory.keep_shape(rule, shape, is_clean=is_clean)

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
        document = self._document(text, rule, within, depth)
        return self._plain(text, rule, within, depth) if document is None else document

    def _document(self, text: str, rule: KeyRule, within: Structure, depth: int) -> str | None:
        """Mask the JSON document that the text is; None where it is none."""
        is_closed = text[0] in _JSON_BEGINS and text[-1] in "}]" and not is_marker(text)
        return self._nested(text, rule, within, depth) if is_closed else None

    def _nested(self, text: str, rule: KeyRule, within: Structure, depth: int) -> str | None:
        """Mask the JSON document that the text is; None where it is none, or not plainly one."""
        document, ledger = json_document(text), within.ledger
        if document is None:
            return None
        masked, counts = ledger.aside(lambda: within.value(document, rule, depth + 1))
        for kind, times in counts:
            ledger.count(kind, times)
        if ledger.sitting is not None and rule is PLAIN:
            ledger.sitting.keep_document(self, text, masked, counts)
        return dumped(masked) if counts else text

    def _plain(self, text: str, rule: KeyRule, within: Structure, depth: int) -> str:
        if text[0] in _MARKER_BEGINS and is_marker(text):
            return text
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
        is_open = rule.kind is None or rule.kind in self._kept or rule.is_hint
        if rule.kind is None or is_open or len(text) > _LONGEST_IDENTIFIER:
            return text
        bare = TOKEN.sub("", text) if "tok_" in text else text
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


def _may_have_a_shape(text: str) -> bool:
    """Whether other texts may look like this one but for its digits: no word of mixed letters, such as base64, does."""
    is_word = len(text) > _LONGEST_WORD and " " not in text
    return len(text) <= LONGEST_SHAPE and (not is_word or text.islower() or text.isupper())


def _moved(hit: Hit, reading: Reading) -> Hit:
    start, end = reading.place(hit.start, hit.end)
    return hit._replace(start=start, end=end, value=hit.value or reading.text[hit.start : hit.end])

"""What a masker remembers, so that what it saw before costs little: never a value that it masked.

Three memories, each with an end: short texts that were clean and came again, as they stood; the shapes of clean texts,
their digits wiped out, where no digit could make a difference; and what masking made of a text, under a
keyed digest of that text with a key that lives and dies with this process.
"""

import os
from collections.abc import Callable
from hashlib import blake2b
from typing import Final, TypeVar

from tallystick.masking.keys import KeyRule

LONGEST: Final = 96
"""Characters of a text that is remembered as it stands, or by its digest."""
LONGEST_SHAPE: Final = 240
_MOST: Final = 8192
WIPED: Final = bytes.maketrans(b"123456789", b"000000000")
"""Makes of an ASCII text its shape: every digit is a zero."""

Key = TypeVar("Key")
Value = TypeVar("Value")
Counts = tuple[tuple[str, int], ...]
"""How often each kind was masked."""
Name = tuple[KeyRule, bytes]
"""What the key above a text says, and the keyed digest of the text."""


class Memory:
    """The memories of one masker. Safe to share between threads: a lost entry is found out again."""

    __slots__ = ("_key", "_met", "_seen", "_shapes", "clean", "masked", "shape_is_clean")

    def __init__(self) -> None:
        self.clean: dict[tuple[KeyRule, str], None] = {}
        """Texts that stay as they are."""
        self._shapes: dict[tuple[KeyRule, bytes], bool] = {}
        self.shape_is_clean: Callable[[tuple[KeyRule, bytes]], bool | None] = self._shapes.get
        """Whether every ASCII text of a shape is clean below such a key; None where that was not asked before."""
        self._met: dict[tuple[KeyRule, str], None] = {}
        """Clean texts that were met, most of them once."""
        self._seen: dict[tuple[KeyRule, bytes], None] = {}
        """Shapes that were met once and not judged."""
        self.masked: dict[Name, tuple[str, Counts]] = {}
        """What masking made of texts, by their names."""
        self._key = os.urandom(32)

    def keep_clean(self, rule: KeyRule, text: str) -> None:
        """Remember that a text stays as it is."""
        _put(self.clean, (rule, text), None)

    def keep_clean_again(self, rule: KeyRule, text: str) -> None:
        """Remember a clean text that is met the second time; of one that is met once, nothing more is heard."""
        place = (rule, text)
        if place in self._met:
            _put(self.clean, place, None)
        else:
            _put(self._met, place, None)

    def keep_shape(self, rule: KeyRule, shape: bytes, *, is_clean: bool) -> None:
        """Remember whether every ASCII text of a shape is clean below such a key."""
        _put(self._shapes, (rule, shape), is_clean)

    def is_second_sight(self, rule: KeyRule, shape: bytes) -> bool:
        """Whether a shape is to be judged now: it was met before, and was not judged then."""
        place = (rule, shape)
        if place in self._shapes:
            return False
        if place in self._seen:
            return True
        _put(self._seen, place, None)
        return False

    def name(self, rule: KeyRule, content: bytes) -> Name:
        """Return the name of an ASCII text below a key of this rule, to remember it by."""
        return rule, blake2b(self._key + content, digest_size=16).digest()

    def keep_masked(self, name: Name, masked: str, counts: Counts) -> None:
        """Remember what masking made of a text, not the text."""
        if len(self.masked) >= _MOST:
            self.masked.clear()
        self.masked[name] = masked, counts


def _put(memory: dict[Key, Value], key: Key, value: Value) -> None:
    if len(memory) >= _MOST:
        memory.clear()
    memory[key] = value

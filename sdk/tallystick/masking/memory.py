"""What a masker remembers, so that what it saw before costs little: never a value that it masked.

Three memories, each with an end: short texts that were clean, as they stood; the shapes of clean texts,
their digits wiped out, where no digit could make a difference; and what masking made of a text, under a
keyed digest of that text with a key that lives and dies with this process.
"""

import hashlib
import os
from typing import Final, TypeVar

from tallystick.masking.keys import KeyRule

LONGEST: Final = 96
"""Characters of a text that is remembered as it stands, or by its digest."""
LONGEST_SHAPE: Final = 240
_MOST: Final = 8192
_WIPED: Final = str.maketrans("123456789", "000000000")

Key = TypeVar("Key")
Value = TypeVar("Value")
Counts = tuple[tuple[str, int], ...]
"""How often each kind was masked."""
Name = tuple[KeyRule, bytes]
"""What the key above a text says, and the keyed digest of the text."""


class Memory:
    """The memories of one masker. Safe to share between threads: a lost entry is found out again."""

    __slots__ = ("_key", "_shapes", "clean", "masked")

    def __init__(self) -> None:
        self.clean: dict[tuple[KeyRule, str], None] = {}
        """Texts that stay as they are."""
        self._shapes: dict[tuple[KeyRule, str], bool] = {}
        self.masked: dict[Name, tuple[str, Counts]] = {}
        """What masking made of texts, by their names."""
        self._key = os.urandom(32)

    def keep_clean(self, rule: KeyRule, text: str) -> None:
        """Remember that a text stays as it is."""
        _put(self.clean, (rule, text), None)

    def shape(self, rule: KeyRule, text: str) -> bool | None:
        """Whether every text of this shape is clean; None where that was not asked before."""
        return self._shapes.get((rule, text.translate(_WIPED)))

    def keep_shape(self, rule: KeyRule, text: str, *, is_clean: bool) -> None:
        """Remember whether every text that differs in its digits only is clean."""
        _put(self._shapes, (rule, text.translate(_WIPED)), is_clean)

    def name(self, rule: KeyRule, text: str) -> Name | None:
        """Return the name of a text below a key of this rule; None for one that is not remembered."""
        if len(text) > LONGEST or not text.isascii():
            return None
        digest = hashlib.blake2b(text.encode(), digest_size=16, key=self._key).digest()
        return rule, digest

    def keep_masked(self, name: Name, masked: str, counts: Counts) -> None:
        """Remember what masking made of a text, not the text."""
        _put(self.masked, name, (masked, counts))


def _put(memory: dict[Key, Value], key: Key, value: Value) -> None:
    if len(memory) >= _MOST:
        memory.clear()
    memory[key] = value

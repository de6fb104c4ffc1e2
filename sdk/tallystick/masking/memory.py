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


class Memory:
    """The memories of one masker. Safe to share between threads: a lost entry is found out again."""

    __slots__ = ("_key", "_masked", "_shapes", "clean")

    def __init__(self) -> None:
        self.clean: dict[tuple[KeyRule, str], None] = {}
        """Texts that stay as they are."""
        self._shapes: dict[tuple[KeyRule, str], bool] = {}
        self._masked: dict[tuple[KeyRule, bytes], tuple[str, Counts]] = {}
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

    def masked(self, rule: KeyRule, text: str) -> tuple[str, Counts] | None:
        """Return what masking made of this text before."""
        return self._masked.get((rule, self._digest(text)))

    def keep_masked(self, rule: KeyRule, text: str, masked: str, counts: Counts) -> None:
        """Remember what masking made of a text, not the text."""
        _put(self._masked, (rule, self._digest(text)), (masked, counts))

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode(), digest_size=16, key=self._key).digest()


def _put(memory: dict[Key, Value], key: Key, value: Value) -> None:
    if len(memory) >= _MOST:
        memory.clear()
    memory[key] = value

"""One sitting: the values of one request, of which what comes back is masked once.

Agents' traces say the same over and over: a tool's arguments stand in the span of the call and in each
span around it. A sitting holds unmasked texts as keys and ends with its request.
"""

from typing import NamedTuple

from tallystick.masking import kinds
from tallystick.masking.keys import KeyRule
from tallystick.masking.memory import Counts
from tallystick.profile import JsonValue


class Known(NamedTuple):
    """What masking made of a text, and what that took."""

    masked: str
    counts: Counts
    depth: int
    """How deep the text lay; the same comes out wherever it lies no deeper."""
    nodes: int
    chars: int
    """What was spent of the ledger's limits."""


class Document(NamedTuple):
    """What masking made of the JSON document that a text is. Not to be changed: others are given it too."""

    value: JsonValue
    counts: Counts


class Sitting:
    """What was masked so far, by whom; nothing of which a part was withheld. Used by one thread."""

    __slots__ = ("_documents", "_texts")

    def __init__(self) -> None:
        self._texts: dict[tuple[object, KeyRule, str], Known] = {}
        self._documents: dict[tuple[object, str], Document] = {}

    def text(self, masker: object, rule: KeyRule, text: str) -> Known | None:
        """Return what `masker` made of a text below a key of this rule."""
        return self._texts.get((masker, rule, text))

    def keep_text(self, masker: object, rule: KeyRule, text: str, known: Known) -> None:
        """Remember what `masker` made of a text."""
        if not _is_withheld(known.counts):
            self._texts[masker, rule, text] = known

    def document(self, masker: object, text: str) -> Document | None:
        """Return what `masker` made of the document that a text is, below a key that says nothing."""
        return self._documents.get((masker, text))

    def keep_document(self, masker: object, text: str, value: JsonValue, counts: Counts) -> None:
        """Remember what `masker` made of a document."""
        if not _is_withheld(counts):
            self._documents[masker, text] = Document(value, counts)


def _is_withheld(counts: Counts) -> bool:
    """Whether limits, and not the text alone, may have decided."""
    return any(kind == kinds.WITHHELD for kind, _ in counts)

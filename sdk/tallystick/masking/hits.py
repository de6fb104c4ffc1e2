"""A place in a text that has to be replaced, and how places that touch each other become one."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from tallystick.masking import kinds


class Hit(NamedTuple):
    """Characters from `start` up to `end` are of `kind`."""

    start: int
    end: int
    kind: str
    value: str | None = None
    """The value as read, where the text spells it in another way (escapes, look-alikes)."""
    replacement: str | None = None
    """What stands there instead, where that is no marker: an encoded text, masked inside."""
    counts: tuple[tuple[str, int], ...] = ()
    """What was masked inside `replacement`."""


_LEAST: Final = len(kinds.ALL)
_PRIORITY: Final = {
    kind: rank
    for rank, kind in enumerate(
        (
            *(kinds.SECRET, kinds.IBAN, kinds.CARD, kinds.UK_NINO, kinds.EMAIL, kinds.NATIONAL_ID),
            *(kinds.PHONE, kinds.IP),
        )
    )
}


def merge(hits: Iterable[Hit]) -> list[Hit]:
    """Return the hits in order, each overlap as one hit over all of it, named by its gravest kind."""
    merged: list[Hit] = []
    for hit in sorted(hits, key=lambda one: (one.start, -one.end)):
        if merged and hit.start < merged[-1].end:
            merged[-1] = _union(merged[-1], hit)
        else:
            merged.append(hit)
    return merged


def _union(one: Hit, other: Hit) -> Hit:
    if other.end <= one.end and (one.replacement is None or other.replacement is not None):
        inside = _PRIORITY.get(other.kind, _LEAST) < _PRIORITY.get(one.kind, _LEAST)
        return one._replace(kind=other.kind) if inside else one
    grave = min(one, other, key=lambda hit: _PRIORITY.get(hit.kind, _LEAST))
    return Hit(one.start, max(one.end, other.end), grave.kind)

"""The whole of a value of which the record shows a preview: masked by the same rules, kept as a blob.

Masking takes about 0.1 s for each MiB, on the caller's thread; the setting `max_blob_bytes` bounds it.
"""

import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Protocol

import orjson

from tallystick.blob import MAX_BLOB_BYTES, BlobRef, print_absence, print_blob
from tallystick.errors import SpoolError
from tallystick.masking import Masker
from tallystick.masking.policy import Limits
from tallystick.masking.tokens import WITHHELD_MARKER

SCANS: Final = 4
"""How often a character may be looked at: JSON inside a text is scanned as both."""
REMEMBERED: Final = 16
"""Values that are not masked again: the two records of a call hold the same arguments."""
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS

_log = logging.getLogger("tallystick")


class BlobKeeper(Protocol):
    """Where blobs are kept."""

    def keep(self, content: bytes) -> BlobRef:
        """Keep a blob. Raises SpoolError or OSError, and then there is none."""


@dataclass(frozen=True, slots=True)
class Large:
    """A value with what says where it is: the field it stands in, the tool, its size and keyed digest."""

    value: object
    field: str
    tool: str
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The text of the disclosure, and what was masked in the blob."""

    text: str
    hits: dict[str, int] = field(default_factory=dict)


class WholeValues:
    """Keeps large values. Safe for threads: a race masks a value twice."""

    def __init__(self, keeper: BlobKeeper, max_bytes: int) -> None:
        """Keep values of up to `max_bytes` before masking; 0 keeps none."""
        self._keeper = keeper
        self._max_bytes = max_bytes
        self._maskers: dict[int, tuple[Masker, Masker]] = {}
        self._kept: OrderedDict[tuple[int, str, str, str], Kept] = OrderedDict()

    def keep(self, masker: Masker, large: Large) -> Kept:
        """Mask a value by `masker`'s rules and keep it. Never raises: what cannot be kept is said so."""
        if large.size_bytes > self._max_bytes:
            return Kept(print_absence("too_large"))
        key = (id(masker), large.tool, large.field, large.digest)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._keep(self._wide(masker), large)
            if "digest" in kept.text:
                self._kept[key] = kept
                while len(self._kept) > REMEMBERED:
                    self._kept.popitem(last=False)
        return kept

    def _keep(self, masker: Masker, large: Large) -> Kept:
        masked = masker.mask(large.value, large.tool, large.field)
        if masked.value == WITHHELD_MARKER:
            return Kept(print_absence("unmaskable"), masked.hits)
        content = orjson.dumps(masked.value, option=_OPTIONS)
        if len(content) > MAX_BLOB_BYTES:
            return Kept(print_absence("too_large"))
        try:
            return Kept(print_blob(self._keeper.keep(content)), masked.hits)
        except (SpoolError, OSError) as error:
            _log.warning("tallystick: a large value is recorded as a preview only: %s", error)
            return Kept(print_absence("no_room"))

    def _wide(self, masker: Masker) -> Masker:
        """Return the masker with limits that fit a blob; the same one each time."""
        known = self._maskers.get(id(masker))
        if known is None:
            scanned = SCANS * self._max_bytes
            limits = Limits(scanned, scanned, self._max_bytes, masker.policy.limits.depth)
            known = self._maskers[id(masker)] = masker, masker.with_limits(limits)
        return known[1]

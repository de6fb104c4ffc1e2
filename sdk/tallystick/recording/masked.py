"""What masking leaves of a value for a record: its text, and how often what was masked in which field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from tallystick.errors import RecordError
from tallystick.fields import BY_NAME
from tallystick.masking import Masker, MaskPolicy, default_policy
from tallystick.masking.tokens import WITHHELD_MARKER, TokenKey

MAX_DISCLOSURE_TEXT_BYTES: Final = 500_000
"""Escaping at most doubles JSON text, and a disclosure line holds 1,048,576 bytes."""
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS

Hits = dict[str, int]
"""`field:kind` -> how often."""


@dataclass(frozen=True, slots=True)
class Masking:
    """A masker with the names under which records state it, and the short texts that it left as they were."""

    masker: Masker
    policy_digest: str
    key_id: str
    clean: set[str] = field(default_factory=set, compare=False)

    @classmethod
    def of(cls, key: TokenKey, policy: MaskPolicy | None = None) -> "Masking":
        """Return the masking by `policy` (ours by default) with the token key `key`."""
        chosen = policy or default_policy()
        return cls(Masker(chosen, key.secret, key.key_id), chosen.digest, key.key_id)


def digest(masking: Masking, kind: str, value: bytes) -> str:
    """Return the keyed digest of exactly these bytes. Raises RecordError without a token key."""
    found = masking.masker.digest(kind, value)
    if found is None:
        raise RecordError(
            "a keyed digest was asked for without a token key; enrol, or restore token.key"
        )
    return found


def disclosed(masking: Masking, name: str, value: object, hits: Hits, tool: str) -> str:
    """Return the text of the disclosure `name` that holds `value`, and count in `hits` what was masked."""
    masked = masking.masker.mask(value, tool, name)
    if masked.hits:
        count(name, masked.hits, hits)
    known = BY_NAME.get(name)
    if isinstance(masked.value, str) and (known is None or known.type != "json"):
        return masked.value
    text = orjson.dumps(masked.value, option=_OPTIONS)
    if len(text) > MAX_DISCLOSURE_TEXT_BYTES:
        count(name, {"withheld": 1}, hits)
        return f'"{WITHHELD_MARKER}"'
    return text.decode()


def count(name: str, found: Mapping[str, int], hits: Hits) -> None:
    """Add what was found in the field `name`, by kind."""
    for kind, times in found.items():
        key = f"{name}:{kind}"
        hits[key] = hits.get(key, 0) + times


def count_again(found: Mapping[str, int], hits: Hits) -> None:
    """Add what was counted by field and kind before."""
    for key, times in found.items():
        hits[key] = hits.get(key, 0) + times

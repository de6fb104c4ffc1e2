"""Whom a verified token names, as the service's own records state it: masked, and what names a person erasable."""

from collections.abc import Mapping
from typing import Final

from tallystick.capture.identity import Identity
from tallystick.event import Statement
from tallystick.profile import JsonValue
from tallystick.recording.masked import Masking, count, digest, disclosed

_AS_THEY_ARE: Final = frozenset(
    ("principal.type", "principal.basis", "principal.auth_method", "client.basis", "client.id_kind")
)
"""Words of ours, which hold nothing that anybody chose."""


def state_identity(masking: Masking, identity: Identity) -> tuple[Statement, dict[str, str]]:
    """Return the fields of a record, and its disclosures, by which an identity is stated."""
    parts = identity.draft_parts()
    hits: dict[str, int] = {}
    stated: dict[str, JsonValue] = {
        name: value if name in _AS_THEY_ARE else _masked(masking, name, value, hits)
        for name, value in parts.statement.items()
        if not name.startswith("agent.")
    }
    for name, (kind, value) in parts.tokens.items():
        stated[name] = digest(masking, kind, value.encode("utf-8", "replace"))
    disclosures = {
        name: disclosed(masking, name, value, hits, "") for name, value in parts.disclosures.items()
    }
    if hits:
        stated["mask.hits"] = hits
    return stated, disclosures


def _masked(masking: Masking, name: str, value: JsonValue, hits: dict[str, int]) -> JsonValue:
    """Mask what somebody else chose: text by text, numbers stay."""
    if isinstance(value, str):
        masked = masking.masker.mask_text(value)
        count(name, masked.hits, hits)
        return str(masked.value)
    if isinstance(value, list):
        return [_masked(masking, name, one, hits) for one in value]
    return value


def joined(stated: Mapping[str, JsonValue], claims: Statement) -> Statement:
    """Return a record's own fields with the claims of its caller in their place."""
    kept = {
        name: value
        for name, value in stated.items()
        if not name.startswith(("principal.", "client.", "credential."))
    }
    return {**kept, **claims}

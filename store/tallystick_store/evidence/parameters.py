"""What the checks compare records with: the period, and what the system card declares.

It goes into the package as parameters.json, so that a query over it runs where the package is read.
"""

from dataclasses import dataclass
from typing import Final

from tallystick.profile import JsonValue
from tallystick.tlog.note import parse_vkey
from tallystick.verify.policy import Policy
from tallystick_store.evidence.card import CardError, SystemCard, mandatory_fields
from tallystick_store.evidence.regime import Regime

_GUARDED: Final = "INT-"
"""Checks whose ids begin so cannot be declared not applicable: everything else rests on them."""


@dataclass(frozen=True, slots=True)
class Period:
    """What is exported: times of receipt, log indexes, the tree, and the moment it speaks for."""

    from_us: int
    to_us: int
    from_index: int
    to_index: int
    tree_size: int
    origin: str
    root: str
    """Root of the tree in base64."""
    as_of_us: int
    """The end of the period, or the newest record of the log where that is earlier."""


def parameters(period: Period, card: SystemCard) -> dict[str, JsonValue]:
    """Return the content of parameters.json."""
    return {
        "as_of_us": period.as_of_us,
        "declared": [*_declared(card, "agent", "agents"), *_declared(card, "tool", "tools")],
        "documents": [
            _pick(one, "title", "digest", "keep_until") for one in _items(card, "documents.held")
        ],
        "from_index": period.from_index,
        "from_us": period.from_us,
        "gated_tools": card.texts("oversight.gated_tools"),
        "mandatory": [
            {"field": path, "is_filled": card.get(path) is not None} for path in mandatory_fields()
        ],
        "origin": period.origin,
        "persons": [
            _pick(one, "ref", "valid_from", "valid_to") for one in _items(card, "oversight.persons")
        ],
        "placed_on_market": card.get("classification.placed_on_market"),
        "root": period.root,
        "signed_on": card.get("sign_off.date"),
        "to_index": period.to_index,
        "to_us": period.to_us,
        "tree_size": period.tree_size,
    }


def pinned_keys(card: SystemCard) -> Policy | None:
    """Return the keys that the operator has pinned in the card; None without a key of the log."""
    log = card.get("logging.log_key")
    if log is None:
        return None
    emitters = tuple(map(parse_vkey, card.get("logging.emitter_keys") or ()))
    return Policy(parse_vkey(log), emitters)


def require_known_checks(card: SystemCard, regime: Regime) -> None:
    """Raise CardError where a card speaks of a check that the regime does not have."""
    known = {check.id for check in regime.checks}
    for field in ("not_applicable.checks", "open_inputs.checks"):
        for one in _items(card, field):
            if one["check"] not in known:
                raise CardError(
                    f"the system card: {field}: expected the id of a check of {regime.id}, "
                    f"got {one['check'][:40]!a}"
                )
    for one in _items(card, "not_applicable.checks"):
        if one["check"].startswith(_GUARDED):
            raise CardError(
                f"the system card: not_applicable.checks: {one['check']} always applies: "
                "every other check rests on it"
            )


def _items(card: SystemCard, path: str) -> list[dict[str, JsonValue]]:
    found: list[dict[str, JsonValue]] = card.get(path) or []
    return found


def _pick(item: dict[str, JsonValue], *names: str) -> dict[str, JsonValue]:
    return {name: item.get(name) for name in names}


def _declared(card: SystemCard, kind: str, field: str) -> list[dict[str, JsonValue]]:
    return [
        {"dormant": bool(one.get("dormant")), "kind": kind, "name": one["name"]}
        for one in _items(card, f"inventory.{field}")
    ]

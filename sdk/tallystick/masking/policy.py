"""The masking policy: what happens to each kind of data, within which limits; frozen, and named by a digest.

Each record states the digest of the policy that masked it, so two records with one digest were
masked by the same rules. `RULES_VERSION` stands for the patterns and tables of this package and is
raised with any change to what they find.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from tallystick.errors import ConfigError
from tallystick.masking import kinds
from tallystick.masking.mode import Mode
from tallystick.masking.rules import FIELDS, AllowList, FieldRule, Selection, select

RULES_VERSION: Final = "2"
"""Version of the detectors and key-name rules; part of the digest."""


_ONLY_UNSEEN: Final = frozenset({Mode.TOKEN, Mode.PARTIAL})


@dataclass(frozen=True, slots=True)
class Treatment:
    """The mode of one kind of data; `reason` is required for Mode.KEEP."""

    mode: Mode
    reason: str = ""


_UNNAMED: Final = Treatment(Mode.REDACT)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one value is looked at; what lies beyond is withheld, never shown raw."""

    text_chars: int = 1_048_576
    """Longest single text that is scanned, in one piece: no value is lost at the edge of a window."""
    value_chars: int = 1_048_576
    """Characters scanned in one call of `mask`. Bounds its time: some 0.1 s for ordinary text, some two
    seconds for the worst that we know (nothing but digits and separators)."""
    nodes: int = 20_000
    """Containers and leaves visited in one call; ends cycles and shared sub-trees that explode."""
    depth: int = 64
    """Deepest nesting, counting JSON inside strings."""


@dataclass(frozen=True, slots=True)
class MaskPolicy:
    """Every kind of data with its treatment, the limits, and the rules for places.

    Raises ConfigError where a kind is missing or unknown, `keep` gives no reason, or secrets
    would get a token or show characters.
    """

    treatments: tuple[tuple[str, Treatment], ...]
    limits: Limits = Limits()
    rules_version: str = RULES_VERSION
    rules: tuple[FieldRule, ...] = ()
    """For places, in the order in which they are tried."""
    allow: tuple[AllowList, ...] = ()
    digest: str = field(init=False, compare=False)
    """SHA-256 in hex over the canonical JSON of everything above."""
    _by_kind: dict[str, Treatment] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check(self.treatments)
        for rule in self.rules:
            _check_rule(rule)
        object.__setattr__(self, "_by_kind", dict(self.treatments))
        object.__setattr__(self, "digest", hashlib.sha256(self.description()).hexdigest())

    def mode(self, kind: str) -> Mode:
        """Give the mode of `kind`; what the policy does not name is redacted."""
        return self._by_kind.get(kind, _UNNAMED).mode

    def with_mode(self, kind: str, mode: Mode, reason: str = "") -> "MaskPolicy":
        """Return this policy with another mode for one kind."""
        changed = {**self._by_kind, kind: Treatment(mode, reason)}
        return replace(self, treatments=tuple((kind, changed[kind]) for kind in sorted(changed)))

    def select(self, tool: str, field: str) -> Selection | None:
        """Return the rules for a field of a tool; None where there are none."""
        if not self.rules and not self.allow:
            return None
        return select(self.rules, self.allow, tool, field)

    def description(self) -> bytes:
        """Return the policy as canonical JSON: the bytes that `digest` covers."""
        content = {
            "limits": asdict(self.limits),
            "rules": self.rules_version,
            "treatments": {kind: asdict(how) for kind, how in self.treatments},
            "places": [rule.description() for rule in self.rules],
            "allow": [one.description() for one in self.allow],
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def default_policy() -> MaskPolicy:
    """Return the policy in force unless another is set: tokens for people, nothing of secrets."""
    modes = dict.fromkeys(kinds.ALL, Treatment(Mode.TOKEN))
    modes[kinds.SECRET] = Treatment(Mode.REDACT)
    modes[kinds.IP] = Treatment(Mode.KEEP, "names machines; an audit of tool calls needs them")
    return MaskPolicy(tuple((kind, modes[kind]) for kind in sorted(modes)))


def _check(treatments: tuple[tuple[str, Treatment], ...]) -> None:
    named = [kind for kind, _ in treatments]
    if named != sorted(kinds.ALL):
        expected = ", ".join(kinds.ALL)
        raise ConfigError(
            f"a masking policy names each kind once, sorted ({expected}); got {named}"
        )
    for kind, how in treatments:
        check_mode(kind, how.mode, how.reason)


def check_mode(kind: str, mode: Mode, reason: str) -> None:
    """Raise ConfigError where `kind` may not be treated so."""
    if mode is Mode.KEEP and not reason.strip():
        raise ConfigError(f"masking policy keeps {kind!r} without a reason; state one")
    if kind == kinds.SECRET and mode in _ONLY_UNSEEN:
        raise ConfigError(
            f"masking mode {mode.value!r} would show something of secrets; use redact"
        )


def _check_rule(rule: FieldRule) -> None:
    if rule.field not in FIELDS or rule.kind not in kinds.ALL:
        raise ConfigError(
            f"masking rule for {rule.path.text}: field is one of {', '.join(FIELDS)}, kind one of"
            f" {', '.join(kinds.ALL)}; got {rule.field!r} and {rule.kind!r}"
        )
    check_mode(rule.kind, rule.mode, rule.reason)

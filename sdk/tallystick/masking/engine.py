"""The masker: one call masks any Python object, and says how often it found what."""

from dataclasses import dataclass, field, replace

from tallystick.masking import kinds
from tallystick.masking.documents import json_document
from tallystick.masking.keys import PLAIN
from tallystick.masking.ledger import Ledger
from tallystick.masking.mode import Mode
from tallystick.masking.policy import Limits, MaskPolicy
from tallystick.masking.rules import FieldRule, Surveyor
from tallystick.masking.sitting import Sitting
from tallystick.masking.texts import TextMasker
from tallystick.masking.tokens import WITHHELD_MARKER, Marker, TokenKey
from tallystick.masking.walk import Lens, Walk
from tallystick.profile import JsonValue


@dataclass(frozen=True, slots=True)
class Masked:
    """What masking made of a value."""

    value: JsonValue
    """JSON: dicts with string keys, lists, strings, finite numbers, booleans, None."""
    hits: dict[str, int] = field(default_factory=dict)
    """How often each kind was masked; `withheld` counts what could not be."""


class Masker:
    """Masks values under one policy; safe to share between threads.

    `token_key` is the tenant's key for tokens, `token_key_id` its name, which stands in each token.
    Without a key, mode `token` becomes `redact`. Raises ConfigError for a short key or a malformed id.
    """

    __slots__ = ("_key", "_lens", "_lenses", "_marker", "policy")

    def __init__(
        self, policy: MaskPolicy, token_key: bytes | None = None, token_key_id: str = ""
    ) -> None:
        self.policy = policy
        self._key = None if token_key is None else TokenKey(token_key_id, token_key)
        self._marker = Marker(policy, self._key)
        self._lens = Lens(TextMasker(policy, self._marker), self._marker)
        self._lenses = {rule: self._lens_of(rule) for rule in policy.rules}

    def mask(
        self, value: object, tool: str = "", field: str = "", sitting: Sitting | None = None
    ) -> Masked:
        """Return `value` as JSON with markers in place of personal data and secrets.

        `tool` and `field` (`params` or `result`) say which of the policy's rules for places count.
        Never raises. Masking what is masked already changes nothing. A value that cannot be
        masked becomes `[withheld]` and is counted; limits are those of the policy. Within one `sitting`
        what comes back costs little, with the same result; nothing outside the request may share it.
        """
        ledger = Ledger(self.policy.limits, sitting)
        try:
            chosen = self.surveyed(value, tool, field)
            masked = Walk(self._lens, ledger, self._lenses).value(chosen, PLAIN, 0)
        except Exception:  # noqa: BLE001  # fails closed: whatever went wrong, the value is not shown
            return Masked(WITHHELD_MARKER, {kinds.WITHHELD: 1})
        return Masked(masked, ledger.hits)

    def masked_document(self, text: str, sitting: Sitting) -> Masked | None:
        """Return what `mask` makes of the JSON document that `text` is, if it was masked in this sitting.

        None, too, where rules for places would decide about it by itself. The value is not to be changed.
        """
        if self.policy.select("", "") is not None:
            return None
        known = sitting.document(self._lens.texts, text)
        return None if known is None else Masked(known.value, dict(known.counts))

    def surveyed(self, value: object, tool: str, field: str) -> object:
        """Return `value` with `rules.Ruled` where a rule for a place has decided.

        Raises MaskingError where the rules lead too deep or through too many values.
        """
        selection = self.policy.select(tool, field)
        if selection is None:
            return value
        limits = self.policy.limits
        return Surveyor(json_document, limits.nodes, limits.depth).survey(value, selection)

    def mask_text(self, text: str) -> Masked:
        """Mask free text, such as a message or a description; `value` is a string."""
        return self.mask(text)

    def with_limits(self, limits: Limits) -> "Masker":
        """Return a masker by the same rules and the same key that looks at more of a value, or at less."""
        policy, key = replace(self.policy, limits=limits), self._key
        return Masker(policy) if key is None else Masker(policy, key.secret, key.key_id)

    def _lens_of(self, rule: FieldRule) -> Lens:
        """Return what a rule's values are masked with: its mode in place of the policy's."""
        policy = self.policy
        if rule.mode is Mode.KEEP:
            for kind in kinds.ALL:
                if kind != kinds.SECRET or rule.kind == kinds.SECRET:
                    policy = policy.with_mode(kind, Mode.KEEP, rule.reason)
        else:
            policy = policy.with_mode(rule.kind, rule.mode)
        marker = Marker(policy, self._key)
        return Lens(TextMasker(policy, marker), marker)

    def token(self, kind: str, value: str) -> str:
        """Return the keyed token of a value: equal for every spelling of it, and never masked again.

        Without a key it is the bare marker of the kind, which joins nothing.
        """
        return self._key.token(kind, value) if self._key else f"[{kind}]"

    def digest(self, kind: str, value: bytes) -> str | None:
        """Return the record's keyed digest, 32 hex digits, of exactly these bytes; None without a key."""
        return self._key.digest(kind, value)[:16].hex() if self._key else None

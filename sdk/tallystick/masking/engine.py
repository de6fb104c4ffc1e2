"""The masker: one call masks any Python object, and says how often it found what."""

from dataclasses import dataclass, field

from tallystick.masking import kinds
from tallystick.masking.keys import PLAIN
from tallystick.masking.ledger import Ledger
from tallystick.masking.policy import MaskPolicy
from tallystick.masking.texts import TextMasker
from tallystick.masking.tokens import WITHHELD_MARKER, Marker, TokenKey
from tallystick.masking.walk import Shapes, Walk
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

    __slots__ = ("_key", "_marker", "_shapes", "_texts", "policy")

    def __init__(
        self, policy: MaskPolicy, token_key: bytes | None = None, token_key_id: str = ""
    ) -> None:
        self.policy = policy
        self._key = None if token_key is None else TokenKey(token_key_id, token_key)
        self._marker = Marker(policy, self._key)
        self._texts = TextMasker(policy, self._marker)
        self._shapes: Shapes = {}

    def mask(self, value: object) -> Masked:
        """Return `value` as JSON with markers in place of personal data and secrets.

        Never raises. Masking what is masked already changes nothing. A value that cannot be
        masked becomes `[withheld]` and is counted; limits are those of the policy.
        """
        ledger = Ledger(self.policy.limits)
        try:
            masked = Walk(self._texts, self._marker, self._shapes, ledger).value(value, PLAIN, 0)
        except Exception:  # noqa: BLE001  # fails closed: whatever went wrong, the value is not shown
            return Masked(WITHHELD_MARKER, {kinds.WITHHELD: 1})
        return Masked(masked, ledger.hits)

    def mask_text(self, text: str) -> Masked:
        """Mask free text, such as a message or a description; `value` is a string."""
        return self.mask(text)

    def token(self, kind: str, value: str) -> str:
        """Return the keyed token of a value: equal for every spelling of it, and never masked again.

        Without a key it is the bare marker of the kind, which joins nothing.
        """
        return self._key.token(kind, value) if self._key else f"[{kind}]"

    def digest(self, kind: str, value: bytes) -> str | None:
        """Return the record's keyed digest, 32 hex digits, of exactly these bytes; None without a key."""
        return self._key.digest(kind, value)[:16].hex() if self._key else None

"""Maskers for the tests of masking: one with a token key, one that redacts, and short ways to use them."""

from tallystick.masking import Masker, default_policy
from tallystick.masking.policy import MaskPolicy

KEY = b"k" * 32
POLICY = default_policy()
MASKER = Masker(POLICY, token_key=KEY, token_key_id="k1")


def redacting(policy: MaskPolicy = POLICY) -> Masker:
    """Return a masker without a key, whose markers are short and known: `[email]`."""
    return Masker(policy)


def redacted(value: object) -> object:
    """Mask with the default policy, without a key."""
    return redacting().mask(value).value

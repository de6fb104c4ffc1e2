"""The modes of masking: what takes the place of a value."""

from enum import StrEnum


class Mode(StrEnum):
    """What takes the place of a value."""

    REDACT = "redact"
    """The kind alone: `[email]`."""
    PARTIAL = "partial"
    """The kind and the last four characters, for values of eight and more: `[card:*1111]`."""
    TOKEN = "token"  # noqa: S105  # the name of a mode, not a secret
    """The kind and a keyed token, equal for equal values: `[email:tok_k1_0123456789abcdef]`."""
    WITHHOLD = "withhold"
    """The whole text in which the value stands becomes `[withheld]`."""
    KEEP = "keep"
    """The value stays as it is; needs a reason, which is part of the policy."""

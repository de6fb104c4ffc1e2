"""What stands where a value stood: markers, and the keyed tokens inside them.

A token is `tok_<key id>_<16 hex>`, the first 8 bytes of HMAC-SHA256(key, kind || 0x00 || value), the
value in the canonical form of its kind so that two spellings of one card join. Whoever holds the
key can try out every phone number; the key therefore stays outside the store.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from tallystick.errors import ConfigError
from tallystick.masking import kinds
from tallystick.masking.mode import Mode
from tallystick.masking.policy import MaskPolicy

WITHHELD_MARKER: Final = f"[{kinds.WITHHELD}]"
MINIMUM_KEY_BYTES: Final = 16
"""Shorter keys could be searched; enrolment issues 32 bytes."""
PARTIAL_MINIMUM: Final = 8
"""Below this many characters the last four would be most of the value."""

_FORM: Final = r"tok_[a-z0-9]{1,16}_[0-9a-f]{16}"
TOKEN: Final = re.compile(rf"(?<![0-9A-Za-z_]){_FORM}(?![0-9A-Za-z_])")
"""A token in a text; nothing inside one is ever masked again."""
_MARKER: Final = re.compile(
    rf"\[(?:{'|'.join((*kinds.ALL, kinds.WITHHELD))})(?::(?:{_FORM}|\*[0-9A-Za-z.]{{4}}))?\]|{_FORM}"
)
_PUNCTUATION: Final = bytes(code for code in range(128) if not chr(code).isalnum())
_NO_DIGITS: Final = bytes(code for code in range(128) if not chr(code).isdecimal())
_KEY_ID: Final = re.compile(r"[a-z0-9]{1,16}")
_BLOCK_BYTES: Final = 64
"""Of SHA-256: HMAC pads its key to as many (RFC 2104)."""
_INNER_PAD: Final = bytes(code ^ 0x36 for code in range(256))
_OUTER_PAD: Final = bytes(code ^ 0x5C for code in range(256))


def is_marker(text: str) -> bool:
    """Whether the whole of `text` is a marker or a token that masking wrote."""
    return _MARKER.fullmatch(text) is not None


class _Hash(Protocol):
    """A hash of `hashlib`, as far as it is needed here."""

    def copy(self) -> Self: ...

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The tenant's key for tokens. Raises ConfigError for a short key or a malformed id."""

    key_id: str
    secret: bytes = field(repr=False)
    _inner: _Hash = field(init=False, repr=False, compare=False)
    _outer: _Hash = field(init=False, repr=False, compare=False)
    """The two hashes of HMAC with the key behind them, copied for each digest: half the time of a copied `hmac`."""

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.key_id):
            raise ConfigError(f"token key id is 1 to 16 of a-z and 0-9, got {self.key_id!r}")
        if len(self.secret) < MINIMUM_KEY_BYTES:
            raise ConfigError(
                f"token key has {len(self.secret)} bytes, at least {MINIMUM_KEY_BYTES} are needed; enrol again"
            )
        is_long = len(self.secret) > _BLOCK_BYTES
        short = hashlib.sha256(self.secret).digest() if is_long else self.secret
        block = short.ljust(_BLOCK_BYTES, b"\0")
        object.__setattr__(self, "_inner", hashlib.sha256(block.translate(_INNER_PAD)))
        object.__setattr__(self, "_outer", hashlib.sha256(block.translate(_OUTER_PAD)))

    def digest(self, kind: str, value: bytes) -> bytes:
        """Return HMAC-SHA256 over the kind, a zero byte and the value exactly as given."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(b"%b\0%b" % (kind.encode(), value))
        outer.update(inner.digest())
        return outer.digest()

    def token(self, kind: str, value: str) -> str:
        """Return the token of a value, the same for every spelling of it."""
        canonical = canonical_form(kind, value).encode("utf-8", "replace")
        return f"tok_{self.key_id}_{self.digest(kind, canonical)[:8].hex()}"


@dataclass(frozen=True, slots=True)
class Marker:
    """Writes markers by a policy; without a key, tokens become plain redaction."""

    policy: MaskPolicy
    key: TokenKey | None
    _joining: frozenset[str] = field(init=False, repr=False, compare=False)
    """The kinds that become tokens."""

    def __post_init__(self) -> None:
        joining = [kind for kind in kinds.ALL if self.policy.mode(kind) is Mode.TOKEN]
        object.__setattr__(self, "_joining", frozenset(joining if self.key else ()))

    def keeps(self, kind: str) -> bool:
        """Whether values of this kind stay as they are."""
        return self.policy.mode(kind) is Mode.KEEP

    def mark(self, kind: str, value: str) -> str:
        """Return the marker that takes the place of `value`."""
        if self.key and kind in self._joining:
            return f"[{kind}:{self.key.token(kind, value)}]"
        mode = self.policy.mode(kind)
        if mode is Mode.WITHHOLD:
            return WITHHELD_MARKER
        if mode is Mode.PARTIAL:
            return _partial(kind, value)
        return f"[{kind}]"


def canonical_form(kind: str, value: str) -> str:
    """Return one spelling for all spellings of a value of this kind."""
    folded = value if value.isascii() else unicodedata.normalize("NFKC", value)
    return _CANONICAL.get(kind, _words)(folded)


def _partial(kind: str, value: str) -> str:
    shown = "".join(filter(str.isalnum, value))
    if len(shown) < PARTIAL_MINIMUM or not shown.isascii():
        return f"[{kind}]"
    return f"[{kind}:*{shown[-4:]}]"


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _alphanumeric(text: str) -> str:
    if text.isascii():
        return text.encode().translate(None, _PUNCTUATION).upper().decode()
    return "".join(filter(str.isalnum, text)).upper()


def _phone(text: str) -> str:
    short = text.replace("(0)", "")
    if text.isascii():
        return short.encode().translate(None, _NO_DIGITS).decode().removeprefix("00")
    return "".join(filter(str.isdecimal, short)).removeprefix("00")


_CANONICAL: Final[dict[str, Callable[[str], str]]] = {
    kinds.CARD: _alphanumeric,
    kinds.IBAN: _alphanumeric,
    kinds.NATIONAL_ID: _alphanumeric,
    kinds.PHONE: _phone,
    kinds.UK_NINO: _alphanumeric,
}

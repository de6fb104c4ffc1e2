"""The receipt of a call: what the client hands over in `params._meta`, so that both records show one call.

    "dev.tallystick/receipt": {"nonce": "<32 hex digits>", "record": "<base64 leaf hash>"}

The client's record and the server's each state `receipt.digest`, SHA-256 over the nonce and the arguments
as they were sent; the server's states the hash of the client's record too. The nonce is made for one call
and recorded by nobody, so that the digest cannot be guessed back to the arguments (`docs/spec/receipt.md`).
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from tallystick.capture.definition import MAX_DEPTH, jcs
from tallystick.profile import JsonValue
from tallystick.tlog.encoding import to_base64

META_KEY: Final = "dev.tallystick/receipt"
"""Name, with the prefix in reverse DNS notation that MCP 2025-11-25 asks for (basic, `_meta`)."""
NONCE_BYTES: Final = 16
MAX_CALL_BYTES: Final = 262_144
"""Of the canonical call: a peer must not make the other end print megabytes slowly (0.5 s a MiB of floats)."""

_FORMS: Final = {
    "nonce": re.compile(r"[0-9a-f]{32}"),
    "record": re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="),
}
"""The members of the receipt: 16 bytes in hex, 32 bytes in canonical base64."""
_UNSURE: Final = re.compile(rb"[0-9](?:\.|e)|null|[\xf0-\xf4]")
"""What may be a float, a NaN or a key beyond the BMP: there orjson and RFC 8785 may print differently."""
_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER


@dataclass(frozen=True, slots=True)
class CallReceipt:
    """What travels with one call. `record` is the leaf hash of the client's record, None where it has none."""

    nonce: bytes
    record: bytes | None = None

    def __repr__(self) -> str:
        """Say nothing: with the nonce a digest could be guessed back to the arguments."""
        return "CallReceipt()"

    @property
    def meta(self) -> dict[str, JsonValue]:
        """The member for `params._meta`."""
        value = {"nonce": self.nonce.hex()}
        return {
            META_KEY: value if self.record is None else {**value, "record": to_base64(self.record)}
        }

    def digest(self, params: Mapping[str, Any]) -> str | None:
        """Return SHA-256, hex, over the nonce and the canonical call.

        `params` are those of `tools/call`, as JSON. None when they have no canonical form: no JSON, or
        larger than MAX_CALL_BYTES.
        """
        call = canonical_call(params)
        return None if call is None else hashlib.sha256(self.nonce + call).hexdigest()


def read_receipt(meta: object) -> CallReceipt | None:
    """Read the receipt in a message's `_meta`; None when there is none, or none that is well formed."""
    value = meta.get(META_KEY) if isinstance(meta, Mapping) else None
    if not isinstance(value, Mapping) or not value.keys() <= _FORMS.keys():
        return None
    if not all(isinstance(v, str) and _FORMS[k].fullmatch(v) for k, v in value.items()):
        return None
    if "nonce" not in value:
        return None
    record = base64.b64decode(value["record"]) if "record" in value else None
    return CallReceipt(bytes.fromhex(value["nonce"]), record)


def stated_receipt(meta: object, params: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return what the server's record states of the receipt that came with a `tools/call`."""
    found = read_receipt(meta)
    digest = found.digest(params) if found is not None else None
    if found is None or digest is None:
        return {}
    stated: dict[str, JsonValue] = {"receipt.digest": digest}
    return stated if found.record is None else stated | {"receipt.record": to_base64(found.record)}


def canonical_call(params: Mapping[str, Any]) -> bytes | None:
    """Return the RFC 8785 form of a call: name and arguments, absent ones being none; None if it has none."""
    arguments = params.get("arguments")
    call = {"arguments": {} if arguments is None else arguments, "name": params.get("name")}
    try:
        printed = _printed_fast(call) or _printed_slowly(call)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None
    return printed if len(printed) <= MAX_CALL_BYTES else None


def _printed_fast(call: JsonValue) -> bytes | None:
    try:
        text = orjson.dumps(call, option=_OPTIONS)
    except TypeError:  # an integer beyond 2^53, a lone surrogate, too deep
        return None
    if len(text) > MAX_CALL_BYTES:
        return text
    is_sure = text.count(b"{") + text.count(b"[") <= MAX_DEPTH and not _UNSURE.search(text)
    return text if is_sure else None


def _printed_slowly(call: JsonValue) -> bytes:
    """Print what orjson may print differently. Raises ValueError and others for what is no JSON."""
    text = json.dumps(call, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    encoded = text.encode("utf-8")  # raises for a lone surrogate, which has no UTF-8
    return encoded if len(encoded) > MAX_CALL_BYTES else jcs(call)

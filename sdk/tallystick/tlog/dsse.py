"""DSSE envelopes (secure-systems-lab/dsse 1.0): a payload, its type and one Ed25519 signature.

    {"payload":"<base64>","payloadType":"<type>","signatures":[{"keyid":"<hint>","sig":"<base64>"}]}

The signature covers the payload's exact bytes and its type, so nothing is canonicalised when it
is checked. Stricter than the specification, which also reads URL-safe base64, other orders of
keys and several signatures: an envelope here has exactly one spelling.
"""

import re
from dataclasses import dataclass

from tallystick.errors import VerificationError
from tallystick.tlog.ed25519 import SIGNATURE_BYTES, Ed25519Verify
from tallystick.tlog.encoding import from_base64, to_base64
from tallystick.tlog.note import NoteSign, VerifierKey

MAX_ENVELOPE_BYTES = 0xFFFF
"""An envelope fits one log entry (c2sp.org/tlog-tiles); a delegation is below 1 KiB."""

_DSSE_TOKEN = re.compile(r"[!#-\[\]-~]{1,512}")
_DSSE_ENVELOPE = re.compile(
    r'\{"payload":"([^"]*)","payloadType":"([^"]*)",'
    r'"signatures":\[\{"keyid":"([^"]*)","sig":"([^"]*)"\}\]\}'
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope whose form was checked and whose signature was not."""

    payload_type: str
    payload: bytes
    keyid: str
    signature: bytes


def dsse_message(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_envelope(payload_type: str, payload: bytes, keyid: str, sign: NoteSign) -> str:
    """Return the envelope of `payload` signed by `sign`, as compact JSON with sorted keys.

    Raises VerificationError for a type or keyid with quotes, backslashes, spaces or characters
    outside ASCII, for a signature that is not 64 bytes long, and above MAX_ENVELOPE_BYTES.
    """
    _dsse_require_token(payload_type, "payload type")
    _dsse_require_token(keyid, "keyid")
    signature = sign(dsse_message(payload_type, payload))
    _dsse_require_signature(signature)
    envelope = (
        f'{{"payload":"{to_base64(payload)}","payloadType":"{payload_type}",'
        f'"signatures":[{{"keyid":"{keyid}","sig":"{to_base64(signature)}"}}]}}'
    )
    _dsse_require_length(envelope)
    return envelope


def parse_envelope(text: str) -> Envelope:
    """Read an envelope without checking its signature, to find the key by its hint.

    Raises VerificationError for anything that sign_envelope would not print.
    """
    _dsse_require_length(text)
    match = _DSSE_ENVELOPE.fullmatch(text)
    if match is None:
        raise VerificationError(
            "this is not an envelope: expected compact JSON with payload, payloadType and one "
            "signature, in that order"
        )
    payload, payload_type, keyid, signature = match.groups()
    _dsse_require_token(payload_type, "payload type")
    _dsse_require_token(keyid, "keyid")
    raw_signature = from_base64(signature, "the signature of the envelope")
    _dsse_require_signature(raw_signature)
    raw_payload = from_base64(payload, "the payload of the envelope")
    return Envelope(payload_type, raw_payload, keyid, raw_signature)


def open_envelope(text: str, payload_type: str, key: VerifierKey, verify: Ed25519Verify) -> bytes:
    """Check that `key` signed the envelope and that its payload is of `payload_type`; return it.

    The keyid decides nothing, as the specification demands. Raises VerificationError otherwise.
    """
    envelope = parse_envelope(text)
    message = dsse_message(envelope.payload_type, envelope.payload)
    if not verify(key.public_key, envelope.signature, message):
        raise VerificationError(
            f"the envelope is not signed by {key.name} (key id {key.key_id.hex()}): its payload, "
            "type or signature was altered, or another key signed it"
        )
    if envelope.payload_type != payload_type:
        raise VerificationError(
            f"the envelope holds another type: expected {payload_type}, got {envelope.payload_type}"
        )
    return envelope.payload


def _dsse_require_token(text: str, what: str) -> None:
    if not _DSSE_TOKEN.fullmatch(text):
        raise VerificationError(
            f"the {what} of the envelope is malformed: expected 1 to 512 printable ASCII "
            "characters without spaces, quotes and backslashes"
        )


def _dsse_require_signature(signature: bytes) -> None:
    if len(signature) != SIGNATURE_BYTES:
        raise VerificationError(
            f"the envelope's signature is not Ed25519: expected {SIGNATURE_BYTES} bytes, "
            f"got {len(signature)}"
        )


def _dsse_require_length(envelope: str) -> None:
    if len(envelope) > MAX_ENVELOPE_BYTES:
        raise VerificationError(
            f"the envelope is too long: expected at most {MAX_ENVELOPE_BYTES} characters, "
            f"got {len(envelope)}"
        )

"""Signed notes (c2sp.org/signed-note): a text and Ed25519 signatures over it, all of it text.

    <text, ending in a newline>
    <empty line>
    — <key name> <base64 of key id || signature>

A key travels as a vkey, `name+key id+base64 of type || public key`. Only Ed25519 (type 0x01) is
spoken; a note may carry signatures by other keys and of other types, which are ignored, as the
specification demands. A known key whose signature fails rejects the whole note.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tallystick.errors import VerificationError
from tallystick.tlog.ed25519 import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    Ed25519Verify,
    check_public_key,
)
from tallystick.tlog.encoding import from_base64, to_base64

MAX_NOTE_SIGNATURES = 100
"""As Go's sumdb/note; the specification asks a verifier to accept 16."""

MAX_NOTE_BYTES = 512 * 1024
"""A hundred post-quantum signatures of "nearly 5 kB" (signed-note, Format) and a text."""

SIGNATURE_TYPE_ED25519 = 0x01

KEY_ID_BYTES = 4

NoteSign: TypeAlias = Callable[[bytes], bytes]
"""sign(message): the 64-byte Ed25519 signature; the caller keeps the private key."""

_NOTE_NAME = re.compile(r"[^\s+\x00-\x1f]+")
_NOTE_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NOTE_SIGNATURE_LINE = re.compile(r"— ([^ ]+) ([^ ]+)")
_NOTE_VKEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+(.+)")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 public key under a name; made by parse_vkey or verifier_key, which check it."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name || newline || type || public key)."""
        return note_key_id(self.name, self.public_key)

    @property
    def vkey(self) -> str:
        """The text form: name, key id and key, joined by plus signs."""
        typed_key = bytes([SIGNATURE_TYPE_ED25519]) + self.public_key
        return f"{self.name}+{self.key_id.hex()}+{to_base64(typed_key)}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line; `signature` is of unknown form unless the key is known."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note whose form was checked and whose signatures were not."""

    text: str
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """The text of a note and the known keys that signed it, at least one."""

    text: str
    keys: tuple[VerifierKey, ...]


def note_key_id(name: str, public_key: bytes) -> bytes:
    """Return the 4-byte key id; a hint to find the key by, no proof of anything."""
    typed_key = bytes([SIGNATURE_TYPE_ED25519]) + public_key
    return hashlib.sha256(name.encode() + b"\n" + typed_key).digest()[:KEY_ID_BYTES]


def verifier_key(name: str, public_key: bytes) -> VerifierKey:
    """Admit a key under a name; raise VerificationError for a bad name or key (about 1 ms)."""
    require_key_name(name)
    check_public_key(public_key)
    return VerifierKey(name, public_key)


def encode_vkey(name: str, public_key: bytes) -> str:
    """Return the vkey text of an Ed25519 public key that is admitted first (about 1 ms).

    Raises VerificationError for a malformed name and a key that check_public_key refuses.
    """
    return verifier_key(name, public_key).vkey


def parse_vkey(text: str) -> VerifierKey:
    """Read a vkey and admit its key (about 1 ms).

    Raises VerificationError for another signature type, an id that is not the key's, a key that
    check_public_key refuses, and any text that encode_vkey would not print.
    """
    match = _NOTE_VKEY.fullmatch(text)
    if match is None:
        raise VerificationError(
            "this is not a verification key: expected name+8 hex digits+base64, as `keys` prints"
        )
    name, stated_id, encoded = match.groups()
    typed_key = from_base64(encoded, "the key of a vkey")
    if typed_key[:1] != bytes([SIGNATURE_TYPE_ED25519]):
        raise VerificationError(
            f"the key of {name} has signature type 0x{typed_key[:1].hex()}: "
            "expected 0x01 (Ed25519), the only type that is spoken here"
        )
    key = verifier_key(name, typed_key[1:])
    if key.key_id.hex() != stated_id:
        raise VerificationError(
            f"the key id of {name} is not the key's: expected {key.key_id.hex()}, "
            f"got {stated_id}; copy the whole verification key again"
        )
    return key


def require_key_name(name: str) -> None:
    """Raise VerificationError unless `name` may stand in a signature line."""
    if not _NOTE_NAME.fullmatch(name):
        raise VerificationError(
            "a key name is malformed: expected characters other than spaces, plus signs and "
            "control characters, at least one; for example agents.example/checkout"
        )
    _note_bytes(name)


def sign_note(name: str, text: str, sign: NoteSign, public_key: bytes) -> str:
    """Return the note of `text` with one signature by the key `public_key` under `name`.

    Raises VerificationError for a text that does not end in a newline or holds a control
    character, for a malformed name, and for a signature that is not 64 bytes long.
    """
    require_key_name(name)
    if not text.endswith("\n"):
        raise VerificationError("the text of a note does not end in a newline; add it")
    signature = sign(_note_bytes(text))
    if len(signature) != SIGNATURE_BYTES or len(public_key) != PUBLIC_KEY_BYTES:
        raise VerificationError(
            f"the signer of {name} does not speak Ed25519: expected a signature of 64 bytes and "
            f"a key of 32, got {len(signature)} and {len(public_key)}"
        )
    line = to_base64(note_key_id(name, public_key) + signature)
    return f"{text}\n— {name} {line}\n"


def parse_note(note: str) -> Note:
    """Split a note into text and signatures, checking its form and no signature.

    Raises VerificationError for any text that is not a note.
    """
    _note_bytes(note)
    head, separator, tail = note.rpartition("\n\n")
    if not separator:
        raise VerificationError("the note has no signatures: expected an empty line before them")
    if not tail.endswith("\n"):
        raise VerificationError("the note is cut off: expected a newline after its last signature")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_NOTE_SIGNATURES:
        raise VerificationError(
            f"the note has too many signatures: expected at most {MAX_NOTE_SIGNATURES}, "
            f"got {len(lines)}"
        )
    return Note(head + "\n", tuple(_note_signature(line) for line in lines))


def open_note(note: str, keys: Sequence[VerifierKey], verify: Ed25519Verify) -> OpenedNote:
    """Check a note against the known `keys`; return its text and the keys that signed it.

    Raises VerificationError when the form is wrong, when no known key signed, when one signed
    twice, and when any signature by a known key fails.
    """
    parsed = parse_note(note)
    known = _note_known_keys(keys)
    message = parsed.text.encode()
    signers: list[VerifierKey] = []
    for line in parsed.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        if key in signers:
            raise VerificationError(f"the key {key.name} signed the note twice: expected once")
        if not verify(key.public_key, line.signature, message):
            raise VerificationError(
                f"the signature of {key.name} (key id {key.key_id.hex()}) does not hold: "
                "the text or the signature was altered"
            )
        signers.append(key)
    if not signers:
        raise VerificationError(
            f"no known key signed the note: expected one of {len(known)} known keys, got "
            f"{len(parsed.signatures)} signatures by others; check the trust policy"
        )
    return OpenedNote(parsed.text, tuple(signers))


def _note_bytes(text: str) -> bytes:
    """Encode a text that may stand in a note; raise VerificationError for any other."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise VerificationError("a note is not UTF-8: it holds half a surrogate pair") from error
    if len(encoded) > MAX_NOTE_BYTES:
        raise VerificationError(
            f"a note is too long: expected at most {MAX_NOTE_BYTES} bytes, got {len(encoded)}"
        )
    if _NOTE_CONTROL.search(text):
        raise VerificationError("a note holds a control character other than a newline")
    return encoded


def _note_signature(line: str) -> NoteSignature:
    match = _NOTE_SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise VerificationError(
            "a signature line is malformed: expected an em dash, a key name and base64, "
            "separated by single spaces"
        )
    name, encoded = match.groups()
    require_key_name(name)
    raw = from_base64(encoded, f"the signature of {name}")
    if len(raw) <= KEY_ID_BYTES:
        raise VerificationError(
            f"the signature of {name} is too short: expected a key id and a signature, "
            f"got {len(raw)} bytes"
        )
    return NoteSignature(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def _note_known_keys(keys: Sequence[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        held = known.setdefault((key.name, key.key_id), key)
        if held != key:
            raise VerificationError(
                f"two known keys share the name {key.name} and the key id {key.key_id.hex()}: "
                "remove one from the trust policy"
            )
    return known

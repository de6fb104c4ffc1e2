"""Checkpoints (c2sp.org/tlog-checkpoint): the origin, size and root of a log as a signed note.

    agents.example/checkout/7f3a
    1536
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — agents.example/checkout/7f3a <base64>

Ours have exactly these three lines. The origin is also the name of the key that signs, so that a
checkpoint of one log cannot be shown as that of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.errors import VerificationError
from tallystick.tlog.ed25519 import Ed25519Verify
from tallystick.tlog.encoding import from_base64, from_decimal, to_base64
from tallystick.tlog.note import (
    NoteSign,
    VerifierKey,
    open_note,
    parse_note,
    require_key_name,
    sign_note,
)
from tallystick.tlog.tree import EMPTY_ROOT, MAX_TREE_SIZE, require_hash

MAX_ORIGIN_BYTES = 255
"""Cosigned messages hold the origin behind one length byte (c2sp.org/tlog-cosignature)."""

_CHECKPOINT_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: `size` leaves under `root`."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        require_origin(self.origin)
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise VerificationError(
                f"the checkpoint's size is out of range: expected 0 to 2^63-1, got {self.size}"
            )
        require_hash(self.root, "the checkpoint's root")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise VerificationError("the checkpoint of an empty tree does not have the empty root")


def require_origin(origin: str) -> None:
    """Raise VerificationError unless `origin` can name a log of ours and its key."""
    require_key_name(origin)
    if len(origin.encode()) > MAX_ORIGIN_BYTES:
        raise VerificationError(
            f"the origin is too long: expected at most {MAX_ORIGIN_BYTES} bytes, "
            f"got {len(origin.encode())}"
        )


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """Return the note text: origin, size and root, a line each."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{to_base64(checkpoint.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's note text; who vouches for it is not checked here.

    Raises VerificationError for anything that checkpoint_text would not print, extension lines
    included: they are NOT RECOMMENDED by the specification and no log of ours writes them.
    """
    lines = text.split("\n")
    if lines[-1] or len(lines) - 1 < _CHECKPOINT_LINES:
        raise VerificationError(
            f"the checkpoint is cut off: expected 3 lines, each with its newline, "
            f"got {len(lines) - 1}"
        )
    if len(lines) - 1 > _CHECKPOINT_LINES:
        raise VerificationError(
            f"the checkpoint has extension lines: expected origin, size and root, "
            f"got {len(lines) - 1} lines"
        )
    origin, size, root = lines[:_CHECKPOINT_LINES]
    return Checkpoint(
        origin,
        from_decimal(size, "the checkpoint's size"),
        from_base64(root, "the checkpoint's root"),
    )


def read_checkpoint(note: str) -> Checkpoint:
    """Return what a checkpoint note claims, with no signature checked: a hint, not evidence."""
    return parse_checkpoint(parse_note(note).text)


def sign_checkpoint(checkpoint: Checkpoint, sign: NoteSign, public_key: bytes) -> str:
    """Return the signed note of `checkpoint`; the origin is the key's name."""
    return sign_note(checkpoint.origin, checkpoint_text(checkpoint), sign, public_key)


def open_checkpoint(note: str, keys: Sequence[VerifierKey], verify: Ed25519Verify) -> Checkpoint:
    """Check a checkpoint note against the known `keys` of its log and return it.

    Raises VerificationError when no known key of that name signed it, when a known key's
    signature fails, and when the origin is not the name of a key that signed.
    """
    opened = open_note(note, keys, verify)
    checkpoint = parse_checkpoint(opened.text)
    if checkpoint.origin not in {key.name for key in opened.keys}:
        raise VerificationError(
            f"the checkpoint of {checkpoint.origin} is signed by {opened.keys[0].name}: "
            "expected a signature by the log itself"
        )
    return checkpoint

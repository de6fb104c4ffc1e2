"""The seal of a batch: which leaves a session's tree grew by, under a signed checkpoint.

    tallystick.seal/v1
    old 1024
    <base64 of a frontier hash; one line per set bit of old, largest subtree first>
    leaves <base64 of N x 32-byte leaf hashes>

    <checkpoint note of the session>

A seal verifies alone: frontier and leaves give the root that the session key signed. Each leaf
hash names its event, so a lost event is named too; the old root links a seal to the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import (
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from tallystick.tlog.ed25519 import Ed25519Verify
from tallystick.tlog.encoding import from_base64, from_decimal, to_base64
from tallystick.tlog.note import NoteSign, VerifierKey, parse_note
from tallystick.tlog.tree import HASH_BYTES, Frontier, joined_hashes

SEAL_HEADER = "tallystick.seal/v1"

MAX_SEAL_LEAVES = 4096
"""Eight full batches of 512: what a recovered session may seal at once."""

MAX_SEAL_BYTES = 192 * 1024
"""4096 leaves are 174,764 base64 characters, a frontier at most 63 lines of 45, a note below 1 KiB."""

_SEAL_OLD = "old "
_SEAL_LEAVES = "leaves "


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal whose hashes were checked and whose signature was not: see verify_seal.

    Leaves [old_size, size) of the session `origin` are `leaf_hashes`; the roots before and after
    are recomputed, not read.
    """

    origin: str
    old_size: int
    old_root: bytes
    size: int
    root: bytes
    leaf_hashes: tuple[bytes, ...]
    note: str


def make_seal(
    frontier_before: Frontier,
    leaf_hashes: Sequence[bytes],
    origin: str,
    sign: NoteSign,
    public_key: bytes,
) -> tuple[str, Frontier]:
    """Return the seal of a batch and the frontier after it; `frontier_before` stays as it was.

    Raises VerificationError for no leaves, more than MAX_SEAL_LEAVES, and a malformed origin.
    """
    _seal_require_leaf_count(len(leaf_hashes))
    joined = joined_hashes(leaf_hashes)
    after = frontier_before.copy()
    after.extend(joined)
    note = sign_checkpoint(Checkpoint(origin, after.size, after.root()), sign, public_key)
    lines = [
        SEAL_HEADER,
        f"{_SEAL_OLD}{frontier_before.size}",
        *map(to_base64, frontier_before.hashes),
        f"{_SEAL_LEAVES}{to_base64(joined)}",
    ]
    return "\n".join(lines) + "\n\n" + note, after


def parse_seal(body: str) -> Seal:
    """Read a seal and recompute its roots; about 2 µs a leaf.

    Raises VerificationError for anything that make_seal would not print: another header, a
    frontier that does not fit its size, a checkpoint whose size or root the leaves do not give,
    more than one signature. The signature itself is for verify_seal to check.
    """
    if len(body) > MAX_SEAL_BYTES:
        raise VerificationError(
            f"the seal is too long: expected at most {MAX_SEAL_BYTES} characters, got {len(body)}"
        )
    head, _, note = body.partition("\n\n")
    before, joined = _seal_parse_head(head.split("\n"))
    after = before.copy()
    after.extend(joined)
    checkpoint = _seal_parse_checkpoint(note)
    if (checkpoint.size, checkpoint.root) != (after.size, after.root()):
        raise VerificationError(
            f"the seal's leaves do not give its checkpoint: they lead to size {after.size}, root "
            f"{after.root().hex()}, it states {checkpoint.size}, {checkpoint.root.hex()}"
        )
    return Seal(
        origin=checkpoint.origin,
        old_size=before.size,
        old_root=before.root(),
        size=after.size,
        root=after.root(),
        leaf_hashes=tuple(
            joined[start : start + HASH_BYTES] for start in range(0, len(joined), HASH_BYTES)
        ),
        note=note,
    )


def verify_seal(seal: Seal, key: VerifierKey, verify: Ed25519Verify) -> None:
    """Check that the session key `key` signed this seal's origin, size and root.

    Raises VerificationError otherwise.
    """
    checkpoint = open_checkpoint(seal.note, [key], verify)
    if checkpoint != Checkpoint(seal.origin, seal.size, seal.root):
        raise VerificationError(
            f"the signed checkpoint of {checkpoint.origin} at size {checkpoint.size} is not that "
            f"of the seal: expected {seal.origin} at size {seal.size}, root {seal.root.hex()}"
        )


def _seal_parse_head(lines: Sequence[str]) -> tuple[Frontier, bytes]:
    if lines[0] != SEAL_HEADER:
        raise VerificationError(f"this is not a seal: expected it to begin with {SEAL_HEADER}")
    if len(lines) < len((SEAL_HEADER, _SEAL_OLD, _SEAL_LEAVES)):
        raise VerificationError("the seal is cut off: expected its `old` and `leaves` lines")
    old_size = from_decimal(_seal_field(lines[1], _SEAL_OLD), "the seal's old size")
    frontier = [from_base64(line, "a frontier hash of the seal") for line in lines[2:-1]]
    leaves = from_base64(_seal_field(lines[-1], _SEAL_LEAVES), "the leaves of the seal")
    joined = joined_hashes(leaves)
    _seal_require_leaf_count(len(joined) // HASH_BYTES)
    return Frontier(old_size, frontier), joined


def _seal_parse_checkpoint(note: str) -> Checkpoint:
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    if len(parsed.signatures) != 1 or parsed.signatures[0].name != checkpoint.origin:
        raise VerificationError(
            f"the seal of {checkpoint.origin} is not signed by its session alone: expected one "
            f"signature under that name, got {len(parsed.signatures)}"
        )
    return checkpoint


def _seal_field(line: str, prefix: str) -> str:
    if not line.startswith(prefix):
        raise VerificationError(f"the seal has no `{prefix.strip()}` line where one is expected")
    return line.removeprefix(prefix)


def _seal_require_leaf_count(leaf_count: int) -> None:
    if not 1 <= leaf_count <= MAX_SEAL_LEAVES:
        raise VerificationError(
            f"the seal has {leaf_count} leaves: expected 1 to {MAX_SEAL_LEAVES}"
        )

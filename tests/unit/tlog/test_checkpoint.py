"""Checkpoints: three lines, one spelling, signed by the log that they name."""

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import (
    Checkpoint,
    checkpoint_text,
    open_checkpoint,
    parse_checkpoint,
    read_checkpoint,
    sign_checkpoint,
)
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import sign_note
from tallystick.tlog.tree import EMPTY_ROOT, MAX_TREE_SIZE, leaf_hash
from tests.keys import key_pair
from tests.requirements import requirement

VERIFY = load_verify()
LOG = key_pair("audit.example/tenant")
ROOT = leaf_hash(b"one")
CHECKPOINT = Checkpoint(LOG.name, 1536, ROOT)
TEXT = checkpoint_text(CHECKPOINT)
NOTE = sign_checkpoint(CHECKPOINT, LOG.sign, LOG.public_key)

pytestmark = requirement("tlog.checkpoint-strict")


def test_a_checkpoint_is_three_lines() -> None:
    origin, size, root, end = TEXT.split("\n")
    assert (origin, size, end) == (LOG.name, "1536", "")
    assert len(root) == 44
    assert parse_checkpoint(TEXT) == CHECKPOINT


def test_a_signed_checkpoint_opens_with_the_key_of_its_log() -> None:
    assert open_checkpoint(NOTE, [LOG.key], VERIFY) == CHECKPOINT
    assert read_checkpoint(NOTE) == CHECKPOINT


def test_the_empty_log_has_a_checkpoint() -> None:
    assert parse_checkpoint(f"a\n0\n{checkpoint_root(EMPTY_ROOT)}\n").size == 0
    with pytest.raises(VerificationError, match="empty root"):
        parse_checkpoint(f"a\n0\n{checkpoint_root(ROOT)}\n")


def checkpoint_root(root: bytes) -> str:
    return checkpoint_text(Checkpoint("a", 1, root)).split("\n")[2]


GOOD = checkpoint_root(ROOT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cut off"),
        ("a\n1\n", "cut off"),
        (f"a\n1\n{GOOD}", "cut off"),
        (f"a\n1\n{GOOD}\nno newline", "cut off"),
        (f"a\n1\n{GOOD}\nextension\n", "extension lines"),
        (f"a\n1\n{GOOD}\n\n", "extension lines"),
        (f"a\n01\n{GOOD}\n", "size is not a decimal"),
        (f"a\n-1\n{GOOD}\n", "size is not a decimal"),
        (f"a\n 1\n{GOOD}\n", "size is not a decimal"),
        (f"a\n1 \n{GOOD}\n", "size is not a decimal"),
        (f"a\n\n{GOOD}\n", "size is not a decimal"),
        (f"a\n{MAX_TREE_SIZE + 1}\n{GOOD}\n", "size is too large"),
        (f"\n1\n{GOOD}\n", "key name is malformed"),
        (f"a b\n1\n{GOOD}\n", "key name is malformed"),
        (f"a+b\n1\n{GOOD}\n", "key name is malformed"),
        (f"{'a' * 256}\n1\n{GOOD}\n", "origin is too long"),
        (f"{'é' * 128}\n1\n{GOOD}\n", "origin is too long"),
        ("a\n1\n\n", "root is not a SHA-256 hash"),
        ("a\n1\nAAAA\n", "root is not a SHA-256 hash"),
        (f"a\n1\n{GOOD[:-1]}\n", "root is not base64"),
        (f"a\n1\n{GOOD} \n", "root is not"),
        (f"a\r\n1\r\n{GOOD}\r\n", "size is not a decimal"),
    ],
)
def test_what_is_not_printed_is_not_read(text: str, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        parse_checkpoint(text)


def test_the_longest_origin_and_the_largest_size_are_read() -> None:
    assert parse_checkpoint(f"{'a' * 255}\n{MAX_TREE_SIZE}\n{GOOD}\n").size == MAX_TREE_SIZE


@pytest.mark.parametrize("size", [-1, MAX_TREE_SIZE + 1])
def test_a_checkpoint_of_an_impossible_size_is_not_made(size: int) -> None:
    with pytest.raises(VerificationError, match="out of range"):
        Checkpoint("a", size, ROOT)


def test_a_checkpoint_signed_by_another_log_is_refused() -> None:
    other = key_pair("audit.example/other")
    note = sign_note(other.name, TEXT, other.sign, other.public_key)
    with pytest.raises(VerificationError, match=r"is signed by audit.example/other"):
        open_checkpoint(note, [LOG.key, other.key], VERIFY)


def test_a_second_known_signer_does_not_hide_the_log() -> None:
    other = key_pair("audit.example/other")
    line = sign_note(other.name, TEXT, other.sign, other.public_key).rpartition("\n\n")[2]
    first, _, own = NOTE.rpartition("\n\n")
    assert open_checkpoint(f"{first}\n\n{line}{own}", [LOG.key, other.key], VERIFY) == CHECKPOINT


def test_a_checkpoint_that_was_altered_is_refused() -> None:
    for altered in (NOTE.replace("1536", "1537"), NOTE.replace("tenant", "tenent")):
        with pytest.raises(VerificationError):
            open_checkpoint(altered, [LOG.key], VERIFY)


def test_an_unsigned_text_is_not_a_checkpoint() -> None:
    for unsigned in (TEXT, TEXT + "\n"):
        with pytest.raises(VerificationError):
            open_checkpoint(unsigned, [LOG.key], VERIFY)
        with pytest.raises(VerificationError):
            read_checkpoint(unsigned)

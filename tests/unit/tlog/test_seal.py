"""Seals: a batch of leaves, the frontier before it, and the checkpoint that a session signed."""

import base64
from dataclasses import replace

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import Checkpoint, sign_checkpoint
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import sign_note
from tallystick.tlog.seal import (
    MAX_SEAL_BYTES,
    MAX_SEAL_LEAVES,
    Seal,
    make_seal,
    parse_seal,
    verify_seal,
)
from tallystick.tlog.tree import EMPTY_ROOT, Frontier, leaf_hash, root_of
from tests.keys import key_pair

VERIFY = load_verify()
SESSION = key_pair("tallystick.session/000102030405060708090a0b0c0d0e0f")
LEAVES = [leaf_hash(bytes([number])) for number in range(24)]


def frontier_of(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier


def sealed(old: int, new: int) -> str:
    body, _ = make_seal(
        frontier_of(LEAVES[:old]), LEAVES[old:new], SESSION.name, SESSION.sign, SESSION.public_key
    )
    return body


BODY = sealed(13, 20)


def test_a_seal_has_the_form_of_the_specification() -> None:
    lines = BODY.split("\n")
    before = frontier_of(LEAVES[:13])
    assert lines[:2] == ["tallystick.seal/v1", "old 13"]
    assert [base64.b64decode(line) for line in lines[2:5]] == list(before.hashes)
    assert lines[5] == "leaves " + base64.b64encode(b"".join(LEAVES[13:20])).decode()
    assert lines[6] == ""
    assert lines[7:10] == [SESSION.name, "20", base64.b64encode(root_of(LEAVES[:20])).decode()]
    assert lines[10] == ""
    assert lines[11].startswith(f"— {SESSION.name} ")
    assert lines[12:] == [""]


def test_a_seal_says_which_leaves_the_tree_grew_by() -> None:
    seal = parse_seal(BODY)
    assert seal == Seal(
        origin=SESSION.name,
        old_size=13,
        old_root=root_of(LEAVES[:13]),
        size=20,
        root=root_of(LEAVES[:20]),
        leaf_hashes=tuple(LEAVES[13:20]),
        note=BODY.partition("\n\n")[2],
    )
    verify_seal(seal, SESSION.key, VERIFY)


def test_the_first_seal_starts_at_the_empty_tree() -> None:
    seal = parse_seal(sealed(0, 1))
    assert (seal.old_size, seal.old_root, seal.size) == (0, EMPTY_ROOT, 1)


def test_seals_chain_by_size_and_root() -> None:
    frontier = Frontier()
    last_root = EMPTY_ROOT
    for start in range(0, 24, 6):
        body, after = make_seal(
            frontier, LEAVES[start : start + 6], SESSION.name, SESSION.sign, SESSION.public_key
        )
        seal = parse_seal(body)
        assert (seal.old_size, seal.old_root) == (frontier.size, last_root) == (start, last_root)
        frontier, last_root = after, seal.root
    assert last_root == root_of(LEAVES)


def test_making_a_seal_leaves_the_frontier_before_it_alone() -> None:
    before = frontier_of(LEAVES[:13])
    make_seal(before, LEAVES[13:], SESSION.name, SESSION.sign, SESSION.public_key)
    assert (before.size, before.root()) == (13, root_of(LEAVES[:13]))


@pytest.mark.parametrize("count", [0, MAX_SEAL_LEAVES + 1])
def test_a_batch_of_another_size_is_not_sealed(count: int) -> None:
    with pytest.raises(VerificationError, match=f"has {count} leaves: expected 1 to 4096"):
        make_seal(Frontier(), [LEAVES[0]] * count, SESSION.name, SESSION.sign, SESSION.public_key)


def test_the_largest_batch_is_sealed_and_read() -> None:
    origin = key_pair("o" * 255)
    body, after = make_seal(
        Frontier(2**62 - 1, [LEAVES[0]] * 62),
        [LEAVES[1]] * MAX_SEAL_LEAVES,
        origin.name,
        origin.sign,
        origin.public_key,
    )
    seal = parse_seal(body)
    assert (seal.size, seal.root) == (after.size, after.root())
    verify_seal(seal, origin.key, VERIFY)


def test_the_limit_is_on_the_whole_body() -> None:
    assert MAX_SEAL_BYTES == 196_608
    with pytest.raises(VerificationError, match="not a seal"):
        parse_seal("x" * MAX_SEAL_BYTES)
    with pytest.raises(VerificationError, match="at most 196608 characters, got 196609"):
        parse_seal("x" * (MAX_SEAL_BYTES + 1))


def with_leaves(leaves: bytes) -> str:
    head, _, rest = BODY.partition("leaves ")
    return f"{head}leaves {base64.b64encode(leaves).decode()}\n\n{rest.partition(chr(10) * 2)[2]}"


def with_lines(first: int, last: int, *lines: str) -> str:
    parts = BODY.split("\n")
    return "\n".join([*parts[:first], *lines, *parts[last:]])


OTHER = base64.b64encode(leaf_hash(b"another")).decode()
FRONTIER = BODY.split("\n")[2:5]
SECOND_SIGNER = key_pair("another.example/signer")
NOTE = BODY.partition("\n\n")[2]
CHECKPOINT_TEXT = NOTE.rpartition("\n\n")[0] + "\n"


def with_note(note: str) -> str:
    return BODY.partition("\n\n")[0] + "\n\n" + note


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "not a seal"),
        ("\n\n", "not a seal"),
        (with_lines(0, 1, "tallystick.seal/v2"), "not a seal"),
        (with_lines(0, 1, "tallystick.seal/v1 "), "not a seal"),
        ("tallystick.seal/v1", "cut off"),
        ("tallystick.seal/v1\nleaves " + OTHER, "cut off"),
        (with_lines(1, 2), "no `old` line"),
        (with_lines(1, 2, "old  13"), "old size is not a decimal"),
        (with_lines(1, 2, "old 013"), "old size is not a decimal"),
        (with_lines(1, 2, "old 12"), "frontier does not fit its size"),
        (with_lines(1, 2, "old 14"), "do not give its checkpoint"),
        (with_lines(2, 5, *FRONTIER, OTHER), "frontier does not fit its size"),
        (with_lines(2, 5, *FRONTIER[:2]), "frontier does not fit its size"),
        (with_lines(2, 5, *FRONTIER[::-1]), "do not give its checkpoint"),
        (with_lines(2, 5, OTHER, *FRONTIER[1:]), "do not give its checkpoint"),
        (with_lines(2, 5, *FRONTIER[:2], "AAAA"), "frontier hash 2 is not a SHA-256 hash"),
        (with_lines(2, 5, *FRONTIER[:2], FRONTIER[2][:-1]), "is not base64"),
        (with_lines(5, 6), "no `leaves` line"),
        (with_lines(5, 6, "leaves "), "has 0 leaves"),
        (with_leaves(b"".join(LEAVES[13:19])), "do not give its checkpoint"),
        (with_leaves(b"".join(LEAVES[13:21])), "do not give its checkpoint"),
        (with_leaves(b"".join([*LEAVES[13:18], LEAVES[19], LEAVES[18]])), "do not give its"),
        (with_leaves(b"".join(LEAVES[13:20])[:-1]), "multiple of 32 bytes"),
        (with_leaves(LEAVES[0] * (MAX_SEAL_LEAVES + 1)), "has 4097 leaves"),
        (BODY.partition("\n\n")[0], "no signatures"),
        (with_note(CHECKPOINT_TEXT), "no signatures"),
        (with_note(NOTE + "\n"), "cut off"),
        (with_note(NOTE + NOTE.rpartition("\n\n")[2]), "expected one signature.* got 2"),
        (
            with_note(
                sign_note(
                    SECOND_SIGNER.name,
                    CHECKPOINT_TEXT,
                    SECOND_SIGNER.sign,
                    SECOND_SIGNER.public_key,
                )
            ),
            "not signed by its session alone",
        ),
        (BODY + " " * 200_000, "too long"),
    ],
)
def test_what_is_not_printed_is_not_read(body: str, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        parse_seal(body)


@pytest.mark.parametrize(
    ("size", "root"), [(19, root_of(LEAVES[:20])), (20, root_of(LEAVES[:19]))], ids=["size", "root"]
)
def test_a_checkpoint_that_the_leaves_do_not_give_is_refused(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(SESSION.name, size, root)
    note = sign_checkpoint(checkpoint, SESSION.sign, SESSION.public_key)
    with pytest.raises(VerificationError, match="do not give its checkpoint"):
        parse_seal(with_note(note))


def test_a_seal_by_another_session_key_is_refused() -> None:
    impostor = key_pair(SESSION.name, seed="impostor")
    with pytest.raises(VerificationError, match="no known key"):
        verify_seal(parse_seal(BODY), impostor.key, VERIFY)


def test_a_seal_with_a_forged_signature_is_refused() -> None:
    forged = base64.b64encode(SESSION.key.key_id + SESSION.sign(b"another text")).decode()
    line = f"— {SESSION.name} {forged}\n"
    seal = parse_seal(with_note(f"{CHECKPOINT_TEXT}\n{line}"))
    with pytest.raises(VerificationError, match="does not hold"):
        verify_seal(seal, SESSION.key, VERIFY)


def test_a_good_note_under_other_leaves_is_refused() -> None:
    seal, other = parse_seal(BODY), parse_seal(sealed(13, 21))
    for changed in (
        replace(seal, note=other.note),
        replace(seal, size=21),
        replace(seal, root=other.root),
        replace(seal, origin="tallystick.session/other"),
    ):
        with pytest.raises(VerificationError, match="is not that of the seal"):
            verify_seal(changed, SESSION.key, VERIFY)

"""Inclusion, consistency and range proofs: what they prove, and what they refuse."""

from collections.abc import Callable

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.proofs import (
    LeafNodes,
    consistency_proof,
    inclusion_proof,
    perfect_cover,
    range_proof,
    range_root,
    verify_consistency,
    verify_inclusion,
    verify_range,
)
from tallystick.tlog.tree import EMPTY_ROOT, MAX_TREE_SIZE, Frontier, leaf_hash, root_of
from tests.requirements import requirement

LEAVES = [leaf_hash(bytes([number])) for number in range(40)]
ROOTS = [root_of(LEAVES[:size]) for size in range(41)]
OTHER = leaf_hash(b"another")

pytestmark = requirement("tlog.tree")


def refused(verify: Callable[..., None], *statement: object) -> bool:
    try:
        verify(*statement)
    except VerificationError:
        return True
    return False


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33, 40])
def test_every_leaf_is_proven_and_nothing_else(size: int) -> None:
    root = ROOTS[size]
    for index in range(size):
        proof = inclusion_proof(LEAVES[:size], index)
        verify_inclusion(LEAVES[index], index, size, proof, root)
        assert refused(verify_inclusion, OTHER, index, size, proof, root)
        assert refused(verify_inclusion, LEAVES[index], index, size, proof, OTHER)
        assert refused(verify_inclusion, LEAVES[index], index, size, [*proof, OTHER], root)
        assert refused(verify_inclusion, LEAVES[index], index, size, [OTHER, *proof], root)
        for position in range(len(proof)):
            cut = proof[:position] + proof[position + 1 :]
            changed = [*proof[:position], OTHER, *proof[position + 1 :]]
            assert refused(verify_inclusion, LEAVES[index], index, size, cut, root)
            assert refused(verify_inclusion, LEAVES[index], index, size, changed, root)
        for other in range(size):
            if other != index:
                assert refused(verify_inclusion, LEAVES[index], other, size, proof, root)


@pytest.mark.parametrize(
    ("index", "size", "message"),
    [(-1, 4, "leaf -1 is not in"), (4, 4, "leaf 4 is not in"), (0, 0, "is not in a tree of 0")],
)
def test_a_leaf_outside_the_tree_is_neither_proven_nor_verified(
    index: int, size: int, message: str
) -> None:
    with pytest.raises(VerificationError, match=message):
        inclusion_proof(LEAVES[:size], index)
    with pytest.raises(VerificationError, match=message):
        verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])


def test_an_inclusion_proof_of_a_wrong_length_is_named_as_such() -> None:
    proof = inclusion_proof(LEAVES[:8], 5)
    with pytest.raises(VerificationError, match="too short"):
        verify_inclusion(LEAVES[5], 5, 8, proof[:-1], ROOTS[4])
    with pytest.raises(VerificationError, match="too long"):
        verify_inclusion(LEAVES[5], 5, 8, [*proof, OTHER], ROOTS[8])


def test_the_proof_of_a_subtree_is_not_that_of_its_tree() -> None:
    proof = inclusion_proof(LEAVES[:4], 1)
    with pytest.raises(VerificationError, match="too short"):
        verify_inclusion(LEAVES[1], 1, 8, proof, ROOTS[4])


@pytest.mark.parametrize("new", [*range(1, 18), 32, 33, 40])
def test_every_earlier_tree_is_proven_a_prefix_and_nothing_else(new: int) -> None:
    for old in range(1, new + 1):
        proof = consistency_proof(LEAVES[:new], old)
        verify_consistency(old, new, proof, ROOTS[old], ROOTS[new])
        assert refused(verify_consistency, old, new, proof, OTHER, ROOTS[new])
        assert refused(verify_consistency, old, new, proof, ROOTS[old], OTHER)
        assert refused(verify_consistency, old, new, [*proof, OTHER], ROOTS[old], ROOTS[new])
        assert refused(verify_consistency, old, new, [OTHER, *proof], ROOTS[old], ROOTS[new])
        for position in range(len(proof)):
            cut = proof[:position] + proof[position + 1 :]
            changed = [*proof[:position], OTHER, *proof[position + 1 :]]
            assert refused(verify_consistency, old, new, cut, ROOTS[old], ROOTS[new])
            assert refused(verify_consistency, old, new, changed, ROOTS[old], ROOTS[new])


def test_a_fork_is_not_consistent() -> None:
    fork = [*LEAVES[:6], OTHER, *LEAVES[7:12]]
    with pytest.raises(VerificationError, match="does not start at 9"):
        verify_consistency(9, 12, consistency_proof(fork, 9), ROOTS[9], root_of(fork))


def test_a_forged_new_root_over_an_honest_prefix_is_refused() -> None:
    proof = consistency_proof(LEAVES[:12], 9)
    with pytest.raises(VerificationError, match="does not end at 12"):
        verify_consistency(9, 12, proof, ROOTS[9], OTHER)


def test_two_roots_of_one_size_are_a_fork() -> None:
    verify_consistency(9, 9, [], ROOTS[9], ROOTS[9])
    with pytest.raises(VerificationError, match="two roots are given for size 9"):
        verify_consistency(9, 9, [], ROOTS[9], OTHER)
    with pytest.raises(VerificationError, match="equal sizes is not empty"):
        verify_consistency(9, 9, [OTHER], ROOTS[9], ROOTS[9])


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (6, 5), (-1, 5)])
def test_sizes_that_prove_nothing_are_refused(old: int, new: int) -> None:
    with pytest.raises(VerificationError, match=f"{old}"):
        consistency_proof(LEAVES[:new], old)
    with pytest.raises(VerificationError, match=f"{old}"):
        verify_consistency(old, new, [], EMPTY_ROOT, EMPTY_ROOT)


def test_a_consistency_proof_of_a_wrong_length_is_named_as_such() -> None:
    with pytest.raises(VerificationError, match="is empty"):
        verify_consistency(3, 5, [], ROOTS[3], ROOTS[5])
    proof = consistency_proof(LEAVES[:11], 6)
    with pytest.raises(VerificationError, match="too short"):
        verify_consistency(6, 11, proof[:-1], ROOTS[6], ROOTS[8])
    with pytest.raises(VerificationError, match="too long"):
        verify_consistency(6, 11, [*proof, OTHER], ROOTS[6], ROOTS[11])


@pytest.mark.parametrize("size", [*range(12), 16, 21])
def test_every_range_is_proven_complete_and_nothing_else(size: int) -> None:
    root = ROOTS[size]
    for start in range(size + 1):
        for end in range(start, size + 1):
            leaves = LEAVES[start:end]
            left, right = range_proof(LEAVES[:size], start, end)
            verify_range(start, leaves, size, left, right, root)
            assert refused(verify_range, start, leaves, size, left, right, OTHER)
            assert refused(verify_range, start, [*leaves, OTHER], size, left, right, root)
            if leaves:
                assert refused(verify_range, start, leaves[1:], size, left, right, root)
                assert refused(verify_range, start, leaves[:-1], size, left, right, root)
                changed = [OTHER, *leaves[1:]]
                assert refused(verify_range, start, changed, size, left, right, root)


def test_leaves_that_change_places_are_not_complete() -> None:
    left, right = range_proof(LEAVES[:20], 5, 15)
    swapped = [*LEAVES[5:9], LEAVES[10], LEAVES[9], *LEAVES[11:15]]
    with pytest.raises(VerificationError, match=r"\[5, 15\) are not complete"):
        verify_range(5, swapped, 20, left, right, ROOTS[20])


def test_a_range_proof_with_too_many_or_too_few_hashes_is_refused() -> None:
    left, right = range_proof(LEAVES[:20], 5, 15)
    for wrong in (right[:-1], [*right, OTHER]):
        with pytest.raises(VerificationError, match="on its right, expected 2"):
            verify_range(5, LEAVES[5:15], 20, left, wrong, ROOTS[20])
    for wrong in (left[:-1], [*left, OTHER]):
        with pytest.raises(VerificationError, match="expected 2 hashes for 5 leaves"):
            verify_range(5, LEAVES[5:15], 20, wrong, right, ROOTS[20])


def test_a_range_may_be_given_as_joined_hashes() -> None:
    left, right = range_proof(b"".join(LEAVES), 5, 15)
    verify_range(5, b"".join(LEAVES[5:15]), 40, left, right, ROOTS[40])


@pytest.mark.parametrize(("start", "end", "size"), [(-1, 2, 5), (3, 2, 5), (2, 6, 5)])
def test_a_range_outside_the_tree_is_not_proven(start: int, end: int, size: int) -> None:
    with pytest.raises(VerificationError, match="is no range of a tree of 5 leaves"):
        range_proof(LEAVES[:size], start, end)


@pytest.mark.parametrize(("start", "size"), [(-1, 5), (4, 5), (0, MAX_TREE_SIZE + 1)])
def test_a_range_outside_the_tree_is_not_verified(start: int, size: int) -> None:
    with pytest.raises(VerificationError, match=f"is no range of a tree of {size} leaves"):
        verify_range(start, LEAVES[:2], size, [], [], ROOTS[2])


@pytest.mark.parametrize("wrong", [b"", b"x" * 31, b"x" * 33])
def test_a_hash_of_another_length_is_refused_in_every_proof(wrong: bytes) -> None:
    leaf, root = LEAVES[0], ROOTS[2]
    checks: tuple[Callable[[], None], ...] = (
        lambda: verify_inclusion(wrong, 0, 2, [LEAVES[1]], root),
        lambda: verify_inclusion(leaf, 0, 2, [LEAVES[1]], wrong),
        lambda: verify_inclusion(leaf, 0, 2, [wrong], root),
        lambda: verify_consistency(1, 2, [LEAVES[1]], wrong, root),
        lambda: verify_consistency(1, 2, [LEAVES[1]], leaf, wrong),
        lambda: verify_consistency(2, 2, [], wrong, wrong),
        lambda: verify_consistency(1, 2, [wrong], leaf, root),
        lambda: verify_range(0, [leaf], 2, [], [LEAVES[1]], wrong),
        lambda: verify_range(0, [leaf], 2, [], [wrong], root),
        lambda: verify_range(1, [leaf], 2, [wrong], [], root),
    )
    for check in checks:
        with pytest.raises(VerificationError, match="expected 32 bytes"):
            check()


def test_a_tree_that_cannot_exist_is_refused() -> None:
    checks: tuple[Callable[[], None], ...] = (
        lambda: verify_inclusion(LEAVES[0], 0, MAX_TREE_SIZE + 1, [], ROOTS[1]),
        lambda: verify_consistency(1, MAX_TREE_SIZE + 1, [], ROOTS[1], ROOTS[1]),
    )
    for check in checks:
        with pytest.raises(VerificationError, match=r"above 2\^63-1"):
            check()


def test_the_largest_tree_is_still_verified() -> None:
    frontier = Frontier(MAX_TREE_SIZE - 1, [OTHER] * 62)
    frontier.append(LEAVES[0])
    proof = [OTHER] * 62
    verify_inclusion(LEAVES[0], MAX_TREE_SIZE - 1, MAX_TREE_SIZE, proof, frontier.root())
    verify_range(MAX_TREE_SIZE - 1, [LEAVES[0]], MAX_TREE_SIZE, proof, [], frontier.root())


def test_nodes_are_the_roots_of_their_leaves() -> None:
    nodes = LeafNodes(LEAVES)
    assert nodes.size == 40
    for level in range(6):
        for index in range(40 >> level):
            covered = LEAVES[index << level : (index + 1) << level]
            assert nodes(level, index) == root_of(covered)


@pytest.mark.parametrize(("level", "index"), [(0, 40), (3, 5), (6, 0), (0, -1), (-1, 0)])
def test_a_node_outside_the_tree_is_refused(level: int, index: int) -> None:
    with pytest.raises(VerificationError, match=f"level {level}, index {index}"):
        LeafNodes(LEAVES)(level, index)


def test_a_range_is_covered_by_the_largest_perfect_subtrees() -> None:
    assert perfect_cover(0, 0) == []
    assert perfect_cover(0, 8) == [(3, 0)]
    assert perfect_cover(0, 7) == [(2, 0), (1, 2), (0, 6)]
    assert perfect_cover(5, 16) == [(0, 5), (1, 3), (3, 1)]
    assert perfect_cover(5, 15) == [(0, 5), (1, 3), (2, 2), (1, 6), (0, 14)]


def test_the_whole_range_has_the_root_of_the_tree() -> None:
    nodes = LeafNodes(LEAVES)
    assert [range_root(nodes, 0, size) for size in range(41)] == ROOTS

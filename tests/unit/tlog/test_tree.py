"""The Merkle tree of RFC 9162: hashes, roots and the frontier."""

import hashlib

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.tree import (
    EMPTY_ROOT,
    MAX_TREE_SIZE,
    Frontier,
    leaf_hash,
    node_hash,
    parent_level,
    root_of,
    roots_at,
)

LEAVES = [leaf_hash(bytes([number])) for number in range(40)]


def recursive_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162 section 2.1.1 writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    left, right = recursive_root(leaves[:split]), recursive_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def test_leaves_and_nodes_are_hashed_in_separate_domains() -> None:
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
    assert (
        node_hash(b"l" * 32, b"r" * 32) == hashlib.sha256(b"\x01" + b"l" * 32 + b"r" * 32).digest()
    )


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of(b"") == root_of([]) == Frontier().root() == EMPTY_ROOT
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT


@pytest.mark.parametrize("size", range(1, 41))
def test_every_way_to_a_root_gives_the_root_of_the_definition(size: int) -> None:
    leaves = LEAVES[:size]
    appended = Frontier()
    for leaf in leaves:
        appended.append(leaf)
    extended = Frontier()
    extended.extend(leaves)
    expected = recursive_root(leaves)
    assert root_of(leaves) == root_of(b"".join(leaves)) == expected
    assert appended.root() == extended.root() == expected
    assert appended.hashes == extended.hashes
    assert appended.size == extended.size == size


def test_roots_at_all_sizes_come_from_one_pass() -> None:
    sizes = [40, 0, 7, 7, 33]
    expected = {size: recursive_root(LEAVES[:size]) for size in sizes}
    assert roots_at(LEAVES, sizes) == expected
    assert roots_at(b"".join(LEAVES), iter(sizes)) == expected
    assert roots_at(LEAVES, []) == {}


@pytest.mark.parametrize("size", [-1, 41])
def test_there_is_no_root_at_a_size_the_tree_never_had(size: int) -> None:
    with pytest.raises(VerificationError, match=f"no root at size {size}: .* 0 to 40"):
        roots_at(LEAVES, [3, size])


def test_an_odd_last_hash_has_no_parent_yet() -> None:
    a, b, c = LEAVES[:3]
    assert parent_level(a + b + c) == node_hash(a, b)
    assert parent_level(a) == b""


def test_a_frontier_is_taken_up_where_it_was_left() -> None:
    before = Frontier()
    before.extend(LEAVES[:13])
    after = Frontier(before.size, before.hashes)
    after.extend(LEAVES[13:])
    assert after.root() == recursive_root(LEAVES)


def test_a_copy_grows_alone() -> None:
    original = Frontier()
    original.extend(LEAVES[:5])
    copy = original.copy()
    copy.append(LEAVES[5])
    assert (original.size, original.root()) == (5, recursive_root(LEAVES[:5]))
    assert (copy.size, copy.root()) == (6, recursive_root(LEAVES[:6]))


def test_a_perfect_subtree_stands_for_its_leaves() -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:4])
    frontier.append_subtree(2, recursive_root(LEAVES[4:8]))
    frontier.append_subtree(1, recursive_root(LEAVES[8:10]))
    assert (frontier.size, frontier.root()) == (10, recursive_root(LEAVES[:10]))


def test_a_subtree_at_a_crooked_place_is_refused() -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:6])
    with pytest.raises(VerificationError, match="4 leaves cannot stand at leaf 6"):
        frontier.append_subtree(2, LEAVES[0])
    assert frontier.root() == recursive_root(LEAVES[:6])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_frontier_with_another_number_of_hashes_is_refused(count: int) -> None:
    with pytest.raises(VerificationError, match=f"expected 2 hashes for 5 leaves, got {count}"):
        Frontier(5, LEAVES[:count])


@pytest.mark.parametrize("size", [-1, -2, MAX_TREE_SIZE + 1])
def test_a_frontier_of_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(VerificationError, match="out of range"):
        Frontier(size, LEAVES[: size.bit_count()])


def test_the_largest_tree_has_a_frontier() -> None:
    assert Frontier(MAX_TREE_SIZE, [LEAVES[0]] * 63).size == MAX_TREE_SIZE


@pytest.mark.parametrize("value", [b"", b"x" * 31, b"x" * 33])
def test_a_hash_of_another_length_is_refused_everywhere(value: bytes) -> None:
    frontier = Frontier()
    with pytest.raises(VerificationError, match="leaf hash 1"):
        frontier.extend([LEAVES[0], value])
    with pytest.raises(VerificationError, match="appended hash"):
        frontier.append(value)
    with pytest.raises(VerificationError, match="frontier hash 1"):
        Frontier(3, [LEAVES[0], value])
    with pytest.raises(VerificationError, match="leaf hash 0"):
        root_of([value])
    assert (frontier.size, frontier.hashes) == (0, ())


def test_joined_leaf_hashes_that_are_cut_off_are_refused() -> None:
    with pytest.raises(VerificationError, match="multiple of 32 bytes, got 63"):
        root_of(b"x" * 63)

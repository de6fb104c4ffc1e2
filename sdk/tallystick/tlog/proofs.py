"""Inclusion, consistency and range proofs over the Merkle tree of RFC 9162.

A prover needs only a NodeSource: a function that gives the root of any perfect subtree. A tile
store serves it from a few tiles; LeafNodes serves it from leaf hashes in memory. A range proof
shows completeness: these leaves, and no others, stand at [start, end) of the tree.

Every verify_* function returns nothing when the proof holds and raises VerificationError
otherwise; each refuses a hash that is not 32 bytes long, a size below zero and a proof that is
longer or shorter than the sizes demand.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from tallystick.errors import VerificationError
from tallystick.tlog.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    MAX_TREE_SIZE,
    Frontier,
    LeafHashes,
    joined_hashes,
    node_hash,
    parent_level,
    require_hash,
)

NodeSource: TypeAlias = Callable[[int, int], bytes]
"""node(level, index): root of the 2^level leaves from index * 2^level on, all of them present."""


class LeafNodes:
    """A NodeSource over leaf hashes in memory; each level is computed once, when first asked."""

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: LeafHashes) -> None:
        """Keep `leaf_hashes`; raise VerificationError for a hash of a wrong length."""
        self._levels = [joined_hashes(leaf_hashes)]

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0]) // HASH_BYTES

    def __call__(self, level: int, index: int) -> bytes:
        """Return the root of a perfect subtree; raise VerificationError outside the tree."""
        if level < 0 or index < 0 or (index + 1) << level > self.size:
            raise VerificationError(
                f"there is no perfect subtree at level {level}, index {index}: "
                f"expected one inside the tree of {self.size} leaves"
            )
        while len(self._levels) <= level:
            self._levels.append(parent_level(self._levels[-1]))
        return self._levels[level][index * HASH_BYTES : (index + 1) * HASH_BYTES]


def perfect_cover(start: int, end: int) -> list[tuple[int, int]]:
    """Split [start, end) into the largest perfect subtrees, left to right, as (level, index)."""
    cover: list[tuple[int, int]] = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        cover.append((level, start >> level))
        start += 1 << level
    return cover


def range_root(node: NodeSource, start: int, end: int) -> bytes:
    """Return the root over the leaves [start, end), as RFC 9162 would split them.

    `start` is 0 or a multiple of the largest power of two below the length, as it is for every
    subtree of a tree; `range_root(node, 0, size)` is the root of the tree.
    """
    hashes = [node(level, index) for level, index in perfect_cover(start, end)]
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def inclusion_proof_from(node: NodeSource, size: int, index: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves (RFC 9162 2.1.3.1).

    Raises VerificationError when there is no such leaf.
    """
    _proof_require(0 <= index < size, f"leaf {index} is not in a tree of {size} leaves")
    low, high = 0, size
    path: list[bytes] = []
    while high - low > 1:
        middle = low + _proof_split(high - low)
        if index < middle:
            path.append(range_root(node, middle, high))
            high = middle
        else:
            path.append(range_root(node, low, middle))
            low = middle
    return path[::-1]


def consistency_proof_from(node: NodeSource, old_size: int, new_size: int) -> list[bytes]:
    """Return the proof that the tree of `new_size` extends that of `old_size` (RFC 9162 2.1.4.1).

    Raises VerificationError unless 0 < old_size <= new_size: there is nothing to prove about the
    empty tree, which every tree extends.
    """
    _proof_require(
        0 < old_size <= new_size,
        f"there is no consistency proof from {old_size} to {new_size} leaves",
    )
    low, high = 0, new_size
    path: list[bytes] = []
    while high != old_size:
        middle = low + _proof_split(high - low)
        if old_size <= middle:
            path.append(range_root(node, middle, high))
            high = middle
        else:
            path.append(range_root(node, low, middle))
            low = middle
    if low:
        path.append(range_root(node, low, high))
    return path[::-1]


def range_proof_from(
    node: NodeSource, size: int, start: int, end: int
) -> tuple[list[bytes], list[bytes]]:
    """Return the hashes left of `start` and right of `end` that complete the tree of `size`.

    Each side holds at most 2 log2(size) hashes, left to right.
    Raises VerificationError unless 0 <= start <= end <= size.
    """
    _proof_require(
        0 <= start <= end <= size, f"[{start}, {end}) is no range of a tree of {size} leaves"
    )
    left = [node(level, index) for level, index in perfect_cover(0, start)]
    right = [node(level, index) for level, index in perfect_cover(end, size)]
    return left, right


def inclusion_proof(leaves: LeafHashes, index: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of all `leaves`."""
    nodes = LeafNodes(leaves)
    return inclusion_proof_from(nodes, nodes.size, index)


def consistency_proof(leaves: LeafHashes, old_size: int) -> list[bytes]:
    """Return the proof that the tree of all `leaves` extends its first `old_size` leaves."""
    nodes = LeafNodes(leaves)
    return consistency_proof_from(nodes, old_size, nodes.size)


def range_proof(leaves: LeafHashes, start: int, end: int) -> tuple[list[bytes], list[bytes]]:
    """Return the hashes that prove [start, end) complete in the tree of all `leaves`."""
    nodes = LeafNodes(leaves)
    return range_proof_from(nodes, nodes.size, start, end)


def verify_inclusion(
    leaf_hash: bytes,
    index: int,
    size: int,
    proof: Sequence[bytes],
    root: bytes,
) -> None:
    """Check that `leaf_hash` is leaf `index` of the tree of `size` leaves under `root`.

    Raises VerificationError otherwise (RFC 9162 section 2.1.3.2).
    """
    _proof_require(0 <= index < size, f"leaf {index} is not in a tree of {size} leaves")
    _proof_require_hashes(size, proof, (leaf_hash, root))
    node_index, last_index, computed = index, size - 1, leaf_hash
    for step in proof:
        _proof_require(last_index > 0, "the inclusion proof is too long for its tree")
        if node_index & 1 or node_index == last_index:
            computed = node_hash(step, computed)
            zeros = _proof_trailing_zeros(node_index)
            node_index, last_index = node_index >> zeros, last_index >> zeros
        else:
            computed = node_hash(computed, step)
        node_index, last_index = node_index >> 1, last_index >> 1
    _proof_require(last_index == 0, "the inclusion proof is too short for its tree")
    _proof_require_root(computed, root, f"leaf {index} is not included in the tree of {size}")


def verify_consistency(
    old_size: int,
    new_size: int,
    proof: Sequence[bytes],
    old_root: bytes,
    new_root: bytes,
) -> None:
    """Check that the tree under `new_root` extends the tree under `old_root`.

    Raises VerificationError otherwise (RFC 9162 section 2.1.4.2), and for an old tree without
    leaves: every tree extends that one, so the caller has nothing to check.
    """
    _proof_require(
        0 < old_size <= new_size,
        f"a tree of {new_size} leaves cannot be proven to extend one of {old_size}",
    )
    _proof_require_hashes(new_size, proof, (old_root, new_root))
    if old_size == new_size:
        _proof_require(not proof, "the consistency proof of equal sizes is not empty")
        _proof_require_root(new_root, old_root, f"two roots are given for size {old_size}")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    _proof_require(bool(path), "the consistency proof is empty")
    old, new = _proof_fold_consistency(old_size, new_size, path)
    _proof_require_root(old, old_root, f"the consistency proof does not start at {old_size}")
    _proof_require_root(new, new_root, f"the consistency proof does not end at {new_size}")


def verify_range(
    start: int,
    leaves: LeafHashes,
    size: int,
    left: Sequence[bytes],
    right: Sequence[bytes],
    root: bytes,
) -> None:
    """Check that `leaves` are all the leaves from `start` on, up to start + len(leaves).

    Raises VerificationError when a leaf is missing, added, moved or changed, or when the tree of
    `size` leaves does not have this `root`. About 1.5 µs a leaf.
    """
    joined = joined_hashes(leaves)
    end = start + len(joined) // HASH_BYTES
    _proof_require(
        start >= 0 and end <= size <= MAX_TREE_SIZE,
        f"[{start}, {end}) is no range of a tree of {size} leaves",
    )
    require_hash(root, "the root")
    edge = Frontier(start, left)
    edge.extend(joined)
    cover = perfect_cover(end, size)
    _proof_require(
        len(cover) == len(right),
        f"the range proof has {len(right)} hashes on its right, expected {len(cover)}",
    )
    for (level, _), subtree_root in zip(cover, right, strict=True):
        edge.append_subtree(level, subtree_root)
    _proof_require_root(edge.root(), root, f"the leaves [{start}, {end}) are not complete")


def _proof_fold_consistency(
    old_size: int, new_size: int, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    zeros = _proof_trailing_zeros(old_size)
    node_index, last_index = (old_size - 1) >> zeros, (new_size - 1) >> zeros
    old = new = path[0]
    for step in path[1:]:
        _proof_require(last_index > 0, "the consistency proof is too long for its trees")
        if node_index & 1 or node_index == last_index:
            old, new = node_hash(step, old), node_hash(step, new)
            zeros = _proof_trailing_zeros(node_index)
            node_index, last_index = node_index >> zeros, last_index >> zeros
        else:
            new = node_hash(new, step)
        node_index, last_index = node_index >> 1, last_index >> 1
    _proof_require(last_index == 0, "the consistency proof is too short for its trees")
    return old, new


def _proof_split(length: int) -> int:
    """Return the largest power of two below `length`."""
    return 1 << ((length - 1).bit_length() - 1)


def _proof_trailing_zeros(number: int) -> int:
    """Return how often the positive `number` halves evenly."""
    return (number & -number).bit_length() - 1


def _proof_require(holds: bool, message: str) -> None:
    if not holds:
        raise VerificationError(message)


def _proof_require_hashes(size: int, proof: Sequence[bytes], roots: Sequence[bytes]) -> None:
    _proof_require(size <= MAX_TREE_SIZE, f"the tree size is above 2^63-1: got {size}")
    for value in roots:
        require_hash(value, "a hash of the statement")
    for position, value in enumerate(proof):
        require_hash(value, f"proof hash {position}")


def _proof_require_root(computed: bytes, stated: bytes, message: str) -> None:
    _proof_require(
        computed == stated,
        f"{message}: the proof leads to {computed.hex()}, the statement says {stated.hex()}",
    )

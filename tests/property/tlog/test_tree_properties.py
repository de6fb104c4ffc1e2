"""Trees of any size and shape: every way to a root agrees, every proof holds, every change shows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import VerificationError
from tallystick.tlog.proofs import (
    consistency_proof,
    inclusion_proof,
    range_proof,
    verify_consistency,
    verify_inclusion,
    verify_range,
)
from tallystick.tlog.tiles import append_to_tiles, tiles_of
from tallystick.tlog.tree import Frontier, leaf_hash, root_of, roots_at

LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(1200)]
OTHER = leaf_hash(b"another")

sizes = st.integers(1, 700)


@given(sizes, st.data())
def test_a_frontier_may_be_left_and_taken_up_anywhere(size: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, size))
    before = Frontier()
    before.extend(LEAVES[:cut])
    after = Frontier(cut, before.hashes)
    after.extend(b"".join(LEAVES[cut:size]))
    assert after.root() == root_of(LEAVES[:size])
    assert roots_at(LEAVES[:size], [cut, size]) == {
        cut: root_of(LEAVES[:cut]),
        size: root_of(LEAVES[:size]),
    }


@given(sizes, st.data())
def test_every_leaf_and_every_prefix_is_proven(size: int, data: st.DataObject) -> None:
    leaves, root = LEAVES[:size], root_of(LEAVES[:size])
    index = data.draw(st.integers(0, size - 1))
    verify_inclusion(leaves[index], index, size, inclusion_proof(leaves, index), root)
    old = index + 1
    proof = consistency_proof(leaves, old)
    verify_consistency(old, size, proof, root_of(leaves[:old]), root)


@given(sizes, st.data())
def test_no_omission_addition_exchange_or_change_passes_as_complete(
    size: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(start + 1, size))
    leaves, root = LEAVES[start:end], root_of(LEAVES[:size])
    left, right = range_proof(LEAVES[:size], start, end)
    verify_range(start, leaves, size, left, right, root)
    position = data.draw(st.integers(0, end - start - 1))
    partner = data.draw(st.integers(0, end - start - 1))
    exchanged = leaves.copy()
    exchanged[position], exchanged[partner] = leaves[partner], leaves[position]
    for changed in (
        leaves[:position] + leaves[position + 1 :],
        [*leaves[:position], OTHER, *leaves[position:]],
        [*leaves[:position], OTHER, *leaves[position + 1 :]],
        exchanged,
    ):
        if changed == leaves:
            continue
        for claimed_size in (size, size - len(leaves) + len(changed)):
            try:
                verify_range(start, changed, claimed_size, left, right, root)
            except VerificationError:
                continue
            raise AssertionError(f"{claimed_size} leaves pass as complete")


@settings(max_examples=40)
@given(st.lists(st.integers(1, 1199), max_size=6))
def test_tiles_written_in_steps_are_those_written_at_once(stops: list[int]) -> None:
    files: dict[str, bytes] = {}
    old = 0
    for stop in [*sorted(stops), 1200]:
        grown = append_to_tiles(lambda tile: files[tile.path], old, LEAVES[old:stop])
        files.update({tile.path: content for tile, content in grown})
        old = stop
    for tile in tiles_of(1200):
        span = 256**tile.level
        first = tile.index * 256 * span
        expected = [
            root_of(LEAVES[start : start + span])
            for start in range(first, first + tile.width * span, span)
        ]
        assert files[tile.path] == b"".join(expected)

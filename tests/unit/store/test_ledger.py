"""The tree in memory: the same roots, proofs and tiles whatever was forgotten."""

import pytest

from tallystick.errors import StoreError, VerificationError
from tallystick.tlog.proofs import (
    range_proof,
    verify_consistency,
    verify_inclusion,
    verify_range,
)
from tallystick.tlog.tiles import Tile, decode_entries, tiles_of
from tallystick.tlog.tree import EMPTY_ROOT, leaf_hash, root_of
from tallystick_store.ledger import Ledger

ENTRIES = [b"entry %d" % number for number in range(1400)]
LEAVES = b"".join(map(leaf_hash, ENTRIES))


def ledger(*, grown_to: tuple[int, ...] = (1400,), forgotten: int = 0) -> Ledger:
    made = Ledger(lambda start, end: ENTRIES[start:end])
    for size in grown_to:
        made.extend(ENTRIES[made.size : size])
    made.forget(forgotten)
    return made


@pytest.mark.parametrize("forgotten", [0, 255, 256, 1024, 1400])
@pytest.mark.parametrize("grown_to", [(1400,), (1, 255, 256, 257, 512, 1400)])
def test_roots_are_those_of_the_leaves(grown_to: tuple[int, ...], forgotten: int) -> None:
    made = ledger(grown_to=grown_to, forgotten=forgotten)
    for size in (1, 2, 255, 256, 257, 511, 512, 1024, 1399, 1400):
        assert made.root(size) == root_of(LEAVES[: size * 32])
    assert made.root(0) == EMPTY_ROOT
    assert made.size == 1400


@pytest.mark.parametrize("forgotten", [0, 1400])
def test_proofs_hold(forgotten: int) -> None:
    made = ledger(forgotten=forgotten)
    for size, index in ((1, 0), (300, 299), (1400, 3), (1400, 700)):
        path = made.inclusion_proof(size, index)
        verify_inclusion(leaf_hash(ENTRIES[index]), index, size, path, made.root(size))
    for old, new in ((1, 1400), (256, 257), (300, 1399), (1400, 1400)):
        proof = made.consistency_proof(old, new)
        verify_consistency(old, new, proof, made.root(old), made.root(new))
    left, right = made.range_proof(1400, 100, 900)
    verify_range(100, LEAVES[3200:28800], 1400, left, right, made.root(1400))
    assert (left, right) == range_proof(LEAVES, 100, 900)


@pytest.mark.parametrize("forgotten", [0, 600, 1400])
def test_tiles_and_bundles_are_those_of_the_tree(forgotten: int) -> None:
    made = ledger(forgotten=forgotten)
    for tile in tiles_of(1400):
        if tile.level == 0:
            start = tile.index * 256
            assert made.tile(tile) == LEAVES[start * 32 : (start + tile.width) * 32]
            bundle = decode_entries(made.bundle(tile.index, tile.width), tile.width)
            assert bundle == ENTRIES[start : start + tile.width]
        else:
            assert made.tile(tile) == b"".join(
                root_of(LEAVES[n * 256 * 32 : (n + 1) * 256 * 32]) for n in range(5)
            )
    assert made.tile(Tile(0, 1, 7)) == LEAVES[256 * 32 : 263 * 32]


def test_rows_that_changed_under_the_tree_are_not_proven() -> None:
    made = Ledger(lambda start, end: [b"forged", *ENTRIES[start + 1 : end]])
    made.extend(ENTRIES[:600])
    made.forget(600)
    with pytest.raises(StoreError, match="log indexes 0 to 255 are not those"):
        made.inclusion_proof(600, 3)
    verify_inclusion(
        leaf_hash(ENTRIES[590]), 590, 600, made.inclusion_proof(600, 590), made.root(600)
    )


def test_there_is_no_tree_beyond_the_log() -> None:
    with pytest.raises(StoreError, match="no tree of 1401 entries: it holds 1400"):
        ledger().root(1401)
    with pytest.raises(VerificationError):
        ledger().inclusion_proof(10, 10)


def test_a_tile_is_read_from_the_database_once() -> None:
    asked: list[int] = []

    def read(start: int, end: int) -> list[bytes]:
        asked.append(start)
        return ENTRIES[start:end]

    made = Ledger(read)
    made.extend(ENTRIES)
    made.forget(1400)
    for _ in range(3):
        made.inclusion_proof(1400, 5)
    assert asked == [0]

"""Tiles and entry bundles: paths, growth, content and proofs from them."""

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.proofs import (
    consistency_proof_from,
    inclusion_proof_from,
    range_proof_from,
    range_root,
    verify_consistency,
    verify_inclusion,
    verify_range,
)
from tallystick.tlog.tiles import (
    Tile,
    append_to_tiles,
    decode_entries,
    encode_entries,
    entries_path,
    grown_tiles,
    read_tile,
    tile_nodes,
    tile_path,
    tiles_of,
)
from tallystick.tlog.tree import leaf_hash, root_of

BIG = 256 * 256 + 300
LEAVES = b"".join(leaf_hash(number.to_bytes(4, "big")) for number in range(BIG))


def grow(*sizes: int) -> dict[str, bytes]:
    """The files of a log that was written at each of `sizes`."""
    files: dict[str, bytes] = {}
    old = 0
    for size in sizes:
        hashes = LEAVES[old * 32 : size * 32]
        for tile, content in append_to_tiles(lambda tile: files[tile.path], old, hashes):
            files[tile.path] = content
        old = size
    return files


FILES = grow(BIG)


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 5, 256, "tile/0/005"),
        (1, 999, 256, "tile/1/999"),
        (1, 1000, 256, "tile/1/x001/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (0, 1234067, 17, "tile/0/x001/x234/067.p/17"),
        (63, 0, 1, "tile/63/000.p/1"),
        (2, 0, 255, "tile/2/000.p/255"),
    ],
)
def test_a_tile_stands_under_its_published_path(
    level: int, index: int, width: int, path: str
) -> None:
    assert tile_path(level, index, width) == Tile(level, index, width).path == path


def test_a_bundle_stands_beside_its_tile() -> None:
    assert entries_path(1234067) == "tile/entries/x001/x234/067"
    assert entries_path(3, 12) == "tile/entries/003.p/12"


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257), (0, 0, -1)],
)
def test_a_tile_that_no_tree_has_has_no_path(level: int, index: int, width: int) -> None:
    with pytest.raises(VerificationError):
        tile_path(level, index, width)


def test_a_tree_of_70000_has_the_tiles_of_the_specifications_example() -> None:
    tiles = list(tiles_of(70_000))
    assert len(tiles) == 273 + 1 + 1 + 1 + 1
    assert [tile for tile in tiles if tile.width == 256] == [
        *[Tile(0, index) for index in range(273)],
        Tile(1, 0),
    ]
    assert [tile for tile in tiles if tile.width < 256] == [
        Tile(0, 273, 112),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]


def test_a_tree_of_256_has_one_full_tile_and_one_above_it() -> None:
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []


def test_growth_names_only_new_and_wider_tiles() -> None:
    assert list(grown_tiles(5, 5)) == []
    assert list(grown_tiles(5, 6)) == [Tile(0, 0, 6)]
    assert list(grown_tiles(255, 258)) == [Tile(0, 0), Tile(0, 1, 2), Tile(1, 0, 1)]
    assert list(grown_tiles(256, 257)) == [Tile(0, 1, 1)]
    assert list(grown_tiles(65_535, 65_536)) == [Tile(0, 255), Tile(1, 0), Tile(2, 0, 1)]


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (4, 3)])
def test_a_tree_does_not_shrink(old: int, new: int) -> None:
    with pytest.raises(VerificationError, match=f"from {old} to {new}"):
        list(grown_tiles(old, new))


@pytest.mark.parametrize("step", [1, 100, 255, 256, 257])
def test_tiles_grow_to_the_same_bytes_in_any_steps(step: int) -> None:
    files = grow(*range(step, 1030, step), 1030)
    for tile in tiles_of(1030):
        assert files[tile.path] == grow(1030)[tile.path]


def test_appending_yields_exactly_the_grown_tiles() -> None:
    files = grow(700)
    appended = append_to_tiles(lambda tile: files[tile.path], 700, LEAVES[700 * 32 : 1300 * 32])
    assert [tile for tile, _ in appended] == list(grown_tiles(700, 1300))
    assert list(append_to_tiles(lambda tile: files[tile.path], 700, b"")) == []


def test_each_hash_of_a_tile_is_the_root_of_a_full_tile_below() -> None:
    assert set(FILES) == {tile.path for tile in tiles_of(BIG)}
    for tile in tiles_of(BIG):
        span = 256**tile.level
        for position in range(0, tile.width, 51):
            start = (tile.index * 256 + position) * span
            expected = root_of(LEAVES[start * 32 : (start + span) * 32])
            assert FILES[tile.path][position * 32 : position * 32 + 32] == expected


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 1000, 65_536, BIG])
def test_tiles_serve_every_proof(size: int) -> None:
    files = grow(size)
    nodes = tile_nodes(lambda tile: files[tile.path], size)
    root = root_of(LEAVES[: size * 32])
    assert range_root(nodes, 0, size) == root
    for index in {0, size // 3, size - 1}:
        leaf = LEAVES[index * 32 : index * 32 + 32]
        verify_inclusion(leaf, index, size, inclusion_proof_from(nodes, size, index), root)
        old = index + 1
        old_root = root_of(LEAVES[: old * 32])
        proof = consistency_proof_from(nodes, old, size)
        verify_consistency(old, size, proof, old_root, root)
        left, right = range_proof_from(nodes, size, index, old)
        verify_range(index, leaf, size, left, right, root)


@pytest.mark.parametrize(("level", "index"), [(0, 300), (0, -1), (-1, 0), (8, 1), (9, 0), (70, 0)])
def test_tiles_serve_no_node_outside_the_tree(level: int, index: int) -> None:
    files = grow(300)
    with pytest.raises(VerificationError, match=f"level {level}, index {index}"):
        tile_nodes(lambda tile: files[tile.path], 300)(level, index)


@pytest.mark.parametrize("content", [b"", b"x" * 63, b"x" * 65, b"x" * 96])
def test_a_tile_of_another_length_is_named(content: bytes) -> None:
    with pytest.raises(VerificationError, match=r"tile/0/001.p/2 has the wrong length"):
        read_tile(lambda _: content, Tile(0, 1, 2))
    with pytest.raises(VerificationError, match=r"tile/0/001.p/2 has the wrong length"):
        list(append_to_tiles(lambda _: content, 258, LEAVES[:32]))


def test_entries_round_trip_behind_their_lengths() -> None:
    entries = [b"", b"a", b"x" * 65_535]
    bundle = encode_entries(entries)
    assert bundle[:5] == b"\x00\x00\x00\x01a"
    assert bundle[5:7] == b"\xff\xff"
    assert decode_entries(bundle, 3) == entries
    assert decode_entries(encode_entries([b"e"] * 256), 256) == [b"e"] * 256


def test_an_entry_above_its_16_bit_length_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"entry 1 .* at most 65535 bytes, got 65536"):
        encode_entries([b"", b"x" * 65_536])


@pytest.mark.parametrize("count", [0, 257])
def test_a_bundle_of_no_or_too_many_entries_is_refused(count: int) -> None:
    with pytest.raises(VerificationError, match=f"not {count} wide"):
        encode_entries([b"e"] * count)
    with pytest.raises(VerificationError, match=f"not {count} wide"):
        decode_entries(b"\x00\x01e" * count, count)


@pytest.mark.parametrize(
    ("bundle", "width"),
    [
        (b"", 1),
        (b"\x00", 1),
        (b"\x00\x02e", 1),
        (b"\x00\x01e\x00", 1),
        (b"\x00\x01e\x00", 2),
        (b"\x00\x01e\x00\x01f", 1),
        (b"\x00\x01e\x00\x01f", 3),
    ],
)
def test_a_bundle_that_is_cut_or_too_long_is_refused(bundle: bytes, width: int) -> None:
    with pytest.raises(VerificationError, match=f"does not hold {width} whole entries"):
        decode_entries(bundle, width)

"""Tiles (c2sp.org/tlog-tiles): a Merkle tree and its entries as small immutable files.

Tile (level, index) holds the roots of up to 256 perfect subtrees of 256^level leaves each, from
index * 256 on. A tile below 256 hashes is partial and stands under a path of its own. This module
computes which tiles a tree has, what is in them and where they stand; the caller reads and writes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tallystick.errors import VerificationError
from tallystick.tlog.proofs import NodeSource
from tallystick.tlog.tree import HASH_BYTES, LeafHashes, joined_hashes, root_of

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

MAX_TILE_LEVEL = 63
"""As the specification; a tree of 2^63-1 leaves has tiles up to level 7."""

MAX_ENTRY_BYTES = 0xFFFF
"""An entry stands behind its length as a 16-bit number."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of a tree: `width` is 256 when it is full, below when it is partial."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The path of this tile below the log's prefix."""
        return tile_path(self.level, self.index, self.width)


TileRead: TypeAlias = Callable[[Tile], bytes]
"""read(tile): the 32 x width bytes of a tile that the tree has."""


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile below the log's prefix: `tile/0/x001/x234/067.p/12`.

    Raises VerificationError for a level, index or width that no tile has.
    """
    if not 0 <= level <= MAX_TILE_LEVEL:
        raise VerificationError(f"there is no tile level {level}: expected 0 to {MAX_TILE_LEVEL}")
    return f"tile/{level}/{_tile_path_end(index, width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of the bundle of entries behind the level-0 tile `index`."""
    return f"tile/entries/{_tile_path_end(index, width)}"


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile of the tree of `size` leaves, level by level, left to right."""
    return grown_tiles(0, size)


def grown_tiles(old_size: int, new_size: int) -> Iterator[Tile]:
    """Yield the tiles that a tree of `new_size` has and one of `old_size` had not, or narrower.

    Raises VerificationError unless 0 <= old_size <= new_size.
    """
    if not 0 <= old_size <= new_size:
        raise VerificationError(f"a tree does not grow from {old_size} to {new_size} leaves")
    level, old_count, count = 0, old_size, new_size
    while count > old_count:
        for index in range(old_count // TILE_WIDTH, -(-count // TILE_WIDTH)):
            yield Tile(level, index, min(TILE_WIDTH, count - index * TILE_WIDTH))
        level, old_count, count = level + 1, old_count // TILE_WIDTH, count // TILE_WIDTH


def append_to_tiles(
    read: TileRead, old_size: int, leaf_hashes: LeafHashes
) -> Iterator[tuple[Tile, bytes]]:
    """Yield the grown tiles and their bytes when a tree of `old_size` takes more leaves.

    Reads the partial tile at the right edge of each level that grows, one a level. The tiles
    come in the order of grown_tiles: level 0 first, left to right.
    """
    level, count, hashes = 0, old_size, joined_hashes(leaf_hashes)
    while hashes:
        index, width = divmod(count, TILE_WIDTH)
        if width:
            hashes = read_tile(read, Tile(level, index, width)) + hashes
        full_roots: list[bytes] = []
        for start in range(0, len(hashes), TILE_WIDTH * HASH_BYTES):
            content = hashes[start : start + TILE_WIDTH * HASH_BYTES]
            tile = Tile(level, index, len(content) // HASH_BYTES)
            yield tile, content
            if tile.width == TILE_WIDTH:
                full_roots.append(root_of(content))
            index += 1
        level, count, hashes = level + 1, count // TILE_WIDTH, b"".join(full_roots)


def tile_nodes(read: TileRead, size: int) -> NodeSource:
    """Return a NodeSource for the tree of `size` leaves that reads the tiles of that tree.

    A node costs one tile and at most 127 hashes above it; `read` may cache.
    """

    def node(level: int, index: int) -> bytes:
        if level < 0 or index < 0 or (index + 1) << level > size:
            raise VerificationError(
                f"there is no perfect subtree at level {level}, index {index}: "
                f"expected one inside the tree of {size} leaves"
            )
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_index, offset = divmod(index << height, TILE_WIDTH)
        count = size >> (TILE_HEIGHT * tile_level)
        width = min(TILE_WIDTH, count - tile_index * TILE_WIDTH)
        content = read_tile(read, Tile(tile_level, tile_index, width))
        return root_of(content[offset * HASH_BYTES : (offset + (1 << height)) * HASH_BYTES])

    return node


def read_tile(read: TileRead, tile: Tile) -> bytes:
    """Read a tile and check its length; raise VerificationError when it is cut or too long."""
    content = read(tile)
    if len(content) != tile.width * HASH_BYTES:
        raise VerificationError(
            f"{tile.path} has the wrong length: expected {tile.width * HASH_BYTES} bytes, "
            f"got {len(content)}; rebuild the tiles from the store"
        )
    return content


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Return a bundle: each entry behind its length as a big-endian 16-bit number.

    Raises VerificationError for no entries, more than 256, or one above 65,535 bytes.
    """
    _tile_require_width(len(entries))
    for position, entry in enumerate(entries):
        if len(entry) > MAX_ENTRY_BYTES:
            raise VerificationError(
                f"entry {position} of the bundle is too long: expected at most "
                f"{MAX_ENTRY_BYTES} bytes, got {len(entry)}"
            )
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(bundle: bytes, width: int) -> list[bytes]:
    """Return the `width` entries of a bundle; raise VerificationError unless it holds just them."""
    _tile_require_width(width)
    entries: list[bytes] = []
    position = 0
    for _ in range(width):
        start = position + 2
        position = start + int.from_bytes(bundle[position:start], "big")
        entries.append(bundle[start:position])
    if position != len(bundle):
        raise VerificationError(
            f"the bundle does not hold {width} whole entries: by their lengths they end at byte "
            f"{position} of {len(bundle)}"
        )
    return entries


def _tile_path_end(index: int, width: int) -> str:
    if index < 0:
        raise VerificationError(f"there is no tile {index}: expected an index of 0 or more")
    _tile_require_width(width)
    index, last = divmod(index, 1000)
    path = f"{last:03d}"
    while index:
        index, part = divmod(index, 1000)
        path = f"x{part:03d}/{path}"
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def _tile_require_width(width: int) -> None:
    if not 1 <= width <= TILE_WIDTH:
        raise VerificationError(f"a tile is not {width} wide: expected 1 to {TILE_WIDTH}")

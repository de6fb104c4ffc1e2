"""The tenant's Merkle tree in memory: roots, proofs and tiles at every size up to its own.

All hashes above the leaves are kept (32 bytes for 256 entries). Leaves and entries are kept from
the last tile on that is not yet a file; older leaves come from the database, 256 at a time, and are
checked against the hash above them. The caller extends the tree only by what is durable.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

from tallystick.errors import StoreError
from tallystick.tlog.proofs import (
    NodeSource,
    consistency_proof_from,
    inclusion_proof_from,
    range_proof_from,
    range_root,
)
from tallystick.tlog.tiles import TILE_WIDTH, Tile, encode_entries, tile_nodes
from tallystick.tlog.tree import HASH_BYTES, root_of
from tallystick_store.entries import entry_leaf

_TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
_CACHED_TILES: Final = 64

ReadEntries = Callable[[int, int], Sequence[bytes]]
"""read(start, end): the stored entries with these log indexes, as bytes."""


class Ledger:
    """The tree; safe for one thread that extends it and any number that read."""

    def __init__(
        self, read_entries: ReadEntries, size: int = 0, levels: Sequence[bytes] = ()
    ) -> None:
        """Begin with an empty tree, or with the tree of `size` entries, a multiple of 256.

        `levels` then holds the hashes above the leaves, from tile level 1 on: `size >> 8` of them, and so on.
        """
        self._read_entries = read_entries
        self._levels: list[bytearray] = [bytearray(), *map(bytearray, levels)]
        self._entries: list[bytes] = []
        self._kept_from = size
        self._old_tiles: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Number of entries."""
        return self._kept_from + len(self._entries)

    @property
    def entries_in_memory(self) -> int:
        """Number of entries that are not forgotten."""
        return len(self._entries)

    def extend(self, entries: Sequence[bytes], leaf_hashes: bytes | None = None) -> None:
        """Append entries; `leaf_hashes` spares their hashing. About 1.5 µs each."""
        joined = b"".join(map(entry_leaf, entries)) if leaf_hashes is None else leaf_hashes
        with self._lock:
            self._entries.extend(entries)
            self._levels[0] += joined
            self._grow()

    def forget(self, size: int) -> None:
        """Drop leaves and entries of full tiles below `size` from memory: they are files now."""
        with self._lock:
            keep_from = size // TILE_WIDTH * TILE_WIDTH
            dropped = keep_from - self._kept_from
            if dropped > 0:
                del self._entries[:dropped]
                del self._levels[0][: dropped * HASH_BYTES]
                self._kept_from = keep_from

    def root(self, size: int) -> bytes:
        """Return the root of the tree of the first `size` entries."""
        return range_root(self._nodes(size), 0, size)

    def inclusion_proof(self, size: int, index: int) -> list[bytes]:
        """Return the audit path of entry `index` in the tree of `size` entries."""
        return inclusion_proof_from(self._nodes(size), size, index)

    def inclusion_proofs(self, size: int, indexes: Sequence[int]) -> list[list[bytes]]:
        """Return the audit paths of several entries, in their order; what they share is read and hashed once."""
        node = cache(self._nodes(size))
        found = {index: inclusion_proof_from(node, size, index) for index in sorted(set(indexes))}
        return [found[index] for index in indexes]

    def consistency_proof(self, old_size: int, new_size: int) -> list[bytes]:
        """Return the proof that the tree of `new_size` extends that of `old_size`."""
        return consistency_proof_from(self._nodes(new_size), old_size, new_size)

    def range_proof(self, size: int, start: int, end: int) -> tuple[list[bytes], list[bytes]]:
        """Return the hashes that prove [start, end) complete in the tree of `size`."""
        return range_proof_from(self._nodes(size), size, start, end)

    def tile(self, tile: Tile) -> bytes:
        """Return the bytes of a tile of the tree, also a partial one of an earlier size."""
        start = tile.index * _TILE_BYTES
        with self._lock:
            level = self._levels[tile.level]
            if tile.level == 0:
                start -= self._kept_from * HASH_BYTES
            if start >= 0:
                return bytes(level[start : start + tile.width * HASH_BYTES])
        return self._old_tile(tile.index)[: tile.width * HASH_BYTES]

    def bundle(self, index: int, width: int) -> bytes:
        """Return the bundle of entries behind the level-0 tile `index`."""
        return encode_entries(self._entries_between(index * TILE_WIDTH, index * TILE_WIDTH + width))

    def _entries_between(self, start: int, end: int) -> Sequence[bytes]:
        with self._lock:
            if start >= self._kept_from:
                return self._entries[start - self._kept_from : end - self._kept_from]
        return self._read_entries(start, end)

    def _nodes(self, size: int) -> NodeSource:
        if size > self.size:
            raise StoreError(f"the log has no tree of {size} entries: it holds {self.size}")
        return tile_nodes(self.tile, size)

    def _old_tile(self, index: int) -> bytes:
        with self._lock:
            if index in self._old_tiles:
                self._old_tiles.move_to_end(index)
                return self._old_tiles[index]
            above = bytes(self._levels[1][index * HASH_BYTES : (index + 1) * HASH_BYTES])
        start = index * TILE_WIDTH
        content = b"".join(map(entry_leaf, self._read_entries(start, start + TILE_WIDTH)))
        if len(content) != _TILE_BYTES or root_of(content) != above:
            raise StoreError(
                f"the rows of log indexes {start} to {start + TILE_WIDTH - 1} are not those that"
                " the log was built from: stop the service and run `tallystick verify --data`"
            )
        with self._lock:
            self._old_tiles[index] = content
            if len(self._old_tiles) > _CACHED_TILES:
                self._old_tiles.popitem(last=False)
        return content

    def _grow(self) -> None:
        """Hash each tile that has become full into the level above it."""
        level, dropped = 0, self._kept_from
        while True:
            if level + 1 == len(self._levels):
                self._levels.append(bytearray())
            hashes, above = self._levels[level], self._levels[level + 1]
            full = (dropped + len(hashes) // HASH_BYTES) // TILE_WIDTH
            first = len(above) // HASH_BYTES
            if first == full:
                return
            for index in range(first, full):
                start = index * _TILE_BYTES - dropped * HASH_BYTES
                above += root_of(bytes(hashes[start : start + _TILE_BYTES]))
            level, dropped = level + 1, 0

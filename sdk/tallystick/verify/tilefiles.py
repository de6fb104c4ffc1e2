"""Step 9 for data directories: tiles and bundles equal those that the entries give.

Every file below `log/` is compared, also a partial tile that a full one has replaced since; every
file that the newest checkpoint needs must be there.
"""

import re
from collections.abc import Iterator
from typing import Final

from tallystick.errors import VerificationError
from tallystick.tlog.proofs import LeafNodes
from tallystick.tlog.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    decode_entries,
    entries_path,
    tiles_of,
)
from tallystick.tlog.tree import HASH_BYTES, leaf_hash
from tallystick.verify.finding import Findings, Place
from tallystick.verify.source import Source

CUT_WRITE: Final = ".tmp"
"""How the store names a file until it is whole."""

_TILE_PATH: Final = re.compile(
    r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?"
)


def check_tile_files(source: Source, leaves: bytes, findings: Findings) -> None:
    """Compare every tile and bundle with the leaf hashes of the log, and name what is missing."""
    nodes = LeafNodes(leaves)
    present = set()
    for path in source.log_files():
        present.add(path)
        if path.endswith(CUT_WRITE):
            findings.notice(9, "was left by a write that was cut short", Place(file=f"log/{path}"))
            continue
        _check_file(source, path, nodes, findings)
    for tile in tiles_of(source.facts.tree_size):
        for path, full in _paths(tile):
            if path not in present and full not in present:
                findings.fault(9, "is missing", Place(file=f"log/{path}"))


def _paths(tile: Tile) -> Iterator[tuple[str, str]]:
    """Yield the path of a tile, and of its bundle, with the path of the full one."""
    yield tile.path, Tile(tile.level, tile.index).path
    if tile.level == 0:
        yield entries_path(tile.index, tile.width), entries_path(tile.index)


def _check_file(source: Source, path: str, nodes: LeafNodes, findings: Findings) -> None:
    findings.count(9, "tiles and bundles")
    try:
        tile, is_bundle = _parse_path(path)
        wanted = _hashes(nodes, tile)
        found = _file_hashes(source.log_file(path) or b"", tile, is_bundle=is_bundle)
    except VerificationError as error:
        findings.fault(9, str(error), Place(file=f"log/{path}"))
        return
    for position in range(0, len(wanted), HASH_BYTES):
        if found[position : position + HASH_BYTES] != wanted[position : position + HASH_BYTES]:
            number = tile.index * TILE_WIDTH + position // HASH_BYTES
            _name_difference(source, path, tile, number, findings)
            return


def _file_hashes(content: bytes, tile: Tile, *, is_bundle: bool) -> bytes:
    if is_bundle:
        return b"".join(map(leaf_hash, decode_entries(content, tile.width)))
    if len(content) != tile.width * HASH_BYTES:
        raise VerificationError(
            f"holds {len(content)} bytes of hashes: expected {tile.width * HASH_BYTES}"
        )
    return content


def _name_difference(
    source: Source, path: str, tile: Tile, number: int, findings: Findings
) -> None:
    """Name a file that differs from the entries, and the bundle that the entries came from."""
    place = Place(file=f"log/{path}")
    findings.fault(9, f"hash {number} is not the one that the entries give", place)
    if tile.level == 0:
        width = min(TILE_WIDTH, source.facts.tree_size - tile.index * TILE_WIDTH)
        bundle = entries_path(tile.index, max(1, width))
        place = Place(file=f"log/{bundle}", log_index=number)
        findings.fault(9, f"its entry is not the one behind log/{path}", place)


def _parse_path(path: str) -> tuple[Tile, bool]:
    """Return the tile that a path names, and whether it is the bundle behind it."""
    match = _TILE_PATH.fullmatch(path)
    if match is None:
        raise VerificationError("is no tile and no bundle")
    level, index, width = match.groups()
    is_bundle = level == "entries"
    number = int(index.replace("x", "").replace("/", ""))
    tile = Tile(0 if is_bundle else int(level), number, int(width or TILE_WIDTH))
    printed = entries_path(tile.index, tile.width) if is_bundle else tile.path
    if printed != path:
        raise VerificationError(f"is not where its tile stands: expected log/{printed}")
    return tile, is_bundle


def _hashes(nodes: LeafNodes, tile: Tile) -> bytes:
    level, start = TILE_HEIGHT * tile.level, tile.index * TILE_WIDTH
    if start + tile.width > nodes.size >> level:
        raise VerificationError(f"is beyond the log of {nodes.size} entries")
    return b"".join(nodes(level, start + offset) for offset in range(tile.width))

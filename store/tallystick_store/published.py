"""The log as it was published: entries and proofs from the files in `log/`, whatever the rows say now.

A file is written before the checkpoint that needs it and is never changed (tlog-tiles). Where a row was
changed from outside, the files still tell what was accepted, and a proof under a signed checkpoint tells
whether to believe the files.
"""

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Final

from tallystick.errors import StoreError, VerificationError
from tallystick.tlog.entry import Entry, parse_entry
from tallystick.tlog.proofs import inclusion_proof_from
from tallystick.tlog.tiles import TILE_WIDTH, Tile, decode_entries, entries_path, tile_nodes
from tallystick.tlog.tree import HASH_BYTES
from tallystick_store.bundles import MAX_LOG_FILE_BYTES, in_clear
from tallystick_store.files import Files

_CACHED_BUNDLES: Final = 256
"""Full ones, some 10 MB."""


class PublishedLog:
    """The files below `log/`. Safe to use from several threads."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._lock = Lock()
        self._bundles: OrderedDict[int, list[bytes]] = OrderedDict()

    def entries(self, log_indexes: Iterable[int]) -> dict[int, Entry]:
        """Return the entries with these indexes; what is not published or damaged is left out."""
        found: dict[int, Entry] = {}
        by_bundle: dict[int, list[int]] = {}
        for log_index in dict.fromkeys(log_indexes):
            by_bundle.setdefault(log_index // TILE_WIDTH, []).append(log_index)
        for index, wanted in by_bundle.items():
            bundle = self._bundle(index)
            for log_index in wanted:
                entry = _entry_in(bundle, log_index % TILE_WIDTH)
                if entry is not None:
                    found[log_index] = entry
        return found

    def line(self, log_index: int) -> bytes | None:
        """Return the exact bytes of an entry; None where it is not published."""
        bundle, offset = self._bundle(log_index // TILE_WIDTH), log_index % TILE_WIDTH
        return bundle[offset] if offset < len(bundle) else None

    def inclusion_proof(self, size: int, log_index: int) -> list[bytes]:
        """Return the audit path of an entry in the tree of `size` entries, as the tiles give it.

        Raises VerificationError when there is no such tree, or a tile is missing or damaged.
        """
        return inclusion_proof_from(tile_nodes(self._tile, size), size, log_index)

    def _bundle(self, index: int) -> list[bytes]:
        with self._lock:
            known = self._bundles.get(index)
            if known is not None:
                self._bundles.move_to_end(index)
                return known
        bundle = read_bundle(self._files, index)
        if len(bundle) == TILE_WIDTH:
            with self._lock:
                self._bundles[index] = bundle
                if len(self._bundles) > _CACHED_BUNDLES:
                    self._bundles.popitem(last=False)
        return bundle

    def _tile(self, tile: Tile) -> bytes:
        """Read a tile; one that has grown since holds the smaller one in front."""
        content = _read(self._files, tile.path) or _read(
            self._files, Tile(tile.level, tile.index).path
        )
        if content is None:
            for width in _partial_widths(self._files, Tile(tile.level, tile.index).path):
                if width >= tile.width:
                    content = _read(self._files, Tile(tile.level, tile.index, width).path)
        if content is None:
            raise VerificationError(f"log/{tile.path} is not there: rebuild it by a start")
        return content[: tile.width * HASH_BYTES]


def read_bundle(files: Files, index: int) -> list[bytes]:
    """Return the entries of the full bundle, or of the widest partial one; none if it is damaged."""
    path = entries_path(index)
    for width in [TILE_WIDTH, *_partial_widths(files, path)]:
        try:
            content = files.read_plain(entries_path(index, width), MAX_LOG_FILE_BYTES)
            if content is not None:
                return decode_entries(in_clear(content), width)
        except (StoreError, VerificationError):
            return []  # the verifier names the file
    return []


def _entry_in(bundle: list[bytes], offset: int) -> Entry | None:
    try:
        return parse_entry(bundle[offset]) if offset < len(bundle) else None
    except VerificationError:
        return None


def _read(files: Files, path: str) -> bytes | None:
    try:
        return files.read_plain(path, MAX_LOG_FILE_BYTES)
    except StoreError:
        return None


def _partial_widths(files: Files, path: str) -> list[int]:
    """Return the widths of the partial files that stand for a path, widest first."""
    names = [one.rpartition("/")[2] for one in files.paths(f"{path}.p")]
    widths = [int(name) for name in names if name.isdigit() and 0 < int(name) < TILE_WIDTH]
    return sorted(widths, reverse=True)

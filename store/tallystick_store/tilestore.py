"""The log as static files in the layout of C2SP tlog-tiles: tiles, entry bundles, the checkpoint.

Everything but the checkpoint can be made again from the database. A full bundle stands as gzip (`bundles`).
A tile or bundle is written before any checkpoint that needs it; a partial one is removed once the full one
stands in its place, as the specification allows. At start each file is compared with the tree of the database.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tallystick.errors import VerificationError
from tallystick.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, entries_path, grown_tiles, tiles_of
from tallystick.tlog.tree import HASH_BYTES
from tallystick_store.bundles import compressed, in_clear
from tallystick_store.files import Files
from tallystick_store.ledger import Ledger

CHECKPOINT_PATH: Final = "checkpoint"
TILE_FOLDER: Final = "tile"
BUNDLES: Final = f"{TILE_FOLDER}/entries/"

_PATH: Final = re.compile(r"tile/([0-9]{1,2}|entries)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]+))?")


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of the layout: a tile, or the bundle of entries behind a level-0 tile."""

    tile: Tile
    is_bundle: bool = False

    @property
    def path(self) -> str:
        """The path below the log's folder."""
        if self.is_bundle:
            return entries_path(self.tile.index, self.tile.width)
        return self.tile.path

    @property
    def end(self) -> int:
        """Size of the smallest tree that has this file."""
        return (self.tile.index * TILE_WIDTH + self.tile.width) << (8 * self.tile.level)

    @property
    def full(self) -> "LogFile":
        """The full file that takes the place of this one."""
        return LogFile(Tile(self.tile.level, self.tile.index), self.is_bundle)

    def content(self, ledger: Ledger) -> bytes:
        """Return what the file must hold."""
        if self.is_bundle:
            return ledger.bundle(self.tile.index, self.tile.width)
        return ledger.tile(self.tile)


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is missing, holds something else, or stands where none should."""

    path: str
    reason: str
    file: LogFile | None
    """What to write in its place; None to leave it alone."""


def parse_log_path(path: str) -> LogFile | None:
    """Return the file that a path names; None for a path that no tree has."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level, index_text, width_text = match.groups()
    index = int(index_text.replace("x", "").replace("/", ""))
    width = int(width_text) if width_text else TILE_WIDTH
    if not 1 <= width <= TILE_WIDTH or (level != "entries" and int(level) > 7):  # noqa: PLR2004 - 2^63 leaves
        return None
    file = LogFile(Tile(0 if level == "entries" else int(level), index, width), level == "entries")
    return file if file.path == path else None


def files_of(tiles: Iterator[Tile]) -> Iterator[LogFile]:
    """Yield the files behind tiles: each tile, and each level-0 tile's bundle."""
    for tile in tiles:
        yield LogFile(tile)
        if tile.level == 0:
            yield LogFile(tile, is_bundle=True)


class TileStore:
    """The folder `log/` of one tenant; one thread writes it."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def grow(self, ledger: Ledger, old_size: int, new_size: int) -> None:
        """Write every file that the tree of `new_size` has and that of `old_size` had not."""
        for file in files_of(grown_tiles(old_size, new_size)):
            self._write(file, ledger)

    def drop_partials(self, old_size: int, new_size: int) -> None:
        """Remove the partial files whose full ones came between the two sizes."""
        for file in files_of(grown_tiles(old_size, new_size)):
            if file.tile.width == TILE_WIDTH:
                for path in list(self._files.paths(file.path + ".p")):
                    self._files.remove(path)

    def read_checkpoint(self) -> bytes | None:
        """Return the newest checkpoint as it stands, None where there is none."""
        return self._files.read(CHECKPOINT_PATH)

    def write_checkpoint(self, note: str) -> None:
        """Put the newest checkpoint in place."""
        self._files.write(CHECKPOINT_PATH, note.encode())

    def listing(self) -> list[str]:
        """Return the path of every file below `tile/`, leftovers of cut writes swept away first."""
        self._files.sweep()
        return list(self._files.paths(TILE_FOLDER))

    def read_level(self, level: int, size: int) -> bytes | None:
        """Return the hashes of a level in the tree of `size` entries, as the files hold them.

        None where a file is missing or has another length. Nothing says yet that they are right.
        """
        count = size >> (TILE_HEIGHT * level)
        tiles = [
            Tile(level, index, min(TILE_WIDTH, count - index * TILE_WIDTH))
            for index in range(-(-count // TILE_WIDTH))
        ]
        content = b"".join(self._files.read(tile.path) or b"" for tile in tiles)
        return content if len(content) == count * HASH_BYTES else None

    def differs(self, file: LogFile, ledger: Ledger) -> bool:
        """Whether the file on disk is absent or holds anything but what the tree says."""
        content = self._files.read(file.path)
        if content is None:
            return True
        try:
            said = in_clear(content) if file.is_bundle else content
        except VerificationError:
            return True
        return said != file.content(ledger)

    def repair(self, damages: list[Damage], ledger: Ledger) -> None:
        """Write what is damaged again from the tree."""
        for damage in damages:
            if damage.file is not None:
                self._write(damage.file, ledger)

    def _write(self, file: LogFile, ledger: Ledger) -> None:
        content = file.content(ledger)
        is_compressed = file.is_bundle and file.tile.width == TILE_WIDTH
        self._files.write(file.path, compressed(content) if is_compressed else content)


class Audit:
    """Compares every file of the log with the tree while the tree is being built.

    Leaves and entries pass by once: `leaves_passed` looks at the files of a window of them while
    they are in memory, `finish` at everything above.
    """

    def __init__(self, tiles: TileStore, *, partials: bool = True) -> None:
        """List what is there. Without `partials` the files that a growing log replaces are left out."""
        self._tiles = tiles
        self._partials = partials
        self._leaf_files: dict[int, list[LogFile]] = {}
        self._upper_files: list[LogFile] = []
        self._present: set[str] = set()
        self.damages: list[Damage] = []
        self.largest_size = 0
        """Size of the smallest tree that has every file that is there."""
        for path in tiles.listing():
            self._take(path)

    def leaves_passed(self, ledger: Ledger, start: int) -> None:
        """Look at the files of the tiles from entry `start` (a multiple of 256) to the end."""
        for index in range(start // TILE_WIDTH, -(-ledger.size // TILE_WIDTH)):
            self._compare(self._leaf_files.pop(index, []), ledger)

    def finish(self, ledger: Ledger, signed_size: int) -> list[Damage]:
        """Look at the other files, and for those that the tree of `signed_size` must have."""
        self._compare(self._upper_files, ledger)
        for file in files_of(tiles_of(signed_size)):
            if file.path not in self._present and file.full.path not in self._present:
                self.damages.append(Damage(file.path, "is missing", file))
        return self.damages

    def _take(self, path: str) -> None:
        file = parse_log_path(path)
        if file is None:
            self.damages.append(Damage(path, "belongs to no tree and was left alone", None))
            return
        self._present.add(path)
        self.largest_size = max(self.largest_size, file.end)
        if file.tile.width < TILE_WIDTH and not self._partials:
            return
        if file.tile.level == 0:
            self._leaf_files.setdefault(file.tile.index, []).append(file)
        else:
            self._upper_files.append(file)

    def _compare(self, files: list[LogFile], ledger: Ledger) -> None:
        for file in files:
            if file.end <= ledger.size and self._tiles.differs(file, ledger):
                reason = "does not hold what the database says"
                self.damages.append(Damage(file.path, reason, file))

"""What a start does: build the tree again from the database, and hold files and checkpoints to it.

The database is the truth; tiles are made again where they are missing or differ, and each time a
notice says so. A signed checkpoint that the database cannot have led to stops signing, and then no
file is touched: it may be evidence. About 4 s for a million entries, so that a large log begins with the
tree that its files and its newest checkpoint agree on, and the same look at every row follows behind.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tallystick.errors import VerificationError
from tallystick.tlog.tiles import TILE_HEIGHT, TILE_WIDTH
from tallystick_store.checkpoints import CheckpointLog, SignedCheckpoint
from tallystick_store.engine.duckdb import Database
from tallystick_store.entries import count_entries, entry_windows, next_log_index, read_entries
from tallystick_store.ledger import Ledger, ReadEntries
from tallystick_store.projections.windows import projected_end
from tallystick_store.tilestore import Audit, Damage, TileStore

MOST_UNSIGNED: Final = 262_144
"""Entries behind the newest checkpoint that a start takes up without a look at all rows."""


@dataclass(slots=True)
class Rebuilt:
    """The state that a store goes on from."""

    ledger: Ledger
    next_index: int
    newest: SignedCheckpoint | None = None
    signing_stopped: str | None = None
    notices: list[str] = field(default_factory=list)
    """What was found and put right, for people."""


def _at_once() -> None:
    """Go on without a pause."""


def rebuild(database: Database, tiles: TileStore, checkpoints: CheckpointLog) -> Rebuilt:
    """Read everything, repair what may be repaired. Raises StoreError when that is impossible."""
    audit = Audit(tiles)
    ledger = _empty(database)
    state = Rebuilt(ledger, next_log_index(database, projected_end(database)))
    stored = _newest_stored(checkpoints, state)
    _build(database, state, audit, stored.size if stored is not None else 0)
    shown = _newest_file(tiles, checkpoints, state)
    state.newest = max((one for one in (stored, shown) if one), key=_size, default=None)
    for one in (stored, shown):
        if one is not None and state.signing_stopped is None:
            state.signing_stopped = contradiction(ledger, one)
    if state.signing_stopped is None and audit.largest_size > ledger.size:
        state.signing_stopped = (
            f"the tiles in log/ hold {audit.largest_size} entries and the store {ledger.size}: the"
            " database was restored from a backup, or its end was cut off"
        )
    if state.signing_stopped is None:
        _repair(tiles, checkpoints, state, audit)
    return state


def resume(database: Database, tiles: TileStore, checkpoints: CheckpointLog) -> Rebuilt | None:
    """Begin with the tree of the files, where it is that of the newest checkpoint; None where it is not.

    What the rows say of it is for `look_at_all`.
    """
    try:
        newest = checkpoints.newest()
    except VerificationError:
        return None
    if newest is None or tiles.read_checkpoint() != newest.note.encode():
        return None
    ledger = _from_files(database, tiles, newest.size)
    next_index = next_log_index(database, projected_end(database))
    if ledger is None or not newest.size <= next_index <= newest.size + MOST_UNSIGNED:
        return None
    rest = read_entries(database, ledger.size, next_index)
    if [index for index, _ in rest] != list(range(ledger.size, next_index)):
        return None
    ledger.extend([entry for _, entry in rest])
    state = Rebuilt(ledger, next_index, newest)
    return state if contradiction(ledger, newest) is None else None


def look_at_all(
    database: Database, tiles: TileStore, begun: Rebuilt, pause: Callable[[], None]
) -> tuple[str | None, list[Damage]]:
    """Do for the log as it was at the start what `rebuild` does: compare every row and every full file.

    Returns why signing must stop (None: all is well) and the files to write again. `pause` is called
    between windows of entries. Raises StoreError.
    """
    audit = Audit(tiles, partials=False)
    state = Rebuilt(_empty(database), begun.next_index)
    size = begun.newest.size if begun.newest is not None else 0
    _build(database, state, audit, size, pause)
    if state.signing_stopped is None and begun.newest is not None:
        state.signing_stopped = contradiction(state.ledger, begun.newest)
    return state.signing_stopped, audit.finish(state.ledger, size)


def contradiction(ledger: Ledger, shown: SignedCheckpoint) -> str | None:
    """Return why the store cannot be what the checkpoint was signed for; None if it can."""
    if shown.size > ledger.size:
        return (
            f"a signed checkpoint states {shown.size} entries and the store holds {ledger.size}:"
            " it was restored from a backup, or its end was cut off"
        )
    if ledger.root(shown.size) != shown.checkpoint.root:
        return (
            f"a signed checkpoint states another root at {shown.size} entries than the store"
            " gives: a row was changed, or there are two stores under one key"
        )
    return None


def _empty(database: Database) -> Ledger:
    return Ledger(_reader(database))


def _reader(database: Database) -> ReadEntries:
    return lambda start, end: [entry for _, entry in read_entries(database, start, end)]


def _from_files(database: Database, tiles: TileStore, size: int) -> Ledger | None:
    """Return the tree of the full tiles below `size`, None where a file is not what it must be."""
    full = size // TILE_WIDTH * TILE_WIDTH
    levels: list[bytes] = []
    while full >> (TILE_HEIGHT * (len(levels) + 1)):
        hashes = tiles.read_level(len(levels) + 1, full)
        if hashes is None:
            return None
        levels.append(hashes)
    levels.append(b"")
    return Ledger(_reader(database), full, levels)


def _size(signed: SignedCheckpoint) -> int:
    return signed.size


def _newest_stored(checkpoints: CheckpointLog, state: Rebuilt) -> SignedCheckpoint | None:
    try:
        return checkpoints.newest()
    except VerificationError as error:
        state.signing_stopped = f"the newest stored checkpoint does not hold: {error}"
        return None


def _newest_file(
    tiles: TileStore, checkpoints: CheckpointLog, state: Rebuilt
) -> SignedCheckpoint | None:
    content = tiles.read_checkpoint()
    if content is None:
        return None
    try:
        return checkpoints.open(content.decode())
    except (VerificationError, UnicodeDecodeError) as error:
        state.notices.append(f"log/checkpoint does not hold and is written again: {error}")
        return None


def _build(
    database: Database,
    state: Rebuilt,
    audit: Audit,
    signed_size: int,
    pause: Callable[[], None] = _at_once,
) -> None:
    """Put every entry into the tree; an index that is missing or repeated stops signing."""
    ledger = state.ledger
    stored_count = count_entries(database, state.next_index)
    if stored_count != state.next_index and state.signing_stopped is None:
        state.signing_stopped = (
            f"the store holds {stored_count} entries and its largest log index is"
            f" {state.next_index - 1}: rows were removed, repeated or moved"
        )
    for window in entry_windows(database, 0, min(stored_count, state.next_index)):
        start = ledger.size
        indexes = [log_index for log_index, _ in window]
        expected = range(start, start + len(window))
        if indexes != list(expected) and state.signing_stopped is None:
            wrong = next(i for i, found in zip(expected, indexes, strict=True) if i != found)
            state.signing_stopped = f"log index {wrong} is missing, or one before it is repeated"
        ledger.extend([entry for _, entry in window])
        if state.signing_stopped is None:
            audit.leaves_passed(ledger, start)
        ledger.forget(min(ledger.size, signed_size))
        pause()


def _repair(tiles: TileStore, checkpoints: CheckpointLog, state: Rebuilt, audit: Audit) -> None:
    newest = state.newest
    damages = audit.finish(state.ledger, newest.size if newest is not None else 0)
    state.notices += [f"log/{damage.path} {damage.reason}" for damage in damages]
    tiles.repair(damages, state.ledger)
    if newest is None:
        return
    if not checkpoints.holds(newest.note):
        checkpoints.keep(newest)
        state.notices.append(f"the checkpoint of {newest.size} entries was not in the database")
    if tiles.read_checkpoint() != newest.note.encode():
        tiles.write_checkpoint(newest.note)
        state.notices.append(f"log/checkpoint is now that of {newest.size} entries")

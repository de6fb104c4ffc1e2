"""What a start does: build the tree again from the database, and hold files and checkpoints to it.

The database is the truth; tiles are made again where they are missing or differ, and each time a
notice says so. A signed checkpoint that the database cannot have led to stops signing, and then no
file is touched: it may be evidence. About 4 s for a million entries.
"""

from dataclasses import dataclass, field

from tallystick.errors import VerificationError
from tallystick_store.checkpoints import CheckpointLog, SignedCheckpoint
from tallystick_store.engine.duckdb import Database
from tallystick_store.entries import count_entries, entry_windows, next_log_index, read_entries
from tallystick_store.ledger import Ledger
from tallystick_store.tilestore import Audit, TileStore


@dataclass(slots=True)
class Rebuilt:
    """The state that a store goes on from."""

    ledger: Ledger
    next_index: int
    newest: SignedCheckpoint | None = None
    signing_stopped: str | None = None
    notices: list[str] = field(default_factory=list)
    """What was found and put right, for people."""


def rebuild(database: Database, tiles: TileStore, checkpoints: CheckpointLog) -> Rebuilt:
    """Read everything, repair what may be repaired. Raises StoreError when that is impossible."""
    audit = Audit(tiles)
    ledger = Ledger(lambda start, end: [e for _, e in read_entries(database, start, end)])
    state = Rebuilt(ledger, next_log_index(database))
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


def _build(database: Database, state: Rebuilt, audit: Audit, signed_size: int) -> None:
    """Put every entry into the tree; an index that is missing or repeated stops signing."""
    ledger = state.ledger
    stored_count = count_entries(database)
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

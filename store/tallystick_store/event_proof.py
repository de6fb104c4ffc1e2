"""One event with everything that proves it: exact lines, log entry, seal, checkpoint, inclusion.

Entry and proof come from the log's files, so that they are there for a row that was changed, too. What
is given here is for the reader to check again; what does not hold is named as a fault at once.
"""

from dataclasses import dataclass
from typing import Final

from tallystick.errors import VerificationError
from tallystick.tlog.entry import Entry, parse_entry
from tallystick.tlog.proofs import verify_inclusion
from tallystick.tlog.tree import leaf_hash
from tallystick_store.engine.duckdb import Reader
from tallystick_store.entries import read_entries
from tallystick_store.events import StoredEvent, read_events
from tallystick_store.faults import Fault
from tallystick_store.sealing import Leaf, SealPlace, adopter_of, seal_over
from tallystick_store.store import Store

_OPEN: Final = """
    SELECT statement FROM events WHERE session = ? AND type = 'session.open'
    ORDER BY log_index LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The proof that an entry stands at `index` of the tree of `size` entries."""

    index: int
    size: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EventProof:
    """What proves one event; None where there is no such thing."""

    log_index: int
    event: StoredEvent | None
    """None: the log has an event here, and no row tells of it any more."""
    entry: bytes | None
    seal: SealPlace | None
    recovered_by: int | None
    """Log index of the session.recovered that adopted it."""
    session_open: str | None
    """Exact line 1 of the session.open of its session."""
    checkpoint: str | None
    """The newest signed checkpoint."""
    inclusion: Inclusion | None
    """None while no checkpoint covers it."""
    faults: tuple[Fault, ...]


def prove_event(store: Store, log_index: int, reader: Reader) -> EventProof | None:
    """Return an event with its proofs; None when `reader` sees none, or none ever stood, at this place.

    Raises StoreError when the database cannot answer.
    """
    rows = read_events(reader, "log_index = ?", [log_index], store.published)
    event = rows[0] if rows else None
    if event is None and not reader.reach.is_full:
        return None  # whether there is one is not within the reach either
    line = store.published.line(log_index)
    if event is None and _kind(line) != "event":
        return None
    faults = [fault for row in rows for fault in row.faults]
    if event is None:
        faults.append(Fault("log_index", "an event", "no row"))
    newest = store.checkpoint
    inclusion = None
    if newest is not None and line is not None and log_index < newest.size:
        inclusion = _inclusion(store, log_index, newest.size, faults)
        _check_inclusion(line, inclusion, newest.checkpoint.root, faults)
    leaf = _leaf(event)
    return EventProof(
        log_index=log_index,
        event=event,
        entry=line or _printed(store.database, log_index),
        seal=seal_over(store.database, leaf) if leaf else None,
        recovered_by=adopter_of(store.database, leaf) if leaf else None,
        session_open=_opening(store.database, leaf) if leaf else None,
        checkpoint=newest.note if newest is not None else None,
        inclusion=inclusion,
        faults=tuple(faults),
    )


def _leaf(event: StoredEvent | None) -> Leaf | None:
    if event is None or not event.statement:
        return None
    hashed = leaf_hash(event.line.encode())
    return Leaf(str(event.statement["session"]), int(event.statement["seq"]), hashed)


def _kind(line: bytes | None) -> str:
    entry = _parsed(line)
    return "" if entry is None else entry.kind


def _parsed(line: bytes | None) -> Entry | None:
    try:
        return None if line is None else parse_entry(line)
    except VerificationError:
        return None


def _printed(database: Reader, log_index: int) -> bytes | None:
    """Return the entry that the row gives, where the files do not reach so far yet."""
    found = read_entries(database, log_index, log_index + 1)
    return found[0][1] if found else None


def _inclusion(store: Store, log_index: int, size: int, faults: list[Fault]) -> Inclusion | None:
    try:
        proof = store.published.inclusion_proof(size, log_index)
    except VerificationError as error:
        faults.append(Fault("inclusion", f"the tiles of {size} entries", str(error)))
        return None
    return Inclusion(log_index, size, tuple(proof))


def _check_inclusion(
    line: bytes, inclusion: Inclusion | None, root: bytes, faults: list[Fault]
) -> None:
    if inclusion is None:
        return
    try:
        verify_inclusion(
            leaf_hash(line), inclusion.index, inclusion.size, list(inclusion.proof), root
        )
    except VerificationError as error:
        faults.append(Fault("inclusion", "the root of the signed checkpoint", str(error)))


def _opening(database: Reader, leaf: Leaf) -> str | None:
    rows = database.rows(_OPEN, [leaf.session])
    return rows[0][0] if rows else None

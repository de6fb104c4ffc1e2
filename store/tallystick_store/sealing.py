"""Whether stored events are sealed, recovered or neither, from the seals that are stored.

Admission checked each seal's signature and its leaves; here the leaf hash of an event is looked up
in the seals that cover its position. What an auditor relies on is the verifier, not this.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from tallystick.errors import TallystickError
from tallystick.event import parse_statement
from tallystick.tlog.encoding import from_base64
from tallystick.tlog.seal import parse_seal
from tallystick.tlog.tree import leaf_hash
from tallystick_store.engine.duckdb import Reader

Sealing: TypeAlias = Literal["sealed", "recovered", "unsealed"]

_SEALS: Final = """
    SELECT session, body, log_index FROM seals WHERE log_index IN (
        SELECT log_index FROM seals
        WHERE session IN (SELECT unnest(?)) AND old_size <= ? AND size > ?
    ) ORDER BY log_index
"""
_LEAVES: Final = """
    SELECT log_index, session, seq, statement FROM events WHERE log_index IN (SELECT unnest(?))
"""
_RECOVERIES: Final = """
    SELECT session, seq, leaf_hash, statement, log_index FROM events
    WHERE type = 'session.recovered' AND recovered_session IN (SELECT unnest(?)) ORDER BY log_index
"""


class Leaf(NamedTuple):
    """The place of an event in its session, and its hash there."""

    session: str
    seq: int
    leaf_hash: bytes


class SealPlace(NamedTuple):
    """A stored seal: its log index and exact body."""

    log_index: int
    body: str


def sealing_of(database: Reader, leaves: Sequence[Leaf]) -> dict[Leaf, Sealing]:
    """Return the state of each event; two or three queries for all of them."""
    sealed = _sealed(database, leaves)
    rest = [leaf for leaf in leaves if leaf not in sealed]
    recovered = _recovered(database, rest) if rest else set()
    states: dict[Leaf, Sealing] = {}
    for leaf in leaves:
        kept: Sealing = "recovered" if leaf in recovered else "unsealed"
        states[leaf] = "sealed" if leaf in sealed else kept
    return states


def leaves_at(database: Reader, log_indexes: Sequence[int]) -> dict[int, Leaf]:
    """Return the place and hash of each event, by its log index; one without a place is left out."""
    rows = database.rows(_LEAVES, [list(log_indexes)]) if log_indexes else []
    return {
        log_index: Leaf(session, seq, leaf_hash((line or "").encode()))
        for log_index, session, seq, line in rows
        if session is not None and seq is not None
    }


def seal_over(database: Reader, leaf: Leaf) -> SealPlace | None:
    """Return the first seal that states an event at its place; None when none does."""
    for session, body, log_index in database.rows(_SEALS, ([leaf.session], leaf.seq, leaf.seq)):
        if leaf in _covered(session, body or "", [leaf.seq]):
            return SealPlace(log_index, body)
    return None


def adopter_of(database: Reader, leaf: Leaf) -> int | None:
    """Return the log index of the first sealed session.recovered that adopts an event."""
    for session, seq, hashed, statement, log_index in database.rows(_RECOVERIES, [[leaf.session]]):
        source = Leaf(session, seq, hashed)
        if leaf in _adopted(statement or "") and _sealed(database, [source]):
            return int(log_index)
    return None


def _sealed(database: Reader, leaves: Iterable[Leaf]) -> set[Leaf]:
    seqs: dict[str, list[int]] = defaultdict(list)
    for leaf in leaves:
        seqs[leaf.session].append(leaf.seq)
    if not seqs:
        return set()
    numbers = [seq for one in seqs.values() for seq in one]
    found: set[Leaf] = set()
    for session, body, _ in database.rows(_SEALS, (list(seqs), max(numbers), min(numbers))):
        found |= _covered(session, body, seqs[session])
    return found


def _covered(session: str, body: str, seqs: Iterable[int]) -> set[Leaf]:
    try:
        seal = parse_seal(body or "")
    except TallystickError:
        return set()  # a seal that does not hold covers nothing; the verifier names it
    return {
        Leaf(session, seq, seal.leaf_hashes[seq - seal.old_size])
        for seq in seqs
        if seal.old_size <= seq < seal.size
    }


def _recovered(database: Reader, leaves: Sequence[Leaf]) -> set[Leaf]:
    sessions = sorted({leaf.session for leaf in leaves})
    adoptions: dict[Leaf, set[Leaf]] = {}
    for session, seq, hashed, statement, _ in database.rows(_RECOVERIES, [sessions]):
        if session is not None and seq is not None:
            adoptions[Leaf(session, seq, hashed)] = _adopted(statement or "")
    confirmed = _sealed(database, adoptions)
    return {
        leaf for source, adopted in adoptions.items() if source in confirmed for leaf in adopted
    }


def _adopted(text: str) -> set[Leaf]:
    try:
        statement: Mapping[str, object] = parse_statement(text.encode())
        session, first = statement["recovered.session"], statement["recovered.first_seq"]
        hashes = statement["recovered.leaves"]
        if not isinstance(first, int) or not isinstance(hashes, list):
            return set()
        return {
            Leaf(str(session), first + offset, from_base64(one, "an adopted leaf"))
            for offset, one in enumerate(hashes)
        }
    except (TallystickError, KeyError):
        return set()  # an adoption that does not parse adopts nothing

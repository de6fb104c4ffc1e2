"""Whether stored events are sealed, recovered or neither, from the seals that are stored.

Admission checked each seal's signature and its leaves; here the leaf hash of an event is looked up
in the seals that cover its position. What an auditor relies on is the verifier, not this.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from tallystick.errors import TallystickError
from tallystick.event import parse_statement
from tallystick.tlog.encoding import from_base64
from tallystick.tlog.seal import parse_seal
from tallystick.tlog.tree import leaf_hash
from tallystick_store.engine.duckdb import Reader
from tallystick_store.projections.tables import PROJECTED, SESSION_PARTS
from tallystick_store.projections.windows import projected_end
from tallystick_store.stretches import END, Stretch, conditions_at

Sealing: TypeAlias = Literal["sealed", "recovered", "unsealed"]

_PLACES: Final = """
    SELECT log_index, session, old_size, size FROM seals
    WHERE session IN (SELECT unnest($1)) AND old_size <= $2 AND size > $3
    AND log_index >= $4 AND log_index <= $5 ORDER BY log_index
"""
_BODIES: Final = "SELECT session, body, log_index FROM seals WHERE {} ORDER BY log_index"
_FIRST: Final = f"""
    SELECT min(start) FROM {PROJECTED.name} WHERE upto IN (
        SELECT upto FROM {SESSION_PARTS.name}
        WHERE upto <= $1 AND session IN (SELECT unnest($2)) AND sealed > $3
    )
"""  # noqa: S608 - own words
_LEAVES: Final = "SELECT log_index, session, seq, statement FROM events WHERE {}"
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


def sealing_of(
    database: Reader, leaves: Sequence[Leaf], near: Stretch | None = None
) -> dict[Leaf, Sealing]:
    """Return the state of each event; two or three queries for all of them, `near` is looked first."""
    sealed = _sealed(database, leaves, near)
    rest = [leaf for leaf in leaves if leaf not in sealed]
    recovered = _recovered(database, rest) if rest else set()
    states: dict[Leaf, Sealing] = {}
    for leaf in leaves:
        kept: Sealing = "recovered" if leaf in recovered else "unsealed"
        states[leaf] = "sealed" if leaf in sealed else kept
    return states


def leaves_at(database: Reader, log_indexes: Sequence[int]) -> dict[int, Leaf]:
    """Return the place and hash of each event, by its log index; one without a place is left out."""
    return {
        log_index: Leaf(session, seq, leaf_hash((line or "").encode()))
        for condition in conditions_at(log_indexes)
        for log_index, session, seq, line in database.rows(_LEAVES.format(condition))
        if session is not None and seq is not None
    }


def seal_over(database: Reader, leaf: Leaf) -> SealPlace | None:
    """Return the first seal that states an event at its place; None when none does."""
    stretch = Stretch(_first_seal(database, [leaf]), END)
    for session, body, log_index in _seals_over(database, [leaf], stretch):
        if leaf in _covered(session, body, [leaf.seq]):
            return SealPlace(log_index, body)
    return None


def adopter_of(database: Reader, leaf: Leaf) -> int | None:
    """Return the log index of the first sealed session.recovered that adopts an event."""
    for session, seq, hashed, statement, log_index in database.rows(_RECOVERIES, [[leaf.session]]):
        source = Leaf(session, seq, hashed)
        if leaf in _adopted(statement or "") and _sealed(database, [source]):
            return int(log_index)
    return None


def _sealed(database: Reader, leaves: Collection[Leaf], near: Stretch | None = None) -> set[Leaf]:
    found = _sealed_in(database, leaves, near) if leaves and near else set()
    rest = [leaf for leaf in leaves if leaf not in found]
    if not rest:
        return found
    return found | _sealed_in(database, rest, Stretch(_first_seal(database, rest), END))


def _sealed_in(database: Reader, leaves: Collection[Leaf], stretch: Stretch) -> set[Leaf]:
    """Return those leaves that a seal in a stretch of the log states."""
    seqs: dict[str, list[int]] = defaultdict(list)
    for leaf in leaves:
        seqs[leaf.session].append(leaf.seq)
    found: set[Leaf] = set()
    for session, body, _ in _seals_over(database, leaves, stretch):
        found |= _covered(session, body, seqs[session])
    return found


def _seals_over(
    database: Reader, leaves: Collection[Leaf], stretch: Stretch
) -> Iterator[tuple[str, str, int]]:
    """Yield session, body and log index of the seals in a stretch that cover the place of one of the leaves."""
    places = {(leaf.session, leaf.seq) for leaf in leaves}
    seqs = [seq for _, seq in places]
    asked = [list({session for session, _ in places}), max(seqs), min(seqs), *stretch]
    indexes = [
        int(log_index)
        for log_index, session, old_size, size in database.rows(_PLACES, asked)
        if any(one == session and old_size <= seq < size for one, seq in places)
    ]
    for condition in conditions_at(indexes):
        for session, body, log_index in database.rows(_BODIES.format(condition)):
            yield str(session), body or "", int(log_index)


def _first_seal(database: Reader, leaves: Collection[Leaf]) -> int:
    """Return the log index below which no seal covers one of the leaves, as the projections tell."""
    upto = projected_end(database)
    sessions = list({leaf.session for leaf in leaves})
    asked = [upto, sessions, min(leaf.seq for leaf in leaves)]
    ((first,),) = database.rows(_FIRST, asked) if upto else [(0,)]
    return upto if first is None else int(first)


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

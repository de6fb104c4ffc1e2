"""An EvidenceReader over an open store: everything up to the checkpoint that was newest at first.

The store may go on growing meanwhile; rows below the tree size are never changed, but by an erasure or a deletion,
which writes the whole file anew: a reader that began before that ends there.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import groupby
from operator import itemgetter
from typing import BinaryIO, Final, TypeVar

from tallystick.errors import StoreError
from tallystick.profile import JsonValue
from tallystick.tlog.note import VerifierKey, parse_vkey
from tallystick.verify.authority import AUTHORITY_SENDER, AUTHORITY_TYPES
from tallystick.verify.policy import Policy, print_policy
from tallystick.verify.source import DeletedText, EventText, SealText, SpansText
from tallystick_store.checkpoints import LogSigner
from tallystick_store.engine.duckdb import Row
from tallystick_store.engine.reader import FileChangedError, Unchanged
from tallystick_store.entries import entry_windows
from tallystick_store.evidence.package import write_package
from tallystick_store.query import Query
from tallystick_store.records import late_lines, span_text, split_lines
from tallystick_store.shown_actions import quoted
from tallystick_store.store import Store
from tallystick_store.tombstones import authorised_sets, read_tombstones, session_tombstones

WINDOW: Final = 4096
"""Entries that are read at once."""

SERVICE_SENDER: Final = "service"
"""Whose `key.added` records name the keys that the service claims (docs/spec/log.md)."""

MAX_BEGINNINGS: Final = 4
"""Of one package: the database is written anew after an erasure or a deletion, which two people decide."""

Text = TypeVar("Text")
Written = TypeVar("Written")

_EVENTS: Final = "SELECT log_index, statement, disclosures FROM events WHERE log_index < $1 AND "
_SEALS: Final = "SELECT log_index, body FROM seals WHERE log_index < $1 AND "
_SPANS: Final = """
    SELECT log_index, record, leaf_hash FROM spans WHERE log_index >= $1 AND log_index < $2
    ORDER BY log_index, position
"""


def export_package(
    store: Store, signer: LogSigner, from_us: int, to_us: int, out: BinaryIO, created_us: int
) -> dict[str, JsonValue]:
    """Publish what is committed and write the package of a period; return its manifest.

    Raises StoreError when nothing is signed yet, or signing has stopped.
    """

    def write() -> dict[str, JsonValue]:
        reader = StoreReader(store, signer.key)
        return write_package(reader, from_us, to_us, out, signer, created_us)

    return written_from_one_file(out, write)


def written_from_one_file(out: BinaryIO, write: Callable[[], Written]) -> Written:
    """Return what `write` returns, which fills `out` from its start; begun again where the database was exchanged.

    Raises what `write` raises, and StoreError when it was exchanged again and again.
    """
    for _ in range(MAX_BEGINNINGS - 1):
        try:
            return write()
        except FileChangedError:
            out.seek(0)
            out.truncate()
    return write()


class StoreReader:
    """Reads one open store; raises StoreError, and FileChangedError once its database was written anew."""

    def __init__(self, store: Store, log_key: VerifierKey) -> None:
        """Publish what is committed, and stand still at that checkpoint of `store`.

        What is gone from the file that is read was confirmed before it was opened, and so below the checkpoint.
        """
        self._database = Unchanged(store.database)
        store.publisher.publish_now()
        newest = store.checkpoint
        if newest is None:
            raise StoreError("nothing is signed yet: there is nothing to make a package of")
        self._store = store
        self._log_key = log_key
        self._note = newest.note
        self._size = newest.size

    @property
    def checkpoint(self) -> str:
        """The signed note of the newest checkpoint."""
        return self._note

    @property
    def tree_size(self) -> int:
        """The size that it states."""
        return self._size

    @property
    def claimed_keys(self) -> str:
        """The service's own keys and those that it has enrolled, as lines of a trust policy."""
        added = Query(self._database).keys_added(SERVICE_SENDER)
        vkeys = [one["key.vkey"] for one in added if one.get("key.purpose") == "emitter"]
        emitters = tuple(parse_vkey(vkey) for vkey in dict.fromkeys(vkeys))
        return print_policy(Policy(self._log_key, emitters))

    def received_between(self, from_us: int, to_us: int) -> tuple[int, int]:
        """Return the log indexes [start, stop) that were received in [from_us, to_us)."""
        start, stop = Query(self._database).entries_between(from_us, to_us)
        return min(start, self._size), min(stop, self._size)

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the exact entries of [start, stop)."""
        for window in entry_windows(self._database, start, stop):
            yield from (entry for _, entry in window)

    def stored_events(self, start: int, stop: int) -> Iterator[EventText]:
        """Yield the events of [start, stop), in order."""
        return self._windows(start, stop, self._events_between)

    def stored_seals(self, start: int, stop: int) -> Iterator[SealText]:
        """Yield the seals of [start, stop), in order."""
        return self._windows(start, stop, self._seals_between)

    def stored_spans(self, start: int, stop: int) -> Iterator[SpansText]:
        """Yield the span batches of [start, stop), in order."""
        return self._windows(start, stop, self._spans_between)

    def deleted(self, start: int, stop: int) -> Iterator[DeletedText]:
        """Yield the tombstones of entries of [start, stop) whose content is gone, in order."""
        return self._windows(start, stop, self._deleted_between)

    def deleted_of(self, session: str, first_seq: int, last_seq: int) -> list[DeletedText]:
        """Return the tombstones of a session's events with these sequence numbers, in log order."""
        found = session_tombstones(self._database, session, first_seq, last_seq)
        return [one for one in found if one.log_index < self._size]

    def deletion_sets(self, authorised_by: Collection[int]) -> dict[int, list[int]]:
        """Return every entry that was deleted by these confirmations, in order."""
        return authorised_sets(self._database, list(authorised_by))

    def authority(self) -> list[EventText]:
        """Return the service's records that ask, confirm, hold and release, in log order."""
        sql = _EVENTS + f"type IN ({quoted(*AUTHORITY_TYPES)}) AND sender = $2 ORDER BY log_index"
        rows = self._database.rows(sql, (self._size, AUTHORITY_SENDER))
        return [_event(row, ()) for row in rows]

    def blob(self, sha256: str) -> bytes | None:
        """Return a blob that a disclosure names, None where it is missing."""
        blocks = self._store.blobs.blocks(sha256)
        return None if blocks is None else b"".join(blocks)

    def events(self, session: str, first_seq: int, last_seq: int) -> list[EventText]:
        """Return the events of a session with these sequence numbers, in log order."""
        sql = _EVENTS + "session = $2 AND seq BETWEEN $3 AND $4 ORDER BY log_index"
        rows = self._database.rows(sql, (self._size, session, first_seq, last_seq))
        return [_event(row, ()) for row in rows]

    def seals(self, session: str, first_seq: int, last_seq: int) -> list[SealText]:
        """Return the seals of a session that cover any of these leaves, in log order."""
        sql = _SEALS + "session = $2 AND size > $3 AND old_size <= $4 ORDER BY log_index"
        rows = self._database.rows(sql, (self._size, session, first_seq, last_seq))
        return [SealText(*row) for row in rows]

    def recoveries(self, session: str) -> list[EventText]:
        """Return the `session.recovered` that adopt leaves of a session, in log order."""
        sql = _EVENTS + "recovered_session = $2 ORDER BY log_index"
        return [_event(row, ()) for row in self._database.rows(sql, (self._size, session))]

    def checkpoints(self, above: int, up_to: int) -> Iterator[str]:
        """Yield the stored checkpoints with a size in (above, up_to], smallest first."""
        return self._store.checkpoints.notes(above, up_to)

    def inclusion_proof(self, log_index: int) -> list[bytes]:
        """Return the audit path of an entry in the tree of `tree_size`."""
        return self._store.inclusion_proof(self._size, log_index)

    def consistency_proof(self, size: int) -> list[bytes]:
        """Return the proof that the tree of `tree_size` extends that of `size`, which is not 0."""
        return self._store.consistency_proof(size, self._size)

    def range_proof(self, start: int, stop: int) -> tuple[list[bytes], list[bytes]]:
        """Return the hashes that complete [start, stop) to the tree of `tree_size`."""
        return self._store.range_proof(self._size, start, stop)

    def _windows(
        self, start: int, stop: int, read: Callable[[int, int], list[Text]]
    ) -> Iterator[Text]:
        for low in range(start, stop, WINDOW):
            yield from read(low, min(low + WINDOW, stop))

    def _events_between(self, start: int, stop: int) -> list[EventText]:
        late = late_lines(self._database, start, stop)
        rows = self._database.rows(_EVENTS + "log_index >= $2 ORDER BY log_index", (stop, start))
        return [_event(row, late.get(row[0], ())) for row in rows]

    def _deleted_between(self, start: int, stop: int) -> list[DeletedText]:
        return read_tombstones(self._database, start, stop, is_gone=True)

    def _seals_between(self, start: int, stop: int) -> list[SealText]:
        rows = self._database.rows(_SEALS + "log_index >= $2 ORDER BY log_index", (stop, start))
        return [SealText(*row) for row in rows]

    def _spans_between(self, start: int, stop: int) -> list[SpansText]:
        rows = self._database.rows(_SPANS, (start, stop))
        return [
            SpansText(log_index, tuple(span_text(record, leaf) for _, record, leaf in batch))
            for log_index, batch in groupby(rows, itemgetter(0))
        ]


def _event(row: Row, late: tuple[str, ...]) -> EventText:
    log_index, statement, disclosures = row
    return EventText(log_index, statement, split_lines(disclosures), late)

"""Deletion of whole records: what was confirmed gets its tombstones, then the values go from every file.

    1. The set that was asked for stands in a file below `deletions/`, bound by the digest in the request.
    2. The confirmation is a record of the log.
    3. Tombstones follow through the journal: what each entry is made of, and who allowed its content to go.
    4. Blobs that nobody else names go, the database is written anew without the rows, and so is the archive.

A crash between any two of these is finished by the next start, or a minute later; nothing is done twice. A record
on hold stays for as long as the hold is in force, whatever was confirmed.
"""

import logging
import re
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from tallystick.errors import StoreError
from tallystick.private_file import replace_private_file
from tallystick.verify.authority import (
    Authority,
    DeletionRequest,
    index_digest,
    index_ranges,
    read_ranges,
)
from tallystick_store.archive.database import remove_replaced
from tallystick_store.engine.rewrite import Keep, rewrite
from tallystick_store.entries import batch_root
from tallystick_store.governance.requests import read_authority
from tallystick_store.governance.selection import held_indexes
from tallystick_store.schema import EVENTS, LATE_DISCLOSURES, SPANS
from tallystick_store.store import Store
from tallystick_store.tombstones import authorised_sets, make_tombstones

SETS_FOLDER: Final = "deletions"
MAX_ENTRIES: Final = 5_000_000
"""Of one request: its set is held in memory."""
TOMBSTONES_AT_ONCE: Final = 20_000

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_UNMARKED: Final = Keep("log_index NOT IN (SELECT log_index FROM marked)")
_LEFT: Final = """
    SELECT DISTINCT t.log_index FROM tombstones t
    WHERE t.authorised_by IN (SELECT unnest(?)) AND (
        t.log_index IN (SELECT log_index FROM events) OR t.log_index IN (SELECT log_index FROM spans)
        OR t.log_index IN (SELECT log_index FROM late_disclosures))
"""
_BATCHES: Final = """
    SELECT log_index, any_value(rx_us), any_value(sender), list(leaf_hash ORDER BY position), count(*)
    FROM spans WHERE log_index IN (SELECT unnest(?)) GROUP BY log_index ORDER BY log_index
"""
_NAMED: Final = """
    SELECT DISTINCT unnest(regexp_extract_all(lines, 'sha256:([0-9a-f]{{64}})', 1))
    FROM (SELECT log_index, disclosures AS lines FROM events
          UNION ALL SELECT log_index, line FROM late_disclosures)
    WHERE contains(lines, '.blob","') AND {} log_index IN (SELECT unnest($1))
"""
"""Every digest in the disclosures of records that name a blob, wherever it stands."""

_log = logging.getLogger(__name__)

Bury = Callable[[pa.Table], None]
"""bury(tombstones): make them durable through the journal, or raise StoreError."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What one run did."""

    entries: int = 0
    """Entries whose content went."""
    blobs: int = 0
    staying: int = 0
    """Entries that were to go, and are held or wait for an erasure."""


class Deletions:
    """Carries out what was confirmed. One thread at a time; `bury` hands tombstones to the writer."""

    def __init__(self, store: Store, bury: Bury) -> None:
        """Work on one store."""
        self._store = store
        self._bury = bury
        self._folder = store.directory / SETS_FOLDER
        self._whole: set[int] = set()
        """Confirmations that were seen with all their tombstones."""

    def keep_set(self, indexes: Sequence[int]) -> str:
        """Write down which entries a request is about, durably, before it is recorded; return their digest.

        Raises StoreError.
        """
        digest = index_digest(indexes)
        try:
            replace_private_file(self._path(digest), index_ranges(indexes).encode())
        except OSError as error:
            raise StoreError(f"the set of entries cannot be kept: {error.strerror}") from error
        return digest

    def set_of(self, request: DeletionRequest) -> list[int]:
        """Return the entries that a request is about; raise StoreError where their file is not what was recorded."""
        try:
            indexes = read_ranges(self._path(request.digest).read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"the set of request {request.id} cannot be read: {error}") from error
        if index_digest(indexes) != request.digest:
            raise StoreError(f"the set of request {request.id} is not the one that was recorded")
        return indexes

    def bury(self) -> None:
        """Write the tombstones of what is confirmed and has none yet; nothing is decided meanwhile.

        A request for which that cannot be done is told in the log and tried again, and keeps no other from it.
        """
        confirmed = {
            index: request
            for index, request in _confirmed(read_authority(self._store.database)).items()
            if index not in self._whole
        }
        buried = authorised_sets(self._store.database, list(confirmed)) if confirmed else {}
        for index, request in confirmed.items():
            try:
                if index_digest(buried.get(index, ())) != request.digest:
                    self._bury_set(index, request, buried.get(index, ()))
                self._whole.add(index)
            except StoreError as error:
                _log.error("the deletion %s is not carried out yet: %s", request.id, error)

    def remove(self, waiting: Callable[[], Collection[int]] = frozenset) -> Carried:
        """Let go of what has its tombstones and is not on hold. Raises StoreError; what is done stays done.

        `waiting` tells of which entries values are to be erased first, once for all that goes.
        """
        authority = read_authority(self._store.database)
        confirmed = _confirmed(authority)
        if not confirmed or not self._store.database.rows(_LEFT, [list(confirmed)]):
            return Carried()
        return self._remove(authority, self._valid(confirmed), waiting)

    def forget_sets(self, authority: Authority, now_us: int) -> None:
        """Remove the files of sets that nobody needs any more."""
        needed = {
            request.digest
            for request in authority.requests.values()
            if request.state(now_us) in ("waiting", "confirmed")
        }
        for path in self._folder.glob("*.set") if self._folder.is_dir() else ():
            if path.stem not in needed:
                path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise StoreError(f"a set is named by its digest, got {digest[:64]!r}")
        return self._folder / f"{digest}.set"

    def _bury_set(self, index: int, request: DeletionRequest, there: Sequence[int]) -> None:
        """Write the tombstones that are missing of a set."""
        buried = set(there)
        missing = [one for one in self.set_of(request) if one not in buried]
        for start in range(0, len(missing), TOMBSTONES_AT_ONCE):
            some = missing[start : start + TOMBSTONES_AT_ONCE]
            batches = [
                (log_index, rx_us, sender, batch_root(hashes), count)
                for log_index, rx_us, sender, hashes, count in self._store.database.rows(
                    _BATCHES, [some]
                )
            ]
            table = make_tombstones(self._store.database, some, batches, index)
            if len(table) != len(some):
                raise StoreError(
                    f"{len(some) - len(table)} entries of request {request.id} are not there any more"
                )
            self._bury(table)

    def _valid(self, confirmed: dict[int, DeletionRequest]) -> list[int]:
        """Return the confirmations whose tombstones are exactly what was confirmed: a forged one allows nothing."""
        buried = authorised_sets(self._store.database, list(confirmed))
        valid = [
            index
            for index, indexes in buried.items()
            if index_digest(indexes) == confirmed[index].digest
        ]
        if len(valid) < len(confirmed):
            _log.error("tombstones are not those that were confirmed: see `tallystick verify`")
        return valid

    def _remove(
        self,
        authority: Authority,
        valid: Sequence[int],
        waiting: Callable[[], Collection[int]],
    ) -> Carried:
        database = self._store.database
        left = [int(index) for (index,) in database.rows(_LEFT, [list(valid)])]
        if not left:
            return Carried()
        staying = held_indexes(database, authority.holds_in_force(self._store.size)).union(
            waiting()
        )
        going = [index for index in left if index not in staying]
        if not going:
            return Carried(staying=len(left))
        self._store.archiver.drop(going)
        blobs = self._remove_blobs(going)
        self._remove_replaced()
        kept = dict.fromkeys((EVENTS.name, SPANS.name, LATE_DISCLOSURES.name), _UNMARKED)
        rewrite(database, kept, going)
        return Carried(len(going), blobs, len(left) - len(going))

    def _remove_replaced(self) -> None:
        try:
            remove_replaced(self._store.directory)
        except OSError as error:
            raise StoreError(
                f"a database that was replaced cannot be removed: {error.strerror or error}"
            ) from error

    def _remove_blobs(self, going: Sequence[int]) -> int:
        """Remove the blobs that these entries alone name, unless somebody sends one again at this moment."""
        began_s, database = time.time(), self._store.database
        named = {name for (name,) in database.rows(_NAMED.format(""), [list(going)])}
        if named:
            named -= {name for (name,) in database.rows(_NAMED.format("NOT"), [list(going)])}
        try:
            return sum(self._store.blobs.remove_untouched(one, began_s) for one in named)
        except OSError as error:
            raise StoreError(f"a blob cannot be removed: {error.strerror or error}") from error


def _confirmed(authority: Authority) -> dict[int, DeletionRequest]:
    """Return the deletions of records that count, by the log index of their confirmation."""
    return {
        index: request
        for index, request in authority.confirmed.items()
        if request.kind == "records"
    }

"""A stopped data directory, or a snapshot of a running one, as the verifier reads it.

The database is opened read-only: what was committed and not yet folded into the file is replayed in
memory, what stands in the journal alone in a copy, and nothing on disk changes. Pieces can be read in
several processes at once.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tallystick.errors import StoreError, VerificationError
from tallystick.tlog.checkpoint import read_checkpoint
from tallystick.verify.finding import Findings, Place
from tallystick.verify.source import (
    BlobBlocks,
    CheckpointText,
    ConsistencyText,
    ContextText,
    Facts,
)
from tallystick_store.blobs import BLOB_FOLDER, BlobFiles
from tallystick_store.bundles import MAX_LOG_FILE_BYTES, in_clear
from tallystick_store.catalog import require_catalog
from tallystick_store.caught_up import CaughtUp
from tallystick_store.engine.duckdb import Row
from tallystick_store.entries import count_entries, next_log_index
from tallystick_store.files import Files
from tallystick_store.lock import DirectoryLock
from tallystick_store.opening import DATABASE_NAME, LOG_FOLDER
from tallystick_store.pieces import PIECE_ENTRIES, DataPiece, forget_database, open_database
from tallystick_store.schema import EVENTS, SCHEMA_VERSION, SEALS, SPANS, TOMBSTONES
from tallystick_store.tilestore import BUNDLES, CHECKPOINT_PATH, TILE_FOLDER


class DataSource:
    """The Source over one directory; raises VerificationError when it cannot be read at all."""

    def __init__(self, directory: Path) -> None:
        if not _is_there(directory / DATABASE_NAME):
            raise VerificationError(
                f"{directory} is no data directory: expected {DATABASE_NAME} in it"
            )
        self._directory = directory
        self._files = Files(directory / LOG_FOLDER)
        try:
            self._lock = DirectoryLock.acquire_shared(directory)
        except StoreError as error:
            raise VerificationError(str(error)) from error
        self._caught_up: CaughtUp | None = None
        try:
            self._place = self._catch_up(directory)
            self._database = open_database(self._place)
            self._require_tables()
            self._facts = self._read_facts()
        except BaseException:
            self.close()
            raise

    @property
    def facts(self) -> Facts:
        """What the directory claims about itself."""
        return self._facts

    def pieces(self) -> Iterator[DataPiece]:
        """Yield the whole log, PIECE_ENTRIES at a time."""
        for start in range(0, self._facts.stop, PIECE_ENTRIES):
            stop = min(start + PIECE_ENTRIES, self._facts.stop)
            yield DataPiece(self._directory, start, stop, self._place)

    def context(self) -> Iterator[ContextText]:
        """Yield nothing: the whole log is here."""
        yield from ()

    def checkpoints(self) -> Iterator[CheckpointText]:
        """Yield every row of `checkpoints`, in the order of size."""
        rows = self._rows("SELECT size, root, note FROM checkpoints ORDER BY size")
        for size, root, note in rows:
            columns = {"size": size, "root": root, "note": note}
            yield CheckpointText(note or "", columns)

    def consistency(self) -> Iterator[ConsistencyText]:
        """Yield nothing: every root can be computed."""
        yield from ()

    def deletion_sets(self) -> Iterator[tuple[int, str]]:
        """Yield nothing: the whole log is here."""
        yield from ()

    def log_files(self) -> Iterator[str]:
        """Yield the path of every tile and bundle."""
        yield from self._files.paths(TILE_FOLDER)

    def log_file(self, path: str) -> bytes | None:
        """Return the content of one of them, a bundle in clear."""
        content = self._read(path)
        return in_clear(content) if content is not None and path.startswith(BUNDLES) else content

    def blobs(self, wanted: Iterable[str]) -> Iterator[BlobBlocks]:
        """Yield each blob as its file holds it."""
        files = BlobFiles(self._directory / BLOB_FOLDER)
        return (BlobBlocks(sha256, files.blocks(sha256)) for sha256 in wanted)

    def check_files(self, findings: Findings) -> None:
        """Look for what no piece holds: rows outside the log, other tables, another log's name."""
        findings.count(1, "files", 1 + sum(1 for _ in self._files.paths(".")))
        newest = self._newest_stored()
        if self._read(CHECKPOINT_PATH) != newest.encode():
            message = "is not the newest checkpoint of the database, as after a crash"
            findings.notice(1, message, Place(file=f"{LOG_FOLDER}/{CHECKPOINT_PATH}"))
        self._check_meta(findings)
        for table in (EVENTS, SEALS, SPANS, TOMBSTONES):
            self._check_outside(table.name, findings)
        self._check_late(findings)
        self._check_applied(findings)

    def close(self) -> None:
        """Close the database and give the directory back."""
        forget_database()
        if self._caught_up is not None:
            self._caught_up.close()
            self._caught_up = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _catch_up(self, directory: Path) -> Path:
        """Return the folder of the database that holds all that the journal holds."""
        try:
            self._caught_up = CaughtUp(directory)
        except StoreError as error:
            raise VerificationError(str(error)) from error
        return self._caught_up.directory

    def _read_facts(self) -> Facts:
        try:
            stop = min(next_log_index(self._database), count_entries(self._database))
        except StoreError as error:
            raise VerificationError(str(error)) from error
        note = self._newest_note()
        checkpoint = read_checkpoint(note)
        return Facts(
            kind="data",
            name=str(self._directory),
            origin=checkpoint.origin,
            checkpoint=note,
            tree_size=checkpoint.size,
            start=0,
            stop=stop,
            claimed_keys=self._claimed_keys(),
        )

    def _newest_note(self) -> str:
        """Return the file's note, or the database's where that is newer or the file is absent."""
        content, stored = self._read(CHECKPOINT_PATH), self._newest_stored()
        if content is None:
            if not stored:
                raise VerificationError("there is no signed checkpoint, in file or database")
            return stored
        try:
            shown = content.decode()
        except UnicodeDecodeError as error:
            raise VerificationError(f"log/checkpoint is not text: {error}") from error
        if stored and read_checkpoint(stored).size > read_checkpoint(shown).size:
            return stored
        return shown

    def _newest_stored(self) -> str:
        rows = self._rows("SELECT note FROM checkpoints ORDER BY size DESC NULLS LAST LIMIT 1")
        return str(rows[0][0] or "") if rows else ""

    def _claimed_keys(self) -> str:
        """Return the keys that `key.added` events state, as lines of a trust policy."""
        rows = self._rows(
            "SELECT DISTINCT key_purpose, key_vkey FROM events"
            " WHERE type = 'key.added' AND sender = 'service'"
            " AND key_purpose IN ('log', 'emitter') AND key_vkey IS NOT NULL ORDER BY 1 DESC, 2"
        )
        return "".join(f"{purpose} {vkey}\n" for purpose, vkey in rows)

    def _check_meta(self, findings: Findings) -> None:
        found = sorted(self._rows("SELECT key, value FROM meta"), key=str)
        expected = [("origin", self._facts.origin), ("schema", SCHEMA_VERSION)]
        findings.count(3, "rows of meta", len(found))
        if found != expected:
            message = f"expected the rows {expected}, found {found}"
            findings.fault(3, message, Place(table="meta"))

    def _check_outside(self, table: str, findings: Findings) -> None:
        rows = self._rows(
            f'SELECT log_index FROM "{table}" WHERE log_index IS NULL OR log_index < 0'  # noqa: S608 - schema.py
            " OR log_index >= ? LIMIT 100",
            [self._facts.stop],
        )
        for (log_index,) in rows:
            place = Place(table=table, log_index=log_index, column="log_index")
            findings.fault(3, "a row has no entry: its log index is outside the log", place)

    def _check_late(self, findings: Findings) -> None:
        rows = self._rows(
            "SELECT log_index, line FROM late_disclosures WHERE line IS NULL OR log_index IS NULL"
            " OR log_index NOT IN (SELECT log_index FROM events WHERE log_index IS NOT NULL)"
        )
        for log_index, _ in rows:
            place = Place(table="late_disclosures", log_index=log_index)
            findings.fault(3, "a late disclosure belongs to no event", place)

    def _check_applied(self, findings: Findings) -> None:
        """Look for a number that is missing or stands twice: they count the groups of the journal from 1 on."""
        ((count,),) = self._rows("SELECT count(*) FROM applied")
        findings.count(3, "rows of applied", count)
        rows = self._rows(
            "SELECT number FROM applied"
            " QUALIFY coalesce(number, 0) != row_number() OVER (ORDER BY number) ORDER BY 1 LIMIT 1"
        )
        for (number,) in rows:
            message = f"expected the numbers 1 to {count}, found {number} out of its place"
            findings.fault(3, message, Place(table="applied", column="number"))

    def _require_tables(self) -> None:
        try:
            require_catalog(self._database)
        except StoreError as error:
            raise VerificationError(str(error)) from error

    def _read(self, path: str) -> bytes | None:
        try:
            return self._files.read_plain(path, MAX_LOG_FILE_BYTES)
        except StoreError as error:
            raise VerificationError(str(error)) from error

    def _rows(self, sql: str, parameters: list[object] | None = None) -> list[Row]:
        try:
            return self._database.rows(sql, parameters or [])
        except StoreError as error:
            raise VerificationError(str(error)) from error


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise VerificationError(f"{path} cannot be read: {error.strerror}") from error

"""A store that has grown: the rows of a long history, its log and its projections, made one beside the other.

What writer, publisher and projector of a service do, one thread does here, batch by batch: its memory is the
same for any length. The files of the log are not synced one by one.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from bench.history import History
from tallystick_store.checkpoints import CheckpointLog, LogSigner
from tallystick_store.engine.duckdb import Database
from tallystick_store.entries import entry_windows, read_entries
from tallystick_store.files import Files
from tallystick_store.ledger import Ledger
from tallystick_store.opening import DATABASE_NAME, LOG_FOLDER
from tallystick_store.projections.windows import WINDOW, project
from tallystick_store.publisher import Publisher
from tallystick_store.schema import EVENTS, META, SCHEMA_VERSION, row_batch
from tallystick_store.tilestore import TileStore

ROW_GROUP: Final = 122_880
"""Rows that DuckDB compresses at once: whole ones go into the file past its write-ahead log."""
MEMORY: Final = "2GB"


@dataclass(slots=True)
class Growth:
    """What inserting the rows, publishing and projecting took, in seconds of processor time."""

    rows_s: float = 0.0
    log_s: float = 0.0
    projections_s: float = 0.0
    windows: int = 0


class Unsynced(Files):
    """A folder of files that are whole once the machine has written them."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file."""
        target = self.root / path
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True)
        target.write_bytes(content)


def grow(history: History, directory: Path, signer: LogSigner) -> Growth:
    """Make the store of a log below a new directory."""
    directory.mkdir(mode=0o700, parents=True)
    database = Database.open(directory / DATABASE_NAME, memory_limit=MEMORY)
    meta = [("schema", SCHEMA_VERSION), ("origin", signer.origin)]
    database.insert({META.name: row_batch(META, meta)})
    try:
        return _Grower(database, directory, signer).grow(history)
    finally:
        database.close()


class _Grower:
    def __init__(self, database: Database, directory: Path, signer: LogSigner) -> None:
        self._database = database
        tiles = TileStore(Unsynced(directory / LOG_FOLDER))
        self._ledger = Ledger(lambda *ends: [entry for _, entry in read_entries(database, *ends)])
        checkpoints = CheckpointLog(database, signer.key)
        self._publisher = Publisher(self._ledger, tiles, checkpoints, signer)
        self._projected = 0
        self._waiting: pa.Table | None = None
        """Events that do not fill a row group yet; they are the newest."""
        self._growth = Growth()

    def grow(self, history: History) -> Growth:
        for batches in history.batches():
            events = batches[EVENTS.name]
            if self._waiting is not None:
                events = pa.concat_tables([self._waiting, events], promote_options="default")
            whole = events.num_rows // ROW_GROUP * ROW_GROUP
            self._waiting = events.slice(whole)
            rest = self._waiting["log_index"]
            end = rest[0].as_py() if len(rest) else history.log_size
            self._take({**batches, EVENTS.name: events.slice(0, whole)}, end)
        if self._waiting is not None:
            self._take({EVENTS.name: self._waiting}, history.log_size)
        return self._growth

    def _take(self, batches: dict[str, pa.Table], end: int) -> None:
        """Insert rows; the log is complete below `end` then."""
        begun = time.process_time()
        self._database.insert({name: one for name, one in batches.items() if one.num_rows})
        inserted = time.process_time()
        for window in entry_windows(self._database, self._ledger.size, end):
            self._ledger.extend([entry for _, entry in window])
        self._publisher.publish_now()
        published = time.process_time()
        while self._projected + WINDOW <= end:
            upto = self._projected + WINDOW
            self._database.insert(project(self._database, self._projected, upto))
            self._projected = upto
            self._growth.windows += 1
        self._growth.rows_s += inserted - begun
        self._growth.log_s += published - inserted
        self._growth.projections_s += time.process_time() - published

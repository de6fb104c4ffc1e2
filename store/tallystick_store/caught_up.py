"""A stopped store's database as its next start would find it; nothing on disk changes.

A killed service may leave groups in the journal that the database lacks. A reader then works on a copy of
the database, in the folder for temporary files, with those groups in it.
"""

import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tallystick.errors import StoreError
from tallystick_store.engine.duckdb import Database
from tallystick_store.journal.replay import JOURNAL_FOLDER, apply_groups, last_applied
from tallystick_store.journal.segments import groups_after, segment_files
from tallystick_store.opening import DATABASE_NAME


class CaughtUp:
    """Where the database of a stopped data directory is to be read."""

    def __init__(self, directory: Path) -> None:
        """Copy the database if the journal is ahead of it. Raises StoreError."""
        self.directory = directory
        """Holds the database file."""
        self.groups = 0
        """How many groups of the journal the database itself lacks."""
        self._copy: TemporaryDirectory[str] | None = None
        try:
            if _is_behind(directory):
                self._make_copy(directory)
        except OSError as error:
            self.close()
            raise StoreError(
                f"the journal of {directory} is ahead of its database, and no copy could be made to"
                f" read both: {error.strerror or error}; start the service once, or set TMPDIR"
            ) from error
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Remove the copy. Idempotent."""
        copy, self._copy = self._copy, None
        if copy is not None:
            copy.cleanup()

    def _make_copy(self, directory: Path) -> None:
        self._copy = TemporaryDirectory(prefix="tallystick-")
        self.directory = Path(self._copy.name)
        for name in (DATABASE_NAME, f"{DATABASE_NAME}.wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(directory / name, self.directory / name)
        database = Database.open(self.directory / DATABASE_NAME)
        try:
            self.groups = apply_groups(database, directory / JOURNAL_FOLDER)
        finally:
            database.close()


def _is_behind(directory: Path) -> bool:
    folder = directory / JOURNAL_FOLDER
    if not segment_files(folder):
        return False
    database = Database.open_read_only(directory / DATABASE_NAME)
    try:
        applied = last_applied(database)
    finally:
        database.close()
    found = groups_after(folder, applied, lambda *_: None)
    return next(found, None) is not None

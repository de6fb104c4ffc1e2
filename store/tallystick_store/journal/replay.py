"""What a start does with the journal: groups that the database lacks are put into it, and the files go.

A torn group at the end was never acknowledged: its write was cut short before the sync. It is dropped. What
is damaged may have been acknowledged: it is set aside, never guessed at, and the notice says so; a signed
checkpoint that covers it then contradicts the database, and signing stops.
"""

import itertools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow.compute as pc

from tallystick.errors import StoreError
from tallystick.private_file import sync_directory
from tallystick.verify.erased import Erased
from tallystick_store.engine.duckdb import Database
from tallystick_store.entries import next_log_index
from tallystick_store.governance.blanking import blank
from tallystick_store.journal.contents import decode_tables
from tallystick_store.journal.frame import Frame, Reading, read_frames
from tallystick_store.journal.segments import ASIDE, groups_after, segment_files
from tallystick_store.schema import APPLIED, EVENTS, SEALS, SPANS, row_batch

JOURNAL_FOLDER: Final = "journal"

_ENTRIES: Final = (EVENTS.name, SEALS.name, SPANS.name)

SetAside = Callable[[Path, Reading | None, str], None]
"""Told of what does not read back: see `groups_after`."""

_log = logging.getLogger(__name__)


def last_applied(database: Database) -> int:
    """Return the number of the newest group that the database holds, 0 for none."""
    ((number,),) = database.rows_at_once(f'SELECT max(number) FROM "{APPLIED.name}"')  # noqa: S608 - schema.py
    return 0 if number is None else int(number)


def replay(
    database: Database,
    directory: Path,
    erased: Erased | None = None,
    is_kept: Callable[[Path], bool] | None = None,
) -> tuple[str, ...]:
    """Bring the database up to the journal of a data directory, and empty the journal; return notices.

    Values that `erased` covers are left out. `is_kept` is asked with the journal's folder, once the database holds it:
    whether segments with groups in them stay, because the archive does not hold them yet. Raises StoreError when the
    journal cannot be read, and when the database or the archive takes no more.
    """
    folder = directory / JOURNAL_FOLDER
    notices: list[str] = []
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        count = apply_groups(database, folder, _Putter(notices), erased)
        stays = is_kept is not None and is_kept(folder)
        applied = last_applied(database)
        for first, path in segment_files(folder):
            _remove(database, path, notices, stays=stays and first <= applied)
        sync_directory(folder)
    except OSError as error:
        raise StoreError(f"the journal {folder} cannot be read: {error.strerror}") from error
    if count:
        _log.info("%s: %d groups of the journal were put into the database", directory, count)
    return tuple(notices)


def apply_groups(
    database: Database,
    folder: Path,
    set_aside: SetAside | None = None,
    erased: Erased | None = None,
) -> int:
    """Append what the database lacks, group by group, without what was erased; return how many there were.

    Raises OSError and StoreError.
    """
    count = 0
    for frame in groups_after(folder, last_applied(database), set_aside or _ignore):
        number = row_batch(APPLIED, [(frame.number,)])
        tables = blank(decode_tables(frame.payload), erased or Erased())
        database.insert({**tables, APPLIED.name: number})
        count += 1
    return count


def _remove(database: Database, path: Path, notices: list[str], *, stays: bool) -> None:
    """Remove a segment, unless it stays; set it aside where `applied` says that its groups are in and they are not."""
    newest = max(
        (_newest_index(frame) for frame in read_frames(path.read_bytes()).frames), default=-1
    )
    if newest < next_log_index(database):
        if not stays:
            path.unlink()
        return
    notices.append(
        f"journal/{path.name}: the database says that it holds this, and does not: rows were removed, or"
        f" the numbers in `applied` changed; it stands in {_move_aside(path)}"
    )


def _move_aside(path: Path) -> str:
    """Keep a segment under a name of its own that no start reads; return the name."""
    aside = path.with_name(path.name + ASIDE)
    for number in itertools.count(2):
        if not aside.exists():
            break
        aside = path.with_name(f"{path.name}{ASIDE}.{number}")
    path.replace(aside)
    aside.chmod(0o600)
    return aside.name


def _newest_index(frame: Frame) -> int:
    tables = decode_tables(frame.payload)
    entries = [table["log_index"] for name, table in tables.items() if name in _ENTRIES]
    return max((int(pc.max(one).as_py()) for one in entries if len(one)), default=-1)


class _Putter:
    """Sets aside what does not read back, and says so."""

    def __init__(self, notices: list[str]) -> None:
        self._notices = notices

    def __call__(self, path: Path, reading: Reading | None, reason: str) -> None:
        if reading is not None and reading.ending == "torn":
            self._notices.append(
                f"journal/{path.name}: {reason}: its write was cut short, nobody was told that it was"
                " kept, and it is dropped"
            )
            return
        begins = reading.end if reading is not None else 0
        self._notices.append(
            f"journal/{path.name}: {reason}: it stands in {_move_aside(path)}, and what it holds from byte"
            f" {begins} on is not in the database; records may be lost that their senders believe kept"
        )


def _ignore(_path: Path, _reading: Reading | None, _reason: str) -> None:
    """Leave what does not read back where it is: for readers that change nothing."""

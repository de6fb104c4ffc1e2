"""The parts of one data directory: appended group after group, merged by day, read back in order.

One thread appends. Parts join without a hole, from group 1 and entry 0; what does not is said and never guessed at.
"""

import datetime as dt
import itertools
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tallystick.errors import StoreError
from tallystick.private_file import sync_directory
from tallystick.verify.erased import Erased
from tallystick_store.archive.joining import in_order, joined, span_of
from tallystick_store.archive.part import (
    FORMAT,
    OLD,
    Manifest,
    part_folders,
    read_manifest,
    read_tables,
    tidy,
    write_part,
)
from tallystick_store.archive.split import (
    Owned,
    SubjectsOf,
    absent_values,
    join_tables,
    split_tables,
)
from tallystick_store.archive.subject_keys import Subject, SubjectKeys
from tallystick_store.archive.values import VALUES, FindKeys, open_values, seal_values
from tallystick_store.journal.contents import Tables
from tallystick_store.schema import (
    CHECKPOINTS,
    LATE_DISCLOSURES,
    TOMBSTONES,
)

ARCHIVE_FOLDER: Final = "archive"
CLOSED_AFTER_US: Final = 3600 * 1_000_000
"""A day's parts are merged an hour after its end."""
MERGED_BYTES: Final = 32 << 20
"""Parts are merged up to this size on disk: some 150,000 events, a few hundred megabytes in memory."""


Keeps = Callable[[Owned], bool]
"""Whether a value goes into the new part; False for what was erased."""


@dataclass(frozen=True, slots=True)
class PartRows:
    """What a part gives back."""

    absent: Erased
    """Where a value stood when it was archived and stands no more."""
    tables: Iterator[Tables]
    """The rows as the tables of the database, some thousand at a time."""


class Archive:
    """The folder `archive/`. Every failure is a StoreError that names the file."""

    def __init__(self, folder: Path, origin: str, keys: SubjectKeys) -> None:
        """Open the folder, made (0700) where it is missing, and tidy up what was cut short."""
        self.folder = folder
        self._origin = origin
        self.keys = keys
        self.writing = threading.RLock()
        """Held by whoever adds, merges or rewrites parts, and by whoever destroys keys."""
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            tidy(folder)
            listed = part_folders(folder)
        except OSError as error:
            raise StoreError(f"the archive {folder} cannot be read: {error}") from error
        self._parts = in_order(origin, [read_manifest(path) for _, _, path in listed])
        if self._parts and not keys.path.exists():
            raise StoreError(
                f"the subject keys {keys.path} are gone, and the archive cannot be read without"
                " them: restore the newest copy"
            )
        keys.make()

    @property
    def parts(self) -> Sequence[Manifest]:
        """What is archived, in order."""
        return tuple(self._parts)

    @property
    def last_group(self) -> int:
        """Number of the newest group that is archived, 0 for none."""
        return self._parts[-1].last_group if self._parts else 0

    @property
    def size(self) -> int:
        """Number of entries that are archived."""
        return self._parts[-1].end_entry if self._parts else 0

    @property
    def checkpoints(self) -> int:
        """Number of checkpoints that are archived."""
        return sum(part.checkpoints for part in self._parts)

    def append(
        self,
        tables: Tables,
        last_group: int,
        checkpoints: pa.Table,
        subjects_of: SubjectsOf,
        *,
        end: int | None = None,
    ) -> None:
        """Archive the groups behind the newest one up to `last_group`, durably; all or none.

        `end` is where the rows may lack entries that were deleted: the log index behind them. Raises HoleError for
        rows that do not follow the newest part, and StoreError.
        """
        before = self._parts[-1] if self._parts else None
        bare, owned = split_tables(tables, subjects_of)
        first, end, rx_us = span_of(tables, before, end)
        manifest = Manifest(
            self._origin, self.last_group + 1, last_group, first, end, rx_us, len(checkpoints), {}
        )
        small = {CHECKPOINTS.name: checkpoints} if len(checkpoints) else {}
        self._parts.append(self._write(manifest, {**bare, **small}, owned, self.keys.keys_for))

    def read(self, part: Manifest) -> PartRows:
        """Return the rows of a part. Values whose key was destroyed are absent."""
        bare, owned = self._open(part)
        values = [value for _, value in owned]
        checkpoints = bare.pop(CHECKPOINTS.name, None)
        small: list[Tables] = [] if checkpoints is None else [{CHECKPOINTS.name: checkpoints}]
        joined = itertools.chain(small, join_tables(bare, values))
        return PartRows(absent_values(bare, values), joined)

    def of_earlier_entries(self, part: Manifest) -> tuple[set[tuple[int, str]], pa.Array]:
        """Return the late lines of a part with their log indexes, and the log indexes of its tombstones."""
        tables, owned = self._open(part)
        values = (value for _, value in owned if value.table == LATE_DISCLOSURES.name)
        buried = tables.get(TOMBSTONES.name, pa.table({"log_index": pa.array([], pa.int64())}))
        return {(one.log_index, one.text) for one in values}, buried["log_index"].combine_chunks()

    def drop(self, indexes: Collection[int]) -> None:
        """Write the parts anew that hold rows or values of these log indexes, without them; reads every part.

        Raises StoreError.
        """
        gone = frozenset(indexes)
        with self.writing:
            for part in self.parts:
                self._drop(part, gone)

    def _drop(self, part: Manifest, gone: frozenset[int]) -> None:
        tables, owned = self._open(part)
        kept = {name: _without(table, gone) for name, table in tables.items()}
        left = [one for one in owned if one[1].log_index not in gone]
        if len(left) < len(owned) or any(len(kept[name]) < len(tables[name]) for name in kept):
            self._replace(replace(part, files={}), kept, left)

    def rewrite_parts(self, subjects: frozenset[Subject], keeps: Keeps) -> int:
        """Write the parts anew that hold values of these subjects and would lose some; return how many."""
        with self.writing:
            return sum([self._rewrite(part, subjects, keeps) for part in self.parts])

    def _rewrite(self, part: Manifest, subjects: frozenset[Subject], keeps: Keeps) -> bool:
        tables = read_tables(self.folder / part.name, part)
        blocks = tables.pop(VALUES, None)
        if blocks is None or subjects.isdisjoint(_subjects_in(blocks)):
            return False
        owned = self._opened(blocks, part)
        kept = [one for one in owned if keeps(one)]
        if len(kept) == len(owned):
            return False
        self._replace(replace(part, files={}), tables, kept)
        return True

    def merge_closed_days(self, now_us: int) -> int:
        """Merge the parts of days that are over, up to MERGED_BYTES each; return how many went."""
        today = _day(now_us - CLOSED_AFTER_US)
        merged = 0
        at = 0
        while at < len(self._parts):
            run = self._run(at, today)
            if len(run) > 1:
                self._merge(run)
                self._parts[at : at + len(run)] = [read_manifest(self.folder / joined(run).name)]
                merged += len(run) - 1
            at += 1
        return merged

    def _run(self, at: int, today: dt.date) -> list[Manifest]:
        """Return the parts from `at` that one part may take the place of."""
        run: list[Manifest] = []
        size_bytes = 0
        for part in self._parts[at:]:
            day = _day(part.newest_rx_us)
            size_bytes += _size_of(self.folder / part.name)
            if day >= today or size_bytes > MERGED_BYTES or (run and day != _day_of(run)):
                break
            run.append(part)
        return run

    def _merge(self, run: Sequence[Manifest]) -> None:
        opened = [self._open(part) for part in run]
        names = dict.fromkeys(name for tables, _ in opened for name in tables)
        tables = {
            name: pa.concat_tables([one[name] for one, _ in opened if name in one])
            for name in names
        }
        values = [value for _, owned in opened for value in owned]
        self._write(joined(run), tables, values, self.keys.keys_of)
        for part in run:
            shutil.rmtree(self.folder / part.name)
        sync_directory(self.folder)

    def _open(self, part: Manifest) -> tuple[dict[str, pa.Table], list[Owned]]:
        tables = read_tables(self.folder / part.name, part)
        blocks = tables.pop(VALUES, None)
        if blocks is None:
            return tables, []
        return tables, self._opened(blocks, part)

    def _opened(self, blocks: pa.Table, part: Manifest) -> list[Owned]:
        opened = open_values(blocks, self.keys, part.bound)
        return [(subject, value) for subject, values in opened for value in values]

    def _write(
        self,
        manifest: Manifest,
        tables: Mapping[str, pa.Table],
        owned: Sequence[Owned],
        find: FindKeys,
    ) -> Manifest:
        """Write a part; what is written again finds no new keys, which would bring destroyed values back."""
        manifest = replace(manifest, format=FORMAT)
        blocks = seal_values(owned, find, manifest.bound)
        values = {VALUES: blocks} if len(blocks) else {}
        try:
            return write_part(self.folder, manifest, {**tables, **values})
        except OSError as error:
            raise StoreError(f"the archive cannot be written: {error.strerror or error}") from error

    def _replace(
        self, manifest: Manifest, tables: Mapping[str, pa.Table], owned: Sequence[Owned]
    ) -> None:
        """Put a new version of a part in its place; a start finishes what a crash cut short."""
        place = self.folder / manifest.name
        old = place.with_name(place.name + OLD)
        place.replace(old)
        try:
            written = self._write(manifest, tables, owned, self.keys.keys_of)
        except StoreError:
            old.replace(place)
            raise
        shutil.rmtree(old)
        self._parts[[one.name for one in self._parts].index(manifest.name)] = written


def _without(table: pa.Table, gone: Collection[int]) -> pa.Table:
    """Return a table without the rows of some log indexes; one that has none stays, and so do tombstones."""
    if "log_index" not in table.column_names or "authorised_by" in table.column_names:
        return table
    return table.filter(pc.invert(pc.is_in(table["log_index"], pa.array(gone, pa.int64()))))


def _subjects_in(blocks: pa.Table) -> set[Subject]:
    names = (blocks[name].to_pylist() for name in Subject._fields)
    return set(map(Subject, *names))


def _day(now_us: int) -> dt.date:
    return dt.datetime.fromtimestamp(now_us / 1_000_000, dt.UTC).date()


def _day_of(run: Sequence[Manifest]) -> dt.date:
    return _day(run[-1].newest_rx_us)


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())

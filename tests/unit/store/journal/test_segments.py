"""The files of the journal: appended, left, removed, read again; and a disk that fails at each step."""

import errno
import os
from pathlib import Path

import pytest

from tallystick.errors import StoreError
from tallystick_store.journal.frame import HEAD_BYTES, Reading
from tallystick_store.journal.segments import (
    Segments,
    Sync,
    Write,
    groups_after,
    segment_files,
    segment_path,
)

NO_SPACE = OSError(errno.ENOSPC, "No space left on device")


def journal(
    folder: Path,
    first: int = 1,
    *,
    segment_bytes: int = 1 << 20,
    write: Write = os.write,
    sync: Sync = os.fdatasync,
) -> Segments:
    return Segments(folder, first, segment_bytes=segment_bytes, write=write, sync=sync)


def read(folder: Path, number: int = 0) -> tuple[list[tuple[int, bytes]], list[str]]:
    """Return the groups behind `number`, and what was set aside, in words."""
    aside: list[str] = []

    def note(path: Path, reading: Reading | None, reason: str) -> None:
        aside.append(f"{path.name} {'all' if reading is None else reading.ending}: {reason}")

    groups = [(f.number, bytes(f.payload)) for f in groups_after(folder, number, note)]
    return groups, aside


def names(folder: Path) -> list[str]:
    return [path.name for _, path in segment_files(folder)]


def test_groups_are_numbered_and_read_back_in_order(tmp_path: Path) -> None:
    segments = journal(tmp_path)
    assert [segments.append(text) for text in (b"a", b"b", b"c")] == [1, 2, 3]
    assert read(tmp_path) == ([(1, b"a"), (2, b"b"), (3, b"c")], [])
    assert read(tmp_path, 2) == ([(3, b"c")], [])
    assert names(tmp_path) == ["000000000001.journal"]
    assert segment_path(tmp_path, 1).stat().st_mode & 0o777 == 0o600
    segments.close()


def test_a_full_segment_is_left_and_removed_once_all_of_it_is_applied(tmp_path: Path) -> None:
    segments = journal(tmp_path, segment_bytes=2 * (HEAD_BYTES + 1))
    for text in (b"a", b"b", b"c", b"d", b"e"):
        segments.append(text)
    assert names(tmp_path) == [f"00000000000{first}.journal" for first in (1, 3, 5)]
    segments.remove_through(3)
    assert names(tmp_path) == ["000000000003.journal", "000000000005.journal"]
    segments.remove_through(5)
    assert names(tmp_path) == ["000000000005.journal"]
    segments.leave()
    segments.remove_through(5)
    assert names(tmp_path) == []
    segments.append(b"f")
    assert read(tmp_path, 5) == ([(6, b"f")], [])
    segments.close()


def test_a_segment_with_a_group_that_is_not_applied_stays(tmp_path: Path) -> None:
    segments = journal(tmp_path)
    segments.append(b"a")
    segments.append(b"b")
    segments.leave()
    segments.remove_through(1)
    assert read(tmp_path) == ([(1, b"a"), (2, b"b")], [])
    segments.close()


@pytest.mark.parametrize("written", [0, 1, HEAD_BYTES, HEAD_BYTES + 2])
def test_a_write_that_fails_part_way_leaves_nothing(tmp_path: Path, written: int) -> None:
    is_failing = False

    def write(fd: int, data: bytes | memoryview) -> int:
        if not is_failing:
            return os.write(fd, data)
        if written and os.lseek(fd, 0, os.SEEK_END) == HEAD_BYTES + 3:
            return os.write(fd, data[:written])
        raise NO_SPACE

    segments = journal(tmp_path, write=write)
    segments.append(b"one")
    is_failing = True
    with pytest.raises(StoreError, match="No space left"):
        segments.append(b"two")
    is_failing = False
    assert segments.append(b"three") == 2
    assert segments.failure is None
    assert read(tmp_path) == ([(1, b"one"), (2, b"three")], [])
    segments.close()


def test_a_write_in_pieces_is_whole(tmp_path: Path) -> None:
    segments = journal(tmp_path, write=lambda fd, data: os.write(fd, data[:5]))
    segments.append(b"a longer group")
    assert read(tmp_path) == ([(1, b"a longer group")], [])
    segments.close()


def test_after_a_failed_write_that_cannot_be_taken_back_nothing_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> int:
        raise NO_SPACE

    segments = journal(tmp_path, write=fail)
    monkeypatch.setattr(os, "ftruncate", fail)
    with pytest.raises(StoreError, match="No space left"):
        segments.append(b"one")
    monkeypatch.undo()
    with pytest.raises(StoreError, match="restart the service"):
        segments.append(b"two")
    assert segments.failure is not None
    segments.close()


def test_after_a_refused_sync_nothing_is_taken_and_the_group_may_come_back(tmp_path: Path) -> None:
    is_failing = False

    def sync(fd: int) -> None:
        if is_failing:
            raise OSError(errno.EIO, "Input/output error")
        os.fdatasync(fd)

    segments = journal(tmp_path, sync=sync)
    segments.append(b"one")
    is_failing = True
    with pytest.raises(StoreError, match="refused to sync"):
        segments.append(b"two")
    is_failing = False
    with pytest.raises(StoreError, match="restart the service"):
        segments.append(b"three")
    segments.close()
    assert read(tmp_path) == ([(1, b"one"), (2, b"two")], [])


def test_a_segment_that_cannot_begin_takes_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = journal(tmp_path / "folder")
    with pytest.raises(StoreError, match="cannot begin"):
        segments.append(b"one")
    (tmp_path / "folder").mkdir()
    assert segments.append(b"one") == 1
    segments.close()


def test_a_segment_whose_name_cannot_be_synced_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = journal(tmp_path)

    def fail(_folder: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("tallystick_store.journal.segments.sync_directory", fail)
        for _ in range(2):
            with pytest.raises(StoreError, match="cannot begin"):
                segments.append(b"one")
    assert segments.append(b"one") == 1
    assert read(tmp_path) == ([(1, b"one")], [])
    segments.close()


def test_a_segment_that_cannot_be_removed_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = journal(tmp_path)
    segments.append(b"one")

    def fail(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        segments.leave()
        with pytest.raises(StoreError, match="cannot be removed: Permission denied"):
            segments.remove_through(1)
    assert names(tmp_path) != []
    segments.remove_through(1)
    assert names(tmp_path) == []
    segments.close()


@pytest.mark.parametrize("cut", range(1, HEAD_BYTES + 5))
def test_a_torn_group_ends_the_reading_wherever_it_was_cut(tmp_path: Path, cut: int) -> None:
    segments = journal(tmp_path)
    segments.append(b"one")
    segments.append(b"five!")
    segments.close()
    path = segment_path(tmp_path, 1)
    os.truncate(path, path.stat().st_size - cut)
    assert read(tmp_path) == (
        [(1, b"one")],
        ["000000000001.journal torn: group 2 is torn"],
    )


def test_what_stands_behind_damage_is_set_aside(tmp_path: Path) -> None:
    segments = journal(tmp_path, segment_bytes=2 * (HEAD_BYTES + 1))
    for text in (b"a", b"b", b"c", b"d"):
        segments.append(text)
    segments.close()
    path = segment_path(tmp_path, 1)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert read(tmp_path) == (
        [(1, b"a")],
        [
            "000000000001.journal damaged: group 2 is damaged",
            "000000000003.journal all: group 2 is missing before it",
        ],
    )
    assert read(tmp_path, 2) == ([(3, b"c"), (4, b"d")], [])


def test_a_segment_that_begins_where_another_was_cut_joins_it(tmp_path: Path) -> None:
    old = journal(tmp_path)
    old.append(b"one")
    old.append(b"two")
    old.close()
    path = segment_path(tmp_path, 1)
    os.truncate(path, path.stat().st_size - 1)
    new = journal(tmp_path, 2)
    new.append(b"again")
    new.close()
    assert read(tmp_path) == ([(1, b"one"), (2, b"again")], [])

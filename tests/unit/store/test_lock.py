"""One owner per data directory, readers only without one."""

from pathlib import Path

import pytest

from tallystick.errors import StoreError
from tallystick_store.lock import DirectoryLock


def test_a_second_owner_is_refused_with_the_first_one_named(tmp_path: Path) -> None:
    first = DirectoryLock.acquire(tmp_path)
    with pytest.raises(StoreError, match=r"in use by process \d+: stop that process first"):
        DirectoryLock.acquire(tmp_path)
    first.release()
    DirectoryLock.acquire(tmp_path).release()


def test_a_reader_is_sent_to_a_snapshot_while_there_is_an_owner(tmp_path: Path) -> None:
    owner = DirectoryLock.acquire(tmp_path)
    with pytest.raises(StoreError, match="tallystick snapshot"):
        DirectoryLock.acquire_shared(tmp_path)
    owner.release()


def test_readers_share_and_keep_an_owner_away(tmp_path: Path) -> None:
    DirectoryLock.acquire(tmp_path).release()
    one, two = DirectoryLock.acquire_shared(tmp_path), DirectoryLock.acquire_shared(tmp_path)
    assert one is not None
    assert two is not None
    with pytest.raises(StoreError):
        DirectoryLock.acquire(tmp_path)
    one.release()
    two.release()


def test_a_copy_that_nobody_ever_owned_needs_no_lock(tmp_path: Path) -> None:
    assert DirectoryLock.acquire_shared(tmp_path) is None
    assert list(tmp_path.iterdir()) == []

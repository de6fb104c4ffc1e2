"""The tally: what is owed an account of outlives the process, in place, and reads back or counts as nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.spool.tally import (
    BLOCK_BYTES,
    NOTHING,
    OTHER,
    WAITED,
    Tally,
    read_tally,
    write_tally,
)


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


def test_a_tally_reads_back_and_is_replaced_in_place(fd: int) -> None:
    write_tally(fd, Tally({"spool full": 3, WAITED: 70_000}, "ab" * 16))
    assert read_tally(fd) == Tally({"spool full": 3, WAITED: 70_000}, "ab" * 16)
    write_tally(fd, NOTHING)
    assert read_tally(fd) == NOTHING
    assert os.fstat(fd).st_size == BLOCK_BYTES


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"counts": 3, "next": ""}', bytes(1024)])
def test_a_lock_file_without_a_tally_owes_nothing(fd: int, content: bytes) -> None:
    os.pwrite(fd, content, 0)
    assert read_tally(fd) == NOTHING


def test_many_long_reasons_fit_their_block_and_no_count_is_left_out(fd: int) -> None:
    counts = {f"{number} {'x' * 500}": number + 1 for number in range(40)}
    write_tally(fd, Tally(counts, "ab" * 16))
    assert os.fstat(fd).st_size == BLOCK_BYTES
    found = read_tally(fd).counts
    assert sum(found.values()) == sum(counts.values())
    assert OTHER in found


def test_a_record_that_stands_in_the_spool_is_taken_off() -> None:
    owed = Tally({"full": 5, WAITED: 2}, "ab")
    assert owed.without({"type": "tool.completed"}).counts == {"full": 5, WAITED: 1}
    drop = {"type": "log.drop", "drop.reason": "full", "drop.count": 5}
    assert owed.without(drop).counts == {WAITED: 2}

"""The spool's cap: own bytes count at once, those of others by measuring, and what is deleted is room again."""

from pathlib import Path

import pytest

from tallystick.errors import SpoolError, SpoolFullError
from tallystick.spool.room import BLOBS, MEASURE_EVERY_S, MEASURE_WHEN_FULL_S, Room
from tallystick.testing import FakeClock
from tests.emitters import new_session, record


def room(directory: Path, max_bytes: int = 1600) -> tuple[Room, FakeClock]:
    clock = FakeClock()
    return Room(directory, max_bytes, clock), clock


def test_what_fits_is_let_in_and_what_does_not_is_an_error_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    made, _ = room(tmp_path / "missing")
    made.check(1600)
    made.add(1000)
    made.check(600)
    made.refresh()  # nothing is there: what was added was never written
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "a").write_bytes(bytes(1000))
    made.add(1000)
    with pytest.raises(SpoolFullError, match=r"holds 1000 of 1600 bytes .*spool_max_bytes"):
        made.check(601)
    assert issubclass(SpoolFullError, SpoolError)


def test_bytes_of_others_and_of_blobs_are_measured_once_a_second(tmp_path: Path) -> None:
    made, clock = room(tmp_path)
    made.refresh()
    (tmp_path / BLOBS).mkdir()
    (tmp_path / "other").write_bytes(bytes(300))
    (tmp_path / BLOBS / "aa").write_bytes(bytes(400))
    made.refresh()
    assert made.used_bytes == 0
    clock.advance(MEASURE_EVERY_S)
    made.refresh()
    assert made.used_bytes == 700


def test_a_full_spool_is_measured_again_before_it_refuses(tmp_path: Path) -> None:
    made, clock = room(tmp_path)
    there = tmp_path / "segment"
    there.write_bytes(bytes(1600))
    made.refresh()
    with pytest.raises(SpoolFullError):
        made.check(1)
    there.unlink()
    with pytest.raises(SpoolFullError):
        made.check(1)  # measured just now: a full spool must not cost a scan for each record
    clock.advance(MEASURE_WHEN_FULL_S)
    made.check(1)


def test_a_sixteenth_is_kept_for_what_has_begun(tmp_path: Path) -> None:
    made, _ = room(tmp_path)
    (tmp_path / "segment").write_bytes(bytes(1501))
    made.refresh()
    made.check(99)
    with pytest.raises(SpoolFullError):
        made.check_spare()


def test_rejected_records_do_not_fill_the_spool(tmp_path: Path) -> None:
    made, _ = room(tmp_path)
    (tmp_path / "rejected").mkdir()
    (tmp_path / "rejected" / "one.json").write_bytes(bytes(5000))
    made.refresh()
    assert made.used_bytes == 0


def test_a_session_counts_what_it_writes_and_its_own_records_may_exceed(tmp_path: Path) -> None:
    made, _ = room(tmp_path / "spool", 1_000_000)
    session = new_session(tmp_path, room=made)
    before = made.used_bytes
    session.append(record())
    session.seal()
    made.max_bytes = made.used_bytes
    assert made.used_bytes > before > 0
    with pytest.raises(SpoolFullError):
        session.append(record())
    assert session.append(record(), may_exceed=True).seq == 2
    assert session.seal() == 1

"""Files of the spool: whole frames or none, one owner, and acknowledgements that cannot be half written."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick.errors import SpoolError
from tallystick.spool.files import (
    Acked,
    Position,
    SessionLock,
    SpoolWriter,
    read_acked,
    read_segment,
    remove_session,
    segment_path,
    segments,
    sessions,
    write_acked,
)
from tallystick.spool.frame import EVENT, encode_frame

SESSION = "a" * 32
FRAME = encode_frame(EVENT, b"payload")

Write = Callable[[int, bytes], int]


def failing_once(fault: Write) -> Write:
    """Fail on the second write, by `fault`."""
    calls = iter(range(1_000_000))
    return lambda fd, data: fault(fd, data) if next(calls) == 1 else os.write(fd, data)


def write_nothing(fd: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def write_short(fd: int, data: bytes) -> int:
    return os.write(fd, data[:7])


def write_short_and_fail(fd: int, data: bytes) -> int:
    os.write(fd, data[:7])
    raise OSError(errno.EIO, "Input/output error")


def write_whole_and_fail(fd: int, data: bytes) -> int:
    os.write(fd, data)
    raise OSError(errno.EIO, "Input/output error")


def payloads(directory: Path) -> list[bytes]:
    return [
        frame.payload
        for segment in segments(directory, SESSION)
        for frame in read_segment(directory, SESSION, Position(segment, 0), 1 << 20).frames
    ]


def put(writer: SpoolWriter, payload: bytes) -> None:
    writer.make_ready()
    writer.append(encode_frame(EVENT, payload))


@pytest.mark.parametrize("fault", [write_nothing, write_short, write_short_and_fail])
def test_a_frame_that_could_not_be_written_is_never_read(tmp_path: Path, fault: Write) -> None:
    writer = SpoolWriter(tmp_path, SESSION, write=failing_once(fault))
    put(writer, b"one")
    with pytest.raises(SpoolError, match="free"):
        put(writer, b"two")
    put(writer, b"three")
    assert payloads(tmp_path) == [b"one", b"three"]


def test_a_write_that_fails_though_every_byte_is_there_counts_as_written(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, SESSION, write=failing_once(write_whole_and_fail))
    for payload in (b"one", b"two", b"three"):
        put(writer, payload)
    assert payloads(tmp_path) == [b"one", b"two", b"three"]


def test_after_a_short_write_a_new_segment_is_begun(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, SESSION, write=failing_once(write_short))
    put(writer, b"one")
    with pytest.raises(SpoolError, match="7 of"):
        put(writer, b"two")
    put(writer, b"three")
    assert segments(tmp_path, SESSION) == [0, 1]
    torn = read_segment(tmp_path, SESSION, Position(0, 0), 1 << 20)
    assert (len(torn.frames), torn.ending) == (1, "torn")


def test_a_full_disk_leaves_no_trail_of_empty_segments(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, SESSION, write=write_nothing)
    for _ in range(5):
        with pytest.raises(SpoolError, match="ENOSPC"):
            put(writer, b"one")
    assert segments(tmp_path, SESSION) == [0]


def test_a_full_segment_is_left_for_the_next(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, SESSION, segment_bytes=2 * len(FRAME))
    for _ in range(5):
        writer.make_ready()
        writer.append(FRAME)
    assert segments(tmp_path, SESSION) == [0, 1, 2]
    assert writer.position == Position(2, len(FRAME))


def test_files_are_private(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    writer = SpoolWriter(directory, SESSION)
    put(writer, b"one")
    assert directory.stat().st_mode & 0o777 == 0o700
    assert segment_path(directory, SESSION, 0).stat().st_mode & 0o777 == 0o600


def test_a_file_in_the_place_of_the_directory_is_an_error_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    (tmp_path / "spool").write_text("not a directory")
    with pytest.raises(SpoolError, match="correct the permissions"):
        SpoolWriter(tmp_path / "spool", SESSION)


def test_reading_is_bounded_but_always_gives_one_frame(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, SESSION)
    for size in (1000, 10):
        put(writer, bytes(size))
    start = Position(0, 0)
    first = read_segment(tmp_path, SESSION, start, 50)
    assert [len(f.payload) for f in first.frames] == [1000]
    assert len(read_segment(tmp_path, SESSION, start, 4096).frames) == 2
    assert read_segment(tmp_path, SESSION, start, 4096, end=first.end).end == first.end


def test_the_lock_of_a_session_has_one_owner(tmp_path: Path) -> None:
    lock = SessionLock.take(tmp_path, SESSION)
    assert lock is not None
    assert SessionLock.take(tmp_path, SESSION) is None
    lock.release()
    lock.release()
    assert SessionLock.take(tmp_path, SESSION) is not None


def test_a_lock_whose_file_was_deleted_by_an_adopter_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def adopt_meanwhile(fd: int, operation: int) -> None:
        (tmp_path / f"{SESSION}.lock").unlink(missing_ok=True)

    monkeypatch.setattr(fcntl, "flock", adopt_meanwhile)
    assert SessionLock.take(tmp_path, SESSION) is None


def test_an_acknowledgement_reads_back(tmp_path: Path) -> None:
    acked = Acked(Position(3, 1234), recovered=7)
    write_acked(tmp_path, SESSION, acked)
    assert read_acked(tmp_path, SESSION) == acked


def test_an_acknowledgement_is_overwritten_in_place_and_keeps_its_length(tmp_path: Path) -> None:
    path = tmp_path / f"{SESSION}.acked"
    most = Acked(Position(999_999, 2**63), recovered=2**53, stated_by="f" * 32)
    write_acked(tmp_path, SESSION, most)
    before = path.stat()
    assert read_acked(tmp_path, SESSION) == most
    least = Acked(Position(0, 1))
    write_acked(tmp_path, SESSION, least)
    assert read_acked(tmp_path, SESSION) == least
    after = path.stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size) == (before.st_ino, 256)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"segment":1}', b'{"segment":"x"}'])
def test_an_acknowledgement_that_cannot_be_read_acknowledges_nothing(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / f"{SESSION}.acked").write_bytes(content)
    assert read_acked(tmp_path, SESSION) == Acked()


def test_removing_a_session_leaves_the_others(tmp_path: Path) -> None:
    other = "b" * 32
    for session in (SESSION, other):
        put(SpoolWriter(tmp_path, session), b"one")
        SessionLock.take(tmp_path, session)
        write_acked(tmp_path, session, Acked())
    remove_session(tmp_path, SESSION)
    assert sessions(tmp_path) == [other]
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{other}.lock",
        f"{other}.acked",
        f"{other}.000000.spool",
    }

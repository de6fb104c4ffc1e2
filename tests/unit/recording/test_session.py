"""Sessions: a sequence number is used by a frame in the spool and by nothing else, whatever goes wrong."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallystick.errors import SpoolError
from tallystick.event import Record
from tallystick.recording.session import Placed, Session, place_record
from tests.emitters import Checked, Disk, check_delegation, check_spool, new_session, record
from tests.requirements import requirement

Write = Callable[[int, bytes], int]


def only(found: dict[str, Checked]) -> Checked:
    (one,) = found.values()
    return one


def seal_all(session: Session) -> None:
    while session.seal():
        pass


@requirement("seal.every-record")
def test_a_session_opens_with_its_first_record_sealed_alone_and_on_disk(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    found = only(check_spool(tmp_path / "spool"))
    assert (found.types, found.sealed) == (["session.open"], 1)
    assert (session.size, session.sealed_size, session.waiting) == (1, 1, 0)
    assert sorted(path.name[33:] for path in (tmp_path / "spool").iterdir()) == [
        "000000.spool",
        "000001.spool",
        "lock",
    ]


def test_the_delegation_names_session_key_and_emitter(tmp_path: Path) -> None:
    from tallystick.keys import load_emitter_key

    session = new_session(tmp_path)
    opened = only(check_spool(tmp_path / "spool")).records[0]
    key = load_emitter_key(tmp_path, "emitter.example/tests").key
    payload = check_delegation(opened, key.vkey)
    assert session.id.encode() in payload
    assert str(opened.statement["session.key"]).encode() in payload
    assert b"emitter.example/tests" in payload
    assert opened.statement["emitter.key_id"] == key.key_id.hex()


def test_no_private_key_of_a_session_is_ever_written(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    sign = session.key.sign
    private = sign.__self__.private_bytes_raw()  # type: ignore[attr-defined]
    session.append(record())
    seal_all(session)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert private not in path.read_bytes()
            assert private.hex().encode() not in path.read_bytes()


def test_receipts_name_the_leaf_that_was_written(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    placed = [session.append(record()) for _ in range(5)]
    seal_all(session)
    found = only(check_spool(tmp_path / "spool"))
    assert placed == [Placed(session.id, r.seq, r.leaf_hash) for r in found.records[1:]]


def test_a_seal_covers_at_most_one_batch(tmp_path: Path) -> None:
    session = new_session(tmp_path, batch=4)
    for _ in range(10):
        session.append(record())
    assert [session.seal() for _ in range(4)] == [4, 4, 2, 0]
    assert only(check_spool(tmp_path / "spool")).sealed == 11


def test_a_heartbeat_states_the_number_of_leaves_before_it(tmp_path: Path) -> None:
    base = record()
    beat = Record(base.line, {**base.statement, "session.size": 0}, ())
    assert place_record(beat, "f" * 32, 41).statement["session.size"] == 41


def test_nothing_follows_the_last_record(tmp_path: Path) -> None:
    session = new_session(tmp_path)
    session.append(record(), is_last=True)
    with pytest.raises(SpoolError, match="closed"):
        session.append(record())
    assert session.seal() == 1


@requirement("sdk.every-call-recorded")
def test_many_threads_get_a_dense_sequence(tmp_path: Path) -> None:
    session = new_session(tmp_path, batch=64)
    placed: list[Placed] = []

    def work() -> None:
        for _ in range(100):
            placed.append(session.append(record()))
            session.seal()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seal_all(session)
    found = only(check_spool(tmp_path / "spool"))
    assert sorted(one.seq for one in placed) == list(range(1, 801))
    assert {one.leaf_hash for one in placed} == {r.leaf_hash for r in found.records[1:]}
    assert found.sealed == 801


def fails(fd: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def is_short(fd: int, data: bytes) -> int:
    return os.write(fd, data[: len(data) // 2])


def persists_and_fails(fd: int, data: bytes) -> int:
    os.write(fd, data)
    raise OSError(errno.EIO, "Input/output error")


def is_interrupted_before(fd: int, data: bytes) -> int:
    raise KeyboardInterrupt


def is_interrupted_after(fd: int, data: bytes) -> int:
    os.write(fd, data)
    raise KeyboardInterrupt


def is_interrupted_in_between(fd: int, data: bytes) -> int:
    os.write(fd, data[:9])
    raise KeyboardInterrupt


FAULTS = [
    fails,
    is_short,
    persists_and_fails,
    is_interrupted_before,
    is_interrupted_after,
    is_interrupted_in_between,
]


@requirement("spool.survives-kill")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("nth", range(9))
def test_each_write_may_fail_in_each_way_and_every_acknowledged_record_is_there_once(
    tmp_path: Path, fault: Write, nth: int
) -> None:
    calls: Iterator[int] = iter(range(1000))
    disk = Disk()
    session = new_session(tmp_path, disk=disk)

    def write(fd: int, data: bytes) -> int:
        return fault(fd, data) if next(calls) == nth else os.write(fd, data)

    disk.write = write
    acknowledged: list[Placed] = []
    for step in range(9):
        try:
            if step % 3 == 2:
                session.seal()
            else:
                acknowledged.append(session.append(record()))
        except (SpoolError, KeyboardInterrupt):
            continue
    seal_all(session)
    found = only(check_spool(tmp_path / "spool"))
    leaves = [one.leaf_hash for one in found.records]
    assert [leaves[one.seq] for one in acknowledged] == [one.leaf_hash for one in acknowledged]
    assert len(acknowledged) >= 5
    assert found.sealed == len(leaves) == session.size


def test_a_record_asked_for_in_the_middle_of_a_write_is_refused_and_not_interleaved(
    tmp_path: Path,
) -> None:
    disk = Disk()
    session = new_session(tmp_path, disk=disk)
    refused: list[str] = []

    def append() -> None:
        session.append(record())

    def signalled(fd: int, data: bytes) -> int:
        half = os.write(fd, data[:10])
        for ask in (append, session.sync, session.begin_segment):
            with pytest.raises(SpoolError, match="interrupted") as caught:
                ask()
            refused.append(str(caught.value))
        return half + os.write(fd, data[10:])

    disk.write = signalled
    session.append(record())
    assert len(refused) == 3
    disk.write = os.write
    session.append(record())
    seal_all(session)
    assert only(check_spool(tmp_path / "spool")).sealed == 3


@requirement("sdk.required-or-refused")
def test_a_durable_record_is_sealed_and_synced_before_it_is_acknowledged(tmp_path: Path) -> None:
    disk = Disk()
    session = new_session(tmp_path, disk=disk)
    session.append(record("before"))
    happened: list[str] = []

    def sync(fd: int) -> None:
        sealed = only(check_spool(tmp_path / "spool")).sealed
        happened.append(f"sync with {sealed} sealed")
        os.fsync(fd)

    disk.sync = sync
    placed = session.append_durably(record("durable"))
    assert placed.seq == 2
    assert happened
    assert set(happened) == {"sync with 3 sealed"}


def test_a_durable_record_syncs_every_segment_that_it_and_its_seal_touched(tmp_path: Path) -> None:
    disk = Disk()
    session = new_session(tmp_path, disk=disk)
    calls = iter(range(1000))
    disk.write = lambda fd, data: os.write(fd, data[:5] if next(calls) == 1 else data)
    synced: list[str] = []
    disk.sync = lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
    session.append(record())
    with pytest.raises(SpoolError):
        session.append(record())
    session.append_durably(record())
    assert [name[-12:] for name in synced] == ["spool", "000001.spool", "000002.spool"]


@requirement("spool.sync-never-lies")
def test_after_a_failed_sync_a_session_takes_nothing_more(tmp_path: Path) -> None:
    disk = Disk()
    session = new_session(tmp_path, disk=disk)

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    disk.sync = broken
    with pytest.raises(SpoolError, match="synced"):
        session.append_durably(record())
    disk.sync = os.fsync  # would succeed now, and say nothing about the pages that were lost
    for ask in (
        session.sync,
        lambda: session.append(record()),
        lambda: session.append_durably(record()),
    ):
        with pytest.raises(SpoolError, match="has ended"):
            ask()
    assert session.is_failed


@pytest.mark.parametrize("nth", range(2))
def test_a_session_that_cannot_open_leaves_no_file(tmp_path: Path, nth: int) -> None:
    disk = Disk()
    calls = iter(range(1000))

    def write(fd: int, data: bytes) -> int:
        return fails(fd, data) if next(calls) == nth else os.write(fd, data)

    disk.write = write
    with pytest.raises(SpoolError, match="ENOSPC"):
        new_session(tmp_path, disk=disk)
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_session_whose_first_record_cannot_be_synced_does_not_open(tmp_path: Path) -> None:
    disk = Disk()

    def broken(fd: int) -> None:
        fails(fd, b"")

    disk.sync = broken
    with pytest.raises(SpoolError, match="synced"):
        new_session(tmp_path, disk=disk)
    assert list((tmp_path / "spool").iterdir()) == []


def test_an_id_that_is_taken_is_not_used_again(tmp_path: Path) -> None:
    ids = iter(["a" * 32, "a" * 32, "b" * 32])
    assert new_session(tmp_path, ids=lambda: next(ids)).id == "a" * 32
    assert new_session(tmp_path, ids=lambda: next(ids)).id == "b" * 32

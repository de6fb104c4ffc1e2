"""The recorder: what it acknowledges is in the spool or counted exactly, and `required` means durable or refused."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick import recorder as recorder_module
from tallystick.errors import EnrolmentError, RecordError, RefusedError
from tallystick.event import Draft
from tallystick.recorder import BACKLOG_FULL, CLOSED, Recorder
from tallystick.sealer import Sealer
from tallystick.session import Session
from tallystick.spool import Position
from tallystick.testing import FakeClock
from tests.emitters import Checked, Disk, check_spool, draft, new_session, printer
from tests.requirements import requirement

NOWHERE = Position(0, 0)


def full(fd: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


class Bench:
    """A recorder over a disk that can fail, and its sealer."""

    def __init__(self, home: Path, opening: Callable[[], Session] | None = None) -> None:
        self.home = home
        self.disk = Disk()
        self.clock = FakeClock()
        self.notified = 0
        made = printer()
        self.recorder = Recorder(
            made,
            opening or (lambda: new_session(home, disk=self.disk)),
            self.clock,
            notify=self.notify,
        )
        self.sealer = Sealer(self.recorder, made, self.clock, 60, lambda: {"mcp": "active"})

    def notify(self) -> None:
        self.notified += 1

    def spool(self) -> Checked:
        (found,) = check_spool(self.home / "spool").values()
        return found

    def drops(self) -> dict[str, int]:
        counted: dict[str, int] = {}
        for one in self.spool().records:
            if one.statement["type"] == "log.drop":
                reason = str(one.statement["drop.reason"])
                counted[reason] = counted.get(reason, 0) + one.statement["drop.count"]
        return counted


def test_a_record_is_in_the_spool_when_record_returns(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    receipt = bench.recorder.record(draft("lookup", params={"a": 1}), time_us=42)
    written = bench.spool().records[1]
    assert (receipt.session, receipt.seq) == (written.session, written.seq)
    assert receipt.leaf_hash == written.leaf_hash
    assert receipt.is_spooled
    assert written.statement["time_us"] == 42
    assert bench.notified == 1


def test_without_a_time_it_happened_now(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft())
    assert bench.spool().records[1].statement["time_us"] == bench.clock.now_us()


def test_a_draft_outside_the_table_raises_and_uses_no_sequence_number(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(RecordError):
        bench.recorder.record(Draft("tool.completed", {"nonsense": 1}))
    assert bench.recorder.record(draft()).seq == 1


def test_while_the_disk_is_full_records_wait_and_then_stand_in_their_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))
    bench.disk.write = full
    assert [bench.recorder.record(draft(name)).is_spooled for name in "bcd"] == [False] * 3
    assert bench.recorder.backlog == 3
    assert "ENOSPC" in str(bench.recorder.spool_error)
    assert not bench.sealer.seal_all()
    bench.disk.write = os.write
    assert not bench.recorder.record(draft("e")).is_spooled
    assert bench.sealer.seal_all()
    assert (bench.recorder.backlog, bench.recorder.spool_error) == (0, None)
    bench.recorder.record(draft("f"))
    bench.sealer.seal_all()
    found = bench.spool()
    assert found.names[1:] == list("abcdef")
    assert found.sealed == 7
    assert bench.recorder.lost == {}


def test_a_session_that_cannot_be_opened_keeps_the_records_for_later(tmp_path: Path) -> None:
    problems: list[Exception] = [EnrolmentError("no key"), PermissionError(13, "denied")]

    def opening() -> Session:
        if problems:
            raise problems.pop()
        return new_session(tmp_path)

    bench = Bench(tmp_path, opening)
    assert not bench.recorder.record(draft("a")).is_spooled
    assert not bench.recorder.drain()
    assert bench.recorder.drain()
    assert bench.spool().names == ["session.open", "a"]


def test_what_does_not_fit_the_backlog_is_counted_exactly_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "BACKLOG_RECORDS", 5)
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))
    bench.disk.write = full
    for number in range(12):
        bench.recorder.record(draft(f"b{number}"))
    assert bench.recorder.lost == {BACKLOG_FULL: 7}
    assert bool(bench.recorder.has_unreported) is True
    bench.disk.write = os.write
    assert bench.recorder.drain()
    assert bench.drops() == {BACKLOG_FULL: 7}
    assert bool(bench.recorder.has_unreported) is False
    assert bench.recorder.drain()
    assert bench.drops() == {BACKLOG_FULL: 7}
    assert len(bench.spool().records) == 1 + 1 + 5 + 1


def test_the_backlog_is_bounded_in_bytes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "BACKLOG_BYTES", 5000)
    bench = Bench(tmp_path)
    bench.recorder.current_session()
    bench.disk.write = full
    for _ in range(10):
        bench.recorder.record(draft(params="word " * 200))
    assert bench.recorder.backlog == 3
    assert bench.recorder.lost == {BACKLOG_FULL: 7}


@requirement("spool.survives-kill")
@pytest.mark.parametrize("seed", range(10))
def test_under_random_faults_written_waiting_and_lost_add_up_to_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    import random

    chance = random.Random(seed)
    monkeypatch.setattr(recorder_module, "BACKLOG_RECORDS", 8)
    bench = Bench(tmp_path)
    bench.recorder.current_session()

    def sometimes(fd: int, data: bytes) -> int:
        fate = chance.randrange(6)
        if fate == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        if fate == 1:
            return os.write(fd, data[: chance.randrange(len(data))])
        if fate == 2:
            os.write(fd, data)
            raise OSError(errno.EIO, "Input/output error")
        return os.write(fd, data)

    bench.disk.write = sometimes
    for number in range(150):
        bench.recorder.record(draft(f"t{number}"))
        if number % 5 == 0:
            bench.sealer.seal_all()
    bench.disk.write = os.write
    assert bench.sealer.seal_all()
    found = bench.spool()
    names = [name for name in found.names if name.startswith("t")]
    assert len(names) == len(set(names))
    assert len(names) + sum(bench.recorder.lost.values()) == 150
    assert bench.drops() == dict(bench.recorder.lost)
    assert found.sealed == len(found.records)


def test_a_loss_that_a_hook_counts_is_reported(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.count_lost("a hook failed")
    bench.recorder.count_lost("a hook failed", 2)
    assert bench.recorder.drain()
    bench.recorder.count_lost("a hook failed")
    assert bench.recorder.drain()
    assert bench.drops() == {"a hook failed": 4}


@requirement("sdk.required-or-refused")
def test_a_required_record_is_sealed_and_on_disk_when_record_returns(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    synced = 0

    def sync(fd: int) -> None:
        nonlocal synced
        synced += 1
        os.fsync(fd)

    bench.recorder.record(draft("before"))
    bench.disk.sync = sync
    receipt = bench.recorder.record(draft("pay"), required=True)
    found = bench.spool()
    assert found.names == ["session.open", "before", "pay"]
    assert found.sealed == 3
    assert receipt.seq == 2
    assert synced == 2  # the directory and the segment


@requirement("sdk.required-or-refused")
def test_a_required_record_is_refused_when_it_cannot_be_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))
    bench.disk.write = full
    with pytest.raises(RefusedError, match="ENOSPC"):
        bench.recorder.record(draft("pay"), required=True)
    assert bench.recorder.backlog == 0
    bench.disk.write = os.write
    bench.sealer.seal_all()
    assert bench.spool().names == ["session.open", "a"]


@requirement("sdk.required-or-refused")
def test_a_required_record_is_refused_when_it_cannot_be_synced(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    bench.disk.sync = broken
    with pytest.raises(RefusedError, match="synced"):
        bench.recorder.record(draft("pay"), required=True)
    assert "synced" in str(bench.recorder.spool_error)
    bench.disk.sync = os.fsync
    bench.recorder.record(draft("pay"), required=True)
    assert bench.recorder.spool_error is None


def test_what_waits_is_written_before_a_required_record(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.current_session()
    bench.disk.write = full
    bench.recorder.record(draft("a"))
    with pytest.raises(RefusedError):
        bench.recorder.record(draft("pay"), required=True)
    bench.disk.write = os.write
    bench.recorder.record(draft("pay"), required=True)
    assert bench.spool().names == ["session.open", "a", "pay"]


def test_sync_each_makes_every_record_durable(tmp_path: Path) -> None:
    disk, synced = Disk(), 0

    def sync(fd: int) -> None:
        nonlocal synced
        synced += 1
        os.fsync(fd)

    session = new_session(tmp_path, disk=disk)
    disk.sync = sync
    made = Recorder(printer(), lambda: session, FakeClock(), notify=lambda: None, sync_each=True)
    made.record(draft())
    assert synced == 2


def test_a_record_after_the_end_is_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))
    assert bench.sealer.close("shutdown")
    assert not bench.recorder.record(draft("late")).is_spooled
    assert bench.recorder.lost == {CLOSED: 1}
    assert CLOSED in caplog.text
    with pytest.raises(RefusedError, match="closed"):
        bench.recorder.record(draft("late"), required=True)


def test_the_end_is_the_last_leaf_and_states_how_many_came_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))
    assert bench.sealer.close("shutdown")
    assert bench.sealer.close("shutdown")
    found = bench.spool()
    last = found.records[-1].statement
    assert (last["type"], last["session.size"], last["session.reason"]) == (
        "session.close",
        2,
        "shutdown",
    )
    assert found.sealed == 3


def test_the_end_takes_what_waited_with_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.current_session()
    bench.disk.write = full
    bench.recorder.record(draft("a"))
    bench.disk.write = os.write
    assert bench.sealer.close("process exit")
    assert bench.spool().names == ["session.open", "a", "session.close"]


def test_an_end_that_cannot_be_written_is_no_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))
    bench.disk.write = full
    assert not bench.sealer.close("process exit")
    assert "ENOSPC" in str(bench.sealer.error)


def test_a_process_that_recorded_nothing_has_no_session_to_end(tmp_path: Path) -> None:
    assert Bench(tmp_path).sealer.close("process exit")
    assert not (tmp_path / "spool").exists()


def test_a_heartbeat_is_written_each_minute_and_sealed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))
    assert bench.sealer.step(NOWHERE) == 60
    bench.clock.advance(59)
    assert bench.sealer.step(NOWHERE) == 1
    bench.clock.advance(1)
    bench.sealer.step(NOWHERE)
    found = bench.spool()
    beat = found.records[-1].statement
    assert (beat["type"], beat["session.size"]) == ("session.heartbeat", 2)
    assert beat["instrumentation"] == {"mcp": "active"}
    assert found.sealed == 3


def test_a_heartbeat_leaves_a_segment_of_which_all_is_acknowledged(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))
    bench.sealer.seal_all()
    session = bench.recorder.current_session()
    assert session.position.segment == 1
    bench.clock.advance(60)
    bench.sealer.step(NOWHERE)
    assert session.position.segment == 1
    bench.clock.advance(60)
    bench.sealer.step(session.position)
    assert session.position.segment == 2
    assert bench.spool().sealed == 4


def test_a_step_without_a_session_does_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.clock.advance(60)
    assert bench.sealer.step(NOWHERE) == 60
    assert not (tmp_path / "spool").exists()


def test_an_unwritable_spool_is_tried_again_each_second(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))
    bench.disk.write = full
    assert bench.sealer.step(NOWHERE) == 1.0
    assert "ENOSPC" in str(bench.sealer.error)
    bench.disk.write = os.write
    assert bench.sealer.step(NOWHERE) == 60
    assert bench.sealer.error is None


def test_a_record_asked_for_in_the_middle_of_a_write_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.record(draft("a"))

    def signalled(fd: int, data: bytes) -> int:
        bench.disk.write = os.write
        assert not bench.recorder.record(draft("from the handler")).is_spooled
        return os.write(fd, data)

    bench.disk.write = signalled
    bench.recorder.record(draft("b"))
    assert bench.recorder.drain()
    assert bench.spool().names == ["session.open", "a", "b", "from the handler"]


def test_the_backlog_is_drained_once_even_when_a_handler_asks_in_the_middle(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.current_session()
    bench.disk.write = full
    for name in "abc":
        bench.recorder.record(draft(name))

    def signalled(fd: int, data: bytes) -> int:
        bench.disk.write = os.write
        assert not bench.recorder.drain()
        return os.write(fd, data)

    bench.disk.write = signalled
    assert bench.recorder.drain()
    assert bench.spool().names == ["session.open", "a", "b", "c"]


@requirement("sdk.every-call-recorded")
def test_threads_that_record_while_the_disk_comes_and_goes_lose_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.recorder.current_session()
    stop = threading.Event()

    def flicker() -> None:
        while not stop.wait(0.001):
            bench.disk.write = full if bench.disk.write is os.write else os.write
            bench.sealer.seal_all()

    def work(worker: int) -> None:
        for number in range(100):
            bench.recorder.record(draft(f"t{worker}.{number}"))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(6)]
    flickering = threading.Thread(target=flicker)
    for thread in (flickering, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    flickering.join()
    bench.disk.write = os.write
    assert bench.sealer.seal_all()
    names = [name for name in bench.spool().names if name.startswith("t")]
    assert len(set(names)) == len(names) == 600
    assert bench.recorder.lost == {}

"""The recorder: what it acknowledges is in the spool or counted exactly, and `required` means durable or refused."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick.errors import EnrolmentError, RecordError, RefusedError
from tallystick.event import Draft
from tallystick.recording import recorder as recorder_module
from tallystick.recording.recorder import (
    AT_CAP,
    BACKLOG_FULL,
    BLOCK,
    CLOSED,
    DROP,
    REFUSE,
    Recorder,
    Terms,
)
from tallystick.recording.sealer import GROUP_S, Sealer
from tallystick.recording.session import Session
from tallystick.shipping.recovery import take_dead_sessions
from tallystick.spool.files import Position
from tallystick.spool.room import Room
from tallystick.spool.tally import WAITED
from tallystick.testing import FakeClock
from tests.emitters import Checked, Disk, check_spool, draft, new_session, printer, record
from tests.patience import PATIENCE_S
from tests.requirements import requirement

NOWHERE = Position(0, 0)


def full(fd: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


class Bench:
    """A recorder over a disk that can fail, and its sealer."""

    def __init__(
        self,
        home: Path,
        opening: Callable[[], Session] | None = None,
        terms: Terms = Terms(),  # noqa: B008 - frozen
    ) -> None:
        self.home = home
        self.disk = Disk()
        self.clock = FakeClock()
        self.notified = 0
        self.on_notify: Callable[[], None] = lambda: None
        made = printer()
        self.recorder = Recorder(
            made,
            opening or (lambda: new_session(home, disk=self.disk, room=terms.room)),
            self.clock,
            notify=self.notify,
            terms=terms,
        )
        self.sealer = Sealer(self.recorder, made, self.clock, 60, lambda: {"mcp": "active"})

    def notify(self) -> None:
        self.notified += 1
        self.on_notify()

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
    assert synced == 1


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
    made = Recorder(
        printer(), lambda: session, FakeClock(), notify=lambda: None, terms=Terms(sync_each=True)
    )
    made.record(draft())
    assert synced == 1


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


def started(name: str = "pay") -> Draft:
    return Draft("tool.started", {"tool.name": name})


def capped(home: Path, **terms: object) -> Bench:
    """Give a recorder whose spool is at its cap, after its session was opened."""
    room = Room(home / "spool", 1_000_000, FakeClock())
    bench = Bench(home, terms=Terms(room=room, **terms))  # type: ignore[arg-type]
    bench.recorder.current_session()
    room.max_bytes = 1
    return bench


def give_room(bench: Bench) -> None:
    assert bench.recorder.room is not None
    bench.recorder.room.max_bytes = 1_000_000


@requirement("spool.full-is-counted")
def test_at_the_cap_records_wait_and_what_does_not_fit_is_counted_with_its_own_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "BACKLOG_RECORDS", 3)
    bench = capped(tmp_path)
    for number in range(8):
        assert not bench.recorder.record(draft(f"b{number}")).is_spooled
    assert not bench.recorder.drain()
    assert "spool_max_bytes" in str(bench.recorder.spool_error)
    assert bench.recorder.lost == {AT_CAP: 5}
    give_room(bench)
    assert bench.recorder.drain()
    assert bench.drops() == {AT_CAP: 5}
    assert bench.spool().names == ["session.open", "b0", "b1", "b2", "log.drop"]
    assert bench.recorder.spool_error is None


@requirement("spool.full-is-counted")
def test_refusing_lets_no_tool_begin_and_keeps_what_has_happened(tmp_path: Path) -> None:
    bench = capped(tmp_path, when_full=REFUSE)
    with pytest.raises(RefusedError, match=r"spool_full is 'refuse'.*spool_max_bytes"):
        bench.recorder.record(started())
    with pytest.raises(RefusedError, match="spool_full is 'refuse'"):
        bench.recorder.admit()
    assert not bench.recorder.record(draft("done")).is_spooled
    assert (bench.recorder.backlog, bench.recorder.lost) == (1, {})
    give_room(bench)
    bench.recorder.admit()
    assert bench.recorder.record(started()).is_spooled
    assert bench.spool().types == ["session.open", "tool.completed", "tool.started"]


@requirement("spool.full-is-counted")
def test_refusing_takes_a_full_disk_as_a_spool_at_its_cap(tmp_path: Path) -> None:
    bench = Bench(tmp_path, terms=Terms(when_full=REFUSE))
    bench.recorder.record(draft("a"))
    bench.disk.write = full
    with pytest.raises(RefusedError, match="ENOSPC"):
        bench.recorder.record(started())
    bench.recorder.record(draft("done"))
    with pytest.raises(RefusedError, match="ENOSPC"):
        bench.recorder.admit()


@pytest.mark.parametrize("when_full", [DROP, BLOCK])
def test_other_policies_let_every_tool_begin(tmp_path: Path, when_full: str) -> None:
    bench = capped(tmp_path, when_full=when_full)
    bench.recorder.admit()
    assert not bench.recorder.record(started()).is_spooled


@requirement("spool.full-is-counted")
def test_blocking_waits_for_room_and_loses_nothing_that_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "BACKLOG_RECORDS", 1)
    bench = capped(tmp_path, when_full=BLOCK, wait_s=PATIENCE_S)
    bench.recorder.record(draft("first"))
    waiting = threading.Event()
    before = bench.notified
    bench.on_notify = waiting.set
    caller = threading.Thread(target=bench.recorder.record, args=(draft("second"),))
    caller.start()
    assert waiting.wait(PATIENCE_S)
    assert bench.notified > before
    give_room(bench)
    while caller.is_alive():  # it may not wait yet when the first one looks
        bench.recorder.drain()
        caller.join(0.01)
    assert bench.recorder.drain()
    assert bench.spool().names == ["session.open", "first", "second"]
    assert bench.recorder.lost == {}


@requirement("spool.full-is-counted")
def test_blocking_is_bounded_and_then_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "BACKLOG_RECORDS", 1)
    bench = capped(tmp_path, when_full=BLOCK, wait_s=0.01)
    for _ in range(3):
        bench.recorder.record(draft())
    assert bench.recorder.lost == {AT_CAP: 2}


@requirement("spool.full-is-counted")
@pytest.mark.parametrize("written", range(5))
def test_killed_at_any_step_of_writing_what_waited_the_tally_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """Two records wait and three are lost; the process dies right behind its `written`-th write."""
    monkeypatch.setattr(recorder_module, "BACKLOG_RECORDS", 2)
    bench = Bench(tmp_path)
    bench.recorder.current_session()
    bench.disk.write = full
    for number in range(5):
        bench.recorder.record(draft(f"b{number}"))
    writes = iter(range(100))

    def write(fd: int, data: bytes) -> int:
        if next(writes) == written:
            raise Died
        return os.write(fd, data)

    bench.disk.write = write
    if written < 3:  # two records and one log.drop
        with pytest.raises(Died):
            bench.recorder.drain()
    else:
        assert bench.recorder.drain()
    session = bench.recorder.session
    assert session is not None
    session.release()
    (dead,) = take_dead_sessions(tmp_path / "spool")
    there = bench.spool().types
    assert dead.lost.get(WAITED, 0) == 2 - there.count("tool.completed")
    assert dead.lost.get(BACKLOG_FULL, 0) == (0 if "log.drop" in there else 3)
    assert there.count("tool.completed") == min(written, 2)


class Died(BaseException):
    """The process ends here."""


@requirement("spool.sync-never-lies")
def test_after_a_failed_sync_records_go_into_a_new_session_and_the_old_one_can_be_adopted(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, terms=Terms(sync_each=True))
    first = bench.recorder.record(draft("a"))

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    bench.disk.sync = broken
    second = bench.recorder.record(draft("b"))
    assert second.session == first.session
    assert "synced" in str(bench.recorder.spool_error)
    assert not bench.recorder.record(draft("c")).is_spooled  # no session can be opened on this disk
    bench.disk.sync = os.fsync
    assert bench.recorder.drain()
    third = bench.recorder.record(draft("d"))
    assert third.session != first.session
    assert bench.recorder.spool_error is None
    found = check_spool(tmp_path / "spool")
    assert sorted(one.names for one in found.values()) == [
        ["session.open", "a", "b"],
        ["session.open", "c", "d"],
    ]
    (dead,) = take_dead_sessions(tmp_path / "spool")
    assert (dead.lock.session, dead.lost) == (first.session, {})


def test_threads_that_record_together_share_a_sync(tmp_path: Path) -> None:
    disk, syncs = Disk(), 0
    session = new_session(tmp_path, disk=disk)
    session.sync()
    session.append(record())
    first = session.position
    session.append(record())

    def sync(fd: int) -> None:
        nonlocal syncs
        syncs += 1

    disk.sync = sync
    session.sync(session.position)
    session.sync(first)
    session.sync(session.position)
    assert syncs == 1


def test_in_groups_what_nobody_acknowledged_for_a_second_is_synced_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    syncs: list[int] = []
    bench.sealer = Sealer(bench.recorder, printer(), bench.clock, 60, dict, syncs=True)
    bench.recorder.record(draft())
    session = bench.recorder.session
    assert session is not None
    bench.disk.sync = syncs.append
    assert bench.sealer.step(NOWHERE) == GROUP_S
    bench.clock.advance(GROUP_S / 2)
    bench.recorder.record(draft())
    assert bench.sealer.step(NOWHERE) == GROUP_S / 2
    assert syncs == []
    bench.clock.advance(GROUP_S / 2)
    bench.sealer.step(NOWHERE)
    assert len(syncs) == 1
    assert session.synced_end == session.position
    bench.clock.advance(GROUP_S)
    bench.sealer.step(NOWHERE)
    assert len(syncs) == 1


def test_in_groups_what_the_service_has_is_not_synced(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    syncs: list[int] = []
    bench.sealer = Sealer(bench.recorder, printer(), bench.clock, 60, dict, syncs=True)
    session = bench.recorder.current_session()
    bench.disk.sync = syncs.append
    for _ in range(5):
        bench.recorder.record(draft())
        before = session.position
        bench.sealer.step(before)
        bench.clock.advance(GROUP_S)
        bench.sealer.step(session.position)
    assert syncs == []

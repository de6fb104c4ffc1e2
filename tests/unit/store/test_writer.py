"""The writer: an answer only after the commit, and the truth when the commit fails."""

import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from tallystick.errors import AdmissionError, StoreError
from tallystick_store.engine.duckdb import Database
from tallystick_store.journal.segments import Segments
from tallystick_store.rows import Admitted, View
from tallystick_store.store import Store
from tallystick_store.writer import OverloadedError, Writer
from tests.patience import PATIENCE_S
from tests.stores import Clock, Emitter, Rows, keep_all, open_store, results, writer


class Gate:
    """Holds every commit until it is opened, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.waiting = threading.Event()
        self.group_sizes: list[int] = []
        append = Segments.append

        def held(segments: Segments, payload: bytes) -> int:
            self.waiting.set()
            assert self.open.wait(PATIENCE_S)
            self.group_sizes.append(len(payload))
            return append(segments, payload)

        monkeypatch.setattr(Segments, "append", held)


def stop(store: Store, made: Writer[Rows, int]) -> None:
    made.close()
    store.close()


def test_the_answer_comes_after_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    gate, made = Gate(monkeypatch), writer(store)
    future = made.submit((emitter.opened(),))
    assert gate.waiting.wait(PATIENCE_S)
    assert not future.done()
    gate.open.set()
    assert future.result(PATIENCE_S) == 1
    assert store.size == 1
    stop(store, made)


def test_what_waits_is_committed_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    gate, made = Gate(monkeypatch), writer(store)
    first = made.submit((emitter.opened(),))
    assert gate.waiting.wait(PATIENCE_S)
    others = [made.submit((emitter.call(),)) for _ in range(10)]
    gate.open.set()
    assert results([first, *others]) == [1] * 11
    assert len(gate.group_sizes) == 2
    stop(store, made)


def test_a_group_is_bounded_by_requests_and_by_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick_store.writer.MAX_GROUP_REQUESTS", 3)
    monkeypatch.setattr("tallystick_store.writer.MAX_GROUP_BYTES", 100)
    store, emitter = open_store(tmp_path), Emitter()
    gate, made = Gate(monkeypatch), writer(store)
    futures = [made.submit((emitter.opened(),))]
    assert gate.waiting.wait(PATIENCE_S)
    futures += [made.submit((emitter.call(),), 1) for _ in range(4)]
    futures += [made.submit((emitter.call(),), 90) for _ in range(2)]
    gate.open.set()
    results(futures)
    assert len(gate.group_sizes) == 1 + 2 + 1
    stop(store, made)


def test_where_several_come_at_a_time_a_group_waits_a_moment_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_lingering, is_over = threading.Event(), threading.Event()

    def linger(seconds: float) -> None:
        is_lingering.set()
        assert seconds < 0.1
        assert is_over.wait(PATIENCE_S)

    monkeypatch.setattr("tallystick_store.writer.sleep", linger)
    store, emitter = open_store(tmp_path), Emitter()
    gate, made = Gate(monkeypatch), writer(store)
    futures = [made.submit((emitter.opened(),))]
    assert gate.waiting.wait(PATIENCE_S)
    futures += [made.submit((emitter.call(),)) for _ in range(4)]
    gate.open.set()
    results(futures)
    assert not is_lingering.is_set()
    futures = [made.submit((emitter.call(),))]
    assert is_lingering.wait(PATIENCE_S)
    futures += [made.submit((emitter.call(),)) for _ in range(2)]
    is_over.set()
    results(futures)
    assert len(gate.group_sizes) == 3
    stop(store, made)


def test_requests_are_decided_in_the_order_of_submission(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    seen: list[int] = []

    def admit(request: int, view: View) -> Admitted[int]:
        seen.append(request)
        return Admitted("sender-1", (emitter.call(),), request)

    made = Writer(store, admit, Clock())
    assert results([made.submit(number) for number in range(50)]) == list(range(50))
    assert seen == list(range(50))
    made.close()
    store.close()


def test_a_request_sees_the_uncommitted_rows_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, emitter = open_store(tmp_path), Emitter()

    def admit(request: Rows, view: View) -> Admitted[int]:
        state = view.session(emitter.session)
        return Admitted("sender-1", request, state.max_seq if state else -1)

    gate, made = Gate(monkeypatch), Writer(store, admit, Clock())
    first = made.submit((emitter.opened(),))
    assert gate.waiting.wait(PATIENCE_S)
    others = [made.submit((emitter.call(),)) for _ in range(3)]
    gate.open.set()
    assert results([first, *others]) == [-1, 0, 1, 2]
    made.close()
    store.close()


def test_a_refused_request_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, emitter = open_store(tmp_path), Emitter()

    def admit(request: Rows, view: View) -> Admitted[int]:
        if not request:
            raise AdmissionError("nothing to keep")
        return keep_all(request, view)

    gate, made = Gate(monkeypatch), Writer(store, admit, Clock())
    first = made.submit((emitter.opened(),))
    assert gate.waiting.wait(PATIENCE_S)
    futures = [made.submit(()), made.submit((emitter.call(),))]
    gate.open.set()
    assert results([first, futures[1]]) == [1, 1]
    with pytest.raises(AdmissionError, match="nothing to keep"):
        futures[0].result(PATIENCE_S)
    assert store.size == 2
    made.close()
    store.close()


def test_a_request_without_rows_is_answered_without_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path)
    gate, made = Gate(monkeypatch), writer(store)
    assert made.submit(()).result(PATIENCE_S) == 0
    assert (store.size, gate.group_sizes) == (0, [])
    stop(store, made)


def test_a_failed_commit_fails_every_request_of_its_group_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    made = writer(store)
    results([made.submit((emitter.opened(),))])

    def fail(segments: Segments, payload: bytes) -> int:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Segments, "append", fail)
        failed = made.submit((emitter.call(), emitter.seal()))
        with pytest.raises(StoreError, match="the disk is full"):
            failed.result(PATIENCE_S)
    assert made.submit((emitter.call(),)).result(PATIENCE_S) == 1
    assert store.size == 2
    state = store.group().view.session(emitter.session)
    assert state is not None
    assert state.event_count == 2
    published = store.publisher.publish_now()
    assert published is not None
    stop(store, made)
    again = open_store(tmp_path)
    assert (again.size, again.signing_stopped, again.notices) == (2, None, ())
    again.close()


def test_an_error_that_nobody_foresaw_is_told_to_the_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    made = writer(store)

    def fail(segments: Segments, payload: bytes) -> int:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Segments, "append", fail)
        with pytest.raises(StoreError, match="MemoryError"):
            made.submit((emitter.opened(),)).result(PATIENCE_S)
    assert made.submit((emitter.call(),)).result(PATIENCE_S) == 1
    stop(store, made)


def test_while_the_database_is_far_behind_nothing_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick_store.journal.follower.MAX_WAITING_BYTES", 1)
    store, emitter = open_store(tmp_path), Emitter()
    made, insert, goes_on = writer(store), Database.insert, threading.Event()

    def held(database: Database, batches: dict[str, object]) -> None:
        assert goes_on.wait(PATIENCE_S)
        insert(database, batches)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "insert", held)
        assert results([made.submit((emitter.opened(),))]) == [1]
        with pytest.raises(OverloadedError, match="far behind"):
            made.submit((emitter.call(),))
        goes_on.set()
        store.database.settle()
    assert results([made.submit((emitter.call(),))]) == [1]
    stop(store, made)


def test_a_request_that_was_cancelled_in_time_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    gate, made = Gate(monkeypatch), writer(store)
    first = made.submit((emitter.opened(),))
    assert gate.waiting.wait(PATIENCE_S)
    given_up, kept = made.submit((emitter.call(),)), made.submit((emitter.call(),))
    assert given_up.cancel()
    gate.open.set()
    results([first, kept])
    assert store.size == 2
    stop(store, made)


@pytest.mark.parametrize(
    ("limit", "value", "size_bytes"),
    [("MAX_WAITING_REQUESTS", 2, 0), ("MAX_WAITING_BYTES", 100, 60)],
)
def test_too_much_waiting_is_refused_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
    size_bytes: int,
) -> None:
    monkeypatch.setattr(f"tallystick_store.writer.{limit}", value)
    store, emitter = open_store(tmp_path), Emitter()
    gate, made = Gate(monkeypatch), writer(store)
    futures: list[Future[int]] = [made.submit((emitter.opened(),))]
    assert gate.waiting.wait(PATIENCE_S)
    fitting = 2 if limit == "MAX_WAITING_REQUESTS" else 1
    futures += [made.submit((emitter.call(),), size_bytes) for _ in range(fitting)]
    with pytest.raises(OverloadedError, match="try again"):
        made.submit((emitter.call(),), size_bytes)
    gate.open.set()
    results(futures)
    assert made.submit((emitter.call(),), 1000).result(PATIENCE_S) == 1
    stop(store, made)


def test_closing_writes_what_waits_and_takes_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    gate, made = Gate(monkeypatch), writer(store)
    futures = [made.submit((emitter.opened(),))]
    assert gate.waiting.wait(PATIENCE_S)
    futures += [made.submit((emitter.call(),)) for _ in range(200)]
    gate.open.set()
    made.close()
    assert results(futures) == [1] * 201
    with pytest.raises(StoreError, match="closing"):
        made.submit((emitter.call(),))
    assert store.size == 201
    store.close()

"""Groups: numbering, stamping, and what cannot stand in the log."""

from pathlib import Path

import pytest

from tallystick.errors import RecordError, StoreError
from tallystick_store.rows import Admitted, SpanBatch, SpanRow
from tests.stores import START_US, Emitter, open_store, spans, write


def test_log_indexes_run_over_all_kinds(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [emitter.opened(), emitter.seal(), spans(1, 2), emitter.call()])
    assert store.database.rows("SELECT log_index FROM events ORDER BY 1") == [(0,), (3,)]
    assert store.database.rows("SELECT log_index FROM seals") == [(1,)]
    assert store.database.rows("SELECT log_index FROM spans") == [(2,), (2,)]
    assert store.size == 4
    store.close()


def test_receive_times_never_decrease_whatever_the_clock_does(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    group = store.group()
    for now_us in (500, 400, 600, 100):
        group.add(Admitted("sender-1", (emitter.call(),), None), now_us)
    store.commit(group)
    store.close()
    store = open_store(tmp_path)
    group = store.group()
    group.add(Admitted("sender-1", (emitter.call(),), None), 50)
    store.commit(group)
    times = [row[0] for row in store.database.rows("SELECT rx_us FROM events ORDER BY log_index")]
    assert times == [500, 500, 600, 600, 600]
    store.close()


@pytest.mark.parametrize("sender", ["", "two words", "tab\t", "é", "x" * 129])
def test_a_sender_that_cannot_stand_in_an_entry_is_refused(tmp_path: Path, sender: str) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    group = store.group()
    with pytest.raises(StoreError, match="visible ASCII"):
        group.add(Admitted(sender, (emitter.opened(),), None), START_US)
    assert group.is_empty
    store.close()


@pytest.mark.parametrize("record", [b"", b"{}", b"\xff"])
def test_what_is_no_span_record_becomes_no_row(record: bytes) -> None:
    with pytest.raises(RecordError):
        SpanRow.of(record)


def test_a_batch_of_no_spans_keeps_nothing_of_its_request(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    group = store.group()
    with pytest.raises(StoreError, match="at least one record"):
        group.add(Admitted("sender-1", (emitter.opened(), SpanBatch(())), None), START_US)
    assert group.is_empty
    assert group.view.session(emitter.session) is None
    store.close()

"""Entries are printed the same way for new rows and from stored ones."""

from pathlib import Path

import pytest

from tallystick.tlog.entry import Entry, parse_entry
from tallystick.tlog.tree import leaf_hash, root_of
from tallystick_store.entries import (
    EntryPrinter,
    count_entries,
    entry_leaf,
    entry_windows,
    next_log_index,
    read_entries,
)
from tests.stores import Clock, Emitter, open_store, span, spans, write

HASH = leaf_hash(b"content")


@pytest.mark.parametrize("sender", ["service", "key-7", "a/b:c", 'quote"back\\slash'])
def test_the_fast_printer_prints_what_the_strict_reader_reads(sender: str) -> None:
    printer = EntryPrinter(sender, 12)
    for entry, expected in (
        (printer.entry("event", HASH), Entry("event", sender, HASH, 12)),
        (printer.entry("seal", HASH), Entry("seal", sender, HASH, 12)),
        (printer.spans(HASH, 3), Entry("spans", sender, HASH, 12, 3)),
    ):
        assert parse_entry(entry) == expected
        assert entry == expected.encoded
        assert entry_leaf(entry) == expected.leaf_hash


def test_stored_rows_give_the_entries_that_were_printed(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [emitter.opened(), emitter.seal(), spans(1, 2, 3)], clock=Clock(50))
    entries = [parse_entry(entry) for _, entry in read_entries(store.database, 0, 3)]
    assert [(e.kind, e.rx_us, e.span_count) for e in entries] == [
        ("event", 50, None),
        ("seal", 50, None),
        ("spans", 50, 3),
    ]
    assert entries[2].content_hash == root_of([leaf_hash(span(n)) for n in (1, 2, 3)])
    store.close()


def test_a_range_holds_its_entries_and_no_others(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [emitter.opened(), *(emitter.call(n) for n in range(9))])
    assert [index for index, _ in read_entries(store.database, 3, 6)] == [3, 4, 5]
    assert [len(w) for w in entry_windows(store.database, 0, 10)] == [10]
    assert (next_log_index(store.database), count_entries(store.database)) == (10, 10)
    store.close()


def test_an_empty_store_begins_at_nought(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert (next_log_index(store.database), count_entries(store.database)) == (0, 0)
    assert list(entry_windows(store.database, 0, 0)) == []
    store.close()

"""The tables: columns are those of the fields, cells those of the record."""

import pytest

from tallystick.event import columns
from tallystick.fields import FIELDS
from tallystick.tlog.tree import leaf_hash
from tallystick_store.schema import (
    EVENTS,
    LATE_DISCLOSURES,
    TABLES,
    Stamp,
    event_batch,
    joined_disclosures,
    row_batch,
)
from tests.requirements import requirement
from tests.stores import START_US, Emitter


def stamp(log_index: int, content: bytes = b"") -> Stamp:
    return Stamp(log_index, START_US, "sender-1", leaf_hash(content))


@requirement("store.columns-follow-statements")
def test_every_cell_is_what_the_record_says() -> None:
    emitter = Emitter()
    records = [emitter.opened().record, emitter.call(1).record, emitter.call(2).record]
    batch = event_batch([(stamp(n), record) for n, record in enumerate(records)]).to_pylist()
    for cells, record in zip(batch, records, strict=True):
        expected = columns(record)
        stored = {name: cells.get(name) for name in expected}
        assert stored == expected


def test_a_row_holds_the_exact_texts() -> None:
    record = Emitter().call(1).record
    [row] = event_batch([(stamp(5), record)]).to_pylist()
    assert (row["log_index"], row["statement"]) == (5, record.line.decode())
    assert row["disclosures"] == joined_disclosures(record)
    assert row["disclosure_count"] == 2


def test_a_record_without_disclosures_has_none() -> None:
    record = Emitter().opened().record
    [row] = event_batch([(stamp(0), record)]).to_pylist()
    assert (row["disclosures"], row["disclosure_count"]) == (None, 0)


def test_a_column_that_nobody_fills_is_left_out() -> None:
    batch = event_batch([(stamp(0), Emitter().opened().record)])
    assert "tool_name" not in batch.column_names
    assert "session" in batch.column_names


def test_every_field_with_a_column_has_one() -> None:
    expected = {f.column_name for f in FIELDS if f.column}
    assert expected < set(EVENTS.column_names)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_table_has_a_key_or_an_index(table: object) -> None:
    definition = getattr(table, "definition", "")
    assert definition.startswith("CREATE TABLE")
    assert "PRIMARY" not in definition
    assert "UNIQUE" not in definition


def test_long_texts_are_compressed() -> None:
    assert '"statement" VARCHAR USING COMPRESSION zstd' in EVENTS.definition
    assert '"tool_name" VARCHAR,' in EVENTS.definition


def test_small_tables_take_whole_rows() -> None:
    batch = row_batch(LATE_DISCLOSURES, [(1, "a"), (2, "b")])
    assert batch.to_pylist() == [{"log_index": 1, "line": "a"}, {"log_index": 2, "line": "b"}]

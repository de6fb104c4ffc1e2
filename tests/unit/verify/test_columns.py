"""Columns as whole lists are the columns of event.columns, row by row."""

from typing import Any

from tallystick.event import columns, parse_record
from tallystick.tlog.entry import Entry
from tallystick.verify.columns import check_event_columns, check_row
from tallystick.verify.finding import Findings
from tallystick.verify.source import EventText
from tests.builder import sample_log

LOG = sample_log()
EVENTS = [one for one in LOG.contents if isinstance(one, EventText)]
RECORDS = [parse_record("\n".join([one.statement, *one.disclosures])) for one in EVENTS]
ENTRIES = [Entry("event", f"sender {n}", one.leaf_hash, n) for n, one in enumerate(RECORDS)]


def stored() -> dict[str, list[Any]]:
    cells = {name: [columns(record)[name] for record in RECORDS] for name in columns(RECORDS[0])}
    return {
        **cells,
        "log_index": [event.log_index for event in EVENTS],
        "rx_us": [entry.rx_us for entry in ENTRIES],
        "sender": [entry.sender for entry in ENTRIES],
        "leaf_hash": [record.leaf_hash for record in RECORDS],
        "statement": [event.statement for event in EVENTS],
        "disclosures": ["\n".join(event.disclosures) or None for event in EVENTS],
        "disclosure_count": [len(event.disclosures) for event in EVENTS],
    }


def found(cells: dict[str, list[Any]], **changes: Any) -> list[tuple[str, int | None, str]]:
    findings = Findings()
    given = {"records": RECORDS, "entries": ENTRIES, **changes}
    check_event_columns(cells, EVENTS, given["records"], given["entries"], findings)
    return [(one.place.column, one.place.log_index, one.message) for one in findings.listed]


def test_what_event_columns_gives_is_what_is_expected() -> None:
    assert found(stored()) == []


def test_each_cell_that_differs_is_named() -> None:
    for name, values in stored().items():
        if name == "log_index":
            continue
        cells = stored()
        cells[name] = [*values[:7], "something else", *values[8:]]
        [(column, log_index, message)] = found(cells)
        assert (column, log_index) == (name, EVENTS[7].log_index)
        assert message.startswith("stored 'something else', the record says ")


def test_long_values_are_shown_where_they_differ() -> None:
    cells = stored()
    cells["statement"][3] = cells["statement"][3].replace(
        '"outcome":"success"', '"outcome":"failure"'
    )
    [(_, _, message)] = found(cells)
    assert "failure" in message
    assert "success" in message
    assert len(message) < 200


def test_of_two_long_values_the_part_that_differs_is_shown() -> None:
    cells = stored()
    cells["statement"][0] += "x"
    [(_, _, message)] = found(cells)
    one, _, other = message.partition(", the record says ")
    assert one.removeprefix("stored ") != other
    assert len(message) < 200


def test_a_column_too_many_and_one_too_few_are_named() -> None:
    cells = stored()
    del cells["outcome"]
    cells["note"] = [None] * len(EVENTS)
    assert [(column, row) for column, row, _ in found(cells)] == [("note", None), ("outcome", None)]


def test_what_cannot_be_recomputed_is_not_called_wrong() -> None:
    cells = stored()
    cells["tool_name"][5] = cells["principal_id"][5] = cells["mask_hits"][5] = "anything"
    cells["sender"][5] = "anybody"
    records = [None if number == 5 else record for number, record in enumerate(RECORDS)]
    entries = [None if number == 5 else entry for number, entry in enumerate(ENTRIES)]
    assert found(cells, records=records, entries=entries) == []


def test_a_row_of_a_small_table_is_compared_as_a_whole() -> None:
    findings = Findings()
    check_row("checkpoints", {"size": 1, "note": "x"}, {"size": 1, "note": "y"}, findings, "size 1")
    [finding] = findings.listed
    assert str(finding.place) == "checkpoints, column note"
    assert finding.message == "size 1: stored 'x', the record says 'y'"
    assert findings.checked == {(3, "rows of checkpoints"): 1}

"""Rows that were changed from outside: their faults are named, and everything else is as it was."""

from pathlib import Path

import duckdb
import pytest

from tallystick.tlog.encoding import to_base64
from tallystick.tlog.entry import parse_entry
from tallystick.tlog.proofs import verify_inclusion
from tallystick.tlog.tree import leaf_hash
from tallystick_store.actions import ActionFilter
from tallystick_store.engine.limited import Limited
from tallystick_store.event_proof import EventProof, prove_event
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.query import Query, Trace
from tallystick_store.reach import OPEN, Reach
from tallystick_store.store import Store
from tests.requirements import requirement
from tests.stores import Emitter, open_store, spans, write

TRACE = "ab" * 16
TARGET = 3
"""Log index of the row that is changed: open, seal, call 0, call 1, ..."""

pytestmark = requirement("dashboard.corrupt-row")


def filled(directory: Path) -> None:
    """Write a session of five calls in one trace, and two spans; publish and stop."""
    store, emitter = open_store(directory), Emitter()
    write(store, [emitter.opened(), emitter.seal()])
    write(store, [emitter.call(n, trace__id=TRACE, span__id=f"{n:016x}") for n in range(5)])
    write(store, [emitter.seal(), spans(1, 2)])
    store.publisher.publish_now()
    store.close()


IS_TARGET = f"log_index = {TARGET}"


def change(
    directory: Path, assignment: str, *values: object, table: str = "events", where: str = IS_TARGET
) -> None:
    """Change rows of a stopped store, as whoever holds its file can."""
    statement = f"UPDATE {table} SET {assignment} WHERE {where}"  # noqa: S608 - that is the attack
    with duckdb.connect(str(directory / DATABASE_NAME)) as connection:
        connection.execute(statement, list(values)).fetchall()


def stored(directory: Path, column: str, table: str = "events", where: str = IS_TARGET) -> str:
    with duckdb.connect(str(directory / DATABASE_NAME)) as connection:
        row = connection.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()  # noqa: S608
    assert row is not None
    return str(row[0])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    filled(tmp_path)
    return tmp_path


def trace_of(directory: Path, reach: Reach = OPEN) -> Trace:
    store = open_store(directory)
    try:
        return Query(store.database.within(reach), store.published).trace(TRACE)
    finally:
        store.close()


def columns_of(trace: Trace) -> dict[int, list[str]]:
    """Give the faulty columns of each event that has any."""
    return {
        one.log_index: [fault.column for fault in one.faults] for one in trace.events if one.faults
    }


def test_rows_that_nobody_changed_have_no_fault(directory: Path) -> None:
    trace = trace_of(directory)
    assert columns_of(trace) == {}
    assert [one.faults for one in trace.spans] == [(), ()]
    assert {one.proof for one in trace.events} == {"sealed"}


CHANGES = [
    ("tool_name = 'other'", ["tool_name"]),
    ("tool_name = NULL", ["tool_name"]),
    ("outcome = 'failure', time_us = 7", ["time_us", "outcome"]),
    ("sender = 'somebody'", ["sender"]),
    ("rx_us = rx_us + 1", ["rx_us"]),
    ("rx_us = NULL, sender = NULL", ["rx_us", "sender"]),
    ("leaf_hash = unhex('00')", ["leaf_hash"]),
    ("leaf_hash = NULL", ["leaf_hash"]),
    ("disclosures = NULL", ["disclosure_count", "principal_id"]),
    ("principal_id = 'mallory'", ["principal_id"]),
    ("mask_hits = '{}'", ["mask_hits"]),
    ("roles = NULL", ["roles"]),
    ("statement = replace(statement, 'lookup', 'delete')", ["leaf_hash", "statement", "tool_name"]),
    ("statement = 'nonsense'", ["statement", "leaf_hash", "statement"]),
    ("statement = NULL", ["statement", "leaf_hash", "statement"]),
    ("statement = '[' || repeat('[', 70000)", ["statement", "leaf_hash", "statement"]),
    ("disclosures = replace(disclosures, 'person-1', 'person-9')", ["disclosures", "principal_id"]),
    ("disclosures = disclosures || chr(10) || 'nonsense'", ["disclosures", "disclosure_count"]),
]


@pytest.mark.parametrize(("assignment", "columns"), CHANGES)
def test_each_changed_column_is_a_fault_of_its_row_and_of_no_other(
    directory: Path, assignment: str, columns: list[str]
) -> None:
    before = trace_of(directory)
    change(directory, assignment)
    after = trace_of(directory)
    assert set(columns) <= set(columns_of(after).pop(TARGET))
    assert columns_of(after).keys() == {TARGET}
    assert len(after.events) == len(before.events)
    kept = [one for one in after.events if one.log_index != TARGET]
    assert kept == [one for one in before.events if one.log_index != TARGET]
    assert after.spans == before.spans


def test_a_changed_statement_is_not_shown_as_sealed_though_its_column_is(directory: Path) -> None:
    change(directory, "statement = replace(statement, 'lookup', 'delete')")
    states = {one.log_index: one.proof for one in trace_of(directory).events}
    assert states == {2: "sealed", TARGET: "unsealed", 4: "sealed", 5: "sealed", 6: "sealed"}


def test_a_statement_and_its_hash_changed_together_contradict_the_log(directory: Path) -> None:
    line = stored(directory, "statement").replace('"lookup"', '"delete"')
    assignment = "statement = ?, tool_name = 'delete', leaf_hash = ?"
    change(directory, assignment, line, leaf_hash(line.encode()))
    store = open_store(directory)
    assert store.signing_stopped is not None
    [event] = [
        e
        for e in Query(store.database, store.published).trace(TRACE).events
        if e.log_index == TARGET
    ]
    assert [fault.column for fault in event.faults] == ["statement"]
    assert "the log's entry commits to" in event.faults[0].stated
    store.close()


def test_what_cannot_be_read_is_listed_by_its_columns(directory: Path) -> None:
    change(directory, "statement = 'x'")
    store = open_store(directory)
    page = Query(store.database, store.published).actions(ActionFilter())
    found = [one for one in page.actions if one.event.faults]
    assert [one.event.log_index for one in found] == [TARGET]
    assert (found[0].outcome, found[0].event.said("action.id")) == ("success", f"{1:032x}")
    assert found[0].event.said("tool.name") is None
    assert len(page.actions) == 5
    store.close()


@pytest.mark.parametrize(
    ("assignment", "column"),
    [
        ("name = 'other'", "name"),
        ("start_ns = NULL", "start_ns"),
        ("leaf_hash = NULL", "leaf_hash"),
        ("sender = NULL, rx_us = NULL", "sender"),
        ("record = replace(record, 'span 1', 'span 9')", "leaf_hash"),
        ("record = 'nonsense'", "record"),
        ("record = NULL", "name"),
    ],
)
def test_a_changed_span_is_a_fault_of_its_row(
    directory: Path, assignment: str, column: str
) -> None:
    change(directory, assignment, table="spans", where="position = 0")
    trace = trace_of(directory)
    assert len(trace.spans) == 2
    assert column in [fault.column for fault in trace.spans[0].faults]
    assert trace.spans[0].span["span_id"] == f"{1:016x}"
    assert columns_of(trace) == {}


def test_a_span_whose_hash_was_changed_with_it_contradicts_the_log(directory: Path) -> None:
    place = {"table": "spans", "where": "position = 0"}
    record = stored(directory, "record", **place)
    record = record.replace('"attributes":"{}"', '"attributes":"{"')
    change(directory, "record = ?, leaf_hash = ?", record, leaf_hash(record.encode()), **place)
    trace = trace_of(directory)
    stated = [fault.stated for fault in trace.spans[0].faults]
    assert any("the log's entry commits to" in one for one in stated)
    assert "attributes in JSON" in stated
    assert trace.spans[0].values["attributes"] == {}


def proof_of(directory: Path, log_index: int) -> EventProof | None:
    store = open_store(directory)
    try:
        return prove_event(store, log_index, store.database)
    finally:
        store.close()


def holds(found: EventProof, store: Store) -> bool:
    """Recompute what a reader recomputes: line, entry, root."""
    newest, inclusion = store.checkpoint, found.inclusion
    assert newest is not None
    assert inclusion is not None
    assert found.entry is not None
    root = newest.checkpoint.root
    verify_inclusion(leaf_hash(found.entry), inclusion.index, inclusion.size, inclusion.proof, root)
    hashed = leaf_hash((found.event.line if found.event else "").encode())
    return parse_entry(found.entry).content_hash == hashed


def test_an_event_comes_with_everything_that_proves_it(directory: Path) -> None:
    store = open_store(directory)
    found = prove_event(store, TARGET, store.database)
    assert found is not None
    assert holds(found, store)
    assert (found.faults, found.recovered_by) == ((), None)
    assert found.seal is not None
    assert found.seal.log_index == 7
    assert found.session_open is not None
    assert '"type":"session.open"' in found.session_open
    assert found.event is not None
    assert len(found.event.lines) == 2
    store.close()


@pytest.mark.parametrize("log_index", [1, 7, 8, 9, 10_000])
def test_where_no_event_stands_there_is_nothing_to_prove(directory: Path, log_index: int) -> None:
    assert proof_of(directory, log_index) is None


@pytest.mark.parametrize(
    "assignment",
    [
        "statement = replace(statement, 'lookup', 'delete')",
        "statement = 'x'",
        "leaf_hash = NULL",
        "sender = 'somebody'",
        "log_index = 10000",
    ],
)
def test_the_proof_of_a_changed_row_is_that_of_what_was_accepted(
    directory: Path, assignment: str
) -> None:
    change(directory, assignment)
    store = open_store(directory)
    found = prove_event(store, TARGET, store.database)
    assert found is not None
    assert found.faults
    assert "inclusion" not in [fault.column for fault in found.faults]
    is_same_line = assignment.startswith(("leaf_hash", "sender"))
    assert holds(found, store) is is_same_line
    store.close()


def test_a_removed_row_is_named_where_it_stood(directory: Path) -> None:
    with duckdb.connect(str(directory / DATABASE_NAME)) as connection:
        connection.execute("DELETE FROM events WHERE log_index = ?", [TARGET]).fetchall()
    found = proof_of(directory, TARGET)
    assert found is not None
    assert found.event is None
    assert [(one.column, one.stored) for one in found.faults] == [("log_index", "no row")]


def test_a_file_of_the_log_that_was_changed_proves_nothing(directory: Path) -> None:
    store = open_store(directory)
    [bundle] = (directory / "log" / "tile" / "entries").rglob("9")
    content = bytearray(bundle.read_bytes())
    at = content.index(b'"k":"event"')
    content[at + 30] ^= 1
    bundle.write_bytes(content)
    found = prove_event(store, 0, store.database)
    assert found is not None
    assert "inclusion" in [fault.column for fault in found.faults]
    (directory / "log" / "tile" / "0" / "000.p" / "9").unlink()
    found = prove_event(store, 0, store.database)
    assert found is not None
    assert found.inclusion is None
    store.close()


def test_an_event_that_is_not_published_yet_has_its_entry_and_no_proof(directory: Path) -> None:
    store, emitter = open_store(directory), Emitter("late")
    write(store, [emitter.call()])
    found = prove_event(store, 9, store.database)
    assert found is not None
    assert found.entry is not None
    assert parse_entry(found.entry).content_hash == emitter_hash(found)
    assert (found.inclusion, found.faults, found.seal) == (None, (), None)
    store.close()


def emitter_hash(found: EventProof) -> bytes:
    assert found.event is not None
    return leaf_hash(found.event.line.encode())


def test_a_recovered_event_names_the_record_that_adopted_it(tmp_path: Path) -> None:
    store, dead, heir = open_store(tmp_path), Emitter("dead"), Emitter("heir")
    first = dead.call()
    adopted = to_base64(first.record.leaf_hash)
    recovery = heir.record(
        "session.recovered",
        recovered__session=dead.session,
        recovered__first_seq=0,
        recovered__leaves=[adopted],
    )
    write(store, [first, type(first)(recovery), heir.seal()])
    found = prove_event(store, 0, store.database)
    assert found is not None
    assert (found.recovered_by, found.seal) == (1, None)
    assert found.event is not None
    assert found.event.proof == "recovered"
    store.close()


NAMES_WITHHELD = Reach(has_names=False)
PAYLOAD_WITHHELD = Reach(has_payload=False, has_names=False)
CHANGED_NAMES = {
    "disclosures = replace(disclosures, 'person-1', 'mallory')": "disclosures",
    "principal_id = 'mallory'": "principal_id",
    "principal_id = NULL": "principal_id",
    "disclosures = NULL": "disclosure_count",
    "disclosures = split_part(disclosures, chr(10), 1)": "disclosure_count",
    "disclosure_count = 7": "disclosure_count",
}


@pytest.mark.parametrize("reach", [NAMES_WITHHELD, PAYLOAD_WITHHELD])
def test_what_is_withheld_has_no_fault_where_nobody_changed_it(
    directory: Path, reach: Reach
) -> None:
    assert columns_of(trace_of(directory, reach)) == {}


@pytest.mark.parametrize("reach", [NAMES_WITHHELD, PAYLOAD_WITHHELD])
@pytest.mark.parametrize("assignment", CHANGED_NAMES)
def test_a_changed_name_is_a_fault_for_a_reader_who_is_not_shown_it(
    directory: Path, assignment: str, reach: Reach
) -> None:
    change(directory, assignment)
    trace = trace_of(directory, reach)
    faults = columns_of(trace)
    assert faults.keys() == {TARGET}
    assert CHANGED_NAMES[assignment] in faults[TARGET]
    assert len(set(faults[TARGET])) == len(faults[TARGET])
    for told in (str(trace), str(columns_of(trace))):
        assert "mallory" not in told
        assert "person-1" not in told


@pytest.mark.parametrize("reach", [NAMES_WITHHELD, PAYLOAD_WITHHELD])
def test_a_late_name_that_no_statement_binds_is_a_fault_for_a_reader_who_is_not_shown_it(
    directory: Path, reach: Reach
) -> None:
    line = f'["{"ab" * 16}","principal.id","mallory"]'
    with duckdb.connect(str(directory / DATABASE_NAME)) as connection:
        sql = "INSERT INTO late_disclosures (log_index, line) VALUES (?, ?)"
        connection.execute(sql, [TARGET, line]).fetchall()
    trace = trace_of(directory, reach)
    assert columns_of(trace) == {TARGET: ["disclosures"]}
    assert "mallory" not in str(trace)


def test_a_changed_argument_is_a_fault_for_a_reader_who_is_shown_none(directory: Path) -> None:
    before = stored(directory, "disclosures")
    change(directory, 'disclosures = replace(disclosures, \'"params","\', \'"params","9\')')
    assert stored(directory, "disclosures") != before
    assert columns_of(trace_of(directory, PAYLOAD_WITHHELD)) == {TARGET: ["disclosures"]}


@pytest.mark.parametrize("reach", [NAMES_WITHHELD, PAYLOAD_WITHHELD])
def test_a_statement_that_cannot_be_read_fits_nothing_and_breaks_nothing(
    directory: Path, reach: Reach
) -> None:
    change(directory, "statement = left(statement, 40)")
    assert "statement" in columns_of(trace_of(directory, reach))[TARGET]
    change(directory, "statement = NULL")
    assert "statement" in columns_of(trace_of(directory, reach))[TARGET]


@pytest.mark.parametrize("reach", [NAMES_WITHHELD, PAYLOAD_WITHHELD])
def test_the_proof_of_a_record_names_a_withheld_line_that_does_not_fit(
    directory: Path, reach: Reach
) -> None:
    change(directory, "disclosures = replace(disclosures, 'person-1', 'mallory')")
    store = open_store(directory)
    found = prove_event(store, TARGET, Limited(store.database.within(reach), 60))
    assert found is not None
    assert "disclosures" in [fault.column for fault in found.faults]
    assert "mallory" not in str(found)
    store.close()

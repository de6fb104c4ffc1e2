"""A record is read as strictly as it is written, and its columns follow from its bytes alone."""

import base64
import hashlib
import itertools
from typing import Any

import pytest

from tallystick.errors import RecordError
from tallystick.event import (
    MAX_DISCLOSURE_BYTES,
    MAX_DISCLOSURES,
    MAX_STATEMENT_BYTES,
    Record,
    columns,
    make_record,
    parse_disclosure,
    parse_record,
)
from tallystick.fields import FIELDS
from tallystick.profile import decode, encode
from tests.requirements import requirement

SESSION = "ab" * 16


def salts() -> Any:
    counter = itertools.count()
    return lambda: f"{next(counter):032x}"


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "type": "tool.completed",
        "session": SESSION,
        "seq": 3,
        "time_us": 1,
        "origin": "native",
        "tool.name": "add",
        "credential.scopes": ["b", "a"],
        "mask.hits": {"params:email": 2},
        "tool.read_only": True,
        **changes,
    }


def record(**changes: Any) -> Record:
    return make_record(
        statement(**changes), {"params": '{"a":0.5}', "principal.id": "u-1"}, salts()
    )


def altered(**changes: Any) -> str:
    """Print a statement with changed fields that no honest writer would print."""
    full = {**decode(record().line), **changes}
    return encode({name: value for name, value in full.items() if value is not None}).decode()


@requirement("record.exact-bytes")
def test_a_printed_record_is_read_back_byte_for_byte() -> None:
    printed = record()
    read = parse_record(printed.body)
    assert read == printed
    assert read.leaf_hash == hashlib.sha256(b"\x00" + printed.body.split("\n")[0].encode()).digest()
    assert (read.session, read.seq) == (SESSION, 3)


@requirement("record.no-personal-data-in-line-1")
def test_a_disclosed_value_does_not_stand_in_line_1() -> None:
    printed = make_record(statement(), {"principal.id": "alice-4711"}, salts())
    assert b"alice-4711" not in printed.line
    assert "alice-4711" in printed.body


def test_dropping_disclosures_leaves_the_leaf_as_it_was() -> None:
    printed = record()
    line, first, second = printed.body.split("\n")
    assert parse_record(line).leaf_hash == printed.leaf_hash
    assert parse_record(f"{line}\n{second}").disclosures == (printed.disclosures[1],)
    assert parse_record(f"{line}\n{second}\n{first}").leaf_hash == printed.leaf_hash


def test_the_same_event_twice_has_two_leaf_hashes() -> None:
    new_salt = salts()
    first = make_record(statement(), {}, new_salt)
    assert first.leaf_hash != make_record(statement(), {}, new_salt).leaf_hash


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v": 2}, "version 2"),
        ({"v": None}, "lacks v"),
        ({"n": None}, "lacks n"),
        ({"sd": None}, "lacks sd"),
        ({"type": None}, "lacks type"),
        ({"session": None}, "lacks session"),
        ({"seq": None}, "lacks seq"),
        ({"time_us": None}, "lacks time_us"),
        ({"origin": None}, "lacks origin"),
        ({"origin": "foreign"}, "neither native nor derived"),
        ({"type": "tool.finished"}, "unknown event type"),
        ({"session": "AB" * 16}, "session is not 32"),
        ({"session": "ab" * 15}, "session is not 32"),
        ({"n": "x" * 32}, "n is not 32"),
        ({"seq": -1}, "cannot be negative"),
        ({"time_us": -1}, "cannot be negative"),
        ({"seq": True}, "seq is bool"),
        ({"seq": "3"}, "seq is str"),
        ({"tool.name": 3}, "tool.name is int"),
        ({"tool.read_only": 1}, "tool.read_only is int"),
        ({"credential.scopes": "a"}, "credential.scopes is str"),
        ({"credential.scopes": [1]}, "other than str"),
        ({"mask.hits": {"a": "1"}}, "other than int"),
        ({"mask.hits": {"a": True}}, "other than int"),
        ({"instrumentation": {"mcp": 1}}, "other than str"),
        ({"tool.colour": "red"}, "unknown field"),
        ({"principal.id": "alice"}, "must stand in a disclosure"),
        ({"sd": ["x"]}, "sd is not"),
        ({"sd": [base64.b64encode(b"short").decode()]}, "sd is not"),
        ({"sd": [base64.b64encode(bytes([n]) * 32).decode() for n in (2, 1)]}, "sd is not"),
        ({"sd": [base64.b64encode(bytes(32)).decode()] * 2}, "sd is not"),
        ({"sd": [base64.b64encode(bytes(32)).decode().rstrip("=")]}, "sd is not"),
    ],
)
def test_a_statement_off_the_table_is_refused_and_the_fault_named(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecordError, match=message):
        parse_record(altered(**changes))


@pytest.mark.parametrize("body", ["", "null", "[]", '"text"', "\n", "{}", "\x00", "\ud800"])
def test_garbage_is_refused_as_a_record(body: str) -> None:
    with pytest.raises(RecordError):
        parse_record(body)


@requirement("record.disclosures-bound")
def test_a_disclosure_that_line_1_does_not_bind_is_refused() -> None:
    line, first, _ = record().body.split("\n")
    with pytest.raises(RecordError, match="does not match"):
        parse_record(f"{line}\n{first.replace('0.5', '0.6')}")


def test_two_disclosures_of_one_field_are_refused() -> None:
    first, second = (make_record(statement(), {"params": "1"}, salts()) for _ in range(2))
    with pytest.raises(RecordError, match="two disclosures"):
        parse_record(f"{first.body}\n{second.disclosures[0].line}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('["00","params","1"]', "salt"),
        (f'["{"A" * 32}","params","1"]', "salt"),
        (f'["{"0" * 32}","tool.name","1"]', "not a disclosure field"),
        (f'["{"0" * 32}","nothing","1"]', "not a disclosure field"),
        (f'["{"0" * 32}","params",1]', "disclosure is not"),
        (f'["{"0" * 32}","params"]', "disclosure is not"),
        (f'["{"0" * 32}","params","1","2"]', "disclosure is not"),
        (f'["{"0" * 32}", "params","1"]', "one spelling"),
        ("{}", "disclosure is not"),
        ("", "not JSON"),
        (f'["{"0" * 32}","params","{"x" * MAX_DISCLOSURE_BYTES}"]', "limit"),
    ],
)
def test_a_malformed_disclosure_is_refused_and_the_fault_named(line: str, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        parse_disclosure(line)


def test_more_disclosures_than_the_limit_are_refused() -> None:
    line, first, _ = record().body.split("\n")
    with pytest.raises(RecordError, match="limit"):
        parse_record("\n".join([line, *[first] * (MAX_DISCLOSURES + 1)]))


def test_a_statement_over_the_limit_is_refused_by_writer_and_reader() -> None:
    name = "x" * MAX_STATEMENT_BYTES
    with pytest.raises(RecordError, match="limit"):
        record(**{"tool.name": name})
    with pytest.raises(RecordError, match="limit"):
        parse_record(altered(**{"tool.name": name}))


@pytest.mark.parametrize(
    "disclosures",
    [
        {"tool.name": "x"},
        {"unknown": "x"},
        {"params": 1},
        {"params": "x" * MAX_DISCLOSURE_BYTES},
        {"params": "é" * (MAX_DISCLOSURE_BYTES // 2)},
    ],
)
def test_a_writer_refuses_what_a_reader_would(disclosures: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        make_record(statement(), disclosures, salts())


@requirement("store.columns-follow-statements")
def test_every_column_follows_from_the_bytes() -> None:
    found = columns(record())
    assert list(found) == [field.column_name for field in FIELDS if field.column]
    told = {name: value for name, value in found.items() if value is not None}
    assert told == {
        "type": "tool.completed",
        "session": SESSION,
        "seq": 3,
        "time_us": 1,
        "origin": "native",
        "tool_name": "add",
        "credential_scopes": '["b","a"]',
        "mask_hits": '{"params:email":2}',
        "tool_read_only": True,
        "principal_id": "u-1",
    }


def test_the_column_of_an_erased_disclosure_is_empty() -> None:
    line = record().body.split("\n")[0]
    assert columns(parse_record(line))["principal_id"] is None

"""The receipt of a call: what is read as one, and the digest that both ends compute."""

import hashlib
import json
from typing import Any

import pytest

from tallystick.capture.definition import MAX_DEPTH
from tallystick.capture.receipt import (
    MAX_CALL_BYTES,
    META_KEY,
    CallReceipt,
    canonical_call,
    read_receipt,
    stated_receipt,
)
from tests.requirements import requirement


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


NONCE = bytes(range(16))
RECORD = bytes(range(32))
RECEIPT = CallReceipt(NONCE, RECORD)
CALL = {"name": "pay", "arguments": {"to": "bob@example.com", "amount": 12.5}}


def test_a_receipt_is_read_as_it_was_written() -> None:
    assert read_receipt(json.loads(json.dumps(RECEIPT.meta))) == RECEIPT
    assert read_receipt(CallReceipt(NONCE).meta) == CallReceipt(NONCE)


@requirement("receipt.digest")
def test_the_digest_is_the_hash_of_the_nonce_and_the_canonical_call() -> None:
    canonical = b'{"arguments":{"amount":12.5,"to":"bob@example.com"},"name":"pay"}'
    assert RECEIPT.digest(CALL) == hashlib.sha256(NONCE + canonical).hexdigest()


@pytest.mark.parametrize(
    "params",
    [
        {"name": "pay", "arguments": {"to": "bob@example.com", "amount": 12.50001}},
        {"name": "pay", "arguments": {"to": "bob@example.com", "amount": "12.5"}},
        {"name": "pay", "arguments": {"to": "bob@example.com", "amount": 12.5, "more": None}},
        {"name": "refund", "arguments": {"to": "bob@example.com", "amount": 12.5}},
        {"name": "pay"},
    ],
)
def test_another_argument_or_tool_gives_another_digest(params: dict[str, Any]) -> None:
    assert RECEIPT.digest(params) != RECEIPT.digest(CALL)


def test_another_nonce_gives_another_digest() -> None:
    assert CallReceipt(bytes(16)).digest(CALL) != RECEIPT.digest(CALL)


@requirement("receipt.hostile-meta")
@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        "00" * 16,
        [],
        {},
        {"nonce": None},
        {"nonce": ["0" * 32]},
        {"nonce": "0" * 31},
        {"nonce": "0" * 33},
        {"nonce": "G" * 32},
        {"nonce": "A" * 32},
        {"nonce": "٠" * 32},
        {"nonce": "0" * 32 + "\n"},
        {"nonce": "0" * 10_000_000},
        {"nonce": "0" * 32, "record": ""},
        {"nonce": "0" * 32, "record": "A" * 43},
        {"nonce": "0" * 32, "record": "A" * 43 + "A"},
        {"nonce": "0" * 32, "record": "A" * 42 + "B="},
        {"nonce": "0" * 32, "record": "A" * 43 + "=\n"},
        {"nonce": "0" * 32, "record": {"a": "b"}},
        {"nonce": "0" * 32, "record": None},
        {"record": "A" * 43 + "="},
        {"nonce": "0" * 32, "note": "bob@example.com"},
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_value_of_another_form_is_no_receipt(value: object) -> None:
    assert read_receipt({META_KEY: value}) is None
    assert stated_receipt({META_KEY: value}, CALL) == {}


@pytest.mark.parametrize("meta", [None, [], "text", {}, {"other": 1}, {None: 1}])
def test_a_message_without_a_receipt_states_none(meta: object) -> None:
    assert stated_receipt(meta, CALL) == {}


@requirement("receipt.hostile-meta")
@pytest.mark.parametrize(
    "arguments",
    [
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": 10**400},
        {"a": "\ud800"},
        {"a": 0.5, "b": "\ud800"},
        {"\ud800": 1},
        {"a": object()},
        {"a": nested(MAX_DEPTH)},
        {"a": "x" * MAX_CALL_BYTES},
        {"a": 0.5, "b": "x" * MAX_CALL_BYTES},
        nested(100_000),
    ],
)
def test_arguments_without_a_canonical_form_have_no_digest(arguments: Any) -> None:
    params = {"name": "pay", "arguments": arguments}
    assert canonical_call(params) is None
    assert RECEIPT.digest(params) is None
    assert stated_receipt(RECEIPT.meta, params) == {}


def test_the_largest_call_has_a_digest_and_the_next_has_none() -> None:
    frame = len(canonical_call({"name": "n", "arguments": {"a": ""}}) or b"")
    for filling, is_short in (("x", False), ("\U0001f600", True)):
        width = len(filling.encode())
        count = (MAX_CALL_BYTES - frame) // width
        fits = {"name": "n", "arguments": {"a": filling * count}}
        over = {"name": "n", "arguments": {"a": filling * (count + 1)}}
        assert canonical_call(fits) is not None, is_short
        assert canonical_call(over) is None, is_short


def test_a_receipt_never_shows_its_nonce() -> None:
    assert NONCE.hex() not in f"{RECEIPT} {RECEIPT!r}"


def test_a_call_may_be_nested_as_deep_as_definitions_are() -> None:
    for value in (nested(MAX_DEPTH - 2), [*nested(MAX_DEPTH - 3), 0.5]):
        assert canonical_call({"name": "n", "arguments": {"a": value}}) is not None

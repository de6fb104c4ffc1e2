"""The JSON profile: one value, one spelling, and nothing else is read."""

import pytest

from tallystick import profile
from tallystick.errors import RecordError
from tallystick.profile import MAX_DEPTH, MAX_INTEGER, check, decode, encode
from tests.requirements import requirement

SPELLINGS = [
    (b'{"a":1,"b":[true,null,""]}', {"b": [True, None, ""], "a": 1}),
    ('"Zürich \U0001f642"'.encode(), "Zürich \U0001f642"),
    (b'"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\/\x7f"', '\x00\b\t\n\f\r\x1f"\\/\x7f'),
    (b"9007199254740991", MAX_INTEGER),
    (b"-9007199254740991", -MAX_INTEGER),
    ('"\u2028\ufeff"'.encode(), "\u2028\ufeff"),
]

OTHER_SPELLINGS = {
    "float": b"1.0",
    "exponent": b"1e3",
    "minus zero": b"-0",
    "2^53": b"9007199254740992",
    "beyond 64 bit": b"18446744073709551616",
    "thousands of digits": b"9" * 5000,
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "duplicate key": b'{"a":1,"a":1}',
    "unsorted keys": b'{"b":1,"a":1}',
    "space": b'{"a": 1}',
    "leading space": b" 1",
    "trailing line feed": b"1\n",
    "escaped slash": b'"\\/"',
    "escaped letter": b'"\\u0061"',
    "upper-case escape": b'"\\u001F"',
    "long form of a short escape": b'"\\u000a"',
    "lone surrogate": b'"\\ud800"',
    "surrogate pair as escapes": b'"\\ud83d\\ude42"',
    "raw control character": b'"\x01"',
    "not UTF-8": b'"\xff"',
    "byte order mark": b"\xef\xbb\xbf1",
    "key outside ASCII": '{"é":1}'.encode(),
    "two values": b"1 1",
    "nothing": b"",
    "too deep": b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
    "absurdly deep": b"[" * 100_000,
    "unfinished": b'{"a":',
}


@pytest.fixture(params=["orjson", "standard library"], autouse=True)
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with orjson and, as the single-file verifier does, without."""
    if request.param == "standard library":
        monkeypatch.setattr(profile, "_profile_orjson", None)


@pytest.mark.parametrize(("data", "value"), SPELLINGS)
def test_a_value_has_one_spelling(data: bytes, value: object) -> None:
    assert encode(value) == data
    assert decode(data) == value


@requirement("record.no-floats", "record.one-form")
@pytest.mark.parametrize("data", OTHER_SPELLINGS.values(), ids=OTHER_SPELLINGS.keys())
def test_another_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError):
        decode(data)


@pytest.mark.parametrize("value", ["\ud800", {"a": "\udfff"}, {1, 2}, {"a": object()}])
def test_what_json_cannot_say_is_refused_when_printing(value: object) -> None:
    with pytest.raises(RecordError, match="not encodable"):
        encode(value)


@pytest.mark.parametrize("value", [0.5, {"a": [0.0]}, {"é": 1}, MAX_INTEGER + 1, b"bytes", {1: 1}])
def test_a_value_outside_the_profile_is_named(value: object) -> None:
    with pytest.raises(RecordError):
        check(value)


def test_the_deepest_value_is_read() -> None:
    data = b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH
    assert encode(decode(data)) == data

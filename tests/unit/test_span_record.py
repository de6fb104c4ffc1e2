"""Span records: read strictly, columns a function of their bytes."""

import pytest

from tallystick.errors import RecordError
from tallystick.profile import encode
from tallystick.span_record import SPAN_COLUMNS, parse_span, span_columns
from tests.stores import span


def test_the_columns_of_a_span_follow_from_its_bytes() -> None:
    assert span_columns(parse_span(span(7))) == {
        "trace_id": "ab" * 16,
        "span_id": f"{7:016x}",
        "parent_id": "",
        "name": "span 7",
        "kind": 1,
        "start_ns": 7,
        "end_ns": 17,
        "status": 0,
        "service": "svc",
        "scope": "test",
    }


def test_every_column_is_a_key_of_the_record() -> None:
    assert set(SPAN_COLUMNS) < set(parse_span(span(1)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"kind":1,', b""),
        (b'"kind":1', b'"kind":"1"'),
        (b'"kind":1', b'"kind":true'),
        (b'"kind":1', b'"kind":1,"more":2'),
        (b'"start_ns":"1"', b'"start_ns":"01"'),
        (b'"start_ns":"1"', b'"start_ns":"-1"'),
        (b'"start_ns":"1"', b'"start_ns":"9223372036854775808"'),
        (b'"kind":1', b'"kind": 1'),
    ],
)
def test_another_span_record_is_refused(old: bytes, new: bytes) -> None:
    assert old in span(1)
    with pytest.raises(RecordError):
        parse_span(span(1).replace(old, new))


def test_a_span_record_is_an_object() -> None:
    with pytest.raises(RecordError, match="not a span record"):
        parse_span(encode([1]))

"""Lines of packages and of the record stream: one spelling each, whoever prints and reads them."""

from collections.abc import Callable
from typing import Any

import pytest

from tallystick.errors import VerificationError
from tallystick.profile import encode
from tallystick.tlog.encoding import to_base64
from tallystick.verify.lines import (
    parse_context_line,
    parse_event_line,
    parse_head_line,
    parse_record_line,
    parse_seal_line,
    parse_spans_line,
    print_checkpoint_line,
    print_consistency_line,
    print_content_line,
    print_context_line,
    print_record_line,
    read_object,
)
from tallystick.verify.source import (
    CheckpointText,
    ConsistencyText,
    ContextText,
    DeletedText,
    EventText,
    SealText,
    SpansText,
)

HASH = bytes(range(32))
EVENT = EventText(3, '{"v":1}', ('["a","b","c"]',))
SEAL = SealText(4, "seal\nbody\n")
SPANS = SpansText(5, ("{}", "{}"))
ENTRY = b'{"by":"x"}'


def test_contents_are_read_as_they_are_printed() -> None:
    assert parse_event_line(print_content_line(EVENT)) == EVENT
    assert parse_seal_line(print_content_line(SEAL)) == SEAL
    assert parse_spans_line(print_content_line(SPANS)) == SPANS


def test_late_disclosures_follow_the_others_in_a_line() -> None:
    late = EVENT._replace(late=('["d","e","f"]',))
    assert parse_event_line(print_content_line(late)).disclosures == (
        *EVENT.disclosures,
        *late.late,
    )


@pytest.mark.parametrize("content", [EVENT, SEAL, SPANS])
def test_records_are_read_as_they_are_printed(content: EventText | SealText | SpansText) -> None:
    assert parse_record_line(print_record_line(ENTRY, content)) == (ENTRY, content)


@pytest.mark.parametrize(
    "context",
    [
        ContextText(1, "entry", (HASH, HASH), "statement", None),
        ContextText(1, "entry", (), None, "seal"),
        ContextText(1, "entry", (HASH,), None, None),
        ContextText(7, "entry", (HASH,), None, None, DeletedText(7, "event", "ab", 3, 9)),
    ],
)
def test_context_is_read_as_it_is_printed(context: ContextText) -> None:
    assert parse_context_line(print_context_line(context)) == context


def test_heads_are_read_as_they_are_printed() -> None:
    checkpoint, claim = CheckpointText("note\n"), ConsistencyText(7, HASH, (HASH,))
    assert parse_head_line(print_checkpoint_line(checkpoint)) == checkpoint
    assert parse_head_line(print_consistency_line(claim)) == claim


def refused(read: Callable[[bytes], object], value: Any, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        read(value if isinstance(value, bytes) else encode(value))


@pytest.mark.parametrize("read", [parse_event_line, parse_head_line, parse_record_line])
@pytest.mark.parametrize(
    ("line", "message"),
    [(b"", "not profile JSON"), (b"{ }", "not profile JSON"), (b"[]", "not a JSON object")],
)
def test_a_line_that_is_no_object_is_refused(
    read: Callable[[bytes], object], line: bytes, message: str
) -> None:
    refused(read, line, message)


def test_other_keys_and_types_are_refused() -> None:
    good = {"disclosures": [], "log_index": 3, "statement": "x"}
    refused(parse_event_line, {**good, "more": 1}, "other keys or types")
    refused(parse_event_line, {**good, "log_index": True}, "other keys or types")
    refused(parse_event_line, {**good, "log_index": "3"}, "other keys or types")
    refused(parse_event_line, {**good, "disclosures": [1]}, "other than strings")
    refused(parse_seal_line, {"log_index": 1}, "other keys or types")
    refused(parse_spans_line, {"log_index": 1, "records": [None]}, "other than strings")
    refused(parse_record_line, good, "no entry")
    refused(parse_record_line, {"entry": "e", "log_index": 1}, "other keys or types")
    refused(parse_record_line, {**good, "entry": 4}, "no entry")
    refused(parse_record_line, {"entry": "e", "log_index": 1, "seal": 1}, "other keys or types")
    both = {"entry": "e", "inclusion": [], "log_index": 1, "seal": "", "statement": ""}
    refused(parse_context_line, both, "other keys or types")
    refused(parse_head_line, {"checkpoint": 1}, "other keys or types")


def test_hashes_of_another_length_are_refused() -> None:
    short = to_base64(b"short")
    context = {"entry": "e", "inclusion": [short], "log_index": 1}
    refused(parse_context_line, context, "an inclusion proof is not a SHA-256 hash")
    refused(parse_context_line, {**context, "inclusion": ["?"]}, "an inclusion proof is not base64")
    head = {"consistency": [], "root": short, "size": 1}
    refused(parse_head_line, head, "the root of a log head is not a SHA-256 hash")
    refused(
        parse_head_line, {**head, "root": to_base64(HASH), "consistency": [short]}, "consistency"
    )


def test_a_big_number_is_no_log_index() -> None:
    line = b'{"log_index":9007199254740992,"seal":""}'
    refused(parse_seal_line, line, "not profile JSON")


def test_an_object_is_read_with_exactly_its_keys() -> None:
    assert read_object(b'{"a":1}', {"a": int}, "it") == {"a": 1}
    with pytest.raises(VerificationError, match="it has other keys or types: expected a"):
        read_object(b'{"a":1,"b":2}', {"a": int}, "it")

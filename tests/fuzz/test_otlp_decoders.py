"""Fuzzing the decoders of OTLP: valid requests, broken in every way, are read or refused and nothing else."""

import contextlib
import gzip
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tallystick_ingest.otlp import json_form, protobuf
from tallystick_ingest.otlp.body import TooLargeError, UndecodableError, inflate
from tallystick_ingest.otlp.limits import Limits, require_json, require_protobuf, shape_of
from tests.requirements import requirement
from tests.sending import as_protobuf, span_json

pytestmark = [pytest.mark.slow, requirement("otlp.never-500", "otlp.bounded-cost")]

EXAMPLES = settings(max_examples=1_500, deadline=None)
SMALL = Limits(body_bytes=4_096, records=3, objects=60)
VALUES = {"text": "a{,[b", "number": 7, "deep": {"list": [1, "x", {"y": b"\x00"}]}, "none": None}
EVENT = {"name": "event", "timeUnixNano": "5", "attributes": []}
LINK = {"traceId": "ab" * 16, "spanId": "cd" * 8, "attributes": []}
TEXT = span_json(VALUES, events=[EVENT], links=[LINK], status={"code": 2, "message": "m"})
WIRE = as_protobuf(TEXT)
READERS: list[Callable[..., Any]] = [
    *(protobuf.traces, protobuf.logs, protobuf.metric_points),
    *(json_form.traces, json_form.logs, json_form.metric_points),
]
TRACES = shape_of(ExportTraceServiceRequest)


def broken(body: bytes, seed: int) -> bytes:
    """Break a request: flip, cut, repeat, insert and splice, a few times."""
    dice, made = random.Random(seed), bytearray(body)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(made) + 1)
        way = dice.randrange(6)
        if way == 0 and at < len(made):
            made[at] ^= 1 << dice.randrange(8)
        elif way == 1:
            del made[at : at + dice.randrange(1, 9)]
        elif way == 2:
            made[at:at] = bytes(dice.choices(b'\x00\x80\xff{}[]",:\\0e-', k=dice.randrange(1, 12)))
        elif way == 3:
            other = dice.randrange(len(made) + 1)
            made[at:at] = made[other : other + dice.randrange(1, 200)]
        elif way == 4:
            made[at:at] = b"\xff" * dice.randrange(1, 12)
        else:
            del made[at:]
            made += body[dice.randrange(len(body)) :]
    return bytes(made)


@EXAMPLES
@given(st.integers(0, 1 << 40), st.sampled_from([TEXT, WIRE]), st.sampled_from(READERS))
def test_a_broken_request_is_read_or_refused(seed: int, body: bytes, read: Any) -> None:
    made = broken(body, seed)
    for limits in (Limits(), SMALL):
        with contextlib.suppress(UndecodableError, TooLargeError):
            read(made, limits)


@EXAMPLES
@given(st.integers(0, 1 << 40))
def test_the_walk_refuses_nothing_that_upb_reads_and_misses_nothing_that_it_finds(
    seed: int,
) -> None:
    made = broken(WIRE, seed)
    try:
        request = ExportTraceServiceRequest.FromString(made)
    except DecodeError:
        return
    spans = sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)
    try:
        require_protobuf(made, TRACES, Limits(records=spans, objects=100_000))
    except UndecodableError:
        pytest.fail(f"the walk does not read what upb does: {made.hex()}")
    if spans:
        with pytest.raises(TooLargeError):
            require_protobuf(made, TRACES, Limits(records=spans - 1, objects=spans - 1))


@EXAMPLES
@given(st.integers(0, 1 << 40))
def test_json_that_is_let_through_holds_no_more_objects_than_it_may(seed: int) -> None:
    made = broken(TEXT, seed)
    try:
        require_json(made, SMALL)
        loaded = json.loads(made)
    except (TooLargeError, ValueError):
        return
    assert objects_in(loaded) <= SMALL.objects


def objects_in(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(objects_in, value.values()))
    return sum(map(objects_in, value)) if isinstance(value, list) else 0


@EXAMPLES
@given(
    st.integers(0, 1 << 40),
    st.sampled_from(
        [
            ("gzip", gzip.compress(TEXT * 3, mtime=0)),
            ("deflate", zlib.compress(TEXT * 3)),
            ("zstd", bytes(pa.Codec("zstd").compress(TEXT * 3, asbytes=True))),
        ]
    ),
)
def test_a_broken_compression_inflates_within_the_limit_or_is_refused(
    seed: int, packed: tuple[str, bytes]
) -> None:
    encoding, body = packed
    with contextlib.suppress(UndecodableError, TooLargeError):
        assert len(inflate(broken(body, seed), encoding, SMALL.body_bytes)) <= SMALL.body_bytes

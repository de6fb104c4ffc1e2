"""Frames of the spool: what is written reads back, and nothing else does."""

import pytest

from tallystick.errors import SpoolError
from tallystick.spool.frame import (
    EVENT,
    HEAD_BYTES,
    MAX_PAYLOAD_BYTES,
    SEAL,
    encode_frame,
    read_frames,
)


def test_frames_read_back_in_order_with_their_places() -> None:
    first, second = encode_frame(EVENT, b"one"), encode_frame(SEAL, b"two")
    reading = read_frames(first + second, base=100)
    assert [(f.kind, f.payload) for f in reading.frames] == [(EVENT, b"one"), (SEAL, b"two")]
    assert [(f.start, f.end) for f in reading.frames] == [
        (100, 100 + len(first)),
        (100 + len(first), 100 + len(first) + len(second)),
    ]
    assert (reading.end, reading.ending) == (100 + len(first) + len(second), "whole")


def test_nothing_reads_as_nothing() -> None:
    assert read_frames(b"") == read_frames(b"", 0)
    assert read_frames(b"").ending == "whole"


def test_an_unknown_kind_is_damage() -> None:
    frame = bytearray(encode_frame(EVENT, b"one"))
    frame[8] = ord("x")
    assert read_frames(bytes(frame)).ending == "damaged"


def test_a_length_beyond_the_limit_is_damage_and_not_a_torn_tail() -> None:
    frame = bytearray(encode_frame(EVENT, b"one"))
    frame[:4] = (MAX_PAYLOAD_BYTES + 1).to_bytes(4, "big")
    assert read_frames(bytes(frame)).ending == "damaged"


def test_zeros_behind_the_last_frame_are_damage() -> None:
    frame = encode_frame(EVENT, b"one")
    reading = read_frames(frame + bytes(64))
    assert (len(reading.frames), reading.end, reading.ending) == (1, len(frame), "damaged")


def test_the_kind_is_under_the_checksum() -> None:
    frame = bytearray(encode_frame(EVENT, b"one"))
    frame[HEAD_BYTES - 1] = SEAL
    assert read_frames(bytes(frame)).frames == ()


def test_a_payload_over_the_limit_is_refused() -> None:
    with pytest.raises(SpoolError, match="limit"):
        encode_frame(EVENT, bytes(MAX_PAYLOAD_BYTES + 1))
